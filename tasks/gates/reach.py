"""The gate of reach: no tool that only someone who knows internal keys could call, no status that nothing can bring about."""

from __future__ import annotations

from collections.abc import Iterator

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from tasks.gates.dead_choices import dead_choices
from tasks.gates.gate import verdict
from tasks.gates.toolset import sound_tools
from tasks.sql.lineage import ColumnName, root_of, tool_graph, usage_of
from tasks.sql.scratch import catalog_of


def tools_reachable(draft: Draft) -> Pass | Reject:
    """Every tool is used by a task, or the keys that it needs come out of tools that can be reached before it."""
    tools = sound_tools(draft)
    graph = tool_graph(tools, draft.schema_sql)
    used = {call.tool for task in draft.tasks for call in task.solution}
    needs: dict[str, dict[str, ColumnName]] = {name: graph.nodes[name]["needs"] for name in graph}
    reached = _reached(tools, draft.schema_sql, needs)
    # What a broken tool would give is not known: while there is one, nothing is called unreachable.
    left = [] if len(tools) < len(draft.tools) else [name for name in needs if name not in reached and name not in used]
    feeding = sum(bool(feeds) for *_, feeds in graph.edges.data("feeds"))
    figures = {"tools": len(needs), "edges": feeding, "used_by_tasks": len(used & set(needs)), "reached": len(reached)}
    dead = () if len(tools) < len(draft.tools) else dead_choices(draft, tools)
    return verdict("tools_reachable", (*_problems(left, needs), *dead), figures)


def _reached(tools: tuple[Tool, ...], schema_sql: str, needs: dict[str, dict[str, ColumnName]]) -> set[str]:
    """The tools that can be called one after the other, starting from what a person knows."""
    catalog = catalog_of(schema_sql)
    gives = {tool.name: {root_of(pair, catalog) for pair in usage_of(tool, schema_sql).gives} for tool in tools}
    known: set[ColumnName] = set()
    reached: set[str] = set()
    while True:
        more = {name for name in needs if name not in reached and set(needs[name].values()) <= known}
        if not more:
            return reached
        reached |= more
        known |= {pair for name in more for pair in gives[name]}


def _problems(left: list[str], needs: dict[str, dict[str, ColumnName]]) -> Iterator[Diagnostic]:
    for name in left:
        wanted = ", ".join(f"{parameter} ({table}.{column})" for parameter, (table, column) in needs[name].items())
        message = f"No tool that can be called before {name} returns what it needs: {wanted}."
        hint = "Add a tool that lists or finds those, or return that id from one that exists."
        yield Diagnostic(code="tool.unreachable", place=f"tool:{name}", message=message, hint=hint)
