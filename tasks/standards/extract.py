"""Tables as plain Parquet files by split: `data/<table>/<split>-00000.parquet`, the layout that the Hugging Face Hub reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from artifacts.identity import digest_of_bytes
from artifacts.rows import split_of
from artifacts.scenario import Scenario
from artifacts.snapshots import part_table, read_rows, readable_parts
from artifacts.store import Store
from artifacts.tables import Table, arrow, arrow_schema

SPLITS = ("train", "validation", "test")
UNSPLIT = "unsplit"
"""The one split of a table whose rows belong to no single world; `train` would promise what is not so."""

FILE_BYTES = 256 << 20
"""A file that has grown beyond this is followed by another."""


class Extract(NamedTuple):
    """A file that was written; `path` is relative to the export."""

    table: str
    split: str
    path: str
    rows: int
    bytes: int
    sha256: str


def world_splits(store: Store) -> dict[str, str]:
    """The split of each world that no other took the place of: that of its tasks."""
    snapshot = store.snapshot()
    worlds = read_rows(store.files, snapshot, "worlds", ["world_id", "parent_world_id", "scenario"])
    old = {row["parent_world_id"] for row in worlds}
    known = {row["world_id"]: row["split"] for row in read_rows(store.files, snapshot, "agent_tasks", ["world_id", "split"])}
    left = (row for row in worlds if row["world_id"] not in old)
    return {row["world_id"]: known.get(row["world_id"]) or split_of(Scenario.model_validate_json(row["scenario"])) for row in left}


def extract(store: Store, table: Table, splits: Mapping[str, str], folder: Path) -> list[Extract]:
    """Write one table below a folder, its rows in their order; rows of worlds that are not in `splits` are left out.

    A part is held at a time. Raises InvalidInput for a damaged store, OSError.
    """
    writers = {split: _Writer(table, split, folder) for split in (SPLITS if of_worlds(table) else (UNSPLIT,))}
    for split, rows in _rows(store, table, splits):
        writers[split].add(rows)
    return [written for writer in writers.values() for written in writer.close()]


def of_worlds(table: Table) -> bool:
    """Whether every row belongs to a world."""
    return any(column.name == "world_id" and not column.nullable for column in table.columns)


def _rows(store: Store, table: Table, splits: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    pa, pc = arrow(), import_module("pyarrow.compute")
    for part in readable_parts(store.files, store.snapshot(), table.name):
        held = part_table(store.files, part)
        if not of_worlds(table):
            yield UNSPLIT, held
            continue
        for split in SPLITS:
            worlds = pa.array([world for world, its in splits.items() if its == split], pa.string())
            yield split, held.filter(pc.is_in(held["world_id"], value_set=worlds))


class _Writer:
    """The files of one split, in row groups of the table's own size."""

    def __init__(self, table: Table, split: str, folder: Path) -> None:
        self._table, self._split, self._folder = table, split, folder
        self._waiting: Any = arrow_schema(table).empty_table()
        self._file: Any = None
        self._paths: list[Path] = []
        self._counts: list[int] = []

    def add(self, rows: Any) -> None:
        """Take more rows, and write whole row groups."""
        self._waiting = arrow().concat_tables([self._waiting, rows])
        whole = self._waiting.num_rows // self._table.row_group * self._table.row_group
        if whole:
            self._write(self._waiting.slice(0, whole))
            self._waiting = self._waiting.slice(whole)

    def close(self) -> list[Extract]:
        """Write what is left, and give the files."""
        if self._waiting.num_rows:
            self._write(self._waiting)
        if self._file is not None:
            self._file.close()
        return [self._said(path, rows) for path, rows in zip(self._paths, self._counts, strict=True)]

    def _write(self, rows: Any) -> None:
        if self._file is None:
            self._open()
        self._file.write_table(rows, row_group_size=self._table.row_group)
        self._counts[-1] += rows.num_rows
        if self._paths[-1].stat().st_size > FILE_BYTES:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        path = self._folder / "data" / self._table.name / f"{self._split}-{len(self._paths):05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        schema, writer = arrow_schema(self._table), import_module("pyarrow.parquet").ParquetWriter
        self._file = writer(path, schema, compression="zstd", write_page_index=True)
        self._paths.append(path)
        self._counts.append(0)

    def _said(self, path: Path, rows: int) -> Extract:
        data = path.read_bytes()
        place = path.relative_to(self._folder).as_posix()
        return Extract(self._table.name, self._split, place, rows, len(data), digest_of_bytes(data))


def splits_of(extracts: Sequence[Extract]) -> dict[str, dict[str, int]]:
    """The rows of each split of each table that was written, in the tables' order."""
    found: dict[str, dict[str, int]] = {}
    for one in extracts:
        held = found.setdefault(one.table, {})
        held[one.split] = held.get(one.split, 0) + one.rows
    return found
