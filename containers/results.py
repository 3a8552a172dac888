"""Result rows as JSON values: types applied, sizes bounded, nothing that JSON cannot hold."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from artifacts.errors import EnvironmentFault

MAX_ROWS = 1_000
MAX_TEXT = 500_000
MAX_DEPTH = 64

Row = tuple[Any, ...]


class ToolFailed(Exception):
    """A call ends with an error for the agent; its state changes are undone."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def plain(row: Row) -> int:
    """The characters that a row holds; raises for a value that JSON cannot hold."""
    size = 0
    for value in row:
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind is float:
            if not math.isfinite(value):
                raise ToolFailed("too_large", "A number in the result is too large.")
        elif kind is bytes:
            raise EnvironmentFault("A result holds a binary value, which JSON cannot hold.")
    return size


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ToolFailed("too_large", "A number in the result is too large.")
    return value


def _json(value: Any) -> Any:
    if type(value) is not str:
        return value
    try:
        document = json.loads(value, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as trouble:
        raise EnvironmentFault("A result that should hold JSON does not.") from trouble
    if value.count("[") + value.count("{") > MAX_DEPTH:
        _refuse_depth(document)
    if "\\u" in value:
        _refuse_surrogates(document)
    return document


def _refuse_depth(document: Any) -> None:
    """Level by level, since a document may be nested more deeply than Python's stack."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [part for value in level if type(value) in (list, dict) for part in (value if type(value) is list else value.values())]
        if not level:
            return
    raise ToolFailed("too_large", "The result is nested too deeply.")


def _refuse_surrogates(document: Any) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as trouble:
        raise EnvironmentFault("A JSON result holds half a character.") from trouble


def _boolean(value: Any) -> Any:
    return bool(value) if type(value) in (int, float) else value


def _integer(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


def _real(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _text(value: Any) -> Any:
    return str(value) if type(value) is int else value


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {"json": _json, "boolean": _boolean, "integer": _integer, "real": _real, "text": _text}


class Typed(NamedTuple):
    """How the rows of one query become values: column names, and the converters of the columns that need one."""

    columns: tuple[str, ...]
    converters: tuple[tuple[str, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, columns: tuple[str, ...], types: Mapping[str, str]) -> Typed:
        """The converters for the columns that `types` names."""
        return cls(columns, tuple((name, _CONVERTERS[kind]) for name, kind in types.items() if name in columns))

    def item(self, row: Row) -> dict[str, Any]:
        """One row as an object."""
        item = dict(zip(self.columns, row, strict=True))
        for name, convert in self.converters:
            item[name] = convert(item[name])
        return item

    def items(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """All rows as objects; raises ToolFailed when there are too many."""
        found: list[dict[str, Any]] = []
        size = 0
        for row in rows:
            size += plain(row)
            if size > MAX_TEXT or len(found) == MAX_ROWS:
                raise ToolFailed("too_large", "The result is too large; ask for less.")
            found.append(self.item(row))
        return found


def value_of(kind: str | None, row: Row) -> Any:
    """The first column of a row, typed."""
    plain(row)
    return row[0] if kind is None else _CONVERTERS[kind](row[0])
