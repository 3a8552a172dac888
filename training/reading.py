"""Rows by their number, straight from the row groups of a snapshot's parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from artifacts.errors import InvalidInput
from artifacts.files import Files
from artifacts.snapshots import Part, Snapshot, part_bytes, part_source, readable_parts
from artifacts.tables import TABLES, arrow, arrow_schema
from training.order import WINDOW, Numbers


class Shelf:
    """One table of one snapshot, row group by row group; the last few that were read are kept.

    `starts` holds the number of the first row of each row group, and the number of all rows at the end.
    """

    def __init__(self, files: Files, snapshot: Snapshot, table: str, columns: Sequence[str], keep: int = WINDOW) -> None:
        self.table = table
        self.columns = tuple(columns)
        self._files = files
        self._keep = keep
        self._parts = readable_parts(files, snapshot, table)
        self._schema = arrow_schema(TABLES[table])
        self._opened: dict[int, Any] = {}
        self._held_by: dict[int, frozenset[str]] = {}
        self._held: OrderedDict[int, Any] = OrderedDict()
        self._place = [(number, group) for number, part in enumerate(self._parts) for group in range(self._file(number).num_row_groups)]
        sizes = [self._file(number).metadata.row_group(group).num_rows for number, group in self._place]
        self.starts: Numbers = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(sizes, np.int64))])
        self.release()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": {}, "_held": OrderedDict()}

    def __len__(self) -> int:
        return int(self.starts[-1])

    def release(self) -> None:
        """Forget open files and what was read, as a process does that is about to fork."""
        self._opened.clear()
        self._held.clear()

    def check(self) -> None:
        """Compare the SHA-256 of every part; raises InvalidInput for one that was changed or lost."""
        for part in self._parts:
            part_bytes(self._files, part)

    def groups_of(self, rows: Numbers) -> Numbers:
        """The row group of each row."""
        return (np.searchsorted(self.starts, rows, side="right") - 1).astype(np.int64)

    def rows(self, numbers: Numbers) -> list[dict[str, Any]]:
        """The rows of these numbers, in this order. Raises InvalidInput for a part that is damaged or lost."""
        return made(self.read(numbers))

    def read(self, numbers: Numbers) -> list[Picked]:
        """What `made` makes these rows of, group by group; nearly all of it without Python. Raises as `rows`."""
        groups = self.groups_of(numbers)
        order = np.argsort(groups, kind="stable")
        found: list[Picked] = []
        for chosen in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(order) else ():
            group = int(groups[chosen[0]])
            found.append(_picked(self._group(group), numbers[chosen] - self.starts[group], chosen))
        return found

    def _group(self, number: int) -> Any:
        if number not in self._held:
            while len(self._held) >= self._keep:
                self._held.popitem(last=False)
            self._held[number] = self._read(*self._place[number])
        self._held.move_to_end(number)
        return self._held[number]

    def _read(self, number: int, group: int) -> Any:
        pa, file = arrow(), self._file(number)
        held = self._held_by[number]
        try:
            read = file.read_row_group(group, columns=[name for name in self.columns if name in held], use_threads=False)
        except (OSError, pa.ArrowException) as problem:  # Parquet's own errors are OSErrors
            raise self._damaged(number) from problem
        if read.column_names == list(self.columns):
            return read
        lacking = {name: pa.nulls(read.num_rows, self._schema.field(name).type) for name in self.columns if name not in held}
        return pa.table({name: lacking[name] if name in lacking else read[name] for name in self.columns})

    def _file(self, number: int) -> Any:
        pq = import_module("pyarrow.parquet")
        if number not in self._opened:
            try:
                self._opened[number] = pq.ParquetFile(part_source(self._files, self._parts[number]), page_checksum_verification=True)
                self._held_by[number] = frozenset(self._opened[number].schema_arrow.names)
            except (OSError, arrow().ArrowException) as problem:
                raise self._damaged(number) from problem
        return self._opened[number]

    def _damaged(self, number: int) -> InvalidInput:
        part: Part = self._parts[number]
        return InvalidInput(
            f"{self._files.locate(part.path)} cannot be read: it was changed.", "Bring it back from a copy, or try `worldloom fsck`."
        )


class Picked(NamedTuple):
    """A part of a row group: where in it the rows are, and at which places they are wanted."""

    table: Any
    rows: Numbers
    places: Numbers


def _picked(table: Any, rows: Numbers, places: Numbers) -> Picked:
    """Rows of a row group. Where most are wanted all are made, which costs less than to gather long texts."""
    if 2 * len(rows) > table.num_rows:
        return Picked(table, rows, places)
    return Picked(table.take(arrow().array(rows)), np.arange(len(rows)), places)


def made(picked: Sequence[Picked]) -> list[dict[str, Any]]:
    """The rows as Python values, each at its place."""
    found: list[dict[str, Any]] = []
    at = np.empty(sum(len(one.rows) for one in picked), np.int64)
    for one in picked:
        at[one.places] = one.rows + len(found)
        found += one.table.to_pylist()
    return list(map(found.__getitem__, at.tolist()))
