"""Accepting a toolset, and sealing a draft that every gate lets through."""

from __future__ import annotations

from artifacts.toolset import Tool
from artifacts.verdict import Reject
from artifacts.world import Draft, World
from tasks.gates import gates_among, judge
from tasks.gates.toolset import sound_tools
from tasks.sql.result_types import with_types
from tasks.trials.prober import Probe, probe
from tasks.trials.workbench import workbench_of


def accept_tools(draft: Draft) -> Draft:
    """The draft with the types of all results derived, and for each tool an example that succeeds, with the calls that prepare it.

    Tools that cannot be called stay as they are; the gates say why. Raises StatementFailed when schema or seed do not load.
    """
    sound = {id(tool) for tool in sound_tools(draft)}
    tools = tuple(with_types(tool, draft.schema_sql) if id(tool) in sound else tool for tool in draft.tools)
    callable_tools = tuple(new for new, old in zip(tools, draft.tools, strict=True) if id(old) in sound)
    bench = workbench_of(draft, callable_tools)
    probes = {tool.name: probe(tool, bench) for tool in callable_tools}
    return draft.model_copy(update={"tools": tuple(_with_example(tool, probes.get(tool.name)) for tool in tools)})


def _with_example(tool: Tool, found: Probe | None) -> Tool:
    """The tool with the call that succeeds, and what prepares it."""
    if found is None or found.arguments is None:
        return tool
    example = found.arguments if found.example is None else found.example
    known = (tool.example, tool.prepare) == (example, found.prepare)
    return tool if known else tool.model_copy(update={"example": example, "prepare": found.prepare})


def seal(draft: Draft, neighbours: tuple[Draft | World, ...] = ()) -> World | Reject:
    """The sealed world with the verdicts of all gates as its report, or the first rejection."""
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
