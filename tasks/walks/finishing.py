"""A trail that has come to its end as a walk: carried out again from the start, and once more with the clock ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from artifacts.agent_task import Kind
from artifacts.observation import RowChange
from containers.reference import UnresolvedReference, replay, resolve
from tasks.walks.checks import checks_of
from tasks.walks.trail import Trail, step_of
from tasks.walks.walk import Asked, Selector, Walk

MAX_STEPS = 12

N = TypeVar("N", Selector, Asked)

_CLOCK_SHIFT = 67
"""Calls by which the clock is ahead in the second replay: enough to change seconds and minutes."""


def finished(trail: Trail, walk_id: str) -> Walk | None:
    """The walk; None where it asks for nothing, is too long, comes out otherwise the second time, or hangs on the clock."""
    writes = trail.has_written
    if not (writes or trail.asked) or len(trail.steps) > MAX_STEPS or not _every_reading_counts(trail):
        return None
    first = _replayed(trail, 0) if writes else (trail.results, ())  # what only reads was done from the start just now
    again = _replayed(trail, _CLOCK_SHIFT)
    if first is None or again is None or first[0] != trail.results or bool(first[1]) is not writes:
        return None
    if any(value_at(asked.reference, again[0]) != asked.value for asked in trail.asked):
        return None
    volatile = _volatile(first[1], again[1])
    checks = checks_of(first[1], volatile, trail.terrain) if writes else ()
    if writes and not (checks and _every_change_counts(trail, first[1], volatile)):
        return None
    kind: Kind = "read" if not writes else "mixed" if trail.asked else "write"
    steps = tuple(step.model_copy(update={"result": shortened(result)}) for step, result in zip(trail.steps, first[0], strict=True))
    whole = Walk(
        id=walk_id,
        kind=kind,
        steps=steps,
        selectors=tuple(trail.selectors),
        settings=tuple(trail.settings),
        asked=_timed(trail),
        checks=checks,
        hurdles=trail.hurdles,
    )
    named = _without_idle_selectors(whole)
    return named.model_copy(update={"tables": _tables(named, first[1])})


def _without_idle_selectors(walk: Walk) -> Walk:
    """The walk without the selectors that no step, no question and no other selector is about."""
    used = {index for step in walk.steps for index in step.selectors} | {a.selector for a in walk.asked if a.selector is not None}
    for index in range(len(walk.selectors) - 1, -1, -1):  # a parent stands before its children
        within = walk.selectors[index].within
        used |= {within} if index in used and within is not None else set()
    if len(used) == len(walk.selectors):
        return walk
    new = {old: index for index, old in enumerate(sorted(used))}
    return walk.model_copy(
        update={
            "selectors": tuple(_moved(walk.selectors[old], "within", new) for old in sorted(used)),
            "steps": tuple(s.model_copy(update={"selectors": tuple(new[i] for i in s.selectors)}) for s in walk.steps),
            "asked": tuple(_moved(asked, "selector", new) for asked in walk.asked),
        }
    )


def _moved(noun: N, name: str, new: dict[int, int]) -> N:
    """A noun whose reference to a selector follows its new place."""
    old = getattr(noun, name)
    return noun if old is None else noun.model_copy(update={name: new[old]})


def _replayed(trail: Trail, shift: int) -> tuple[list[Any], tuple[RowChange, ...]] | None:
    environment = trail.environment
    environment.reset()
    for _ in range(shift):
        environment.call_tool("")  # an unknown tool changes nothing but the clock
    done = replay(environment, trail.solution)
    return None if done.failed_at is not None else ([o.result for o in done.observations], environment.difference())


def _every_reading_counts(trail: Trail) -> bool:
    """Whether each reading call gives a key to a later one, or an answer."""
    used = {step_of(path) for step in trail.steps for path in _references(step.arguments)}
    used |= {step_of(path) for asked in trail.asked for name, path in asked.reference.items() if name != "field"}
    return all(step.writes or index in used for index, step in enumerate(trail.steps))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from [part] if name == "$ref" else _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _every_change_counts(trail: Trail, end: tuple[RowChange, ...], volatile: frozenset[str]) -> bool:
    """Whether leaving out any one change leads somewhere else, clock columns apart."""
    writes = [index for index, step in enumerate(trail.steps) if step.writes]
    lasting = _lasting(end, volatile)
    return bool(lasting) and (len(writes) < 2 or all(_lasting(_end_without(trail, index), volatile) != lasting for index in writes))


def _lasting(changes: Sequence[RowChange], volatile: frozenset[str]) -> list[tuple[Any, ...]]:
    """The changed rows without the columns that the clock fills; rows in which nothing else differs are left out."""
    plain = [(c.table, c.key, _without(c.before, c.table, volatile), _without(c.after, c.table, volatile)) for c in changes]
    return [row for row in plain if row[2] != row[3]]


def _without(row: dict[str, Any] | None, table: str, volatile: frozenset[str]) -> dict[str, Any] | None:
    return None if row is None else {column: value for column, value in row.items() if f"{table}.{column}".lower() not in volatile}


def _end_without(trail: Trail, left_out: int) -> tuple[RowChange, ...]:
    trail.environment.reset()
    for index, step in enumerate(trail.steps):
        if step.writes and index != left_out:
            trail.environment.call_tool(step.tool, resolve(step.arguments, trail.results))
    return trail.environment.difference()


def _volatile(one: Sequence[RowChange], other: Sequence[RowChange]) -> frozenset[str]:
    """The columns whose end values hang on when the calls were made."""
    ahead = {(c.table, c.key): c.after or {} for c in other}
    return frozenset(
        f"{c.table}.{column}".lower()
        for c in one
        for column, value in (c.after or {}).items()
        if ahead.get((c.table, c.key), {}).get(column) != value
    )


def _timed(trail: Trail) -> tuple[Asked, ...]:
    """The questions, those marked whose answers the changes bring about."""
    if not trail.has_written or not trail.asked:
        return tuple(trail.asked)
    before = _without_changes(trail)
    return tuple(a if value_at(a.reference, before) == a.value else a.model_copy(update={"after": True}) for a in trail.asked)


def _without_changes(trail: Trail) -> list[Any]:
    """What the reading calls give where nothing is changed; None for the changes."""
    trail.environment.reset()
    results: list[Any] = []
    for step in trail.steps:
        try:
            arguments = None if step.writes else resolve(step.arguments, results)
        except UnresolvedReference:
            arguments = None
        results.append(None if arguments is None else trail.environment.call_tool(step.tool, arguments).result)
    return results


def value_at(reference: dict[str, str], results: Sequence[Any]) -> Any:
    """What a question's reference finds in results; None where it finds nothing."""
    try:
        found = resolve({"$ref": reference.get("$ref") or reference.get("count") or reference["sum"]}, results)
    except UnresolvedReference:
        return None
    if "count" in reference:
        return len(found) if isinstance(found, list) else None
    if "sum" in reference:
        return sum(row[reference["field"]] or 0 for row in found) if isinstance(found, list) else None
    return found


def _tables(walk: Walk, changes: Sequence[RowChange]) -> tuple[str, ...]:
    """The tables that the walk's rows come from or go into."""
    named = [selector.condition.table for selector in walk.selectors]
    return tuple(dict.fromkeys((*named, *(change.table for change in changes))))


def shortened(value: Any, most: int = 3) -> Any:
    """A result cut to a few rows, for those who read it."""
    if isinstance(value, dict):
        return {key: shortened(part, most) for key, part in value.items()}
    if isinstance(value, list):
        return [shortened(part, most) for part in value[:most]]
    return value
