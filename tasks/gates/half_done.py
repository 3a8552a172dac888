"""Calls that a tool half does: one good thing and one that does not exist in the same list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from tasks.sql.programs import parameter_schema
from tasks.trials.prober import NO_SUCH_ID, NO_SUCH_TEXT
from tasks.trials.workbench import Workbench

_ABSENT = {"integer": NO_SUCH_ID, "string": NO_SUCH_TEXT}


def mixed_lists(tool: Tool, good: dict[str, Any], keys: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Arguments that succeed, with something that does not exist put behind the good ones of a list of keys."""
    for name in keys:
        schema = parameter_schema(tool, name)
        values, kind = good.get(name), schema.get("items", {}).get("type")
        if isinstance(values, list) and values and kind in _ABSENT and len(values) < int(schema.get("maxItems", len(values) + 1)):
            yield name, {**good, name: [*values, _ABSENT[kind]]}


def half_done(tool: Tool, good: dict[str, Any], keys: Iterable[str], bench: Workbench) -> Iterator[Diagnostic]:
    """Lists of which a tool takes the good part, passes over the rest and reports success."""
    for name, arguments in mixed_lists(tool, good, keys):
        bench.environment.reset()
        if bench.environment.call_tool(tool.name, arguments).ok and not bench.unchanged():
            message = f"With {name} = {arguments[name]!r}, the last of which does not exist, the call does a part and reports success."
            hint = 'Refuse the call for any offender first, or give the run inside the each "expect": 1.'
            yield Diagnostic(code="tool.half_done", place=f"tool:{tool.name}", message=message, hint=hint)
