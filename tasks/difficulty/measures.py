"""What makes a task hard, counted on the world's own rows and tools; nothing is claimed by an author."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from artifacts.agent_task import AgentTask
from artifacts.measures import Difficulty
from artifacts.toolset import Tool
from containers.answers import matches
from containers.reference import UnresolvedReference, resolve
from tasks.difficulty.levels import level_of
from tasks.difficulty.picks import distractors_of, lists_in, references_in, scalars_of, telling
from tasks.sql.lineage import ColumnName, needed_keys, root_of, usage_of
from tasks.sql.memory import remembered
from tasks.sql.scratch import catalog_of
from tasks.trials.workbench import Workbench


def difficulty_of(task: AgentTask, bench: Workbench) -> Difficulty:
    """How hard a task is, from its reference's calls and what they give; the instruction may not be written yet.

    A reference that fails is measured as far as it goes.
    """
    replayed, _ = bench.reference(task)
    results = [observation.result for observation in replayed.observations if observation.ok]
    given, looked_up = arguments_of(task, results)
    used = list(dict.fromkeys(call.tool for call in task.solution))
    figures = Difficulty(
        level=1,
        steps=len(task.solution),
        tools=len(used),
        branching=branching_of([call.tool for call in task.solution], bench.tools, bench.draft.schema_sql),
        distractors=distractors_of(task, results),
        irrelevant_tools=len({tool.name for tool in bench.tools} - set(used)),
        looked_up=looked_up,
        given=given,
        hurdles=hurdles_of(task, results, bench),
    )
    return figures.model_copy(update={"level": level_of(figures)})


def branching_of(calls: Sequence[str], tools: Sequence[Tool], schema_sql: str) -> float:
    """The mean, over the calls, of how many tools could be called then: those whose keys the tools called before give.

    Keys are followed to the end of their foreign keys; what a person says in words is always known. Rounded to two places.
    """
    known: set[ColumnName] = set()
    by_name = {tool.name: tool for tool in tools}
    open_tools: list[int] = []
    for name in calls:
        open_tools.append(sum(needs_of(tool, schema_sql) <= known for tool in tools))
        known |= gives_of(by_name[name], schema_sql) if name in by_name else set()
    return round(fmean(open_tools), 2) if open_tools else 0.0


@remembered()
def needs_of(tool: Tool, schema_sql: str) -> frozenset[ColumnName]:
    """The keys, by their root, without which a tool cannot be called."""
    return frozenset(needed_keys(tool, usage_of(tool, schema_sql), catalog_of(schema_sql)).values())


@remembered()
def gives_of(tool: Tool, schema_sql: str) -> frozenset[ColumnName]:
    """The columns, by their root, whose values a tool's result shows."""
    catalog = catalog_of(schema_sql)
    return frozenset(root_of(pair, catalog) for pair in usage_of(tool, schema_sql).gives)


def arguments_of(task: AgentTask, results: Sequence[Any]) -> tuple[int, int]:
    """How many argument values the instruction gives, and how many must be looked up, lists' elements counted one by one.

    Looked up are references, and literals that stand in an earlier result and not in the words.
    """
    given = looked_up = 0
    shown: list[Any] = []
    for step, call in enumerate(task.solution):
        for value in call.arguments.values():
            looked_up += sum(1 for _ in references_in(value))
            literals = list(_literals(value))
            derived = sum(telling(one) and one in shown and not _said(one, task.instruction) for one in literals)
            looked_up += derived
            given += len(literals) - derived
        shown += [one for result in results[step : step + 1] for one in _shown(result)]
    return given, looked_up


def _literals(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and set(value) == {"$ref"}:
        return
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _literals(part)
    else:
        yield value


def _shown(result: Any) -> Iterator[Any]:
    """The plain values of a result: its own, and those of the rows of its lists."""
    yield from scalars_of(result)
    for _, rows in lists_in(0, result):
        for row in rows:
            yield from scalars_of(row)


def _said(value: Any, instruction: str) -> bool:
    """Whether the words give a value, in whatever form; while there are no words, everything counts as said."""
    return not instruction or str(value) in instruction or matches([value], instruction)


def hurdles_of(task: AgentTask, results: Sequence[Any], bench: Workbench) -> int:
    """The calls that fail on the initial state although nothing in them comes from a change: an earlier call put right what kept them.

    Each is found by making it at once, with the very arguments that it has in the reference.
    """
    hurdles = 0
    changed: set[int] = set()
    for step, call in enumerate(task.solution[: len(results) + 1]):
        usage = bench.usages.get(call.tool)
        if usage is None:
            break
        leans = any(reference.step in changed for reference in references_in(call.arguments))
        if changed and not leans and not usage.only_reads:
            hurdles += _fails_at_once(call.tool, call.arguments, results[:step], bench)
        if not usage.only_reads:
            changed.add(step)
    return hurdles


def _fails_at_once(tool: str, arguments: Any, results: Sequence[Any], bench: Workbench) -> bool:
    try:
        resolved = resolve(arguments, results)
    except UnresolvedReference:
        return False
    bench.environment.reset()
    return not bench.environment.call_tool(tool, resolved).ok
