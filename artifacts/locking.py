"""Who may change a store on this machine: many writers at once, or one that cleans up, never both.

The lock is the operating system's (flock), so it ends with the process that holds it, however that ends. It keeps a clean-up from
taking a part away that a writer has put there and not yet published. Writers on other machines are not seen by it; for them a
clean-up leaves alone whatever is young.

Writers of one machine publish in turn, so that a slow one (a compaction) is not always overtaken by quick ones. That is courtesy, not
safety: a writer that does not see the lock loses nothing, and neither do the others.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "writers.lock"
TURN = "turn.lock"


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


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the turn to publish; waits for it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / TURN).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
