"""What a schema declares, as SQLite itself sees it: tables, columns, keys, and how many rows a seed gives."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import apsw

from artifacts.errors import InvalidBundle

STEP_BUDGET = 200_000_000
"""Virtual-machine steps that loading a schema and a seed may take."""

_STEPS_A_CALL = 100_000
_OWN_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY rowid"
_FOREIGN_KEYS = """SELECT "from", "table", coalesce("to", '') FROM pragma_foreign_key_list(?)"""
_COLUMNS = 'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1'


class Column(NamedTuple):
    """One column; `primary` is its place in the primary key from 1, or 0; `references` is "table.column" or empty."""

    name: str
    type: str
    required: bool
    primary: int
    references: str


class TableShape(NamedTuple):
    """One table with its columns, in their order, and the rows that the seed gives it."""

    name: str
    columns: tuple[Column, ...]
    rows: int


@lru_cache(maxsize=16)
def shape_of(schema_sql: str, seed_sql: str = "") -> tuple[TableShape, ...]:
    """The tables in the order of their creation; what SQLite made for itself is left out.

    The database is in memory, can reach no file and runs a bounded number of steps. Raises InvalidBundle where SQLite
    refuses a statement.
    """
    database = apsw.Connection(":memory:")
    try:
        database.authorizer = _no_files
        database.set_progress_handler(_Budget(STEP_BUDGET // _STEPS_A_CALL), _STEPS_A_CALL)
        _load(database, "schema.sql", schema_sql)
        _load(database, "seed.sql", seed_sql)
        return tuple(_table(database, str(name)) for (name,) in database.execute(_OWN_TABLES).fetchall())
    finally:
        database.close()


def _load(database: apsw.Connection, file: str, text: str) -> None:
    try:
        database.execute(text)
    except (apsw.Error, ValueError) as problem:  # ValueError: text that is not valid UTF-8
        raise InvalidBundle(f"{file} does not load: {problem}.", "Build the world again.") from problem


def _table(database: apsw.Connection, name: str) -> TableShape:
    identifier = '"' + name.replace('"', '""') + '"'
    count = database.execute(f"SELECT count(*) FROM {identifier}").get
    return TableShape(name, _columns(database, name), int(str(count)))


def _columns(database: apsw.Connection, table: str) -> tuple[Column, ...]:
    keys = database.execute(_FOREIGN_KEYS, (table,)).fetchall()
    targets = {str(own): f"{other}.{column}".rstrip(".") for own, other, column in keys}
    rows = database.execute(_COLUMNS, (table,)).fetchall()
    return tuple(Column(str(n), str(t), bool(r or p), int(str(p)), targets.get(str(n), "")) for n, t, r, p in rows)


def _no_files(action: int, *_: str | None) -> int:
    return apsw.SQLITE_DENY if action in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH) else apsw.SQLITE_OK


class _Budget:
    """Counts down at every call; true, and so an interrupt, when nothing is left."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0
