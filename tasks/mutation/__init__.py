"""Near misses of a reference solution, which must not be paid as right."""
