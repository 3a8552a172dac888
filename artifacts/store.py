"""The store: one place, a local folder or any fsspec URL, that holds worlds and the tables about them.

store.json                                 the store's format
worlds/<id>/                               bundles
tables/<table>/date=YYYY-MM-DD/part-*      Parquet
snapshots/<number>.json                    what the tables hold; the highest number counts
.worldloom/                                this machine's own: journal, results, the workflow server's database
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artifacts import commits, snapshots
from artifacts.bundle import get_bundle, put_bundle
from artifacts.errors import InvalidInput, UnknownName, UnsupportedFormat, Unwritable
from artifacts.files import Files, LocalFiles, files_at, make_folder, refused
from artifacts.identity import digest_of_bytes, short
from artifacts.locking import writing
from artifacts.pretty import pretty_bytes
from artifacts.snapshots import Snapshot
from artifacts.tables import Row
from artifacts.world import World

if TYPE_CHECKING:
    import duckdb
    import polars as pl

STORE_FORMAT = 1
MARK = "store.json"


class WorldSummary(NamedTuple):
    """One line about a sealed world."""

    world_id: str
    name: str
    category: str
    model: str
    tables: int
    rows: int
    tools: int
    tasks: int
    digest: str
    draft_id: str
    run_id: str
    created_at: datetime
    parent_world_id: str | None = None


class Store:
    """An opened store. Every read takes the newest snapshot, unless the store was opened as of an earlier one."""

    def __init__(self, url: str, files: Files, home: Path, pinned: Snapshot | None = None) -> None:
        self.url = url
        self.files = files
        self.home = home
        self.pinned = pinned

    def snapshot(self) -> Snapshot:
        """The snapshot that reads take: the newest, or the one that the store was opened at."""
        return self.pinned or snapshots.current_snapshot(self.files)

    def as_of(self, when: str) -> Store:
        """The same store as it was: by a snapshot's number, the first digits of its id, or a time; raises UnknownName."""
        return Store(self.url, self.files, self.home, snapshots.snapshot_at(self.files, when))

    def scan(self, table: str) -> pl.LazyFrame:
        """One table, lazily, as of the store's snapshot; raises UnknownName."""
        return snapshots.scan(self.files, self.snapshot(), table)

    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with a view for each table, as of the store's snapshot."""
        from artifacts.querying import connect

        return connect(self)

    def parts(self, table: str) -> tuple[str, ...]:
        """The paths or URLs of one table's Parquet files as of the newest snapshot, for DuckDB and others."""
        return tuple(self.files.locate(part.path) for part in self.snapshot().parts_of(table))

    def check_parts(self) -> None:
        """Read every part of the newest snapshot and compare its SHA-256; raises InvalidInput for one that was changed or lost."""
        snapshots.check_parts(self.files, self.snapshot())

    def commit(self, rows: Mapping[str, Sequence[Row]], when: datetime | None = None) -> Snapshot:
        """Adds rows to tables, all or nothing; see `artifacts.commits.commit`. Raises InvalidInput for a store opened as of the past."""
        if self.pinned is not None:
            raise InvalidInput(f"{self.url} is opened as of snapshot {self.pinned.number}: it can only be read.", "Open it as it is now.")
        with self.writing():
            return commits.commit(self.files, rows, when)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold off clean-ups while bundles are written and their rows committed; raises Unwritable."""
        with ExitStack() as held:
            try:
                held.enter_context(writing(self.home))
            except OSError as problem:
                raise refused(self.files.root, problem) from problem
            yield

    def publish(self, world: World) -> str:
        """Writes the world's bundle, unless it is there already, and gives its path or URL. It counts once its rows are committed."""
        return put_bundle(self.files, f"worlds/{world.id}", world)

    def finished_drafts(self) -> set[str]:
        """The drafts that were sealed or rejected: a second run skips them."""
        return commits.finished_drafts(self.files, self.snapshot())

    def worlds(self, superseded: bool = False) -> list[WorldSummary]:
        """The sealed worlds, oldest first, as of the newest snapshot; without those that another took the place of, unless asked for."""
        found = [_summary(row) for row in snapshots.read_rows(self.files, self.snapshot(), "worlds", _SUMMARY)]
        left_out = set() if superseded else {summary.parent_world_id for summary in found}
        current = (summary for summary in found if summary.world_id not in left_out)
        return sorted(current, key=lambda summary: (summary.created_at, summary.world_id))

    def successors(self) -> dict[str, str]:
        """The worlds that another one took the place of, with that other one; both stay in the store."""
        return commits.successors(self.files, self.snapshot())

    def world(self, name: str) -> World:
        """A sealed world by its id or a beginning of it, from its bundle or, where that is gone, from the tables alone.

        A beginning is that of one world, or of one alone that no other took the place of. Raises UnknownName for none or several,
        InvalidBundle for an edited one.
        """
        current = self.snapshot()
        rows = snapshots.read_rows(self.files, current, "worlds", ["world_id", "parent_world_id"])
        world_id = _chosen(name, [row["world_id"] for row in rows], {row["parent_world_id"] for row in rows})
        if self.files.names(f"worlds/{world_id}"):
            return get_bundle(self.files, f"worlds/{world_id}")
        return self._world_from_tables(current, world_id)

    def _world_from_tables(self, current: Snapshot, world_id: str) -> World:
        import polars as pl

        from artifacts.rows import world_of_rows

        mine = pl.col("world_id") == world_id
        (row,) = snapshots.scan(self.files, current, "worlds").filter(mine).collect().to_dicts()
        tasks = snapshots.scan(self.files, current, "agent_tasks").filter(mine).collect().to_dicts()
        return world_of_rows(row, tasks)


