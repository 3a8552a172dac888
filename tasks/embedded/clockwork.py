"""Which columns a tool fills from the world's clock: they depend on how many calls came before, so no task may insist on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\) (?:VALUES \((.*)\)|SELECT (.*))", re.DOTALL)
_UPDATE = re.compile(r"UPDATE (\w+) SET (.*)", re.DOTALL)
_SET = re.compile(r"(\w+) = [^,]*?:now\b")


def clock_columns(tool: dict[str, Any]) -> set[str]:
    """ "table.column" for each column that the tool's program writes with `:now`."""
    return {f"{table}.{column}" for sql in _runs(tool["program"]) for table, column in _written(sql)}


def _runs(program: list[dict[str, Any]]) -> Iterator[str]:
    for step in program:
        if "run" in step:
            yield step["run"]
        yield from _runs(step.get("do", []))


def _written(sql: str) -> Iterator[tuple[str, str]]:
    inserted, updated = _INSERT.match(sql), _UPDATE.match(sql)
    if inserted:
        table, columns, values, selected = inserted.groups()
        pairs = zip(columns.split(","), top_level(values or selected), strict=False)
        yield from ((table, column.strip()) for column, value in pairs if ":now" in value)
    elif updated:
        yield from ((updated.group(1), column) for column in _SET.findall(updated.group(2)))


def top_level(text: str) -> list[str]:
    """The text split at its commas outside of parentheses and quotes."""
    parts, depth, quoted = [""], 0, False
    for char in text:
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return parts
