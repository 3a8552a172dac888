"""Which policy each written column has: compared exactly, after normalising, or not at all. Inferred from the schema and the solution."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.observation import RowChange
from containers.comparison import compare
from containers.plain_text import plain_text, words
from containers.reference import replay
from containers.scoring import judge_checks
from tasks.fairness.orders import loose_needs, order_matters, orders_of, reordered
from tasks.fairness.ways import Step, given_answer, steps_of, walk
from tasks.fairness.wordings import fuzzily, other_wording
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench

_CLOCK_SHIFT = 97
"""Calls by which the clock is ahead in a second replay: enough to change seconds and minutes."""

_PROSE = re.compile(r"[^\W\d_]{2,}\W+(?:[^\W\d_]+)")
"""Two words at least."""


class Prose(NamedTuple):
    """A text that a call of the reference gives and a column stores as it is."""

    column: str
    call: int
    parameter: str
    text: str


class _Freed(NamedTuple):
    """Columns that are not compared, and columns that are compared after normalising."""

    free: set[str]
    fuzzy: set[str]


def with_policies(task: AgentTask, bench: Workbench) -> AgentTask:
    """The task with one policy for every column that its solution writes: `exact`, `fuzzy` or `free`.

    Free are columns that the clock fills, numbers that depend on the order of independent changes, what the author freed, and texts that
    the instruction leaves to the agent. Fuzzy are texts of the reference's own wording where no check asks for them to the letter.
    """
    done, changes = bench.reference(task)
    written = written_columns(changes)
    if done.failed_at is not None:
        return task
    by_lower = {name.lower(): name for name in written}
    free = {by_lower[name.lower()] for name in task.free_columns if name.lower() in by_lower}
    free |= set(_clocked(task, changes, bench)) | set(_numbered_in_turn(task, bench, free))
    said = words(plain_text(task.instruction))
    fuzzy = {by_lower[name.lower()] for name in task.fuzzy_columns if name.lower() in by_lower}
    for column, proses in _by_column(prose_of(task, written, bench)).items():
        if column in free or column in fuzzy:
            continue
        left_open = not any(_contains(said, words(plain_text(prose.text))) for prose in proses)
        if left_open and all(_stands(task, p, other_wording(p.text), _Freed(free | {column}, fuzzy), bench) for p in proses):
            free.add(column)
        elif all(_stands(task, p, next(fuzzily(p.text)), _Freed(free, fuzzy | {column}), bench) for p in proses):
            fuzzy.add(column)
    kinds = {"free_columns": free, "fuzzy_columns": fuzzy - free, "exact_columns": set(written) - fuzzy - free}
    return task.model_copy(update={kind: tuple(name for name in written if name in names) for kind, names in kinds.items()})


def written_columns(changes: Sequence[RowChange]) -> tuple[str, ...]:
    """The columns that some changes write, as `table.column`: all of a new row, and of a changed row those that differ."""
    return tuple(
        sorted(
            {f"{c.table}.{name}" for c in changes for name, value in (c.after or {}).items() if not c.before or c.before.get(name) != value}
        )
    )


def _contains(found: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    size = len(wanted)
    return any(found[i : i + size] == wanted for i in range(len(found) - size + 1))


def prose_of(task: AgentTask, written: Sequence[str], bench: Workbench) -> Iterator[Prose]:
    """The texts of two words and more that calls give and written columns store, keys and choices apart."""
    tools = {tool.name: tool for tool in bench.tools}
    by_lower = {name.lower(): name for name in written}
    for index, call in enumerate(task.solution):
        for link in bench.usages[call.tool].links:
            text, column = call.arguments.get(link.name), by_lower.get(f"{link.table}.{link.column}")
            if (
                link.relation not in ("insert", "set")
                or link.path
                or column is None
                or not isinstance(text, str)
                or not _PROSE.search(text)
            ):
                continue
            schema = parameter_schema(tools[call.tool], link.name)
            if not schema.get("enum") and not schema.get("format") and not _told_apart(column, bench):
                yield Prose(column, index, link.name, text)


def _by_column(proses: Iterator[Prose]) -> dict[str, list[Prose]]:
    """The texts of each column: a policy holds for all of them."""
    grouped: dict[str, list[Prose]] = {}
    for prose in proses:
        grouped.setdefault(prose.column, []).append(prose)
    return grouped


def _told_apart(column: str, bench: Workbench) -> bool:
    """Whether a column is a key, a reference or a choice."""
    name, _, part = column.lower().partition(".")
    table = bench.catalog.tables[name]
    keyed = {c.lower() for key in table.keys for c in key} | {c.lower() for key in table.foreign_keys for c in key.columns}
    return part in keyed or bool(table.columns[part].choices)


def rewritten(task: AgentTask, prose: Prose, text: str) -> tuple[Step, ...]:
    """The reference's steps with one text in other words."""
    return tuple(Step(_with(step.call, prose.parameter, text), step.of) if step.of == prose.call else step for step in steps_of(task))


