"""Other valid orders of a reference's calls: which calls depend on which, and orders that keep to that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.observation import RowChange
from containers.reference import resolve
from tasks.fairness.ways import Step
from tasks.sql.lineage import Usage
from tasks.trials.workbench import Workbench

Cell = tuple[str, tuple[Any, ...], str]
"""Table, key, column; the column is empty for a row that is gone."""

Order = tuple[int, ...]
"""The indexes of a reference's calls, in the order in which they are made."""


def needs_of(task: AgentTask, bench: Workbench) -> tuple[frozenset[int], ...]:
    """For each call the earlier ones that must come before it: those whose results it takes, and those that touch the same tables."""
    calls = task.solution
    usages = [bench.usages[call.tool] for call in calls]
    return tuple(frozenset(i for i in range(j) if i in referred(calls[j]) or _meet(usages[i], usages[j])) for j in range(len(calls)))


def referred(call: ToolCall) -> frozenset[int]:
    """The calls whose results a call takes."""
    return frozenset(_references(call.arguments))


_INDEX = re.compile(r"\d+")


def _references(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        if set(value) == {"$ref"}:
            found = _INDEX.match(str(value["$ref"]))
            yield from [int(found[0])] if found else []
        else:
            for part in value.values():
                yield from _references(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _references(part)


def _meet(one: Usage, other: Usage) -> bool:
    """Whether one changes a table that the other reads or changes."""
    return bool(_tables(one) & set(other.writes) or set(one.writes) & _tables(other))


@lru_cache(maxsize=500)
def _tables(usage: Usage) -> frozenset[str]:
    return frozenset({table for table, _ in usage.reads} | set(usage.writes))


def orders_of(needs: Sequence[frozenset[int]], thorough: bool) -> Iterator[Order]:
    """Valid orders other than the reference's own, without repeats: turned round as far as can be, each read when it is needed first
    (the latest), and, when thorough, every swap of two neighbours.
    """
    own = tuple(range(len(needs)))
    seen = {own}
    found = [_turned(needs)]
    if thorough:
        found += [_swapped(own, i) for i, j in pairwise(own) if i not in needs[j]]
        found.append(_latest(needs))
    for order in found:
        if order not in seen:
            seen.add(order)
            yield order


def _turned(needs: Sequence[frozenset[int]]) -> Order:
    """The valid order that is nearest to the reverse."""
    left = set(range(len(needs)))
    order: list[int] = []
    while left:
        free = max(i for i in left if not needs[i] & left)
        left.remove(free)
        order.append(free)
    return tuple(order)


def _latest(needs: Sequence[frozenset[int]]) -> Order:
    """Depth first: every call right before the first that needs it."""
    order: list[int] = []

    def visit(index: int) -> None:
        if index not in order:
            for earlier in sorted(needs[index]):
                visit(earlier)
            order.append(index)

    needed = frozenset().union(*needs)
    for index in sorted(set(range(len(needs))) - needed) + sorted(needed):
        visit(index)
    return tuple(order)


def _swapped(own: Order, index: int) -> Order:
    return (*own[:index], index + 1, index, *own[index + 2 :])


def loose_needs(task: AgentTask, bench: Workbench) -> tuple[frozenset[int], ...]:
    """As `needs_of`, but two changes of the same tables may swap: whether they truly may is for a run to show."""
    calls = task.solution
    usages = [bench.usages[call.tool] for call in calls]
    return tuple(
        frozenset(
            i
            for i in range(j)
            if i in referred(calls[j]) or (_meet(usages[i], usages[j]) and (usages[i].only_reads or usages[j].only_reads))
        )
        for j in range(len(calls))
    )


def reordered(task: AgentTask, order: Order) -> tuple[Step, ...]:
    """The reference's steps in another order."""
    return tuple(Step(task.solution[index], index) for index in order)


def order_matters(task: AgentTask, order: Order, bench: Workbench) -> bool:
    """Whether two calls that an order turns round write the same column of the same row: the last one would win."""
    touched = _touched(task, bench)
    place = {index: at for at, index in enumerate(order)}
    return any(place[j] < place[i] and touched[i] & touched[j] for j in range(len(order)) for i in range(j))


def _touched(task: AgentTask, bench: Workbench) -> list[set[Cell]]:
    """What each call of the reference writes: table, key and column."""
    bench.environment.reset()
    found: list[set[Cell]] = []
    results: list[Any] = []
    before: dict[Cell, Any] = {}
    for call in task.solution:
        results.append(bench.environment.call_tool(call.tool, resolve(call.arguments, results)).result)
        if bench.usages[call.tool].only_reads:
            found.append(set())
            continue
        after = dict(_cells(bench.environment.difference()))
        found.append({cell for cell in before.keys() | after.keys() if before.get(cell, _NONE) != after.get(cell, _NONE)})
        before = after
    return found


def _cells(changes: Sequence[RowChange]) -> Iterator[tuple[Cell, Any]]:
    for change in changes:
        yield from (((change.table, change.key, name), value) for name, value in (change.after or {"": None}).items())


_NONE = object()
