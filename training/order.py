"""The order in which an epoch's samples come, and how lanes share it. Pure: numbers only.

An epoch has one global order, which depends on the seed and on nothing else. A lane is one loader worker of one rank; lanes take
neighbouring stretches of the order, equal to within one sample. Progress is what is left of each lane's stretches, so any number
of ranks can go on where another number stopped: what is left is cut anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from artifacts.identity import seed_of

Numbers = NDArray[np.int64]

WINDOW = 8
"""So many row groups are shuffled into one another; a lane holds as many in memory."""


class Stretch(NamedTuple):
    """Neighbouring places of an epoch's order: from `start` up to, and without, `end`."""

    start: int
    end: int


Lane = tuple[Stretch, ...]


def epoch_order(rows: Numbers, groups: Numbers, seed: int, epoch: int, window: int = WINDOW) -> tuple[Numbers, Numbers]:
    """The rows in the order of an epoch, and the places where a window begins (with the end).

    `rows` are the chosen rows' numbers, ascending; `groups` the row group of each. The row groups are shuffled; then the rows of
    every `window` groups that follow one another are shuffled together, so that a reader needs few groups at a time.
    """
    if not len(rows):
        return rows, np.zeros(1, np.int64)
    held, inverse = np.unique(groups, return_inverse=True)
    rank_of_group = np.empty(len(held), np.int64)
    rank_of_group[_shuffled(len(held), seed_of("groups", seed, epoch))] = np.arange(len(held))
    windows = rank_of_group[inverse] // window
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(windows))])
    by_window = np.argsort(windows.astype(np.uint16) if len(bounds) < 2**16 else windows, kind="stable")  # 16 bits: a radix sort
    draws = _draws(len(rows), seed_of("rows", seed, epoch))[by_window]
    order = [start + np.argsort(draws[start:end], kind="stable") for start, end in itertools.pairwise(bounds)]
    return rows[by_window[np.concatenate(order)]], bounds.astype(np.int64)


def _draws(count: int, seed: int) -> NDArray[np.uint64]:
    """Raw 64-bit draws: the bits of PCG64 are the same in every version of numpy, which its shuffles need not be."""
    return np.random.PCG64(seed).random_raw(count)


def _shuffled(count: int, seed: int) -> Numbers:
    return np.argsort(_draws(count, seed), kind="stable").astype(np.int64)


def length(lane: Iterable[Stretch]) -> int:
    """Samples in a lane."""
    return sum(stretch.end - stretch.start for stretch in lane)


def cut(left: Sequence[Stretch], lanes: int) -> tuple[Lane, ...]:
    """What is left, dealt to lanes: neighbouring stretches, equal to within one sample."""
    whole = length(left)
    bounds = [whole * lane // lanes for lane in range(lanes + 1)]
    return tuple(_between(left, low, high) for low, high in itertools.pairwise(bounds))


def _between(left: Sequence[Stretch], low: int, high: int) -> Lane:
    found, passed = [], 0
    for start, end in left:
        first, last = max(start, start + low - passed), min(end, start + high - passed)
        if first < last:
            found.append(Stretch(first, last))
        passed += end - start
    return tuple(found)


def dropped(lane: Lane, count: int) -> Lane:
    """A lane without its first `count` samples."""
    return _between(lane, count, length(lane))


def together(lanes: Iterable[Lane]) -> tuple[Stretch, ...]:
    """All that is left, in the order of the epoch, neighbours joined."""
    found: list[Stretch] = []
    for stretch in sorted(stretch for lane in lanes for stretch in lane):
        if found and found[-1].end == stretch.start:
            found[-1] = Stretch(found[-1].start, stretch.end)
        else:
            found.append(stretch)
    return tuple(found)


def plain(lane: Lane) -> list[list[int]]:
    """A lane as JSON holds it."""
    return [list(stretch) for stretch in lane]


def lane_of(found: Any) -> Lane:
    """A lane from its JSON."""
    return tuple(Stretch(int(start), int(end)) for start, end in found)
