"""Near misses that change one argument of a write: to another valid value, a neighbour's, a boundary, or another row on offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from artifacts.toolset import Tool
from tasks.mutation.mutant import Kind, Mutant, Subject, replaced
from tasks.mutation.places import found_at, pick_of
from tasks.mutation.values import boundary_values, key_of, neighbours, valid_values
from tasks.sql.programs import parameter_schema
from tasks.trials.candidates import value_candidates


class Argument(NamedTuple):
    """One argument of a call of the reference."""

    subject: Subject
    slot: int
    name: str
    value: Any

    @property
    def tool(self) -> Tool:
        """The tool that is called."""
        return self.subject.tool(self.subject.task.solution[self.slot].tool)

    @property
    def schema(self) -> dict[str, Any]:
        """What the parameter allows."""
        return parameter_schema(self.tool, self.name)

    @property
    def names_row(self) -> bool:
        """Whether the argument is a row's key."""
        return key_of(self.tool.name, self.name, self.subject.bench) is not None


Others = Callable[[Argument], Iterable[Any]]
"""Other values for one argument."""

_LEFT_OUT = object()


def another_value(subject: Subject) -> Iterator[Mutant]:
    """With another valid value of one argument, without an optional one, or with one more."""
    changed = changes(subject, "another value", _valid)
    yield from in_turn([changed, _left_out(subject), _added(subject)])


def neighbour_value(subject: Subject) -> Iterator[Mutant]:
    """With what a neighbouring row holds in place of one argument."""
    return changes(subject, "neighbour's value", _near)


def boundary_value(subject: Subject) -> Iterator[Mutant]:
    """With the least or the most that is allowed in place of one argument."""
    return changes(subject, "boundary value", _bounds)


def another_entity(subject: Subject) -> Iterator[Mutant]:
    """On another of the rows that a list offered, where the reference picks one."""
    return changes(subject, "another entity", offered)


def changes(subject: Subject, kind: Kind, others: Others) -> Iterator[Mutant]:
    """The reference with one argument of one write changed; the arguments take turns."""
    return in_turn([_changes_of(argument, kind, others) for slot in subject.writes for argument in arguments_of(subject, slot)])


def in_turn(streams: Iterable[Iterator[Mutant]]) -> Iterator[Mutant]:
    """One of each, then the next of each, so that a bound on their number leaves no place out."""
    return (mutant for row in zip_longest(*streams) for mutant in row if mutant is not None)


def arguments_of(subject: Subject, slot: int) -> list[Argument]:
    """The arguments of one call."""
    return [Argument(subject, slot, name, value) for name, value in subject.arguments[slot].items()]


def _changes_of(argument: Argument, kind: Kind, others: Others) -> Iterator[Mutant]:
    seen: set[str] = set()
    for other in others(argument):
        if other != argument.value and repr(other) not in seen:
            seen.add(repr(other))
            yield _with(argument, kind, other)


def _with(argument: Argument, kind: Kind, other: Any) -> Mutant:
    subject, slot, name, value = argument
    arguments = {key: part for key, part in subject.arguments[slot].items() if key != name}
    if other is not _LEFT_OUT:
        arguments[name] = other
    told = f"without its {name} {value!r}" if other is _LEFT_OUT else f"with {name} = {other!r}"
    instead = "" if _LEFT_OUT in (other, value) else f" instead of {value!r}"
    detail = f"{told[:160]}{instead[:120]} in call {slot} ({argument.tool.name})"
    return Mutant(kind, detail, replaced(subject.deeds, slot, arguments), subject.answer)


def _valid(argument: Argument) -> Iterable[Any]:
    return () if argument.names_row else valid_values(argument.value, argument.schema)


def _near(argument: Argument) -> Iterable[Any]:
    return neighbours(argument.value, argument.tool.name, argument.name, argument.subject.bench)


def _bounds(argument: Argument) -> Iterable[Any]:
    return () if argument.names_row else boundary_values(argument.value, argument.tool, argument.name, argument.subject.bench)


def offered(argument: Argument) -> Iterable[Any]:
    """What the other rows of a list hold where one argument's reference picks a row."""
    reference = argument.subject.task.solution[argument.slot].arguments.get(argument.name)
    path = reference.get("$ref") if isinstance(reference, dict) else None
    pick = pick_of(path) if isinstance(path, str) else None
    if pick is None or not isinstance(path, str):
        return ()
    results = argument.subject.results
    rows, rest = found_at(pick.rows, results), path[len(pick.path) :]
    found = (found_at(f"{pick.rows}[{index}]{rest}", results) for index in range(len(rows)))
    return [other for other in found if other is not None and other != argument.value]


def _left_out(subject: Subject) -> Iterator[Mutant]:
    for argument in (argument for slot in subject.writes for argument in arguments_of(subject, slot)):
        if argument.name not in argument.tool.parameters.get("required", ()) and argument.value is not None:
            yield _with(argument, "another value", _LEFT_OUT)


def _added(subject: Subject) -> Iterator[Mutant]:
    for slot in subject.writes:
        tool = subject.tool(subject.task.solution[slot].tool)
        for name in tool.parameter_names:
            if name not in subject.arguments[slot]:
                for other in value_candidates(tool, name, subject.bench)[:1]:
                    yield _with(Argument(subject, slot, name, _LEFT_OUT), "another value", other)


def on_another(subject: Subject, slot: int) -> Iterator[tuple[dict[str, Any], str]]:
    """A write's arguments with each key changed to another row's, offered or near, and what they say of it."""
    for argument in arguments_of(subject, slot):
        if argument.names_row:
            for other in chain(offered(argument), _near(argument)):
                yield {**subject.arguments[slot], argument.name: other}, f"{argument.name} = {other!r}"
