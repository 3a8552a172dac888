"""Levels as they were asked for: reading the shares, turning them into numbers of tasks, and choosing tasks that fill them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from artifacts.errors import InvalidInput
from tasks.difficulty.levels import LEVELS

T = TypeVar("T")

Shares = tuple[int, int, int, int, int]
"""The percentages of the levels 1 to 5; they add up to 100."""

EVEN: Shares = (20, 20, 20, 20, 20)
"""What is aimed at where nothing was asked for."""

EXAMPLE = "1:20,2:20,3:30,4:20,5:10"
HINT = f"Give whole percentages that add up to 100, such as {EXAMPLE}."

LOOK_AHEAD = 12
"""How many candidates are looked at for each place before the nearest levels are taken."""


def read_shares(text: str) -> Shares:
    """Shares as a person writes them, `level:percentage` between commas; a level left out has none. Raises InvalidInput."""
    found: dict[int, int] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([+-]?\d+)\s*:\s*([+-]?\d+)\s*%?\s*", part, re.ASCII)
        if match is None:
            raise InvalidInput(f"The spread of difficulty has a part '{part.strip()[:30]}', which is not level:percentage.", HINT)
        level, share = int(match[1]), int(match[2])
        if level not in LEVELS:
            raise InvalidInput(f"The spread of difficulty names level {level}; there are the levels 1 to 5.", HINT)
        if level in found:
            raise InvalidInput(f"The spread of difficulty names level {level} twice.", HINT)
        found[level] = share
    return checked([found.get(level, 0) for level in LEVELS])


def checked(shares: Sequence[int]) -> Shares:
    """Five percentages, none negative, that add up to 100; raises InvalidInput."""
    if len(shares) != len(LEVELS):
        raise InvalidInput(f"The spread of difficulty has {len(shares)} shares; there are 5 levels.", HINT)
    for level, share in zip(LEVELS, shares, strict=True):
        if share < 0:
            raise InvalidInput(f"The spread of difficulty gives level {level} a negative share, {share}.", HINT)
    if sum(shares) != 100:
        raise InvalidInput(f"The shares of the spread of difficulty add up to {sum(shares)}, not to 100.", HINT)
    one, two, three, four, five = shares
    return one, two, three, four, five


def written(shares: Sequence[int]) -> str:
    """Shares as `read_shares` reads them."""
    return ",".join(f"{level}:{share}" for level, share in zip(LEVELS, shares, strict=True))


def quotas(shares: Sequence[int] | None, count: int) -> dict[int, int]:
    """How many of `count` tasks each level gets, by the largest remainder; None is an even spread. Ties go to the lower level."""
    wanted = EVEN if shares is None else shares
    whole = {level: count * share // 100 for level, share in zip(LEVELS, wanted, strict=True)}
    rest = {level: count * share % 100 for level, share in zip(LEVELS, wanted, strict=True)}
    for level in sorted(LEVELS, key=lambda level: (-rest[level], level))[: count - sum(whole.values())]:
        whole[level] += 1
    return whole


def open_places(wanted: Mapping[int, int], levels: Iterable[int]) -> dict[int, int]:
    """What is left of the quotas when tasks of these levels are there; a task too many takes the place of the nearest open level."""
    left = {level: wanted.get(level, 0) for level in LEVELS}
    over: list[int] = []
    for level in levels:
        if left[level]:
            left[level] -= 1
        else:
            over.append(level)
    for level in over:
        near = min((one for one in LEVELS if left[one]), key=lambda one: (abs(one - level), one), default=None)
        if near is not None:
            left[near] -= 1
    return left


def fitting(candidates: Iterable[tuple[int, T]], wanted: Mapping[int, int]) -> tuple[T, ...]:
    """The candidates that find a place of their own level, first come first served."""
    left = Counter(dict(wanted))
    found: list[T] = []
    for level, candidate in candidates:
        if left[level] > 0:
            left[level] -= 1
            found.append(candidate)
    return tuple(found)


def chosen(candidates: Iterable[tuple[int, T]], wanted: Mapping[int, int], look_ahead: int = LOOK_AHEAD) -> tuple[T, ...]:
    """As many candidates as there are places, each at its own level where one comes in time; in the order in which they came.

    At most `look_ahead` candidates a place are taken from the stream; places that are open then go to the nearest levels among
    those passed over, the earliest first. Fewer come back only where the stream ends.
    """
    left = {level: wanted.get(level, 0) for level in LEVELS}
    places = sum(left.values())
    taken: list[tuple[int, T]] = []
    spare: list[tuple[int, int, T]] = []
    stream = iter(candidates)
    for number in range(places * look_ahead):
        if not any(left.values()):
            break
        try:
            level, candidate = next(stream)
        except StopIteration:
            break
        if left[level]:
            left[level] -= 1
            taken.append((number, candidate))
        else:
            spare.append((level, number, candidate))
    for level in [one for one in LEVELS for _ in range(left[one])]:
        if spare:
            nearest = min(spare, key=lambda one: (abs(one[0] - level), one[1]))
            spare.remove(nearest)
            taken.append(nearest[1:])
    return tuple(candidate for _, candidate in sorted(taken, key=lambda one: one[0]))


class Spread(NamedTuple):
    """The levels that tasks have beside those that were asked for."""

    found: dict[int, int]
    wanted: dict[int, int]

    @property
    def off(self) -> int:
        """By how many tasks the level that is farthest off misses its number."""
        return max(abs(self.found[level] - self.wanted[level]) for level in LEVELS)

    @property
    def misplaced(self) -> int:
        """How many tasks would have to have another level for all numbers to be met."""
        return sum(max(0, self.wanted[level] - self.found[level]) for level in LEVELS)


def spread_of(levels: Iterable[int], shares: Sequence[int] | None) -> Spread:
    """The spread of tasks of these levels."""
    counts = Counter(levels)
    return Spread({level: counts[level] for level in LEVELS}, quotas(shares, counts.total()))
