"""Retention and clean-up: old snapshots go, and with them the parts that no other lists; so does what killed writers left.

Nothing that a kept snapshot lists is ever touched, and nothing is while another process of this machine writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from artifacts.errors import CommitConflict
from artifacts.files import TEMPORARY, Entry, Files, LocalFiles, refused
from artifacts.locking import cleaning
from artifacts.snapshots import current_snapshot, history, path_of, read_rows
from artifacts.store import Store

YOUNG = timedelta(hours=1)
"""What is younger than this may be a writer's on another machine, which no lock of ours can see."""


class Cleaned(NamedTuple):
    """What a clean-up took away."""

    snapshots: int
    files: int
    bytes: int


def expire(store: Store, keep: timedelta, least: int = 10, pinned: Iterable[str] = (), now: datetime | None = None) -> Cleaned:
    """Takes away snapshots older than `keep`, except the newest `least` and those whose id is in `pinned`, with the parts that only
    they list; then sweeps.

    Raises CommitConflict while others write.
    """
    moment, held = now or datetime.now(UTC), set(pinned)
    kept = list(history(store.files))
    old = [s for s in kept[max(least, 1) :] if s.id not in held and moment - datetime.fromisoformat(s.created_at) > keep]
    with cleaning(store.home) as alone:
        if not alone:
            raise _busy(store)
        _delete(store.files, [path_of(snapshot.number) for snapshot in old])
        listed = {part for snapshot in kept if snapshot not in old for part in snapshot.parts}
        lone = {part for snapshot in old for part in snapshot.parts if part not in listed}
        _delete(store.files, sorted(part.path for part in lone))
        swept = _sweep(store, moment, patience_of(store))
    return Cleaned(len(old), swept.files + len(lone), swept.bytes + sum(part.bytes for part in lone))


def sweep(store: Store, now: datetime | None = None, young: timedelta | None = None) -> Cleaned:
    """Takes away what killed writers left: unfinished files, parts that no snapshot lists, bundles that no row is about.

    What is younger than `young` stays (nothing in a local folder, whose writers hold a lock; an hour elsewhere). Raises
    CommitConflict while others write.
    """
    with cleaning(store.home) as alone:
        if not alone:
            raise _busy(store)
        return _sweep(store, now or datetime.now(UTC), patience_of(store) if young is None else young)


def leftovers(store: Store) -> tuple[Entry, ...]:
    """The files under a store that belong to nothing: no snapshot lists them, and no sealed world is theirs."""
    files = store.files
    # Listed before the snapshots are read, so that what is published meanwhile is either not here or listed there.
    found = (*files.entries("tables"), *files.entries("snapshots"), *files.entries("worlds"))
    listed = frozenset(part.path for snapshot in history(files) for part in snapshot.parts)
    worlds = frozenset(row["world_id"] for row in read_rows(files, current_snapshot(files), "worlds", ["world_id"]))
    return tuple(entry for entry in found if not _belongs(entry.path, listed, worlds))


def patience_of(store: Store) -> timedelta:
    """How young a leftover may be to be left alone."""
    return timedelta(0) if isinstance(store.files, LocalFiles) else YOUNG


def _sweep(store: Store, now: datetime, young: timedelta) -> Cleaned:
    old = [entry for entry in leftovers(store) if not young or (entry.modified is not None and now - entry.modified > young)]
    _delete(store.files, [entry.path for entry in old])
    return Cleaned(0, len(old), sum(entry.size for entry in old))


def _belongs(path: str, listed: frozenset[str], worlds: frozenset[str]) -> bool:
    if any(piece.startswith(TEMPORARY) for piece in path.split("/")):
        return False
    folder, _, rest = path.partition("/")
    return rest.partition("/")[0] in worlds if folder == "worlds" else folder == "snapshots" or path in listed


def _delete(files: Files, paths: Iterable[str]) -> None:
    try:
        for path in paths:
            files.delete(path)
    except (OSError, NotImplementedError) as problem:
        raise refused(files.root, problem) from problem


def _busy(store: Store) -> CommitConflict:
    return CommitConflict(f"Another process is writing to {store.url}.", "Clean up when it is done.")
