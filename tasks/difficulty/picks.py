"""Where a reference picks rows out of lists that its calls gave, and how many other rows it could have picked instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask, Scalar

_PATH = re.compile(r"(\d+)((?:\[\d+\]|\.[A-Za-z_]\w*)*)")
_PART = re.compile(r"\[(\d+)\]|\.([A-Za-z_]\w*)")

TELLING_NUMBER = 100
"""Smaller numbers stand in too many rows by chance to tell which row an answer came from."""

Place = tuple[int, str]
"""A list: the step that gave it, and the path to it inside that step's result."""


class Reference(NamedTuple):
    """A `$ref` taken apart: the step, and the way through its result (a position in a list, or a name in an object)."""

    step: int
    way: tuple[int | str, ...]


def references_in(value: Any) -> Iterator[Reference]:
    """Every `$ref` inside an argument's value; those that are no paths are left out."""
    if isinstance(value, dict) and set(value) == {"$ref"}:
        match = _PATH.fullmatch(value["$ref"]) if isinstance(value["$ref"], str) else None
        if match is not None:
            yield Reference(int(match[1]), tuple(int(at) if at else name for at, name in _PART.findall(match[2])))
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from references_in(part)


def lists_in(step: int, value: Any, path: str = "") -> Iterator[tuple[Place, list[Any]]]:
    """Every list inside a step's result, with its place; inner ones follow the outer."""
    if isinstance(value, list):
        yield (step, path), value
        for number, part in enumerate(value):
            yield from lists_in(step, part, f"{path}[{number}]")
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from lists_in(step, part, f"{path}.{name}")


def distractors_of(task: AgentTask, results: Sequence[Any]) -> int:
    """The rows that stand beside those picked, over all lists from which the reference's arguments or its answer pick some.

    A row is picked by a `$ref` that leads into it, or by a value of the answer that stands in it and not in every row of its list.
    """
    lists = {place: rows for step, result in enumerate(results) for place, rows in lists_in(step, result)}
    picked: dict[Place, set[int]] = {}
    for call in task.solution:
        for reference in references_in(call.arguments):
            _follow(reference, lists, picked)
    for value in task.answer or ():
        for place, rows in lists.items() if telling(value) else ():
            held = {number for number, row in enumerate(rows) if value in scalars_of(row)}
            if 0 < len(held) < len(rows):
                picked.setdefault(place, set()).update(held)
    return sum(len(lists[place]) - len(chosen) for place, chosen in picked.items())


def _follow(reference: Reference, lists: dict[Place, list[Any]], picked: dict[Place, set[int]]) -> None:
    path = ""
    for part in reference.way:
        if isinstance(part, int) and (reference.step, path) in lists:
            picked.setdefault((reference.step, path), set()).add(part)
        path += f"[{part}]" if isinstance(part, int) else f".{part}"


def telling(value: Scalar) -> bool:
    """Whether a value says which row it came from: text of three letters or more, and numbers that are not small."""
    if isinstance(value, str):
        return len(value) >= 3
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= TELLING_NUMBER


def scalars_of(row: Any) -> list[Scalar]:
    """The plain values that a row of a result shows; a list's element that is no object is its own only value."""
    values = row.values() if isinstance(row, dict) else [row]
    return [value for value in values if not isinstance(value, dict | list)]
