"""Preparing statements on the pinned SQLite without running them: names resolve here or nowhere."""

from __future__ import annotations

from typing import NamedTuple

import apsw

from containers.initial_state import reason_of, split_statements
from containers.sandbox import Guard, Mode, refused_words


class Prepared(NamedTuple):
    """What SQLite knows of one statement; `problem` is empty when it may run.

    `columns` are the result's column names, `parameters` the names that it binds, `writes` whether it can change rows.
    """

    sql: str
    columns: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    writes: bool = False
    code: str = ""
    problem: str = ""


class _Preparing:
    """SQLite's answer about the statement that is being prepared; refusing in the trace keeps it from running."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self.parameters: tuple[str | None, ...] = ()
        self.readonly = True
        self.explains = False

    def __call__(self, cursor: apsw.Cursor, _sql: str, _bindings: object) -> bool:
        self.columns = tuple(column[0] for column in cursor.get_description())
        self.parameters = cursor.bindings_names
        self.readonly = cursor.is_readonly
        self.explains = bool(cursor.is_explain)
        return False


def prepare(connection: apsw.Connection, guard: Guard, sql: str, mode: Mode) -> Prepared:
    """One statement as SQLite understands it in this mode; what is wrong with it is said, not raised."""
    reason = refused_words(sql)
    if reason:
        return Prepared(sql, code="sql.forbidden", problem=reason)
    if len(split_statements(sql)) != 1:
        return Prepared(sql, code="sql.many_statements", problem="a step holds exactly one statement")
    answer = _Preparing()
    guard.mode, guard.denied, guard.ticks = mode, "", 0
    connection.exec_trace = answer
    try:
        connection.execute(sql, _AnyBinding(), can_cache=False)
    except apsw.ExecTraceAbort:
        return _prepared(sql, answer)
    except apsw.BindingsError:
        return _unnamed(sql)
    except (apsw.Error, UnicodeError) as trouble:
        reason = reason_of(trouble, guard)
        return Prepared(sql, code=_code_of(reason), problem=reason)
    finally:
        connection.exec_trace = None
        guard.mode = Mode.HOST
    return Prepared(sql, code="sql.empty", problem="the statement is empty")


class _AnyBinding(dict[str, None]):
    def __missing__(self, _name: str) -> None:
        return None


def _prepared(sql: str, answer: _Preparing) -> Prepared:
    if answer.explains:
        return Prepared(sql, code="sql.forbidden", problem="EXPLAIN is not allowed")
    if None in answer.parameters:
        return _unnamed(sql)
    names = tuple(name for name in answer.parameters if name is not None)
    return Prepared(sql, answer.columns, names, not answer.readonly)


def _unnamed(sql: str) -> Prepared:
    return Prepared(sql, code="sql.unnamed_parameter", problem="parameters bind by name, as :name, never by position")


_CODES = (
    ("no such column", "sql.unknown_column"),
    ("has no column named", "sql.unknown_column"),
    ("no such table", "sql.unknown_table"),
    ("no such function", "sql.unknown_function"),
    ("not allowed", "sql.forbidden"),
    ("not authorized", "sql.forbidden"),
    ("ambiguous column", "sql.ambiguous_column"),
    ("syntax error", "sql.syntax"),
    ("incomplete input", "sql.syntax"),
    ("misuse of aggregate", "sql.aggregate"),
)


def _code_of(reason: str) -> str:
    return next((code for text, code in _CODES if text in reason), "sql.error")
