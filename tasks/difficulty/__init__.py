"""How hard a task is, measured on its world's rows and tools."""
