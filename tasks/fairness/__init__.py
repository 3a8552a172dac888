"""Other right ways of doing an agent task: they must be accepted, as near misses must be rejected."""
