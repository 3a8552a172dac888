"""What SQLite lets pass in a schema and a world must not: tables without keys, keys to nothing, money as REAL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from artifacts.verdict import Diagnostic
from tasks.sql.catalog import Catalog, Column, ForeignKey, Table
from tasks.sql.scratch import catalog_of
from tasks.sql.statements import nearest
from tasks.sql.trigger_lints import trigger_lints
from tasks.sql.whitelist import words

_MONEY = words("price amount cost fee salary wage balance subtotal deposit refund premium rent budget payment discount tax revenue")
_ALWAYS_MONEY = words("price cost fee salary wage subtotal refund rent revenue")
_NOT_MONEY = words("rate percent pct ratio share factor count points hours days kg g ml l litres liters grams unit units")
_DATED = re.compile(r"DATE|TIME|BOOL")
_INEXACT = re.compile(r"REAL|FLOA|DOUB|DEC|NUMERIC|MONEY")


def schema_lints(schema_sql: str) -> tuple[Diagnostic, ...]:
    """All lints of a schema, over the tables that could be made."""
    catalog = catalog_of(schema_sql)
    of_tables = (d for table in catalog.tables.values() for d in table_problems(table, catalog))
    return (*of_tables, *trigger_lints(schema_sql))


def table_problems(table: Table, catalog: Catalog) -> Iterator[Diagnostic]:
    """The lints of one table."""
    place = f"table:{table.name}"
    if not table.primary_key:
        hint = f"Give it one, such as {_key_hint(table)}."
        yield Diagnostic(code="schema.no_primary_key", place=place, message=f"The table {table.name} has no primary key.", hint=hint)
    for key in table.foreign_keys:
        yield from _foreign_key_problems(table, key, catalog)
    for column in table.columns.values():
        yield from _money_problems(table, column)
        yield from _inexact_key_problems(table, column)
        yield from _loose_reference_problems(table, column, catalog)


def _inexact_key_problems(table: Table, column: Column) -> Iterator[Diagnostic]:
    """Ids as floating point: 2**53 + 1 is 2**53, and 7 is shown as 7.0."""
    parent = table.parent_of(column.name)
    if column.affinity in ("REAL", "NUMERIC") and (column.key or parent) and not _DATED.search(column.type):
        message = f"{table.name}.{column.name} is a key of the type {column.type}, which turns whole numbers and codes into others."
        hint = f"Declare {column.name} INTEGER, or TEXT if it is a code."
        yield Diagnostic(code="schema.key_real", place=f"table:{table.name}", message=message, hint=hint)


def _loose_reference_problems(table: Table, column: Column, catalog: Catalog) -> Iterator[Diagnostic]:
    """A column called member_id beside a table members, and nothing that holds the two together."""
    name = column.name.lower()
    referring = {c.lower() for key in table.foreign_keys for c in key.columns}
    if not name.endswith("_id") or name in referring or column.key:
        return
    stem = name.removesuffix("_id")
    parent = next((catalog.tables[p] for p in (f"{stem}s", f"{stem}es", f"{stem[:-1]}ies", stem) if p in catalog.tables), None)
    if parent is not None and parent is not table and len(parent.primary_key) == 1:
        target = f"{parent.name}({parent.primary_key[0]})"
        message = f"{table.name}.{column.name} is named after {parent.name}, but nothing keeps it from pointing at a row that is not there."
        hint = f"Declare it REFERENCES {target}, or give it another name."
        yield Diagnostic(code="schema.loose_reference", place=f"table:{table.name}", message=message, hint=hint)


def _key_hint(table: Table) -> str:
    return "id INTEGER PRIMARY KEY" if "id" not in table.columns else "PRIMARY KEY on its column id"


def _foreign_key_problems(table: Table, key: ForeignKey, catalog: Catalog) -> Iterator[Diagnostic]:
    place, named = f"table:{table.name}", ", ".join(key.columns)
    parent = catalog.tables.get(key.parent.lower())
    if parent is None:
        message = f"The foreign key on {named} refers to {key.parent}, which is not a table of this schema."
        yield Diagnostic(
            code="schema.unknown_parent", place=place, message=message, hint=nearest(key.parent, [t.name for t in catalog.tables.values()])
        )
        return
    unknown = [c for c in key.parent_columns if c.lower() not in parent.columns and c != "rowid"]
    if unknown:
        message = f"The foreign key on {named} refers to {parent.name}.{unknown[0]}, which does not exist."
        hint = nearest(unknown[0], [c.name for c in parent.columns.values()])
        yield Diagnostic(code="schema.unknown_parent_column", place=place, message=message, hint=hint)
        return
    if sorted(c.lower() for c in key.parent_columns) not in [sorted(c.lower() for c in k) for k in parent.keys]:
        message = (
            f"The foreign key on {named} refers to {parent.name}({', '.join(key.parent_columns)}), which is no primary key and not UNIQUE."
        )
        yield Diagnostic(
            code="schema.parent_not_unique", place=place, message=message, hint=f"Refer to {parent.name}({', '.join(parent.primary_key)})."
        )
    for child, target in zip(key.columns, key.parent_columns, strict=False):
        yield from _key_type_problems(table, table.columns[child.lower()], parent, parent.columns.get(target.lower()))


def _key_type_problems(table: Table, child: Column, parent: Table, target: Column | None) -> Iterator[Diagnostic]:
    if target is not None and child.affinity != target.affinity:
        message = (
            f"{table.name}.{child.name} is {child.type or 'untyped'}, but it refers to {parent.name}.{target.name}, which is {target.type}."
        )
        yield Diagnostic(code="schema.key_type", place=f"table:{table.name}", message=message, hint=f"Declare {child.name} {target.type}.")


def _money_problems(table: Table, column: Column) -> Iterator[Diagnostic]:
    parts = column.name.lower().split("_")
    place = f"table:{table.name}"
    if parts[-1] == "cents" and column.affinity != "INTEGER":
        message = f"{table.name}.{column.name} counts cents but is {column.type or 'untyped'}."
        yield Diagnostic(code="schema.money_real", place=place, message=message, hint=f"Declare {column.name} INTEGER.")
    elif _MONEY & set(parts) and not _NOT_MONEY & set(parts) and _INEXACT.search(column.type):
        message = f"{table.name}.{column.name} looks like money and is {column.type}, which is not exact."
        yield Diagnostic(
            code="schema.money_real",
            place=place,
            message=message,
            hint=f"Hold integer minor units: {'_'.join(parts)}_cents INTEGER, and adapt what uses it.",
        )
    elif parts[-1] in _ALWAYS_MONEY and column.affinity == "INTEGER" and not column.key:
        message = f"{table.name}.{column.name} looks like money in whole numbers, but its name does not say which unit."
        yield Diagnostic(code="schema.money_unit", place=place, message=message, hint=f"Name it {column.name}_cents if it counts cents.")
