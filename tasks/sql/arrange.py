"""Orders in which what is referred to comes first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def parents_first(items: Sequence[T], key: Callable[[T], Hashable], parents: Callable[[T], Iterable[Hashable]]) -> tuple[T, ...]:
    """The items with each one's parents before it, otherwise as they stand; what closes a cycle stays where it is reached.

    Nothing is lost: where items share a key, all are kept and the first is the parent of those that name it.
    """
    place: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        place.setdefault(key(item), index)
    waiting = [[place[parent] for parent in parents(item) if parent in place] for item in items]
    done: dict[int, None] = {}
    for start in range(len(items)):
        _visit(start, waiting, done)
    return tuple(items[index] for index in done)


def _visit(start: int, waiting: list[list[int]], done: dict[int, None]) -> None:
    """Depth first, without recursion: a chain of a thousand rows is no trouble."""
    path = [] if start in done else [start]
    reached = set(path)
    while path:
        following = next((index for index in waiting[path[-1]] if index not in done and index not in reached), None)
        if following is None:
            done[path.pop()] = None
        else:
            reached.add(following)
            path.append(following)
