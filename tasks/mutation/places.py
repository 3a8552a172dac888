"""Where values stand in results: the paths of an answer's values, and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from artifacts.agent_task import Scalar
from containers.reference import UnresolvedReference, resolve

MAX_LEAVES = 2_000
_KEY = re.compile(r"(?:\.|_)id$")
_PICK = re.compile(r"^(\d+(?:\.[A-Za-z_]\w*)*)\[(\d+)\]")


class Pick(NamedTuple):
    """One row taken out of a list: the list's path, and which."""

    rows: str
    place: int

    @property
    def path(self) -> str:
        """The row's own path."""
        return f"{self.rows}[{self.place}]"


def pick_of(path: str) -> Pick | None:
    """The first row that a path takes out of a list."""
    found = _PICK.match(path)
    return Pick(found[1], int(found[2])) if found else None


def picks_in(value: Any) -> Iterator[Pick]:
    """The rows that the references inside some arguments take."""
    if isinstance(value, dict) and set(value) == {"$ref"}:
        found = pick_of(str(value["$ref"]))
        if found is not None:
            yield found
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from picks_in(part)


def moved(value: Any, pick: Pick, index: int) -> Any:
    """Some arguments with every reference to one row made to another of the same list."""
    if isinstance(value, dict) and set(value) == {"$ref"}:
        return {"$ref": moved_path(str(value["$ref"]), pick, index)}
    if isinstance(value, dict):
        return {key: moved(part, pick, index) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [moved(part, pick, index) for part in value]
    return value


def moved_path(path: str, pick: Pick, index: int) -> str:
    """A path through one row, through another of the same list."""
    return f"{pick.rows}[{index}]{path[len(pick.path) :]}" if pick_of(path) == pick else path


def found_at(path: str, results: Sequence[Any]) -> Any:
    """What stands at a path; None where nothing does."""
    try:
        return resolve({"$ref": path}, results)
    except UnresolvedReference:
        return None


def leaves_of(results: Sequence[Any]) -> tuple[tuple[str, Scalar], ...]:
    """Every scalar of the results with its path, the last result first."""
    found = (leaf for slot in reversed(range(len(results))) for leaf in _leaves(results[slot], str(slot)))
    return tuple(islice(found, MAX_LEAVES))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        form = "{}.{}" if isinstance(value, dict) else "{}[{}]"
        for key, part in parts:
            below = form.format(path, key)
            if isinstance(part, dict | list):
                yield from _leaves(part, below)
            else:
                yield below, part
    else:
        yield path, value


def places_of(value: Scalar, leaves: Sequence[tuple[str, Scalar]]) -> list[str]:
    """Where a value stands; nowhere if it was worked out. Nobody asks for a row's key: a count that equals one does not stand there."""
    return [path for path, leaf in leaves if leaf == value and type(leaf) is type(value) and not _KEY.search(path)]


def beside(path: str, results: Sequence[Any]) -> list[Scalar]:
    """The other values of the same field, over the innermost list that a path goes through, in its order."""
    rows, bracket, rest = path.rpartition("[")
    held = found_at(rows, results) if bracket else None
    if not isinstance(held, list):
        return []
    _, _, field = rest.partition("]")
    values = [found_at(f"{rows}[{index}]{field}", results) for index in range(len(held))]
    return [value for value in values if value is not None and not isinstance(value, dict | list)]


def siblings(path: str, results: Sequence[Any]) -> list[Scalar]:
    """The other values of the same type in the same row."""
    row, dot, field = path.rpartition(".")
    held = found_at(row, results) if dot else None
    if not isinstance(held, dict):
        return []
    return [value for key, value in held.items() if key != field and type(value) is type(held.get(field))]


def same_value(one: Any, other: Any) -> bool:
    """Whether a person would read two values as one: numbers by amount, texts without regard to case and space, dates by day."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return float(one) == float(other)
    first, second = (" ".join(str(value).casefold().split()) for value in (one, other))
    return first == second or (_dated(first) and _dated(second) and (first.startswith(second) or second.startswith(first)))


def same_answer(one: Sequence[Any] | None, other: object) -> bool:
    """Whether two lists hold the same values, each as often; the order in which they are told says nothing to the scoring."""
    if one is None or not isinstance(other, list):
        return one is None and other is None
    left = list(other)
    for value in one:
        twin = next((index for index, found in enumerate(left) if same_value(value, found)), None)
        if twin is None:
            return False
        del left[twin]
    return not left


def _dated(text: str) -> bool:
    return re.match(r"\d{4}-\d\d-\d\d", text) is not None
