"""Tool programs: steps compiled against a world's schema, and run inside one call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import apsw

from artifacts.errors import EnvironmentFault
from containers.results import MAX_ROWS, MAX_TEXT, Row, ToolFailed, Typed, plain, value_of
from containers.sandbox import TOOL_FLAGS

MAX_STATEMENTS = 5_000
"""Statements that one call may run; with the step budget it bounds the time of a call."""

Scope = dict[str, Any]
"""The names that a statement may bind, and their values."""

NOTHING = object()
"""What a step gives when the program goes on."""


class Call:
    """One running call: the cursor it works through, and how many statements it ran."""

    __slots__ = ("connection", "cursor", "statements")

    def __init__(self, connection: apsw.Connection, cursor: apsw.Cursor) -> None:
        self.connection = connection
        self.cursor = cursor
        self.statements = 0

    def execute(self, sql: str, scope: Scope) -> apsw.Cursor:
        """The rows of one statement, lazily; raises ToolFailed when the call ran too many."""
        self.statements += 1
        if self.statements > MAX_STATEMENTS:
            raise ToolFailed("too_large", "This call takes too many steps; ask for less.")
        return self.cursor.execute(sql, scope, prepare_flags=TOOL_FLAGS)

    def first(self, sql: str, scope: Scope) -> Row | None:
        """The first row of one statement, or None."""
        row: Row
        for row in self.execute(sql, scope):
            if plain(row) > MAX_TEXT:
                raise ToolFailed("too_large", "The result is too large; ask for less.")
            return row
        return None


class Operation(Protocol):
    """A compiled step."""

    def perform(self, call: Call, scope: Scope) -> Any:
        """Does the step; gives NOTHING, or the result that ends the program."""


Message = tuple[str, ...]
"""A message cut at its names: text, name, text, name, text."""

_NAME = re.compile(r"\{([A-Za-z_]\w*)\}")


def cut_message(text: str) -> Message:
    """The message with its names told apart from its text."""
    return tuple(_NAME.split(text))


def fill(message: Message, scope: Mapping[str, Any]) -> str:
    """The message with values in place of names; a name without a value stands for itself."""
    parts = [part if i % 2 == 0 else _shown(part, scope) for i, part in enumerate(message)]
    return "".join(parts)


def _shown(name: str, scope: Mapping[str, Any]) -> str:
    if name not in scope:
        return f"{{{name}}}"
    value = scope[name]
    text = "none" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


@dataclass(frozen=True, slots=True)
class RequireRow:
    """No row ends the call; a row binds its columns."""

    sql: str
    names: tuple[str | None, ...]
    error: str
    message: Message

    def perform(self, call: Call, scope: Scope) -> Any:
        """Binds the first row, or fails."""
        row = call.first(self.sql, scope)
        if row is None:
            raise ToolFailed(self.error, fill(self.message, scope))
        bind(self.names, row, scope)
        return NOTHING


@dataclass(frozen=True, slots=True)
class RefuseRow:
    """A row ends the call."""

    sql: str
    names: tuple[str | None, ...]
    error: str
    message: Message

    def perform(self, call: Call, scope: Scope) -> Any:
        """Fails with the first row's columns in the message."""
        row = call.first(self.sql, scope)
        if row is not None:
            bind(self.names, row, scope)
            raise ToolFailed(self.error, fill(self.message, scope))
        return NOTHING


@dataclass(frozen=True, slots=True)
class LetRow:
    """Binds the first row's columns, NULL where there is none."""

    sql: str
    names: tuple[str | None, ...]

    def perform(self, call: Call, scope: Scope) -> Any:
        """Binds."""
        bind(self.names, call.first(self.sql, scope) or (None,) * len(self.names), scope)
        return NOTHING


@dataclass(frozen=True, slots=True)
class RunChange:
    """One INSERT, UPDATE or DELETE."""

    sql: str
    expect: int | None

    def perform(self, call: Call, scope: Scope) -> Any:
        """Changes rows; raises EnvironmentFault when it touched another number than expected."""
        for _ in call.execute(self.sql, scope):
            pass
        if self.expect is not None and call.connection.changes() != self.expect:
            raise EnvironmentFault(f"A change touched {call.connection.changes()} rows, not {self.expect}.")
        return NOTHING


@dataclass(frozen=True, slots=True)
class EachRow:
    """Reads its rows first, then does its steps once a row, with the row's columns bound.

    The compiler lets no later step read those names, so that they may stay in the scope.
    """

    sql: str
    names: tuple[str | None, ...]
    steps: tuple[Operation, ...]

    def perform(self, call: Call, scope: Scope) -> Any:
        """Does the steps for every row; raises ToolFailed when there are too many rows."""
        rows = list(islice(call.execute(self.sql, scope), MAX_ROWS + 1))
        if len(rows) > MAX_ROWS:
            raise ToolFailed("too_large", "This call concerns too many rows; ask for less.")
        for row in rows:
            plain(row)
            bind(self.names, row, scope)
            perform_all(self.steps, call, scope)
        return NOTHING


@dataclass(frozen=True, slots=True)
class ReturnOne:
    """An object, or null."""

    sql: str
    typed: Typed

    def perform(self, call: Call, scope: Scope) -> Any:
        """The first row as an object."""
        row = call.first(self.sql, scope)
        return None if row is None else self.typed.item(row)


@dataclass(frozen=True, slots=True)
class ReturnMany:
    """A list of objects."""

    sql: str
    typed: Typed

    def perform(self, call: Call, scope: Scope) -> Any:
        """All rows as objects."""
        return self.typed.items(call.execute(self.sql, scope))


@dataclass(frozen=True, slots=True)
class ReturnValue:
    """A scalar or a JSON document."""

    sql: str
    kind: str | None

    def perform(self, call: Call, scope: Scope) -> Any:
        """The first column of the first row."""
        row = call.first(self.sql, scope)
        return None if row is None else value_of(self.kind, row)


@dataclass(frozen=True, slots=True)
class ReturnNamed:
    """An object of named queries."""

    parts: tuple[tuple[str, Operation], ...]

    def perform(self, call: Call, scope: Scope) -> Any:
        """Every query's value under its name."""
        return {name: part.perform(call, scope) for name, part in self.parts}


def bind(names: Sequence[str | None], row: Row, scope: Scope) -> None:
    """Puts a row's columns into the scope; columns without a usable name are left out."""
    for name, value in zip(names, row, strict=True):
        if name is not None:
            scope[name] = value


def perform_all(steps: Sequence[Operation], call: Call, scope: Scope) -> Any:
    """Does the steps in order; the result of the first that gives one, else None."""
    for step in steps:
        result = step.perform(call, scope)
        if result is not NOTHING:
            return result
    return None


def names_of(columns: Sequence[str]) -> Iterator[str | None]:
    """The names that columns bind: identifiers only, so that `SELECT 1` binds nothing."""
    return (column if column.isidentifier() and column.isascii() else None for column in columns)
