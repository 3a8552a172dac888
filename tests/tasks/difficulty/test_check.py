"""Levels beside success: tables, ranks and halves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.agent_task import AgentTask
from artifacts.measures import Difficulty
from artifacts.scenario import Scenario
from tasks.difficulty.check import Tried, check_of, is_held_out, spearman, tried_tasks
from tasks.trials.workbench import Workbench


def tried(level: int, rate: float) -> Tried:
    figures = Difficulty(level=level, steps=level, tools=1, branching=1, distractors=0, irrelevant_tools=0, looked_up=0, given=0)
    return Tried(figures, rate)


def test_ranks_agree_as_worked_by_hand() -> None:
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # Ranks 0, 1.5, 1.5, 3 against 3, 1, 2, 0: covariance -4.5, variances 4.5 and 5.
    assert spearman([1, 2, 2, 3], [9, 4, 5, 1]) == pytest.approx(-4.5 / (4.5 * 5) ** 0.5)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([1], [1]) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_ranks_are_all_that_counts(pairs: list[tuple[int, int]]) -> None:
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    stretched = spearman([a**3 for a in one], [10 * b + 1 for b in other])
    assert stretched == (None if spearman(one, other) is None else pytest.approx(spearman(one, other)))


def test_success_is_told_level_by_level() -> None:
    found = check_of([tried(1, 1.0), tried(1, 0.5), tried(2, 0.25), tried(5, 0.0)])
    assert [(one.level, one.tasks, one.rate) for one in found.levels] == [
        (1, 2, 0.75),
        (2, 1, 0.25),
        (3, 0, None),
        (4, 0, None),
        (5, 1, 0.0),
    ]
    assert found.falls
    assert found.rho_level is not None
    assert found.rho_level < -0.9
    assert not check_of([tried(1, 0.2), tried(2, 0.4)]).falls


def test_a_world_is_measured_and_tried(bench: Workbench, asked: Callable[..., AgentTask]) -> None:
    easy = asked('Put the note "Fragile" on the box "Flat Box".', ("note_box", {"box_id": 2, "note": "Fragile"}))
    unsaid = asked("Do the same as last time, please.", ("note_box", {"box_id": 2, "note": "Fragile"}))
    found = tried_tasks(bench.draft.model_copy(update={"tasks": (easy, unsaid)}), range(3))
    assert [one.rate for one in found] == [1.0, 0.0]
    assert [one.figures.steps for one in found] == [1, 1]


def test_half_of_the_worlds_are_held_out(bench: Workbench) -> None:
    drafts = [bench.draft.model_copy(update={"scenario": Scenario(name=f"World {number}")}) for number in range(200)]
    assert 70 < sum(map(is_held_out, drafts)) < 130