def _with(call: ToolCall, parameter: str, text: str) -> ToolCall:
    return call.model_copy(update={"arguments": {**call.arguments, parameter: text}})


def _stands(task: AgentTask, prose: Prose, text: str, freed: _Freed, bench: Workbench) -> bool:
    """Whether the end state and the checks let a text be written otherwise, with these columns free and fuzzy."""
    if walk(rewritten(task, prose, text), len(task.solution), bench).problem:
        return False
    if not all(check.held for check in judge_checks(bench.environment, task.checks, given_answer(task))):
        return False
    return _alike(task, bench.environment.difference(), freed, bench)


def _alike(task: AgentTask, done: Sequence[RowChange], freed: _Freed, bench: Workbench) -> bool:
    found = compare(done, bench.reference(task)[1], bench.blueprint.tables, freed.free, freed.fuzzy)
    return not found.collateral and not found.missing


def _clocked(task: AgentTask, changes: Sequence[RowChange], bench: Workbench) -> Iterator[str]:
    """Columns whose end values depend on when the calls are made, found by a second replay with the clock ahead."""
    if not changes:
        return
    bench.environment.reset()
    for _ in range(_CLOCK_SHIFT):
        bench.environment.call_tool("")  # an unknown tool changes nothing but the clock
    if replay(bench.environment, task.solution).failed_at is None:
        first, second = _end_values(changes), _end_values(bench.environment.difference())
        yield from sorted(
            {f"{table}.{column}" for (table, key, column), value in first.items() if second.get((table, key, column)) != value}
        )


def _end_values(changes: Sequence[RowChange]) -> dict[tuple[str, tuple[Any, ...], str], Any]:
    return {(c.table, c.key, column): value for c in changes for column, value in (c.after or {}).items()}


_IN_ORDER = re.compile(r"\bin (?:this|that|the following|exactly this) order\b", re.IGNORECASE)


def _numbered_in_turn(task: AgentTask, bench: Workbench, free: set[str]) -> Iterator[str]:
    """Numbers that new rows get in the order of changes which may swap, as the lines of an order do: no call gives them."""
    if _IN_ORDER.search(task.instruction):
        return
    needs = loose_needs(task, bench)
    for order in orders_of(needs, thorough=False):
        if order_matters(task, order, bench) or walk(reordered(task, order), len(task.solution), bench).problem:
            continue
        done = bench.environment.difference()
        if _alike(task, done, _Freed(free, set()), bench):
            continue
        numbered = [name for name in _turn_columns(done, bench) if name not in free]
        if numbered and _alike(task, done, _Freed(free | set(numbered), set()), bench):
            yield from (name for name in numbered if not _alike(task, done, _Freed(free | set(numbered) - {name}, set()), bench))


def _turn_columns(changes: Sequence[RowChange], bench: Workbench) -> Iterator[str]:
    """The whole-number columns of tables with several new rows, those apart that a parameter, a key or a reference fills."""
    given = {(link.table, link.column) for usage in bench.usages.values() for link in usage.links if link.relation in ("insert", "set")}
    new = [change.table for change in changes if change.before is None]
    for name in sorted({table for table in new if new.count(table) > 1}):
        table = bench.catalog.tables[name.lower()]
        fixed = {c.lower() for key in table.foreign_keys for c in key.columns} | {bench.blueprint.tables[name].generated.lower()}
        for part, column in table.columns.items():
            if column.affinity == "INTEGER" and part not in fixed and (name.lower(), part) not in given:
                yield f"{name}.{column.name}"
