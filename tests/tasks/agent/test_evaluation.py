"""Rates, intervals, failures and comparisons, against counting and hand-worked cases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.agent.evaluation import Attempt, Estimate, comparison, estimate, evaluation, pass_all, pass_at, summary, tried


def attempts(task: str, solved: Sequence[bool | None], world: str = "w", kind: str = "read", level: int | None = 1) -> list[Attempt]:
    """A task's attempts, with seeds from 0."""
    names = {True: "completed", False: "partial", None: "environment_error"}
    return [Attempt(task, world, kind, level, seed, one, names[one], "answered") for seed, one in enumerate(solved)]


@given(count=st.integers(1, 8), data=st.data())
def test_the_estimators_count_all_ways_to_choose_k_attempts(count: int, data: st.DataObject) -> None:
    solved, k = data.draw(st.integers(0, count)), data.draw(st.integers(1, count))
    ways = list(combinations([place < solved for place in range(count)], k))
    assert pass_at(count, solved, k) == pytest.approx(sum(map(any, ways)) / len(ways))
    assert pass_all(count, solved, k) == pytest.approx(sum(map(all, ways)) / len(ways))


def test_rates_are_means_over_tasks_and_masked_attempts_count_neither_way() -> None:
    made = [
        *attempts("a", [True, True, False, False], "one"),
        *attempts("b", [True, None, True, True], "two", "write", 3),
        *attempts("c", [None, None, None, None], "two", "write", 3),
    ]
    found = evaluation("me", made, 4, planned=16)
    whole, *parts = found.lines
    assert (found.attempts, found.masked, found.missing) == (12, 5, 4)
    assert [line.name for line in parts] == ["read", "write", "level 1", "level 3"]
    assert whole.once is not None
    assert (whole.tasks, whole.once.value) == (2, (0.5 + 1.0) / 2)
    assert whole.any == Estimate(1.0, None, None, 1), "task b has three attempts that count: too few for pass@4"
    assert whole.all == Estimate(0.0, None, None, 1)
    assert found.failures == {("partial", "answered"): 2, ("environment_error", "answered"): 5}
    assert summary(found)["lines"][0]["pass@4"]["value"] == 1.0


def test_no_attempts_give_no_rate() -> None:
    found = evaluation("me", [], 4, planned=8)
    assert (found.missing, found.lines[0].once, len(found.lines)) == (8, None, 1)


def test_the_interval_is_over_worlds() -> None:
    """Tasks of a world that all go one way are one piece of evidence, not many."""
    alike = [("a", 1.0)] * 50 + [("b", 0.0)] * 50
    apart = [(f"w{place}", float(place % 2)) for place in range(100)]
    together, alone = estimate(alike), estimate(apart)
    assert together is not None
    assert alone is not None
    assert (together.value, together.low, together.high) == (0.5, 0.0, 1.0)
    assert alone.low == pytest.approx(0.4, abs=0.03), "1.96 · sqrt(0.25 / 100) below a half"
    assert alone.high == pytest.approx(0.6, abs=0.03)
    assert estimate(apart) == alone


def test_rates_without_variance_still_have_an_interval_and_a_single_world_has_none() -> None:
    nothing = estimate([(f"w{place}", 0.0) for place in range(10)], rate=True)
    assert nothing is not None
    assert nothing.high == pytest.approx(1 - 0.025**0.1)
    assert (nothing.value, nothing.low) == (0.0, 0.0)
    everything = estimate([(f"w{place}", 1.0) for place in range(10)], rate=True)
    assert everything is not None
    assert everything.low == pytest.approx(0.025**0.1)
    assert (everything.value, everything.high) == (1.0, 1.0)
    assert estimate([("w", 0.0), ("w", 1.0)], rate=True) == Estimate(0.5, None, None, 2)
    assert estimate([]) is None


def test_two_policies_are_compared_on_the_tasks_and_seeds_that_both_have() -> None:
    one = [*attempts("a", [True, True], "u"), *attempts("b", [True, False], "v"), *attempts("c", [True, True], "v")]
    other = [*attempts("a", [False, True], "u"), *attempts("b", [None, False], "v")]
    found = comparison(one, other)
    assert found.difference is not None
    assert (found.difference.value, found.difference.tasks) == (0.5, 2), "a: 1 - 1/2, b: 1/2 - 0"
    assert (found.both, found.only_one, found.only_other, found.neither) == (1, 1, 0, 1)
    back = comparison(other, one)
    assert back.difference is not None
    assert back.difference.value == -found.difference.value
    assert (back.only_one, back.only_other) == (0, 1)


def test_a_task_keeps_its_counts_whatever_the_order() -> None:
    made = [*attempts("b", [True, False]), *attempts("a", [True, None])]
    assert tried(made) == tried(made[::-1])
    assert [(one.task_id, one.made, one.solved) for one in tried(made)] == [("a", 1, 1), ("b", 2, 1)]
