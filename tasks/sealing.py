"""Accepting a toolset, and sealing a draft that every gate lets through."""

from __future__ import annotations

from artifacts.toolset import Tool
from artifacts.verdict import Reject
from artifacts.world import Draft, World
from tasks.prober import probe
from tasks.result_types import with_types
from tasks.workbench import workbench_of


def accept_tools(draft: Draft) -> Draft:
    """The draft with the types of all results derived, and an example that succeeds for each tool.

    Raises StatementFailed when schema or seed do not load.
    """
    typed = draft.model_copy(update={"tools": tuple(with_types(tool, draft.schema_sql) for tool in draft.tools)})
    bench = workbench_of(typed)
    return typed.model_copy(update={"tools": tuple(_with_example(tool, probe(tool, bench).arguments) for tool in typed.tools)})


def _with_example(tool: Tool, arguments: dict[str, object] | None) -> Tool:
    return tool if arguments is None or arguments == tool.example else tool.model_copy(update={"example": arguments})


def seal(draft: Draft, neighbours: tuple[Draft | World, ...] = ()) -> World | Reject:
    """The sealed world with the verdicts of all gates as its report, or the first rejection."""
    from tasks.gates import gates_among, judge

    verdicts = judge(draft, gates_among(neighbours))
    last = verdicts[-1]
    if isinstance(last, Reject):
        return last
    return World(
        scenario=draft.scenario,
        recipe=draft.recipe,
        clock=draft.clock,
        me=draft.me,
        intentions=draft.intentions,
        schema_sql=draft.schema_sql,
        seed_sql=draft.seed_sql,
        tools=draft.tools,
        tasks=draft.tasks,
        report=verdicts,
    )
