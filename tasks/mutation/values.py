"""Other values for an argument: another valid one, one that a neighbouring row holds, one at the boundary of what is allowed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any

from artifacts.toolset import Tool
from tasks.sql.lineage import ColumnName, Link, root_of
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench

MOST = 2_000
"""The most values of one column that are looked at."""

NEAR = 2
"""How many values on each side of the present one are taken from a column."""

OTHER_TEXT = "Something else entirely"


def key_of(tool: str, name: str, bench: Workbench) -> ColumnName | None:
    """The table and column that a parameter names a row of, when it names one."""
    for link in bench.usages[tool].links:
        root = root_of((link.table, link.column), bench.catalog)
        table = bench.catalog.tables.get(root[0])
        if link.name == name and link.path in ("", "[]") and table and [c.lower() for c in table.primary_key] == [root[1]]:
            return root
    return None


def valid_values(value: Any, schema: dict[str, Any]) -> Iterator[Any]:
    """Other values that a parameter's schema allows, the likeliest mistakes first."""
    if schema.get("enum"):
        yield from (choice for choice in schema["enum"] if choice not in (value, None))
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (near for near in (value + 1, value - 1) if _allowed(near, schema))
    elif isinstance(value, str):
        yield other_text(value, schema)
    elif isinstance(value, list):
        yield from _other_lists(value, schema)
    elif isinstance(value, dict):
        yield from _other_objects(value, schema.get("properties", {}))


def other_text(value: str, schema: dict[str, Any]) -> str:
    """The next day for a date, something unrelated for other text."""
    day = day_of(value)
    if day is not None:
        return (day + timedelta(days=1)).isoformat() + value[10:]
    least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", 1_000))
    return OTHER_TEXT.ljust(least, ".")[:most]


def day_of(text: str) -> date | None:
    """The day that a text begins with, if it is a date or a moment."""
    try:
        return date.fromisoformat(text[:10]) if len(text) in (10, 16, 19, 20) else None
    except ValueError:
        return None


def _other_lists(value: list[Any], schema: dict[str, Any]) -> Iterator[list[Any]]:
    """One element fewer, then one element changed."""
    if len(value) > max(1, int(schema.get("minItems", 0))):
        yield value[:-1]
        yield value[1:]
    for index, element in enumerate(value):
        for other in valid_values(element, schema.get("items", {})):
            yield [*value[:index], other, *value[index + 1 :]]


def _other_objects(value: dict[str, Any], parts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key, part in value.items():
        for other in valid_values(part, parts.get(key, {})):
            yield {**value, key: other}


def boundary_values(value: Any, tool: Tool, name: str, bench: Workbench) -> Iterator[Any]:
    """The least and the most that the schema or the column allows; for a list none or all but one; for text the longest of it."""
    schema = parameter_schema(tool, name)
    if isinstance(value, bool) or schema.get("enum"):
        return
    if isinstance(value, int | float):
        bounds = (schema.get("minimum"), schema.get("maximum"), *_column_bounds(tool.name, name, bench))
        yield from dict.fromkeys(bound for bound in bounds if bound not in (None, value) and _allowed(bound, schema))
    elif isinstance(value, str) and day_of(value) is None:
        yield from (text for text in (value[:1], "") if text != value and len(text) >= int(schema.get("minLength", 0)))
    elif isinstance(value, list) and len(value) > 1:
        yield from (part for part in ([], value[:1]) if len(part) >= int(schema.get("minItems", 0)))


def _column_bounds(tool: str, name: str, bench: Workbench) -> Iterator[int | None]:
    for link in _links(tool, name, bench):
        column = bench.catalog.column(link.table, link.column)
        if column is not None and link.path == "":
            yield from (column.least, column.most)


def _allowed(value: float, schema: dict[str, Any]) -> bool:
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def neighbours(value: Any, tool: str, name: str, bench: Workbench) -> list[Any]:
    """What the rows next to it hold: the nearest keys where the parameter names a row, else the nearest values of its column."""
    if isinstance(value, list):
        return [[*value[:-1], near] for near in (neighbours(value[-1], tool, name, bench) if value else []) if near not in value]
    key = key_of(tool, name, bench)
    column = key or next(((link.table, link.column) for link in _links(tool, name, bench) if link.path == ""), None)
    if column is None or isinstance(value, bool | dict) or value is None:
        return []
    return near_in(column, value, bench)


def near_in(column: ColumnName, value: Any, bench: Workbench) -> list[Any]:
    """The values of a column that come just after and just before one at the start, in turn."""
    kind = str if isinstance(value, str) else (int, float)
    held = [found for found in _column_values(column, bench) if isinstance(found, kind)]
    place, end = bisect_left(held, value), bisect_right(held, value)
    after, before = held[end : end + NEAR], held[max(0, place - NEAR) : place][::-1]
    return [found for pair in zip_longest(after, before) for found in pair if found is not None]


def _column_values(column: ColumnName, bench: Workbench) -> list[Any]:
    """What a column holds in the initial state, in order; looked up once. The environment's state is lost the first time."""
    key = f"values of {column}"
    if key not in bench.probed:
        bench.environment.reset()
        known = bench.catalog.column(*column) is not None
        sql = f'SELECT DISTINCT "{column[1]}" AS value FROM "{column[0]}" ORDER BY 1 LIMIT {MOST}'
        bench.probed[key] = [row["value"] for row in bench.environment.query(sql)] if known else []
    found: Any = bench.probed[key]
    return list(found)


def _links(tool: str, name: str, bench: Workbench) -> Iterator[Link]:
    return (link for link in bench.usages[tool].links if link.name == name)
