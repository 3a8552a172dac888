"""Which columns a solution fills from the clock: they differ with the number of calls an agent makes, and say nothing of its work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from artifacts.agent_task import ToolCall
from artifacts.observation import RowChange
from artifacts.world import Clock
from containers.environment import Blueprint, Environment
from containers.reference import replay

_SHIFT = timedelta(seconds=7)


def volatile_columns(blueprint: Blueprint, solution: Sequence[ToolCall]) -> tuple[str, ...]:
    """The columns ("table.column") whose end values change when the same calls are made seven seconds later."""
    later = replace(blueprint, clock=_later(blueprint.clock))
    before, after = _changes(blueprint, solution), _changes(later, solution)
    return tuple(sorted({column for pair in zip(before, after, strict=False) for column in _differing(*pair)}))


def _later(clock: Clock) -> Clock:
    start = datetime.fromisoformat(clock.start) + _SHIFT
    return clock.model_copy(update={"start": f"{start:%Y-%m-%d %H:%M:%S}"})


def _changes(blueprint: Blueprint, solution: Sequence[ToolCall]) -> tuple[RowChange, ...]:
    with Environment.fork(blueprint) as environment:
        replay(environment, solution)
        return environment.difference()


def _differing(one: RowChange, other: RowChange) -> Iterator[str]:
    if one.table == other.table and one.after is not None and other.after is not None:
        yield from (f"{one.table}.{column}" for column, value in one.after.items() if other.after[column] != value)