def open_store(url: str | Path, create: bool = True) -> Store:
    """Opens a store, making it where there is none.

    Raises UnknownName for an unknown scheme and, with `create=False`, for a store that is not there; UnsupportedFormat for a
    store of a newer format; Unwritable where a folder cannot be made or written (with `create=False` a store may be read-only).
    """
    files = files_at(str(url))
    home = home_of(files)
    try:
        found = files.size(MARK) is not None
        if found:
            _expect_format(files)
        elif not create:
            raise UnknownName(f"There is no store at {files.root}.", "Weave one with `worldloom synthesize`, or name another with --store.")
        if create:
            _prepare(files, home, found)
    except (OSError, NotImplementedError) as problem:
        raise refused(files.root, problem) from problem
    return Store(files.root, files, home)


def home_of(files: Files) -> Path:
    """This machine's own folder of a store: inside a local one, else under WORLDLOOM_HOME or ~/.local/state/worldloom."""
    if isinstance(files, LocalFiles):
        return files.folder / ".worldloom"
    base = Path(os.environ.get("WORLDLOOM_HOME") or "~/.local/state/worldloom").expanduser()
    return base.absolute() / short(digest_of_bytes(files.root.encode()))


def _prepare(files: Files, home: Path, found: bool) -> None:
    if isinstance(files, LocalFiles):
        make_folder(files.folder)
        if not os.access(files.folder, os.W_OK | os.X_OK):
            raise Unwritable(f"{files.root} cannot be written.", "Check its owner, or choose another folder with --store.")
    if not found:
        files.write(MARK, pretty_bytes({"store": "worldloom", "format": STORE_FORMAT}))
    home.mkdir(parents=True, exist_ok=True)


def _expect_format(files: Files) -> None:
    where = files.locate(MARK)
    try:
        mark: Any = json.loads(files.read(MARK))
    except ValueError as problem:
        raise InvalidInput(f"{where} is not JSON.", "Name another folder with --store.") from problem
    number = mark.get("format") if isinstance(mark, dict) and mark.get("store") == "worldloom" else None
    if not isinstance(number, int):
        raise InvalidInput(f"{where} is not the mark of a Worldloom store.", "Name another folder with --store.")
    if number > STORE_FORMAT:
        raise UnsupportedFormat(
            f"{files.root} is a store of format {number}; this version reads format {STORE_FORMAT}.", "Upgrade Worldloom to use it."
        )


def _chosen(name: str, world_ids: Sequence[str], superseded: Collection[str | None]) -> str:
    found = [world_id for world_id in world_ids if world_id.startswith(name)]
    standing = [world_id for world_id in found if world_id not in superseded]
    for choice in ([name] if name in world_ids else [], found, standing):
        if len(choice) == 1:
            return choice[0]
    if found:
        raise UnknownName(f"'{name}' begins the ids of {len(found)} worlds.", f"Give more of it: {', '.join(sorted(found)[:3])} …")
    near = difflib.get_close_matches(name, world_ids, n=3, cutoff=0.4)
    raise UnknownName(f"There is no world '{name}'.", f"Did you mean {' or '.join(near)}?" if near else "`worldloom ls` lists the worlds.")


_FIGURES = ("tables", "rows", "tools", "tasks")
_SUMMARY = tuple(f"{field}_count" if field in _FIGURES else field for field in WorldSummary._fields)


def _summary(row: Mapping[str, Any]) -> WorldSummary:
    return WorldSummary(*(row[name] for name in _SUMMARY))
