"""Snapshots: what the tables hold at one moment, and the one way to read them.

A snapshot is a numbered JSON list of every part, with its SHA-256, its rows and the snapshot before it. Readers take one and
keep to it, so that nothing changes under them; the highest number is the present, the others are the past.
The idea is Apache Iceberg's, much reduced.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from artifacts.errors import InvalidInput, UnknownName, UnsupportedFormat
from artifacts.files import Files, LocalFiles
from artifacts.identity import digest_of, digest_of_bytes
from artifacts.noun import Noun
from artifacts.pretty import pretty_bytes
from artifacts.tables import TABLES, arrow, arrow_schema, table_named

if TYPE_CHECKING:
    import polars as pl

SNAPSHOT_FORMAT = 1
FOLDER = "snapshots"

Operation = Literal["append", "compact", "repair"]
"""How a snapshot came out of the one before: rows were added, the same rows were put into fewer parts, or damage was left out."""


class Part(Noun):
    """One Parquet file of a table; `path` is relative to the store."""

    table: str
    path: str
    sha256: str
    rows: int
    bytes: int
    schema_version: int


class Snapshot(Noun):
    """The whole content of the tables at one moment.

    `parent` is the SHA-256 of the snapshot file before; `seal` that of all the other fields, since no later file may vouch for the
    newest one.
    """

    LATER: ClassVar[tuple[str, ...]] = ("operation", "seal")

    format: int = SNAPSHOT_FORMAT
    number: int
    parent: str | None = None
    created_at: str = ""
    parts: tuple[Part, ...] = ()
    operation: Operation = "append"
    seal: str = ""

    def parts_of(self, table: str) -> tuple[Part, ...]:
        """The parts of one table, oldest first."""
        return tuple(part for part in self.parts if part.table == table)

    def sealed(self) -> Snapshot:
        """The snapshot with its seal."""
        bare = self.model_copy(update={"seal": ""})
        return bare.model_copy(update={"seal": digest_of(bare.canonical())})

    def file_bytes(self) -> bytes:
        """The snapshot's file."""
        return pretty_bytes(self.canonical())

    @property
    def id(self) -> str:
        """SHA-256 of the snapshot's file."""
        return digest_of_bytes(self.file_bytes())


EMPTY = Snapshot(number=0)
"""What a store holds before its first commit."""


def path_of(number: int) -> str:
    """Where the snapshot of a number stands."""
    return f"{FOLDER}/{number:010d}.json"


def numbers(files: Files) -> list[int]:
    """The numbers of the snapshots that are there, in order."""
    return sorted(int(name[:-5]) for name in files.names(FOLDER) if name.endswith(".json") and name[:-5].isdecimal())


def current_snapshot(files: Files) -> Snapshot:
    """The newest published snapshot, or the empty one.

    An object store may list a file later than it can be read, so the numbers after the last one listed are looked for too.
    Raises UnsupportedFormat for a newer format, InvalidInput for a damaged file.
    """
    number = max(numbers(files), default=0)
    while files.size(path_of(number + 1)) is not None:
        number += 1
    return load(files, number) if number else EMPTY


def load(files: Files, number: int) -> Snapshot:
    """One snapshot by its number; raises UnknownName where there is none, and as `current_snapshot`."""
    path = path_of(number)
    try:
        data = files.read(path)
    except FileNotFoundError:
        held = numbers(files)
        there = f"There are {held[0]} to {held[-1]}." if held else "There are none."
        raise UnknownName(f"There is no snapshot {number} in {files.root}.", there) from None
    return _read(files, path, data)


def history(files: Files) -> Iterator[Snapshot]:
    """Every snapshot that is kept, newest first."""
    for number in reversed(numbers(files)):
        yield load(files, number)


def snapshot_at(files: Files, when: str) -> Snapshot:
    """The snapshot that a person names: its number, the first digits of its id, or a time (the newest no later than that).

    A time is ISO 8601, UTC where it names no zone. Raises UnknownName for none.
    """
    word = when.strip().lower()
    if word.isdecimal() and len(word) <= 10:
        return load(files, int(word)) if int(word) else EMPTY
    moment = _moment(word)
    for snapshot in history(files):
        if (moment is not None and datetime.fromisoformat(snapshot.created_at) <= moment) or (
            moment is None and len(word) >= 6 and snapshot.id.startswith(word)
        ):
            return snapshot
    if moment is not None:
        raise UnknownName(f"There is no snapshot as old as {when}.", "Those that are kept are younger; `worldloom snapshots` lists them.")
    raise UnknownName(f"There is no snapshot '{when}'.", "Give a number, the first digits of an id, or a time such as 2026-03-02T12:00.")


