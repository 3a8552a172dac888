"""Rows by their number, straight from the row groups of a snapshot's parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import groupby
from typing import Any

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
        return self.made(numbers, self.fetch(numbers))

    def fetch(self, numbers: Numbers, begins: Callable[[], object] = lambda: None) -> dict[int, Any]:
        """The row groups of these rows, those of a part read in one call; `begins` is called before the first. Raises as `rows`."""
        groups = np.unique(self.groups_of(numbers)).tolist()
        found = {number: self._held.pop(number) for number in groups if number in self._held}
        missing = [number for number in groups if number not in found]
        for part, ours in groupby(missing, key=lambda number: self._place[number][0]):
            own = list(ours)
            begins()
            read, start = self._read(part, [self._place[number][1] for number in own]), 0
            for number in own:
                size = int(self.starts[number + 1] - self.starts[number])
                found[number] = read.slice(start, size)
                start += size
        self._held.update(found)
        while len(self._held) > self._keep:
            self._held.popitem(last=False)
        begins()
        return found

    def made(self, numbers: Numbers, fetched: Mapping[int, Any]) -> list[dict[str, Any]]:
        """These rows as Python values, in this order, from their row groups.

        Where most rows of a group are wanted, all of them are made: that costs less than to gather long texts.
        """
        groups = self.groups_of(numbers)
        order = np.argsort(groups, kind="stable")
        found: list[dict[str, Any]] = []
        at = np.empty(len(numbers), np.int64)
        for chosen in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(order) else ():
            group = int(groups[chosen[0]])
            table, rows = fetched[group], numbers[chosen] - self.starts[group]
            if 2 * len(rows) <= table.num_rows:
                table, rows = table.take(arrow().array(rows)), np.arange(len(rows))
            at[chosen] = rows + len(found)
            found += table.to_pylist()
        return list(map(found.__getitem__, at.tolist()))

    def _read(self, number: int, groups: Sequence[int]) -> Any:
        pa, file = arrow(), self._file(number)
        held = self._held_by[number]
        try:
            read = file.read_row_groups(groups, columns=[name for name in self.columns if name in held], use_threads=False)
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
