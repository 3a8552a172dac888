"""Rows that belong to several people, changed as if they were one person's: "change your address" for everybody at that address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from tasks.gates.seed_problems import Row
from tasks.gates.tool_claims import singular, spoken_of
from tasks.sql.lineage import ColumnName, Usage

Owners = frozenset[ColumnName]
"""The columns that say whose a row is, the keys of the people themselves among them."""


def shared_row_problems(tool: Tool, usage: Usage, owners: Owners, rows: Sequence[Row]) -> Iterator[Diagnostic]:
    """Tables of which a tool overwrites "your" row with what a caller says, while rows of two people refer to the same one."""
    overwritten = {link.table for link in usage.links if link.relation == "set" and link.table in usage.writes}
    owned = {table for table, _ in owners}
    for table in sorted(overwritten - owned):
        shared = _shared(table, owners, rows) if singular(table.split("_")[-1]) in spoken_of(tool) else None
        if shared is not None:
            referring, count = shared
            message = f"{tool.name} changes a row of {table} that {count} different people share through {referring.table.name}."
            hint = f"Insert a new row into {table} and let the one person's {referring.table.name} refer to it."
            yield Diagnostic(code="tool.shared_row", place=f"tool:{tool.name}", message=message, hint=hint)


def _shared(table: str, owners: Owners, rows: Sequence[Row]) -> tuple[Row, int] | None:
    """A row that refers to one of the table's rows to which another person's row refers as well, and how many people do."""
    people: dict[object, set[object]] = defaultdict(set)
    for row in rows:
        mine = [column for home, column in owners if home == row.table.name.lower()]
        for key in row.table.foreign_keys:
            target = tuple(row.values.get(column.lower()) for column in key.columns)
            if key.parent.lower() == table and mine and None not in target:
                people[target].add(tuple(row.values.get(column) for column in mine))
                if len(people[target]) > 1:
                    return row, len(people[target])
    return None
