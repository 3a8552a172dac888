"""Orders and lanes: nothing lost, nothing twice, whoever reads."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.order import Stretch, cut, dropped, epoch_order, length, together

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=30)


def groups_of(sizes: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)


@given(sizes=SIZES, seed=st.integers(0, 2**63), epoch=st.integers(0, 5), window=st.integers(1, 5))
def test_an_epoch_holds_every_row_once_and_needs_few_groups_at_a_time(sizes: list[int], seed: int, epoch: int, window: int) -> None:
    groups = groups_of(sizes)
    order, windows = epoch_order(np.arange(len(groups), dtype=np.int64), groups, seed, epoch, window)
    assert sorted(order) == list(range(len(groups)))
    assert all(len(set(groups[order[start:end]])) <= window for start, end in itertools.pairwise(windows))
    assert windows[-1] == len(order)


def test_an_epochs_order_is_the_same_on_every_machine() -> None:
    order, windows = epoch_order(np.arange(12, dtype=np.int64), groups_of([3, 3, 3, 3]), seed=7, epoch=0, window=2)
    assert (order.tolist(), windows.tolist()) == (ORDER, WINDOWS)
    assert epoch_order(np.arange(12, dtype=np.int64), groups_of([3, 3, 3, 3]), seed=7, epoch=1, window=2)[0].tolist() != ORDER


def test_a_table_without_rows_has_an_empty_order() -> None:
    order, windows = epoch_order(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 0)
    assert (len(order), windows.tolist()) == (0, [0])


@given(
    count=st.integers(0, 60),
    steps=st.lists(st.tuples(st.integers(1, 7), st.lists(st.integers(0, 9), min_size=7, max_size=7)), max_size=5),
)
def test_every_place_is_taken_once_however_often_the_lanes_change(count: int, steps: list[tuple[int, list[int]]]) -> None:
    left: tuple[Stretch, ...] = (Stretch(0, count),) if count else ()
    taken: list[int] = []
    for lanes, takes in [*steps, (1, [count] * 7)]:
        dealt = cut(left, lanes)
        sizes = [length(lane) for lane in dealt]
        assert max(sizes) - min(sizes) <= 1
        rest = []
        for lane, take in zip(dealt, takes, strict=False):
            places = [place for start, end in lane for place in range(start, end)]
            taken += places[:take]
            rest.append(dropped(lane, min(take, len(places))))
        left = together(rest)
    assert sorted(taken) == list(range(count))


ORDER = [6, 5, 3, 7, 8, 4, 9, 1, 10, 11, 0, 2]
WINDOWS = [0, 6, 12]
