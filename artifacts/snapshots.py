"""Commits and snapshots: the one way into the tables, and the one way to read them.

A commit writes its parts (each whole: written aside, synced, renamed), then publishes the next numbered snapshot, a JSON
list of every part, where no snapshot of that number is. So a killed writer leaves nothing visible, and of two writers one
is first; the other looks at what the first published and tries again. The idea is Apache Iceberg's, much reduced.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from artifacts.errors import CommitConflict, InvalidInput, UnsupportedFormat
from artifacts.files import Files, LocalFiles, refused
from artifacts.identity import digest_of_bytes
from artifacts.noun import Noun
from artifacts.pretty import pretty_bytes
from artifacts.tables import TABLES, Row, Table, arrow_schema, arrow_table, table_named, unique_rows

if TYPE_CHECKING:
    import polars as pl

SNAPSHOT_FORMAT = 1
FOLDER = "snapshots"
ATTEMPTS = 50
DRAFT_TABLES = ("verdicts", "worlds", "agent_tasks", "tools", "lineage")
"""What a finished draft never gets more of; attempts are paid calls and are counted whoever was first."""

Keys = frozenset[tuple[Any, ...]]


class Part(Noun):
    """One Parquet file of a table; `path` is relative to the store."""

    table: str
    path: str
    sha256: str
    rows: int
    bytes: int
    schema_version: int


class Snapshot(Noun):
    """The whole content of the tables at one moment; `parent` is the SHA-256 of the snapshot file before."""

    format: int = SNAPSHOT_FORMAT
    number: int
    parent: str | None = None
    created_at: str = ""
    parts: tuple[Part, ...] = ()

    def parts_of(self, table: str) -> tuple[Part, ...]:
        """The parts of one table, oldest first."""
        return tuple(part for part in self.parts if part.table == table)

    def file_bytes(self) -> bytes:
        """The snapshot's file."""
        return pretty_bytes(self.canonical())

    @property
    def id(self) -> str:
        """SHA-256 of the snapshot's file."""
        return digest_of_bytes(self.file_bytes())


EMPTY = Snapshot(number=0)
"""What a store holds before its first commit."""


class Shelf(Protocol):
    """What a commit needs of a store: its files, and a memory of the keys in parts already read (parts never change)."""

    @property
    def files(self) -> Files:
        """The store's files."""

    @property
    def known_keys(self) -> dict[str, Keys]:
        """Keys by part path."""


def current_snapshot(files: Files) -> Snapshot:
    """The newest published snapshot, or the empty one.

    Raises UnsupportedFormat for a newer format, InvalidInput for a damaged file.
    """
    numbers = [name for name in files.names(FOLDER) if name.endswith(".json") and name[:-5].isdecimal()]
    return _load(files, f"{FOLDER}/{max(numbers, key=lambda name: int(name[:-5]))}") if numbers else EMPTY


def commit(store: Shelf, rows: Mapping[str, Sequence[Row]], when: datetime | None = None) -> Snapshot:
    """Adds rows to tables, all or nothing, and gives the snapshot that holds them.

    A row whose key is already there is left out, and so is every row of a draft that was finished before (attempts apart):
    the first commit of a draft stands. So all the rows of one draft belong in one commit. `when` dates the parts (now).
    Another writer's commit in between is looked at and the commit tried again; raises CommitConflict when that never ends,
    InvalidInput for rows that do not fit, Unwritable.
    """
    for name in rows:
        table_named(name)
    moment = when or datetime.now(UTC)
    again = Retrying(
        retry=retry_if_exception_type(CommitConflict),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    return again(_commit_once, store, rows, moment)


def scan(files: Files, snapshot: Snapshot, name: str) -> pl.LazyFrame:
    """One table of one snapshot, lazily; an empty table has its columns. Raises UnknownName, InvalidInput for a lost part."""
    import polars as pl

    table = table_named(name)
    empty = pl.DataFrame(arrow_schema(table).empty_table())
    parts = snapshot.parts_of(name)
    if not parts:
        return empty.lazy()
    if isinstance(files, LocalFiles):
        paths = [_present(files, part) for part in parts]
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False, schema=empty.schema, missing_columns="insert")
    frames = [pl.read_parquet(io.BytesIO(_part_bytes(files, part))) for part in parts]
    return pl.concat([empty, *frames], how="diagonal_relaxed").lazy()


