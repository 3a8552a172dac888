"""What an instruction says, and whether it says enough."""
