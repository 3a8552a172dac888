"""The level's formula: no figure lowers it, and all five levels can be reached."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.measures import Difficulty
from tasks.difficulty.levels import CUTS, LEVELS, WEIGHTS, effort_of, level_of

COUNTS = ("steps", "tools", "distractors", "irrelevant_tools", "looked_up", "given", "hurdles")

FIGURES = st.builds(
    Difficulty, level=st.just(1), branching=st.floats(0, 60), **{name: st.integers(1 if name == "steps" else 0, 40) for name in COUNTS}
)


@given(FIGURES, st.sampled_from((*COUNTS, "branching")), st.integers(1, 20))
def test_no_figure_lowers_a_level_by_growing(figures: Difficulty, name: str, more: int) -> None:
    harder = figures.model_copy(update={name: getattr(figures, name) + more})
    assert effort_of(harder) >= effort_of(figures)
    assert level_of(harder) >= level_of(figures)


@given(FIGURES, st.integers(1, 5))
def test_a_claimed_level_counts_for_nothing(figures: Difficulty, claimed: int) -> None:
    assert level_of(figures.model_copy(update={"level": claimed})) == level_of(figures)


def test_weights_and_cuts_are_in_order() -> None:
    assert all(weight >= 0 for weight in WEIGHTS.values())
    assert list(CUTS) == sorted(set(CUTS))
    assert len(CUTS) == len(LEVELS) - 1


def figures(steps: int, **more: Any) -> Difficulty:
    base = {
        "tools": min(steps, 4),
        "branching": 15.0,
        "distractors": 2 * steps,
        "irrelevant_tools": 25,
        "looked_up": steps - 1,
        "given": steps,
    }
    return Difficulty(level=1, steps=steps, **{**base, **more})


def test_all_levels_can_be_reached() -> None:
    reached = {level_of(figures(steps, irrelevant_tools=others)) for steps in range(1, 16) for others in (3, 12, 25)}
    assert reached == set(LEVELS)


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_is_the_least_effort_of_its_level(cut: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.difficulty.levels.effort_of", lambda _figures: cut)
    assert level_of(figures(3)) == CUTS.index(cut) + 2
    monkeypatch.setattr("tasks.difficulty.levels.effort_of", lambda _figures: cut - 0.001)
    assert level_of(figures(3)) == CUTS.index(cut) + 1