def read_rows(files: Files, snapshot: Snapshot, name: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Some columns of one table of one snapshot, as plain rows."""
    return [row for part in snapshot.parts_of(name) for row in _part_rows(files, part, columns)]


def check_parts(files: Files, snapshot: Snapshot) -> None:
    """Reads every part of a snapshot; raises InvalidInput for the first whose bytes are not those that were committed."""
    for part in snapshot.parts:
        _part_bytes(files, part)


def _commit_once(store: Shelf, rows: Mapping[str, Sequence[Row]], moment: datetime) -> Snapshot:
    current = current_snapshot(store.files)
    fresh = _unseen(store, current, rows)
    if not fresh:
        return current
    try:
        parts = tuple(_write_part(store.files, TABLES[name], batch, moment) for name, batch in fresh.items())
        return _publish(store.files, current, parts, moment)
    except FileExistsError as problem:
        raise CommitConflict(f"Another writer published snapshot {current.number + 1} first.", "Try again.") from problem
    except (OSError, NotImplementedError) as problem:
        raise refused(store.files.root, problem) from problem


def _publish(files: Files, current: Snapshot, parts: tuple[Part, ...], moment: datetime) -> Snapshot:
    parent = current.id if current.number else None
    following = Snapshot(number=current.number + 1, parent=parent, created_at=moment.isoformat(), parts=current.parts + parts)
    files.create(f"{FOLDER}/{following.number:010d}.json", following.file_bytes())
    return following


def _write_part(files: Files, table: Table, rows: Sequence[Row], moment: datetime) -> Part:
    """A part is named by its content, so a commit that is tried again finds what it wrote before."""
    data = parquet_bytes(table, rows)
    digest = digest_of_bytes(data)
    path = f"tables/{table.name}/date={moment.date().isoformat()}/part-{digest[:16]}.parquet"
    if files.size(path) != len(data):
        files.write(path, data)
    return Part(table=table.name, path=path, sha256=digest, rows=len(rows), bytes=len(data), schema_version=table.version)


def parquet_bytes(table: Table, rows: Sequence[Row]) -> bytes:
    """A Parquet file of the rows: zstd, every column, the table's row groups."""
    pq: Any = import_module("pyarrow.parquet")
    sink = io.BytesIO()
    pq.write_table(arrow_table(table, rows), sink, compression="zstd", row_group_size=table.row_group)
    return sink.getvalue()


def _unseen(store: Shelf, current: Snapshot, rows: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    unfinished = _without_finished(rows, finished_drafts(store, current))
    fresh = {name: unique_rows(TABLES[name], batch, _known(store, current, name)) for name, batch in unfinished.items() if batch}
    return {name: batch for name, batch in fresh.items() if batch}


def finished_drafts(store: Shelf, current: Snapshot) -> frozenset[str]:
    """The drafts with verdicts in a snapshot."""
    return frozenset(key[0] for key in _known(store, current, "verdicts"))


def _without_finished(rows: Mapping[str, Sequence[Row]], finished: frozenset[str]) -> Mapping[str, Sequence[Row]]:
    late = {row["world_id"] for row in rows.get("worlds", ()) if row["draft_id"] in finished}
    if not finished:
        return rows

    def kept(row: Row) -> bool:
        about = {row.get("world_id"), row.get("child_id"), row.get("parent_id")}
        return row.get("draft_id") not in finished and not about & late

    return {name: [row for row in batch if kept(row)] if name in DRAFT_TABLES else batch for name, batch in rows.items()}


def _known(store: Shelf, current: Snapshot, name: str) -> Keys:
    return frozenset().union(*(_keys_in(store, part) for part in current.parts_of(name)))


def _keys_in(store: Shelf, part: Part) -> Keys:
    found = store.known_keys.get(part.path)
    if found is None:
        key = TABLES[part.table].key
        found = frozenset(tuple(row[name] for name in key) for row in _part_rows(store.files, part, key))
        store.known_keys[part.path] = found
    return found


def _part_rows(files: Files, part: Part, columns: Sequence[str]) -> list[dict[str, Any]]:
    pq: Any = import_module("pyarrow.parquet")
    source = _present(files, part) if isinstance(files, LocalFiles) else io.BytesIO(_part_bytes(files, part))
    rows: list[dict[str, Any]] = pq.ParquetFile(source).read(list(columns)).to_pylist()
    return rows


def _present(files: Files, part: Part) -> str:
    if files.size(part.path) != part.bytes:
        raise _damaged(files.locate(part.path))
    return files.locate(part.path)


def _part_bytes(files: Files, part: Part) -> bytes:
    try:
        data = files.read(part.path)
    except FileNotFoundError as problem:
        raise _damaged(files.locate(part.path)) from problem
    if digest_of_bytes(data) != part.sha256:
        raise _damaged(files.locate(part.path))
    return data


def _load(files: Files, path: str) -> Snapshot:
    data = files.read(path)
    try:
        plain = json.loads(data)
        newer = plain["format"] > SNAPSHOT_FORMAT
        snapshot = None if newer else Snapshot.model_validate(plain)
    except (ValueError, KeyError, TypeError) as problem:  # pydantic's ValidationError is a ValueError
        raise _damaged(files.locate(path)) from problem
    if snapshot is None:
        raise UnsupportedFormat(f"{files.locate(path)} has format {plain['format']}.", "Upgrade Worldloom to read this store.")
    if snapshot.file_bytes() != data:
        raise _damaged(files.locate(path))
    return snapshot


def _damaged(where: str) -> InvalidInput:
    return InvalidInput(f"{where} is missing or was changed.", "Bring it back from a copy of the store, or start a new store.")
