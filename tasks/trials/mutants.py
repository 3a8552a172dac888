"""Near misses of a reference solution: each is what an agent might do that is almost right, and must not be paid as right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Any, Literal, NamedTuple

from artifacts.agent_task import AgentTask, Scalar, ToolCall
from artifacts.observation import RowChange
from containers.answers import matches
from containers.reference import UnresolvedReference, resolve
from tasks.sql.lineage import root_of
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench

Kind = Literal["write dropped", "all writes dropped", "argument changed", "another entity", "extra write", "wrong answer", "missing answer"]

MAX_CHANGES = 8
"""The most changed-argument mutants of one task."""


class Mutant(NamedTuple):
    """One near miss: what to do instead (None where the reference's end state stands), and what to answer."""

    kind: Kind
    detail: str
    calls: tuple[ToolCall | None, ...] | None
    answer: object
    value: object = None


def mutants_of(task: AgentTask, results: Sequence[Any], bench: Workbench, extras: Sequence[ToolCall]) -> Iterator[Mutant]:
    """The mutants of one task whose reference gave these results; bounded in number, the same every time."""
    given = list(task.answer) if task.answer is not None else None
    writes = [i for i, call in enumerate(task.solution) if bench.usages[call.tool].writes]
    for index in writes:
        calls = tuple(None if i == index else call for i, call in enumerate(task.solution))
        yield Mutant("write dropped", f"without call {index} ({task.solution[index].tool})", calls, given)
    if len(writes) > 1:
        yield Mutant(
            "all writes dropped", "with no change at all", tuple(c for c in task.solution if not bench.usages[c.tool].writes), given
        )
    changed = (mutant for index in writes for mutant in _changed(task, index, results, bench, given))
    yield from islice(changed, MAX_CHANGES)
    for extra in extras:
        if extra not in task.solution:
            yield Mutant("extra write", f"with {extra.tool} on top", (*task.solution, extra), given)
    yield from _answers(task)


def _answers(task: AgentTask) -> Iterator[Mutant]:
    if task.answer is None:
        return
    yield Mutant("missing answer", "without an answer", None, None)
    yield Mutant("missing answer", "with an empty answer", None, "")
    for index, value in enumerate(task.answer):
        others = [v for i, v in enumerate(task.answer) if i != index]
        if value in others or matches([value], others):
            continue  # the other values hold it already, as "14 Mill Lane, Ashford" holds "Ashford"
        wrong = list(task.answer)
        wrong[index] = wrong_value(value)
        yield Mutant("wrong answer", f"answering {wrong[index]!r} instead of {value!r}", None, wrong)


def wrong_value(value: Scalar) -> Scalar:
    """A different value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 7
    if value is None:
        return "something"
    day = _day(value)
    return (day + timedelta(days=1)).isoformat() if day else f"not-{len(value)}-what-was-asked"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _changed(task: AgentTask, index: int, results: Sequence[Any], bench: Workbench, given: object) -> Iterator[Mutant]:
    call = task.solution[index]
    tool = next(t for t in bench.tools if t.name == call.tool)
    try:
        arguments = resolve(call.arguments, list(results[:index]))
    except UnresolvedReference:
        return
    for name, value in arguments.items():
        root = _key_root(call.tool, name, bench)
        others = _other_keys(root, value, bench) if root else _other_values(value, parameter_schema(tool, name))
        for other in others:
            altered = call.model_copy(update={"arguments": {**arguments, name: other}})
            calls = tuple(altered if i == index else c for i, c in enumerate(task.solution))
            detail = f"with {name} = {other!r} instead of {value!r} in call {index} ({call.tool})"
            yield Mutant("another entity" if root else "argument changed", detail[:300], calls, given, value)


def _key_root(tool: str, name: str, bench: Workbench) -> tuple[str, str] | None:
    """The key that a parameter names, when it names one."""
    for link in bench.usages[tool].links:
        root = root_of((link.table, link.column), bench.catalog)
        table = bench.catalog.tables.get(root[0])
        if link.name == name and link.path in ("", "[]") and table and [c.lower() for c in table.primary_key] == [root[1]]:
            return root
    return None


def _other_keys(root: tuple[str, str], value: Any, bench: Workbench) -> list[Any]:
    rows = bench.environment.query(f'SELECT "{root[1]}" AS key FROM "{root[0]}" ORDER BY "{root[1]}" LIMIT 40')
    held = value if isinstance(value, list) else [value]
    free = [row["key"] for row in rows if row["key"] not in held]
    if isinstance(value, list):
        return [[*value[:-1], key] for key in free[:2]] + ([value[:-1]] if len(value) > 1 else [])
    return free[:2] if len(free) <= 2 else [free[0], free[-1]]


def _other_values(value: Any, schema: dict[str, Any]) -> list[Any]:
    """One or two other values that the parameter's schema allows."""
    if schema.get("enum"):
        return [choice for choice in schema["enum"] if choice not in (value, None)][:2]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        near = [n for n in (value + 1, value - 1) if schema.get("minimum", n) <= n <= schema.get("maximum", n)]
        return near[:1]
    if isinstance(value, str):
        return [_other_text(value)]
    if isinstance(value, list) and len(value) > int(schema.get("minItems", 0)):
        return [value[:-1]]
    return []


def _other_text(value: str) -> str:
    day = _day(value[:10])
    return (day + timedelta(days=1)).isoformat() + value[10:] if day else f"{value[:150]} differently"


def perform(mutant: Mutant, task: AgentTask, bench: Workbench) -> None:
    """Does what a mutant does, from the initial state; a call that fails ends it, as it would for a careless agent."""
    bench.environment.reset()
    results: list[Any] = []
    for call in task.solution if mutant.calls is None else mutant.calls:
        if call is None:
            results.append(None)
            continue
        try:
            arguments = resolve(call.arguments, results)
        except UnresolvedReference:
            return
        observation = bench.environment.call_tool(call.tool, arguments)
        if not observation.ok:
            return
        results.append(observation.result)


def same_but_free(one: Sequence[RowChange], other: Sequence[RowChange], free: Sequence[str]) -> bool:
    """Whether two sets of changes differ in nothing but free columns."""
    columns = {name.lower() for name in free}
    return [_plain(c, columns) for c in one] == [_plain(c, columns) for c in other]


def _plain(change: RowChange, free: set[str]) -> tuple[object, ...]:
    rows = [
        None if row is None else {k: v for k, v in row.items() if f"{change.table}.{k}".lower() not in free}
        for row in (change.before, change.after)
    ]
    return change.table, change.key, *rows
