"""What a run wrote: the rows of its own among the parts that came since it began."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple

from artifacts.snapshots import Part, Snapshot, part_table
from artifacts.store import Store


class Amount(NamedTuple):
    """Rows and the files that hold them; the size in bytes is None where a file holds rows of others too."""

    rows: int
    files: int
    size: int | None


Counted = Callable[[Part], int]
"""How many of a part's rows count."""


def amount_of(parts: Sequence[Part], counted: Counted) -> Amount:
    """The amount that some parts hold of the rows that count."""
    held = [(part, counted(part)) for part in parts]
    mine = [(part, rows) for part, rows in held if rows]
    alone = all(rows == part.rows for part, rows in mine)
    return Amount(sum(rows for _, rows in mine), len(mine), sum(part.bytes for part, _ in mine) if alone else None)


def written(store: Store, before: Snapshot, counted: Counted) -> dict[str, Amount]:
    """What came to each table since a snapshot, by the rows that count; tables with none are left out."""
    there = {part.path for part in before.parts}
    fresh = [part for part in store.snapshot().parts if part.path not in there]
    tables = {part.table: None for part in fresh}
    amounts = {name: amount_of([part for part in fresh if part.table == name], counted) for name in tables}
    return {name: amount for name, amount in amounts.items() if amount.rows}


def rows_of_run(store: Store, run_id: str, began: datetime) -> Counted:
    """Counts the rows that a run made: by their run, and images, which name the run that sealed their world, by their time."""
    pc: Any = import_module("pyarrow.compute")

    def counted(part: Part) -> int:
        if part.table == "images":
            return _number(pc.greater_equal(part_table(store.files, part, ["created_at"])["created_at"], began))
        return _number(pc.equal(part_table(store.files, part, ["run_id"])["run_id"], run_id))

    return counted


def every_row(part: Part) -> int:
    """Counts every row, as for a run that puts the rows of others into fewer parts."""
    return part.rows


def _number(mask: Any) -> int:
    return int(import_module("pyarrow.compute").sum(mask).as_py() or 0)
