"""What a schema declares, as SQLite itself sees it: tables, columns, keys, and how many rows a seed gives."""

from __future__ import annotations

from typing import NamedTuple

import apsw

from artifacts.errors import InvalidBundle

STEP_BUDGET = 2_000
"""Thousands of virtual-machine steps that loading a schema and a seed may take."""


class Column(NamedTuple):
    """One column; `primary` is its place in the primary key from 1, or 0; `references` is "table.column" or empty."""

    name: str
    type: str
    required: bool
    primary: int
    references: str


class TableShape(NamedTuple):
    """One table with its columns, in their order."""

    name: str
    columns: tuple[Column, ...]


def open_database(schema_sql: str, seed_sql: str = "") -> apsw.Connection:
    """A database in memory with a schema and a seed loaded; it can reach no file and runs a bounded number of steps.

    Raises InvalidBundle where SQLite refuses a statement.
    """
    database = apsw.Connection(":memory:")
    database.authorizer = _no_files
    database.set_progress_handler(_Budget(STEP_BUDGET), 100_000)
    for file, text in (("schema.sql", schema_sql), ("seed.sql", seed_sql)):
        try:
            database.execute(text)
        except apsw.Error as problem:
            database.close()
            raise InvalidBundle(f"{file} does not load: {problem}.", "Build the world again.") from problem
    return database


def tables_of(database: apsw.Connection) -> tuple[TableShape, ...]:
    """The tables in the order of their creation; what SQLite made for itself is left out."""
    names = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
    )
    return tuple(TableShape(str(name), _columns(database, str(name))) for (name,) in names.fetchall())


def row_count(database: apsw.Connection) -> int:
    """The rows of all tables."""
    counts = (database.execute(f"SELECT count(*) FROM {quoted(table.name)}").get for table in tables_of(database))
    return sum(int(str(count)) for count in counts)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _columns(database: apsw.Connection, table: str) -> tuple[Column, ...]:
    keys = database.execute('SELECT "from", "table", coalesce("to", \'\') FROM pragma_foreign_key_list(?)', (table,)).fetchall()
    targets = {str(own): f"{other}.{column}".rstrip(".") for own, other, column in keys}
    rows = database.execute('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', (table,)).fetchall()
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
