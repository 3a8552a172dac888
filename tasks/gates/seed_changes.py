"""Rows that load without an error and are still not there, or not as they were written: the failures that nobody reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from containers.sandbox import Guard, open_state, rows_of
from tasks.gates.seed_problems import Row
from tasks.sql.catalog import Catalog, Table
from tasks.sql.inserts import Value, insert_target, read_insert
from tasks.sql.statements import parse_statement
from tasks.trials.workbench import initial_bytes

Stored = Mapping[tuple[Any, ...], Mapping[str, Any]]
"""The loaded rows of one table by primary key."""


def swallowing_problems(statements: Sequence[str]) -> Iterator[Diagnostic]:
    """INSERTs that give way to the rows that are there: OR IGNORE, OR REPLACE, ON CONFLICT."""
    for statement in statements:
        tree = parse_statement(statement).tree if read_insert(statement) is None else None
        if isinstance(tree, exp.Insert) and (tree.args.get("alternative") or tree.args.get("conflict")):
            way = f"OR {tree.args['alternative']}" if tree.args.get("alternative") else "ON CONFLICT"
            message = f"INSERT … {way} loses rows without a word wherever a key stands twice."
            place = f"table:{insert_target(statement)}"
            yield Diagnostic(
                code="seed.swallows", place=place, message=message, hint="Write a plain INSERT and give every row its own key."
            )


def loaded_problems(draft: Draft, rows: Sequence[Row], catalog: Catalog) -> Iterator[Diagnostic]:
    """Rows that are missing or different once schema and seed have loaded; for a seed whose statements all succeed."""
    stored = _stored(draft, catalog)
    for row in rows:
        key = tuple(row.values.get(column.lower()) for column in row.table.primary_key)
        found = stored[row.table.name].get(tuple(map(_plain, key)))
        if None in key:
            continue
        if found is None:
            yield _missing(row, key)
        else:
            yield from _changed(row, found)
    yield from _uncounted(rows, stored)


def _stored(draft: Draft, catalog: Catalog) -> dict[str, Stored]:
    connection = open_state(initial_bytes(draft.schema_sql, draft.seed_sql, draft.clock), Guard())
    try:
        return {table.name: dict(_by_key(table, connection)) for table in catalog.tables.values()}
    finally:
        connection.close()


def _by_key(table: Table, connection: Any) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    names = [column.name for column in table.columns.values()]
    columns = ", ".join(f'"{name}"' for name in names)
    for number, values in enumerate(rows_of(connection, f'SELECT {columns} FROM final."{table.name}"')):
        row = {name.lower(): value for name, value in zip(names, values, strict=True)}
        yield tuple(_plain(row[column.lower()]) for column in table.primary_key) or (number,), row


def _plain(value: Value) -> str:
    """A value as text, so that 3, '3' and 3.0 are one."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _missing(row: Row, key: Sequence[Value]) -> Diagnostic:
    shown = ", ".join(f"{column} = {value!r}" for column, value in zip(row.table.primary_key, key, strict=True))
    message = f"The INSERT of {shown} succeeds, but {row.table.name} has no such row afterwards."
    hint = "A trigger drops or renumbers it; let the trigger abort with a message, or take it out."
    return Diagnostic(code="seed.row_missing", place=row.place, message=message, hint=hint)


def _changed(row: Row, found: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for name, value in row.values.items():
        column = row.table.columns.get(name)
        if column is None or _plain(value) == _plain(found[name]):
            continue
        lossy = isinstance(value, str) and not isinstance(found[name], str)
        message = f"{row.table.name}.{column.name} was written as {value!r} and is loaded as {found[name]!r}."
        hint = f"Declare {column.name} TEXT: it is a code, not a number." if lossy else "A trigger changes it; write the row as it ends up."
        yield Diagnostic(code="seed.not_as_written", place=row.place, message=message, hint=hint)


def _uncounted(rows: Sequence[Row], stored: Mapping[str, Stored]) -> Iterator[Diagnostic]:
    """Tables with fewer rows than the seed inserts, where the keys of rows are not written out."""
    for name, count in Counter(row.table.name for row in rows if None in _key(row)).items():
        if len(stored[name]) < count:
            message = f"The seed inserts {count} rows into {name}, and {len(stored[name])} are there."
            yield Diagnostic(code="seed.row_missing", place=f"table:{name}", message=message, hint="Look for a trigger that drops them.")


def _key(row: Row) -> tuple[Value, ...]:
    return tuple(row.values.get(column.lower()) for column in row.table.primary_key)
