"""Who may change a store on this machine: many writers at once, or one that cleans up, never both.

The lock is the operating system's (flock), so it ends with the process that holds it, however that ends. It keeps a clean-up from
taking a part away that a writer has put there and not yet published. Writers on other machines are not seen by it; for them a
clean-up leaves alone whatever is young.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "writers.lock"


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Hold the store's lock together with other writers; waits while somebody cleans up."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def cleaning(home: Path) -> Iterator[bool]:
    """Hold the store's lock alone; gives False, and no lock, while anybody writes."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
