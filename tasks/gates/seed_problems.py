"""Why rows of a seed cannot stand: each failed statement explained by row, with the values and the keys that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from artifacts.errors import StatementFailed
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from tasks.sql.catalog import Catalog, Column, ForeignKey, Table
from tasks.sql.inserts import Value, insert_target, read_insert
from tasks.sql.sqlite_messages import sqlite_diagnostic
from tasks.sql.statements import nearest


class Row(NamedTuple):
    """One row that the seed means to insert; `number` counts the author's rows of that table from 1."""

    table: Table
    number: int
    values: Mapping[str, Value]
    statement: str

    @property
    def place(self) -> str:
        """As diagnostics name it."""
        return f"row:{self.table.name}:{self.number}"


def seed_rows(statements: Sequence[str], catalog: Catalog, draft: Draft) -> tuple[tuple[Row, ...], tuple[Diagnostic, ...]]:
    """The rows of all literal INSERTs, and what keeps others from being read as rows of a table."""
    rows: list[Row] = []
    problems: list[Diagnostic] = []
    numbers = _Numbers(draft)
    for statement in statements:
        insert = read_insert(statement)
        table = catalog.tables.get(insert.table.lower()) if insert else None
        if insert is None or table is None:
            continue
        names = [c.lower() for c in insert.columns] or [n for n, c in table.columns.items() if not c.generated]
        for values in insert.rows:
            number = numbers.next(table.name, values)
            problems.extend(_shape_problems(table, names, values, f"row:{table.name}:{number}"))
            rows.append(Row(table, number, dict(zip(names, values, strict=False)), statement))
    return tuple(rows), tuple(problems)


class _Numbers:
    """The numbers of rows: the author's own where the rows were reordered, else the order of the statements."""

    def __init__(self, draft: Draft) -> None:
        self.known: dict[tuple[str, str], list[int]] = {}
        self.counts: dict[str, int] = {}
        authored: dict[str, int] = {}
        for part in draft.seed:
            for values in part.rows:
                number = authored[part.table.lower()] = authored.get(part.table.lower(), 0) + 1
                self.known.setdefault((part.table.lower(), _plain(values)), []).append(number)

    def next(self, table: str, values: Sequence[Value]) -> int:
        count = self.counts[table.lower()] = self.counts.get(table.lower(), 0) + 1
        known = self.known.get((table.lower(), _plain(values)))
        return known.pop(0) if known else count


def _plain(values: Sequence[object]) -> str:
    return repr([str(int(v)) if isinstance(v, bool) else str(v) for v in values])


def _shape_problems(table: Table, names: Sequence[str], values: Sequence[Value], place: str) -> Iterator[Diagnostic]:
    unknown = [name for name in names if name not in table.columns]
    for name in unknown:
        hint = nearest(name, [c.name for c in table.columns.values()])
        yield Diagnostic(code="sql.unknown_column", place=place, message=f"The table {table.name} has no column {name}.", hint=hint)
    if len(values) != len(names):
        message = f"The row has {len(values)} values for {len(names)} columns ({', '.join(names)})."
        yield Diagnostic(code="sql.values", place=place, message=message, hint="Give exactly one value a column.")


class Keys(NamedTuple):
    """The values that each referred set of columns holds, over all rows that the seed means to insert."""

    values: Mapping[tuple[str, tuple[str, ...]], frozenset[tuple[Value, ...]]]

    @classmethod
    def of(cls, rows: Sequence[Row], catalog: Catalog) -> Keys:
        """Collects the values of every set of columns that a foreign key names."""
        wanted = {_target(key) for table in catalog.tables.values() for key in table.foreign_keys}
        found = {
            target: frozenset(tuple(row.values.get(c) for c in target[1]) for row in rows if row.table.name.lower() == target[0])
            for target in wanted
        }
        return cls(found)


def _target(key: ForeignKey) -> tuple[str, tuple[str, ...]]:
    return key.parent.lower(), tuple(c.lower() for c in key.parent_columns)


