"""Which call takes a change back: the same tool with the old value, a deleting one for a new row, an inserting one for a lost row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artifacts.agent_task import ToolCall
from artifacts.observation import RowChange
from artifacts.toolset import Tool
from tasks.mutation.mutant import Subject
from tasks.sql.lineage import root_of
from tasks.sql.programs import parameter_schema, sites_of
from tasks.trials.candidates import value_candidates
from tasks.trials.workbench import Workbench


def undoing_calls(subject: Subject) -> Iterator[ToolCall]:
    """Calls that may take back one of the reference's changes, likeliest first; whether they do shows when they are made."""
    given = [call for call in subject.task.solution if subject.bench.usages[call.tool].writes]
    known = {name: value for slot in subject.writes for name, value in subject.arguments[slot].items()}
    first = {call.tool for call in given}
    tools = sorted(subject.bench.tools, key=lambda tool: tool.name not in first)
    seen: set[str] = set()
    for change in subject.gold:
        for tool in tools:
            arguments = _arguments(tool, change, known, subject.bench) if _could_undo(tool, change, subject.bench) else None
            if arguments is not None and repr((tool.name, arguments)) not in seen:
                seen.add(repr((tool.name, arguments)))
                yield ToolCall(tool=tool.name, arguments=arguments)


def _could_undo(tool: Tool, change: RowChange, bench: Workbench) -> bool:
    """Whether a tool does to the row's table what takes this kind of change back."""
    verbs = {
        verb for site in sites_of(tool, bench.draft.schema_sql) for verb, table, _ in site.described.writes if _is(table, change.table)
    }
    if change.before is None:
        return "delete" in verbs
    if change.after is None:
        return "insert" in verbs
    changed = {column.lower() for column, value in change.before.items() if change.after[column] != value}
    return any(_is(table, change.table) and column in changed for table, column in bench.usages[tool.name].mutates)


def _is(table: str, other: str) -> bool:
    return table.lower() == other.lower()


def _arguments(tool: Tool, change: RowChange, known: dict[str, Any], bench: Workbench) -> dict[str, Any] | None:
    """A tool's arguments as the row had them (as it has them, where it is new); None where a required one cannot be told."""
    row = {column.lower(): value for column, value in (change.before or change.after or {}).items()}
    found: dict[str, Any] = {}
    for name in tool.parameter_names:
        value = _value(tool, name, change.table, row, bench)
        if value is None:
            value = known.get(name)
        if value is None and name in tool.parameters.get("required", ()):
            value = next(iter(value_candidates(tool, name, bench)), None)
            if value is None:
                return None
        if value is not None:
            found[name] = bool(value) if parameter_schema(tool, name).get("type") == "boolean" else value
    return found


def _value(tool: Tool, name: str, table: str, row: dict[str, Any], bench: Workbench) -> Any:
    """What a row holds in the column that a parameter meets, or in its key's where the parameter names the row elsewhere."""
    links = [link for link in bench.usages[tool.name].links if link.name == name and link.path == ""]
    for link in links:
        if _is(link.table, table) and link.column in row:
            return row[link.column]
    for link in links:
        owner, column = root_of((link.table, link.column), bench.catalog)
        if _is(owner, table) and column in row:
            return row[column]
    return None


def takes_back(changes: tuple[RowChange, ...], gold: tuple[RowChange, ...]) -> bool:
    """Whether some row or cell that the reference changed is as it was at the start; a lost row may be put back with another number."""
    new = {change.table for change in changes if change.before is None}
    after = {(change.table, repr(change.key)): change.after for change in changes}
    return any(
        (change.after is None and change.table in new) or _as_before(change, after.get((change.table, repr(change.key)), change.before))
        for change in gold
    )


def _as_before(change: RowChange, row: dict[str, Any] | None) -> bool:
    if change.before is None or change.after is None or row is None:
        return row == change.before
    changed = [column for column, value in change.before.items() if change.after[column] != value]
    return any(row[column] == change.before[column] for column in changed)
