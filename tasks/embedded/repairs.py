"""Mending: what differs from the plan, as the repair programs want it told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from artifacts.world import TableRows
from tasks.embedded.composer import Plan

_OBJECT = re.compile(r"CREATE\s+(?:UNIQUE\s+)?(TABLE|INDEX|VIEW|TRIGGER)\s+(\w+)", re.IGNORECASE)
_ROW = re.compile(r"(\w+) #(\d+): (.*)", re.DOTALL)
_TABLE = re.compile(r"\btable:(\w+)|\b(\w+) has no rows at all")


def mend_schema(planned: Iterable[str], current: str) -> list[str]:
    """The planned statements that the current DDL lacks or has otherwise, then a DROP for every object that nobody planned."""
    there = {_name(statement): _flat(statement) for statement in re.split(r";\s*(?=CREATE\b|\Z)", current) if _OBJECT.search(statement)}
    meant = {_name(statement): statement for statement in planned}
    changed = [statement for name, statement in meant.items() if there.get(name) != _flat(statement)]
    return changed + [f"DROP {kind} {name};" for kind, name in there if (kind, name) not in meant]


def _name(statement: str) -> tuple[str, str]:
    kind, name = _OBJECT.search(statement).groups()  # type: ignore[union-attr]  # callers pass CREATE statements only
    return kind.upper(), name.lower()


def _flat(statement: str) -> str:
    return " ".join(statement.split()).rstrip("; ")


def mend_rows(plan: Plan, failing: Iterable[str], problems: Iterable[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Fixes of the failing rows, and the rows that are missing altogether.

    A table with columns that it does not have is written anew: its rows are deleted and given again.
    """
    shown = [_read_row(line) for line in failing]
    tables = {rows.table: rows for rows in plan.rows}
    strange = {name for name, _, values in shown if name in tables and not values.keys() <= set(tables[name].columns)}
    said = "\n".join(problems)
    missing = {name for pair in _TABLE.findall(said) for name in pair if name in tables} - {name for name, _, _ in shown}
    fixes: list[dict[str, Any]] = []
    for name, number, values in shown:
        if name not in tables or name in strange:
            fixes.append({"table": name, "row": number, "values": None})
        else:
            fixes += _fix(tables[name], number, values)
    return fixes, [_block(rows) for name, rows in tables.items() if name in strange | missing]


def _read_row(line: str) -> tuple[str, int, dict[str, Any]]:
    name, number, values = _ROW.match(line).groups()  # type: ignore[union-attr]  # the stage writes rows in this form
    return name, int(number), json.loads(values)


def _fix(rows: TableRows, number: int, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of one row that are not as planned; a row beyond the plan's is deleted."""
    if number > len(rows.rows):
        return [{"table": rows.table, "row": number, "values": None}]
    meant = dict(zip(rows.columns, rows.rows[number - 1], strict=True))
    changed = {column: value for column, value in meant.items() if column not in values or values[column] != value}
    return [{"table": rows.table, "row": number, "values": changed}] if changed else []


def _block(rows: TableRows) -> dict[str, Any]:
    return {"table": rows.table, "columns": list(rows.columns), "rows": [list(row) for row in rows.rows]}
