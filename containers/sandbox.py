"""Hardened SQLite connections: what generated SQL may do, how large it may grow and how long it may run.

Every connection is in memory. Generated text meets SQLite in one of three modes; whatever a mode does not name is refused.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from enum import Enum
from typing import Any

import apsw

from containers.clock import VFS_NAME

FINAL = "final"
"""The attached database that tools work on; unqualified names resolve to it, since `main` stays empty."""

INITIAL = "initial"
"""The initial state, attached for checks only, shared by all environments of a world."""

PROGRESS_STEPS = 1_000
MAX_TICKS = 5_000
"""A call may take PROGRESS_STEPS * MAX_TICKS virtual-machine steps: five million, some tenths of a second."""

MAX_GROWTH = 256 * 2**20
"""Bytes by which SQLite's memory may grow while a call runs; looked at every PROGRESS_STEPS."""

MAX_STATE_GROWTH = 64 * 2**20
"""Bytes by which a state may outgrow the initial one."""

_SCALARS = """
abs char coalesce concat concat_ws format glob hex if ifnull iif instr last_insert_rowid length like likelihood likely lower ltrim
max min nullif octet_length printf quote replace round rtrim sign substr substring trim typeof unhex unicode unistr unlikely upper
zeroblob
"""
_AGGREGATES = "avg count group_concat max median min percentile percentile_cont percentile_disc string_agg sum total"
_WINDOWS = "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value"
_TIMES = "date time datetime julianday strftime timediff unixepoch current_date current_time current_timestamp"
_JSON = """
json json_array json_array_length json_error_position json_extract json_group_array json_group_object json_insert json_object json_patch
json_pretty json_quote json_remove json_replace json_set json_type json_valid -> ->>
json_array_insert jsonb jsonb_array jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove
jsonb_replace jsonb_set
"""
_MATH = """
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power radians sin sinh sqrt
tan tanh trunc
"""
FUNCTIONS = frozenset(" ".join((_SCALARS, _AGGREGATES, _WINDOWS, _TIMES, _JSON, _MATH)).split())
"""The functions that generated SQL may call: deterministic, bounded, and the same on every machine."""

_OWN_TABLES = ("sqlite_", "pragma_", "dbstat", "carray")
"""How SQLite's own tables begin."""

TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})

_DENIED_FUNCTIONS = ("random", "randomblob")


class Mode(Enum):
    """What the SQL at hand may do."""

    LOAD = "load"
    """Create tables, indexes, views and triggers, and insert rows: a schema and a seed."""
    TOOL = "tool"
    """Read and change rows of the final state."""
    CHECK = "check"
    """Read rows of the final and the initial state."""
    QUERY = "query"
    """Read rows of both states, and SQLite's own tables: authors and gates."""
    HOST = "host"
    """This package's own statements: savepoints, attaching the initial state."""


_READS = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE})
_WRITES = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_CREATES = frozenset(
    {apsw.SQLITE_CREATE_TABLE, apsw.SQLITE_CREATE_INDEX, apsw.SQLITE_CREATE_VIEW, apsw.SQLITE_CREATE_TRIGGER, apsw.SQLITE_REINDEX}
)


_READ_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"})


