"""A scratch database that holds only a schema: statements are prepared on it, never run."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import apsw

from containers.initial_state import split_statements
from tasks.sql.catalog import Catalog, read_catalog
from tasks.sql.statements import statement_problems

_READS = {apsw.SQLITE_READ}
_WRITES = {apsw.SQLITE_INSERT: "insert", apsw.SQLITE_DELETE: "delete", apsw.SQLITE_UPDATE: "update"}


class ResultColumn(NamedTuple):
    """A column of a result and, where SQLite knows it, the table's column that it comes from."""

    name: str
    declared: str
    table: str | None
    origin: str | None


class Described(NamedTuple):
    """What SQLite says of a statement when it prepares it; `error` is empty when it can be prepared.

    `reads` are (table, column) pairs, `writes` are (verb, table, column or "") triples; what triggers do is left out.
    """

    columns: tuple[ResultColumn, ...] = ()
    reads: frozenset[tuple[str, str]] = frozenset()
    writes: frozenset[tuple[str, str, str]] = frozenset()
    error: str = ""


class _Anything(Mapping[str, None]):
    """Bindings in which every name is NULL."""

    def __getitem__(self, name: str) -> None:
        return None

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


ANYTHING = _Anything()


def open_scratch(schema_sql: str, schemas: tuple[str, ...] = ("main",)) -> apsw.Connection:
    """A database in memory with the schema in each of the named schemas; statements that fail are left out.

    Only whitelisted statements reach it. Strings in double quotes are off, as they are where worlds run.
    """
    connection = apsw.Connection(":memory:")
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    for name in schemas:
        if name != "main":
            connection.execute(f"ATTACH ':memory:' AS {name}")
        for statement in split_statements(schema_sql):
            if not statement_problems(statement, "schema", "schema"):
                _create(connection, _inside(statement, name))
    return connection


def _create(connection: apsw.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except apsw.Error:
        return  # the gate that runs the schema reports it; what hangs on it is reported there too


_CREATED_NAME = re.compile(
    r"^((?:\s|--[^\n]*\n)*CREATE\s+(?:UNIQUE\s+)?(?:TABLE|VIEW|INDEX|TRIGGER)\s+(?:IF\s+NOT\s+EXISTS\s+)?)([\"\[`]?\w)", re.IGNORECASE
)


def _inside(statement: str, schema: str) -> str:
    return statement if schema == "main" else _CREATED_NAME.sub(rf"\1{schema}.\2", statement)


@lru_cache(maxsize=64)
def catalog_of(schema_sql: str) -> Catalog:
    """The catalog of a schema's text."""
    connection = open_scratch(schema_sql)
    try:
        return read_catalog(connection)
    finally:
        connection.close()


_local = threading.local()


def _connection(schema_sql: str, schemas: tuple[str, ...]) -> apsw.Connection:
    held: dict[tuple[str, tuple[str, ...]], apsw.Connection] = _local.__dict__.setdefault("held", {})
    key = (schema_sql, schemas)
    if key not in held:
        while len(held) >= 4:
            held.pop(next(iter(held))).close()
        held[key] = open_scratch(schema_sql, schemas)
    return held[key]


@lru_cache(maxsize=1_000)
def describe(schema_sql: str, sql: str, check: bool = False) -> Described:
    """What SQLite says of a whitelisted statement on this schema; a check sees it as `initial.` and `final.`."""
    connection = _connection(schema_sql, ("initial", "final") if check else ("main",))
    columns: list[ResultColumn] = []
    actions: list[tuple[int, str, str]] = []

    def tracer(cursor: apsw.Cursor, _sql: str, _bindings: object) -> bool:
        columns.extend(ResultColumn(d[0], d[1] or "", d[3], d[4]) for d in cursor.description_full)
        return False

    def authorizer(code: int, third: str | None, fourth: str | None, _db: str | None, trigger: str | None) -> int:
        if code in _READS or code in _WRITES:
            actions.append((code, (third or "").lower(), (fourth or "").lower()))
        return apsw.SQLITE_OK

    cursor = connection.cursor()
    cursor.exec_trace = tracer
    connection.authorizer = authorizer
    try:
        cursor.execute(sql, ANYTHING, can_cache=False)
    except apsw.ExecTraceAbort:
        pass
    except apsw.Error as error:
        return Described(error=str(error).removeprefix("SQLError: "))
    finally:
        connection.authorizer = None
        cursor.close(True)
    reads = frozenset((table, column) for code, table, column in actions if code in _READS)
    writes = frozenset((_WRITES[code], table, column) for code, table, column in actions if code in _WRITES)
    return Described(tuple(columns), reads, writes)
