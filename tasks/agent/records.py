"""Trajectories in a store: those that were played one by one as `trajectories/<id>.json`, collected ones in the table `trajectories`."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from artifacts.errors import InvalidInput, UnknownName
from artifacts.files import refused
from artifacts.store import MARK, Store, open_store
from artifacts.trajectory import Trajectory, parse_trajectory, trajectory_bytes
from artifacts.trajectory_rows import trajectory_of_row

FOLDER = "trajectories"
MOST_BYTES = 64 * 2**20
BEGINNING, MOST_ALIKE = 12, 1_000
"""Of a name that is not there, so much is looked for in the table, and so many of what is found are compared with it."""


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
    path = f"{FOLDER}/{name}.json"
    known = [file.removesuffix(".json") for file in store.files.names(FOLDER)]
    if name in known:
        return parse_trajectory(store.files.read(path), store.files.locate(path))
    row = _row(name, store)
    if row is not None:
        return trajectory_of_row(row)
    near = difflib.get_close_matches(name, [*known, *_alike(name, store)], n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`worldloom play` and `worldloom collect` write them."
    raise UnknownName(f"There is no trajectory '{name[:100]}' in {store.url}.", hint)


def _row(name: str, store: Store) -> dict[str, Any] | None:
    """The row of `trajectories` with this id."""
    import polars as pl

    found = store.scan("trajectories").filter(pl.col("trajectory_id") == name).select("trajectory_id", "record").collect().to_dicts()
    return found[0] if found else None


def _alike(name: str, store: Store) -> list[str]:
    """Some ids of the table that begin as this one does."""
    import polars as pl

    begun = store.scan("trajectories").select("trajectory_id").filter(pl.col("trajectory_id").str.starts_with(name[:BEGINNING]))
    return list(begun.head(MOST_ALIKE).collect()["trajectory_id"])
