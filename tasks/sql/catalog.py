"""What a schema holds: tables, columns, keys, foreign keys, checks and views, read once from SQLite itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import apsw
from sqlglot import exp

from tasks.sql.statements import parse_statement


class Column(NamedTuple):
    """One column: its declared type in upper case, and what its checks allow."""

    name: str
    type: str
    not_null: bool
    default: str | None
    key: int
    choices: tuple[str | int, ...] = ()
    least: int | None = None
    most: int | None = None
    generated: bool = False

    @property
    def affinity(self) -> str:
        """SQLite's affinity of the declared type: INTEGER, TEXT, REAL, NUMERIC or BLOB."""
        return affinity_of(self.type)


class ForeignKey(NamedTuple):
    """Columns of a table that name a row of `parent`."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


class Table(NamedTuple):
    """A table (or a view, with no keys)."""

    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    uniques: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[ForeignKey, ...]
    sql: str

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Every set of columns that tells rows apart."""
        return ((self.primary_key,) if self.primary_key else ()) + self.uniques

    def parent_of(self, column: str) -> tuple[str, str] | None:
        """The table and column that a single-column foreign key names, if there is one."""
        for key in self.foreign_keys:
            if key.columns == (column,):
                return key.parent, key.parent_columns[0]
        return None


class Catalog(NamedTuple):
    """All tables and views of a schema, by lower-case name."""

    tables: Mapping[str, Table]
    views: Mapping[str, Table]

    def find(self, name: str) -> Table | None:
        """A table or a view, whatever the case of its name."""
        return self.tables.get(name.lower()) or self.views.get(name.lower())

    def column(self, table: str, column: str) -> Column | None:
        """A column of a table or a view."""
        found = self.find(table)
        return found.columns.get(column.lower()) if found else None

    def names(self) -> tuple[str, ...]:
        """All table and view names."""
        return tuple(t.name for t in (*self.tables.values(), *self.views.values()))


def affinity_of(declared: str) -> str:
    """SQLite's rules for the affinity of a declared type (sqlite.org/datatype3.html, section 3.1)."""
    name = declared.upper()
    if "INT" in name:
        return "INTEGER"
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in name or not name:
        return "BLOB"
    return "REAL" if any(word in name for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def read_catalog(connection: apsw.Connection) -> Catalog:
    """The catalog of an open database's main schema."""
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    )
    tables = {
        (kind, name.lower()): _read_table(connection, name, sql) for kind, name, sql in rows if kind == "table" or _usable(connection, name)
    }
    return Catalog(
        MappingProxyType({name: table for (kind, name), table in tables.items() if kind == "table"}),
        MappingProxyType({name: table for (kind, name), table in tables.items() if kind == "view"}),
    )


def _usable(connection: apsw.Connection, view: str) -> bool:
    """Whether a view's names resolve; SQLite does not ask when it is created."""
    try:
        connection.execute("SELECT 1 FROM pragma_table_xinfo(?)", (view,)).fetchall()
    except apsw.SQLError:
        return False
    return True


def _read_table(connection: apsw.Connection, name: str, sql: str) -> Table:
    limits = column_limits(sql)
    rows = [row for row in _pragma(connection, "table_xinfo", name) if row["hidden"] != 1]
    columns = {row["name"].lower(): _column(row, limits.get(row["name"].lower(), _NO_LIMITS)) for row in rows}
    keyed = sorted((row["pk"], row["name"]) for row in rows if row["pk"])
    uniques = [
        tuple(part["name"] for part in _pragma(connection, "index_info", index["name"]))
        for index in _pragma(connection, "index_list", name)
        if index["unique"] and not index["partial"] and index["origin"] != "pk"
    ]
    whole = tuple(sorted(unique for unique in uniques if None not in unique))
    return Table(name, MappingProxyType(columns), tuple(column for _, column in keyed), whole, _foreign_keys(connection, name), sql)


def _column(row: Mapping[str, Any], limits: Limits) -> Column:
    return Column(
        row["name"],
        row["type"].upper(),
        bool(row["notnull"]),
        row["dflt_value"],
        row["pk"],
        limits.choices,
        limits.least,
        limits.most,
        row["hidden"] > 1,
    )


def _foreign_keys(connection: apsw.Connection, name: str) -> tuple[ForeignKey, ...]:
    grouped: dict[int, list[dict[str, Any]]] = {}
    for row in _pragma(connection, "foreign_key_list", name):
        grouped.setdefault(row["id"], []).append(row)
    return tuple(_foreign_key(connection, rows) for _, rows in sorted(grouped.items()))


def _foreign_key(connection: apsw.Connection, rows: list[dict[str, Any]]) -> ForeignKey:
    parent = rows[0]["table"]
    named = tuple(row["to"] for row in rows)
    if None in named:
        keyed = sorted((row["pk"], row["name"]) for row in _pragma(connection, "table_xinfo", parent) if row["pk"])
        named = tuple(name for _, name in keyed) or ("rowid",)
    return ForeignKey(tuple(row["from"] for row in rows), parent, named)


def _pragma(connection: apsw.Connection, pragma: str, argument: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM pragma_{pragma}(?)", (argument,))
    names: list[str] = []
    rows = []
    for row in cursor:
        names = names or [d[0] for d in cursor.getdescription()]
        rows.append(dict(zip(names, row, strict=True)))
    return rows


class Limits(NamedTuple):
    """What the checks of one column allow."""

    choices: tuple[str | int, ...] = ()
    least: int | None = None
    most: int | None = None


_NO_LIMITS = Limits()


@lru_cache(maxsize=200)
def column_limits(sql: str) -> Mapping[str, Limits]:
    """Enumerations and bounds from the CHECKs of a CREATE TABLE, by lower-case column name."""
    tree = parse_statement(sql).tree
    found: dict[str, Limits] = {}
    for check in tree.find_all(exp.CheckColumnConstraint, exp.Check) if tree is not None else ():
        for name, limits in _limits_of(check.this):
            found[name] = _merged(found.get(name, _NO_LIMITS), limits)
    return found


def _limits_of(condition: exp.Expr) -> Iterable[tuple[str, Limits]]:
    for part in condition.unnest().flatten() if isinstance(condition.unnest(), exp.And) else (condition.unnest(),):
        inner = part.unnest()
        column = inner.this if isinstance(getattr(inner, "this", None), exp.Column) else None
        if column is None:
            continue
        values = [_literal(value) for value in inner.expressions] if isinstance(inner, exp.In) else []
        if values and None not in values:
            yield column.name.lower(), Limits(tuple(v for v in values if v is not None))
        elif isinstance(inner, exp.Between):
            yield column.name.lower(), Limits((), _number(inner.args["low"]), _number(inner.args["high"]))
        elif isinstance(inner, (exp.GTE, exp.GT, exp.LTE, exp.LT)):
            yield column.name.lower(), _bound(inner)


def _bound(node: exp.Binary) -> Limits:
    number = _number(node.expression)
    if number is None:
        return _NO_LIMITS
    if isinstance(node, (exp.GTE, exp.GT)):
        return Limits((), number + isinstance(node, exp.GT), None)
    return Limits((), None, number - isinstance(node, exp.LT))


def _literal(node: exp.Expr) -> str | int | None:
    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else _number(node)
    return _number(node)


def _number(node: exp.Expr) -> int | None:
    text = node.sql(dialect="sqlite")
    return int(text) if text.lstrip("-").isdigit() else None


def _merged(one: Limits, other: Limits) -> Limits:
    least = one.least if other.least is None else other.least
    return Limits(one.choices or other.choices, least, one.most if other.most is None else other.most)