def value_problems(rows: Sequence[Row], catalog: Catalog) -> Iterator[Diagnostic]:
    """What is wrong with the values of rows: parents that are missing, types, choices, dates that do not exist."""
    keys = Keys.of(rows, catalog)
    for row in rows:
        for key in row.table.foreign_keys:
            yield from _parent_problems(row, key, keys)
        for name, value in row.values.items():
            column = row.table.columns.get(name)
            if column is not None:
                yield from _cell_problems(row, column, value)


def _parent_problems(row: Row, key: ForeignKey, keys: Keys) -> Iterator[Diagnostic]:
    values = tuple(row.values.get(c.lower()) for c in key.columns)
    there = keys.values.get(_target(key), frozenset())
    if None in values or values in there or {str(v) for v in values} in [{str(v) for v in t} for t in there]:
        return
    shown = ", ".join(f"{c} = {v!r}" for c, v in zip(key.columns, values, strict=True))
    message = f"{shown} refers to {key.parent}({', '.join(key.parent_columns)}), where no row has that value."
    yield Diagnostic(code="seed.foreign_key", place=row.place, message=message, hint=_present(key, there))


def _present(key: ForeignKey, there: frozenset[tuple[Value, ...]]) -> str:
    if not there:
        return f"{key.parent} has no rows at all; add them."
    found = sorted((t[0] if len(t) == 1 else t for t in there), key=lambda v: (str(type(v)), v))
    if len(found) > 12:
        return f"{key.parent} has {len(found)} rows, {found[0]!r} to {found[-1]!r}."
    return f"There are {', '.join(map(repr, found))}."


def _cell_problems(row: Row, column: Column, value: Value) -> Iterator[Diagnostic]:
    name = f"{row.table.name}.{column.name}"
    if value is None:
        rowid = column.key and column.affinity == "INTEGER"
        if column.not_null and not rowid:
            yield Diagnostic(
                code="seed.null", place=row.place, message=f"{name} is NULL but NOT NULL is declared.", hint="Give it a value."
            )
    elif column.choices and value not in column.choices and str(value) not in map(str, column.choices):
        allowed = ", ".join(map(str, column.choices))
        yield Diagnostic(
            code="seed.check", place=row.place, message=f"{name} = {value!r} is outside its CHECK.", hint=f"Allowed: {allowed}."
        )
    elif column.affinity == "INTEGER" and not _whole(value):
        yield Diagnostic(
            code="seed.type", place=row.place, message=f"{name} is {column.type} but the value is {value!r}.", hint="Give a whole number."
        )


def _whole(value: Value) -> bool:
    return (
        isinstance(value, int)
        or (isinstance(value, float) and value.is_integer())
        or (isinstance(value, str) and value.lstrip("-").isdigit())
    )


def explain_failure(failure: StatementFailed, rows: Sequence[Row], catalog: Catalog) -> Diagnostic | None:
    """One failed statement as a diagnostic by row; None for a failure that only follows from another one's missing parent."""
    table = insert_target(failure.statement)
    row = next((r for r in rows if r.statement == failure.statement), None)
    place = row.place if row else f"table:{table}" if table else "seed"
    known = catalog.tables.get(table.lower())
    if table and known is None:
        hint = nearest(table, [t.name for t in catalog.tables.values()])
        return Diagnostic(code="sql.unknown_table", place=f"table:{table}", message=f"The schema has no table {table}.", hint=hint)
    if "FOREIGN KEY" in failure.message:
        return None
    base = sqlite_diagnostic(failure.message, failure.statement, place, catalog)
    if row is not None and base.code == "seed.duplicate_key":
        return _duplicate(base, row, rows, failure.message)
    return base


def _duplicate(base: Diagnostic, row: Row, rows: Sequence[Row], message: str) -> Diagnostic:
    columns = [name.lower() for name in re.findall(rf"{re.escape(row.table.name)}\.(\w+)", message)]
    values = [row.values.get(c) for c in columns]
    other = next(
        (r for r in rows if r.table is row.table and r.number != row.number and [r.values.get(c) for c in columns] == values), None
    )
    shown = ", ".join(f"{c} = {v!r}" for c, v in zip(columns, values, strict=True))
    where = f", as in row {other.number}" if other else ""
    return base.model_copy(
        update={"message": f"{row.table.name} already has a row with {shown}{where}.", "hint": "Give it a value of its own, or delete it."}
    )