def _moment(word: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def scan(files: Files, snapshot: Snapshot, name: str) -> pl.LazyFrame:
    """One table of one snapshot, lazily; an empty table has its columns, and older parts have nulls in columns that came later.

    Raises UnknownName, UnsupportedFormat for parts that a newer version wrote, InvalidInput for a lost part.
    """
    import polars as pl

    table = table_named(name)
    empty = pl.DataFrame(arrow_schema(table).empty_table())
    parts = readable_parts(files, snapshot, name)
    if not parts:
        return empty.lazy()
    if isinstance(files, LocalFiles):
        paths = [_present(files, part) for part in parts]
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False, schema=empty.schema, missing_columns="insert")
    frames = [pl.read_parquet(io.BytesIO(part_bytes(files, part))) for part in parts]
    return pl.concat([empty, *frames], how="diagonal_relaxed").lazy()


def readable_parts(files: Files, snapshot: Snapshot, name: str) -> tuple[Part, ...]:
    """The parts of a table; raises UnsupportedFormat for one whose schema is newer than this version's."""
    table = table_named(name)
    for part in snapshot.parts_of(name):
        if part.schema_version > table.version:
            what = f"{files.locate(part.path)} has version {part.schema_version} of the table '{name}'"
            raise UnsupportedFormat(f"{what}; this version of Worldloom reads up to {table.version}.", "Upgrade Worldloom.")
    return snapshot.parts_of(name)


def read_rows(files: Files, snapshot: Snapshot, name: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Some columns of one table of one snapshot, as plain rows."""
    return [row for part in readable_parts(files, snapshot, name) for row in part_table(files, part, columns).to_pylist()]


def part_table(files: Files, part: Part, columns: Sequence[str] | None = None) -> Any:
    """A part as an Arrow table of its table's schema, or some columns of it; columns that came later are null.

    The checksums of the pages that are read are verified; raises InvalidInput for a part that was changed or lost.
    """
    pa = arrow()
    schema = arrow_schema(TABLES[part.table])
    wanted = schema.names if columns is None else list(columns)
    held = _held(files, part, wanted)
    arrays = [held[name] if name in held.column_names else pa.nulls(held.num_rows, schema.field(name).type) for name in wanted]
    if not wanted:
        return held
    target = pa.schema([schema.field(name) for name in wanted], schema.metadata)
    return pa.table(arrays, names=wanted).cast(target) if columns is None else pa.table(arrays, names=wanted)


def _held(files: Files, part: Part, wanted: Sequence[str]) -> Any:
    """Those of the wanted columns that a part has."""
    pa, pq = arrow(), import_module("pyarrow.parquet")
    try:
        file = pq.ParquetFile(part_source(files, part), page_checksum_verification=True)
        return file.read([name for name in wanted if name in file.schema_arrow.names])
    except (pa.ArrowException, OSError) as problem:
        raise _damaged(files.locate(part.path)) from problem


def part_source(files: Files, part: Part) -> str | io.BytesIO:
    """Where a part's bytes can be read: a path of this machine, or the bytes themselves; raises InvalidInput for a lost part."""
    return _present(files, part) if isinstance(files, LocalFiles) else io.BytesIO(part_bytes(files, part))


def check_parts(files: Files, snapshot: Snapshot) -> None:
    """Reads every part of a snapshot; raises InvalidInput for the first whose bytes are not those that were committed."""
    for part in snapshot.parts:
        part_bytes(files, part)


def part_bytes(files: Files, part: Part) -> bytes:
    """A part's bytes; raises InvalidInput where they are lost or not those that were committed."""
    try:
        data = files.read(part.path)
    except FileNotFoundError as problem:
        raise _damaged(files.locate(part.path)) from problem
    if digest_of_bytes(data) != part.sha256:
        raise _damaged(files.locate(part.path))
    return data


def _present(files: Files, part: Part) -> str:
    if files.size(part.path) != part.bytes:
        raise _damaged(files.locate(part.path))
    return files.locate(part.path)


def _read(files: Files, path: str, data: bytes) -> Snapshot:
    try:
        plain = json.loads(data)
        newer = plain["format"] > SNAPSHOT_FORMAT
        snapshot = None if newer else Snapshot.model_validate(plain)
    except (ValueError, KeyError, TypeError) as problem:  # pydantic's ValidationError is a ValueError
        raise _damaged(files.locate(path), "Bring it back from a copy of the store, or start a new store.") from problem
    if snapshot is None:
        raise UnsupportedFormat(f"{files.locate(path)} has format {plain['format']}.", "Upgrade Worldloom to read this store.")
    if snapshot.file_bytes() != data or (snapshot.seal and snapshot.sealed() != snapshot):
        raise _damaged(files.locate(path), "Bring it back from a copy of the store, or start a new store.")
    return snapshot


def _damaged(
    where: str, hint: str = "`worldloom fsck --repair` mends what stands elsewhere too; else bring it back from a copy."
) -> InvalidInput:
    return InvalidInput(f"{where} is missing or was changed.", hint)
