"""Trying a draft out: calling its tools, replaying its references, making near misses."""