class Guard:
    """The authorizer and the step budget of one connection.

    `denied` says what the last refused statement wanted, for a diagnostic; SQLite's own message often does not.
    `recording` is on where a session records changes; statements were prepared once without it before they get there.
    """

    __slots__ = ("ceiling", "denied", "mode", "recording", "ticks")

    def __init__(self, mode: Mode = Mode.HOST) -> None:
        self.mode = mode
        self.recording = False
        self.ceiling = 0
        self.denied = ""
        self.ticks = 0

    def authorize(self, action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
        """SQLite's question whether a statement may do one thing; asked while it is prepared, never while it runs."""
        if self.recording and action == apsw.SQLITE_PRAGMA and first == "table_xinfo":
            return apsw.SQLITE_OK  # the session extension asks for a table's columns when its first row changes
        if self.mode is Mode.HOST or _allowed(self.mode, action, (first or "", second or "", database or ""), source):
            return apsw.SQLITE_OK
        name = str(apsw.mapping_authorizer_function.get(action, action)).removeprefix("SQLITE_").replace("_", " ").lower()
        self.denied = " ".join(part for part in (name, first, second) if part)
        return apsw.SQLITE_DENY

    def tick(self) -> bool:
        """Counts progress; true stops the statement. This package's own statements are never stopped."""
        if self.mode is Mode.HOST:
            return False
        used = apsw.memory_used()
        if self.ticks == 0:
            self.ceiling = used + MAX_GROWTH
        self.ticks += 1
        return self.ticks > MAX_TICKS or used > self.ceiling


def _allowed(mode: Mode, action: int, names: tuple[str, str, str], source: str | None) -> bool:
    first, second, database = names
    if action in _READS:
        return True
    if action == apsw.SQLITE_FUNCTION:
        return second.lower() in FUNCTIONS
    if mode is Mode.LOAD:
        return _may_load(action, first, source)
    if mode is Mode.QUERY:
        return action == apsw.SQLITE_READ or (action == apsw.SQLITE_PRAGMA and first in _READ_PRAGMAS)
    if action == apsw.SQLITE_READ:
        return _may_read(mode, first, database)
    return mode is Mode.TOOL and action in _WRITES and database == FINAL and not first.startswith("sqlite_")


def _may_read(mode: Mode, table: str, database: str) -> bool:
    if table.lower().startswith(_OWN_TABLES):
        return False
    # SQLite names no database when it reads no column (`count(*)`) of a table that was named without one.
    return database in ("", FINAL) or (mode is Mode.CHECK and database == INITIAL) or table in TABLE_FUNCTIONS


def _may_load(action: int, table: str, source: str | None) -> bool:
    """Creating writes to SQLite's own tables; rows are only inserted, but a trigger may do more."""
    if action in (apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE):
        return source is not None or table.startswith("sqlite_")
    if action == apsw.SQLITE_READ:
        return not table.startswith(_OWN_TABLES) or table in ("sqlite_master", "sqlite_sequence")
    return action == apsw.SQLITE_INSERT or action in _CREATES


_CONFIGURATION = (
    (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
    (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1),
    (apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1),
    (apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0),
)

_LIMITS = (
    (apsw.SQLITE_LIMIT_LENGTH, 1_000_000),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, 200_000),
    (apsw.SQLITE_LIMIT_COLUMN, 200),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, 200),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 50),
    (apsw.SQLITE_LIMIT_VDBE_OP, 100_000),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, 127),
    (apsw.SQLITE_LIMIT_ATTACHED, 3),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 25_000),
    (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, 500),
    (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 32),
    (apsw.SQLITE_LIMIT_WORKER_THREADS, 0),
)
TOOL_FLAGS = apsw.SQLITE_PREPARE_PERSISTENT
CHECK_FLAGS = apsw.SQLITE_PREPARE_PERSISTENT | apsw.SQLITE_PREPARE_DONT_LOG
QUERY_FLAGS = apsw.SQLITE_PREPARE_DONT_LOG
"""How each mode prepares. The statement cache tells flags apart, so that no mode gets what another was allowed to prepare."""

_LOAD_LIMITS = (
    (apsw.SQLITE_LIMIT_SQL_LENGTH, 20_000_000),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 0),
    (apsw.SQLITE_LIMIT_VDBE_OP, 10_000_000),
)
"""A seed may hold one long INSERT of many rows; a compound of 0 terms means no limit."""

_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI


def open_connection(guard: Guard, cached_statements: int = 400) -> apsw.Connection:
    """An empty hardened connection in memory, on the world's clock."""
    connection = apsw.Connection(":memory:", flags=_FLAGS, vfs=VFS_NAME, statementcachesize=cached_statements)
    for option, value in _CONFIGURATION:
        connection.config(option, value)
    for limit, value in _LIMITS + (_LOAD_LIMITS if guard.mode is Mode.LOAD else ()):
        connection.limit(limit, value)
    for name in _DENIED_FUNCTIONS:
        # A column's DEFAULT is not shown to the authorizer; an application's function is not trusted there.
        connection.create_scalar_function(name, _no_randomness)
    connection.set_authorizer(guard.authorize)
    connection.set_progress_handler(guard.tick, PROGRESS_STEPS)
    return connection


def open_state(initial: bytes, guard: Guard) -> apsw.Connection:
    """A hardened connection whose `final` database starts as `initial`."""
    connection = open_connection(guard)
    connection.execute("ATTACH ':memory:' AS final")
    connection.deserialize(FINAL, initial)
    limit = ctypes.c_int64(len(initial) + MAX_STATE_GROWTH)
    connection.file_control(FINAL, apsw.SQLITE_FCNTL_SIZE_LIMIT, ctypes.addressof(limit))
    return connection


def rows_of(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one of this package's own statements."""
    rows: list[tuple[Any, ...]] = connection.execute(sql, bindings).fetchall()
    return rows


def _no_randomness(*_: object) -> None:
    raise ValueError("random numbers are not available in a world")


_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_HOST_TIME = re.compile(
    r"'\s*localtime\s*'|\b(?:date|time|datetime|julianday|strftime|unixepoch)\s*\([^()]*'\s*utc\s*'\s*[,)]", re.IGNORECASE
)
_ROLLBACK = re.compile(r"\bROLLBACK\b", re.IGNORECASE)


def refused_words(sql: str) -> str:
    """Why a statement is refused for its words alone, or the empty text: what neither authorizer nor limits can see."""
    if "\0" in sql:
        return "a statement holds a NUL character"
    lowered = sql.lower()
    if ("localtime" in lowered or "utc" in lowered) and _HOST_TIME.search(sql):
        return "the modifiers 'localtime' and 'utc' read the machine's time zone; a world has one time only"
    if "rollback" in lowered and _ROLLBACK.search(_QUOTED.sub(" ", sql)):
        return "ROLLBACK would undo earlier calls too; use ABORT"
    return ""
