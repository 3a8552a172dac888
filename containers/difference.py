"""What an episode changed, row by row, and the digest of a whole state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import apsw

from artifacts.identity import canonical_bytes
from artifacts.observation import RowChange
from containers.initial_state import quoted
from containers.sandbox import FINAL, INITIAL, rows_of


class Reference(NamedTuple):
    """One foreign key: columns of the child and of the parent, pairwise."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


class Table(NamedTuple):
    """What the comparison of states knows of a table.

    `key` is empty for a table without a primary key; `generated` names the key column that SQLite numbers by itself, or "";
    `weak` tables may hold NULL in their key (or have none), and are compared whole rather than by recorded change.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    generated: str
    weak: bool
    references: tuple[Reference, ...]


def read_tables(connection: apsw.Connection, schema: str) -> tuple[Table, ...]:
    """The tables of one attached database, by name; columns that are computed are left out."""
    listing = (
        f"SELECT name, wr FROM pragma_table_list WHERE schema = '{schema}' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    found = rows_of(connection, f"{listing} ORDER BY name")
    return tuple(_table(connection, schema, name, bool(without_rowid)) for name, without_rowid in found)


def _table(connection: apsw.Connection, schema: str, name: str, without_rowid: bool) -> Table:
    sql = 'SELECT name, type, pk, "notnull" FROM pragma_table_xinfo(?, ?) WHERE hidden = 0'
    rows = rows_of(connection, sql, (name, schema))
    keyed = sorted((pk, column, kind, notnull) for column, kind, pk, notnull in rows if pk)
    rowid_alias = len(keyed) == 1 and keyed[0][2].upper() == "INTEGER" and not without_rowid
    weak = not keyed or not (rowid_alias or without_rowid or all(part[3] for part in keyed))
    return Table(
        name,
        tuple(row[0] for row in rows),
        tuple(part[1] for part in keyed),
        keyed[0][1] if rowid_alias else "",
        weak,
        tuple(_references(connection, schema, name)),
    )


def _references(connection: apsw.Connection, schema: str, name: str) -> Iterator[Reference]:
    sql = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?, ?) ORDER BY id, seq'
    grouped: dict[int, list[tuple[str, str, str | None]]] = {}
    for key, parent, child_column, parent_column in rows_of(connection, sql, (name, schema)):
        grouped.setdefault(key, []).append((parent, child_column, parent_column))
    for parts in grouped.values():
        # A reference without parent columns means the parent's primary key: left empty here, filled in where keys are known.
        yield Reference(tuple(p[1] for p in parts), parts[0][0], tuple(p[2] or "" for p in parts))


def json_value(value: Any) -> Any:
    """A SQLite value as JSON: blobs as {"blob": hex}, infinities as text."""
    if type(value) is bytes:
        return {"blob": value.hex()}
    if type(value) is float and value in (float("inf"), float("-inf")):
        return str(value)
    return value


def state_digest(connection: apsw.Connection, tables: tuple[Table, ...]) -> str:
    """SHA-256 over one line of canonical JSON a table: its name, its columns, its rows in primary-key order."""
    total = hashlib.sha256()
    for table in tables:
        rows = rows_of(connection, select_all(table, FINAL))
        total.update(_line([table.name, table.columns, rows]) + b"\n")
    return total.hexdigest()


def _line(content: list[Any]) -> bytes:
    try:
        return canonical_bytes(content)
    except (TypeError, ValueError):  # a blob or an infinity, which few worlds hold
        name, columns, rows = content
        return canonical_bytes([name, columns, [[json_value(v) for v in row] for row in rows]])


def select_all(table: Table, schema: str) -> str:
    """All rows of a table in key order, as SQL; without a key in the order of all columns."""
    columns = ", ".join(quoted(c) for c in table.columns)
    order = ", ".join(quoted(c) for c in (table.key or table.columns))
    return f"SELECT {columns} FROM {schema}.{quoted(table.name)} ORDER BY {order}"


def changes_of(connection: apsw.Connection, session: apsw.Session, tables: Mapping[str, Table]) -> tuple[RowChange, ...]:
    """Every row that differs from the initial state, ordered by table and key; `initial` must be attached if a table is weak."""
    found = [*_recorded(connection, session, tables)]
    for table in tables.values():
        if table.weak:
            found.extend(_unkeyed(connection, table))
    return tuple(sorted(found, key=lambda change: (change.table, canonical_bytes([json_value(v) for v in change.key]))))


def _recorded(connection: apsw.Connection, session: apsw.Session, tables: Mapping[str, Table]) -> Iterator[RowChange]:
    """What the session saw; it holds keys and changed columns only, so that the rest is read from the final state."""
    for change in apsw.Changeset.iter(session.changeset()):
        table = tables[change.name]
        if change.opcode == apsw.SQLITE_INSERT:
            after = _row(table, change.new or ())
            yield RowChange(table=table.name, key=_key(table, after), after=after)
        elif change.opcode == apsw.SQLITE_DELETE:
            before = _row(table, change.old or ())
            yield RowChange(table=table.name, key=_key(table, before), before=before)
        else:
            yield _update(connection, table, change.old or ())


def _update(connection: apsw.Connection, table: Table, old: tuple[Any, ...]) -> RowChange:
    known = {column: json_value(value) for column, value in zip(table.columns, old, strict=True) if value is not apsw.no_change}
    raw = [value for column, value in zip(table.columns, old, strict=True) if column in table.key]
    places = [column for column in table.columns if column in table.key]
    condition = " AND ".join(f"{quoted(column)} = ?" for column in places)
    columns = ", ".join(quoted(c) for c in table.columns)
    sql = f"SELECT {columns} FROM {FINAL}.{quoted(table.name)} WHERE {condition}"
    after = _row(table, rows_of(connection, sql, raw)[0])
    return RowChange(table=table.name, key=_key(table, after), before={**after, **known}, after=after)


def _row(table: Table, values: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(table.columns, map(json_value, values), strict=True))


def _key(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column] for column in table.key)


def _unkeyed(connection: apsw.Connection, table: Table) -> Iterator[RowChange]:
    """Rows without a usable key, told apart by their rowid."""
    before, after = (_by_rowid(connection, table, schema) for schema in (INITIAL, FINAL))
    for rowid in sorted(before.keys() | after.keys()):
        old, new = before.get(rowid), after.get(rowid)
        if old != new:
            yield RowChange(table=table.name, key=("rowid", rowid), before=old, after=new)


def _by_rowid(connection: apsw.Connection, table: Table, schema: str) -> dict[int, dict[str, Any]]:
    condition = " OR ".join(f"{quoted(c)} IS NULL" for c in table.key) or "TRUE"
    columns = ", ".join(quoted(c) for c in table.columns)
    sql = f"SELECT rowid, {columns} FROM {schema}.{quoted(table.name)} WHERE {condition}"
    return {row[0]: _row(table, row[1:]) for row in rows_of(connection, sql)}
