"""Trajectories in a store: `trajectories/<id>.json`."""

from __future__ import annotations

import difflib
from pathlib import Path

from artifacts.errors import InvalidInput, UnknownName
from artifacts.files import refused
from artifacts.store import MARK, Store, open_store
from artifacts.trajectory import Trajectory, parse_trajectory, trajectory_bytes

FOLDER = "trajectories"
MOST_BYTES = 64 * 2**20


def keep(store: Store, trajectory: Trajectory) -> str:
    """Writes a trajectory and gives its path or URL; raises Unwritable."""
    path = f"{FOLDER}/{trajectory.trajectory_id}.json"
    try:
        store.files.write(path, trajectory_bytes(trajectory))
    except (OSError, NotImplementedError) as problem:
        raise refused(store.files.locate(FOLDER), problem) from problem
    return store.files.locate(path)


def fetch(name: str, url: str) -> tuple[Trajectory, Store]:
    """A trajectory by its file or by its id in the store at `url`, and the store that holds its world.

    That is the store in which the file lies, else the one at `url`. Raises UnknownName, InvalidInput, UnsupportedFormat.
    """
    path = Path(name)
    if not path.suffix and not path.exists():
        store = open_store(url, create=False)
        return _by_id(name, store), store
    trajectory = parse_trajectory(_read(path), name)
    around = path.absolute().parent.parent
    return trajectory, open_store(around if (around / MARK).is_file() else url, create=False)


def _read(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise InvalidInput(f"{path} is too large for a trajectory.", "`worldloom play` writes them.")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise InvalidInput(f"{path} cannot be read: {reason}.", "Name a file that `worldloom play` wrote.") from problem


def _by_id(name: str, store: Store) -> Trajectory:
    known = [file.removesuffix(".json") for file in store.files.names(FOLDER)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`worldloom play` writes them."
        raise UnknownName(f"There is no trajectory '{name[:100]}' in {store.url}.", hint)
    path = f"{FOLDER}/{name}.json"
    return parse_trajectory(store.files.read(path), store.files.locate(path))
