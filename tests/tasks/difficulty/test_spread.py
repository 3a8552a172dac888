"""Levels as they were asked for: reading, rounding, choosing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.errors import InvalidInput
from tasks.difficulty.levels import LEVELS
from tasks.difficulty.spread import EVEN, checked, chosen, fitting, open_places, quotas, read_shares, spread_of, written
from tasks.job.order import Order

SHARES = (
    st.lists(st.integers(0, 100), min_size=4, max_size=4)
    .map(lambda cuts: [0, *sorted(cuts), 100])
    .map(lambda cuts: tuple(high - low for low, high in pairwise(cuts)))
)
LEVEL = st.sampled_from(LEVELS)


def test_shares_are_read_as_people_write_them() -> None:
    assert read_shares("1:20,2:20,3:30,4:20,5:10") == (20, 20, 30, 20, 10)
    assert read_shares(" 5 : 10%, 3:90 ") == (0, 0, 90, 0, 10)
    assert written((20, 20, 30, 20, 10)) == "1:20,2:20,3:30,4:20,5:10"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("6:100", "level 6"),
        ("0:100", "level 0"),
        ("1:50,2:40", "add up to 90"),
        ("1:60,2:60", "add up to 120"),
        ("1:-10,2:110", "level 1 a negative share, -10"),
        ("1:50,1:50", "level 1 twice"),
        ("", "''"),
        ("1:50,,2:50", "''"),
        ("hard", "'hard'"),
        ("1:12.5,2:87.5", "'1:12.5'"),
        ("1=100", "'1=100'"),
        ("٣:100", "'٣:100'"),
    ],
)
def test_nonsense_gets_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_shares(text)
    assert words in refused.value.message
    assert "\n" not in str(refused.value)
    assert "1:20,2:20,3:30,4:20,5:10" in refused.value.hint


@pytest.mark.parametrize("shares", [(20, 20, 20, 20), (50, 60, 0, -10, 0), (20, 20, 20, 20, 19)])
def test_an_order_takes_no_shares_that_are_none(shares: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        checked(shares)
    if len(shares) == len(LEVELS):
        with pytest.raises(InvalidInput):
            Order.model_validate({"difficulty": shares})


def test_quotas_by_hand() -> None:
    assert quotas((20, 20, 30, 20, 10), 10) == {1: 2, 2: 2, 3: 3, 4: 2, 5: 1}
    assert quotas((20, 20, 30, 20, 10), 5) == {1: 1, 2: 1, 3: 2, 4: 1, 5: 0}, "the halves of 3 and 5: the lower level first"
    assert quotas((34, 33, 33, 0, 0), 1) == {1: 1, 2: 0, 3: 0, 4: 0, 5: 0}
    assert quotas(None, 6) == {1: 2, 2: 1, 3: 1, 4: 1, 5: 1}


@given(SHARES, st.integers(0, 300))
def test_quotas_are_whole_complete_and_nearest(shares: tuple[int, ...], count: int) -> None:
    found = quotas(shares, count)
    assert sum(found.values()) == count
    assert list(found) == list(LEVELS)
    for level, share in zip(LEVELS, shares, strict=True):
        assert abs(found[level] - count * share / 100) < 1
        assert share or not found[level]


@given(SHARES, st.lists(LEVEL, max_size=12), st.integers(0, 8))
def test_open_places_are_what_is_left_to_fill(shares: tuple[int, ...], levels: list[int], more: int) -> None:
    wanted = quotas(shares, len(levels) + more)
    left = open_places(wanted, levels)
    assert sum(left.values()) == more
    assert all(0 <= left[level] <= wanted[level] for level in LEVELS)


def test_a_task_too_many_takes_the_nearest_open_place() -> None:
    assert open_places({1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, [4, 4]) == {1: 1, 2: 1, 3: 0, 4: 0, 5: 1}


@given(st.lists(LEVEL, max_size=80), SHARES, st.integers(0, 10))
def test_chosen_fills_the_places_at_the_nearest_levels(levels: list[int], shares: tuple[int, ...], count: int) -> None:
    wanted = quotas(shares, count)
    found = chosen(((level, (number, level)) for number, level in enumerate(levels)), wanted, look_ahead=1_000)
    assert len(found) == min(count, len(levels))
    assert list(found) == sorted(found), "in the order in which they came"
    assert found == chosen(((level, (number, level)) for number, level in enumerate(levels)), wanted, look_ahead=1_000)
    got, offered = Counter(level for _, level in found), Counter(levels)
    for level in LEVELS:
        assert got[level] >= min(wanted[level], offered[level]), "no place stays open for which there was a task"


def test_choosing_looks_ahead_no_further_than_told() -> None:
    def endless() -> Iterator[tuple[int, int]]:
        while True:
            drawn.append(1)
            yield 1, len(drawn)

    drawn: list[int] = []
    assert chosen(endless(), {5: 2}, look_ahead=7) == (1, 2)
    assert len(drawn) == 14


def test_choosing_stops_when_all_places_are_filled() -> None:
    stream = iter([(1, "a"), (2, "b"), (1, "c"), (3, "d")])
    assert chosen(stream, {1: 1, 2: 1}) == ("a", "b")
    assert next(stream) == (1, "c")


def test_fitting_keeps_what_has_a_place_of_its_own() -> None:
    assert fitting([(1, "a"), (1, "b"), (4, "c"), (2, "d")], {1: 1, 2: 1, 3: 1}) == ("a", "d")


def test_a_spread_says_how_far_off_it_is() -> None:
    spread = spread_of([1, 1, 1, 1, 2, 2, 3, 3, 4, 5], (20, 20, 30, 20, 10))
    assert spread.found == {1: 4, 2: 2, 3: 2, 4: 1, 5: 1}
    assert spread.wanted == {1: 2, 2: 2, 3: 3, 4: 2, 5: 1}
    assert (spread.off, spread.misplaced) == (2, 2)
    assert spread_of([1, 2, 3, 4, 5], EVEN).off == 0
