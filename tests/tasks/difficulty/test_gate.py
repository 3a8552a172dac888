"""The gate of difficulty: levels as measured, spread as asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.agent_task import AgentTask
from artifacts.measures import Measures
from artifacts.verdict import Pass, Reject
from artifacts.world import Draft
from tasks.difficulty.measures import difficulty_of
from tasks.gates.spread import slack_of, spread_met
from tasks.trials.workbench import Workbench

Asked = Callable[..., AgentTask]


@pytest.fixture
def draft(bench: Workbench, asked: Asked) -> Draft:
    """Four tasks of level 1."""
    tasks = tuple(
        asked("…", ("note_box", {"box_id": 2, "note": note})).model_copy(update={"id": f"t0{n}"}) for n, note in enumerate("abcd")
    )
    return bench.draft.model_copy(update={"tasks": tasks})


def spread(draft: Draft, *shares: int) -> Draft:
    return draft.model_copy(update={"recipe": draft.recipe.model_copy(update={"difficulty": shares})})


def test_levels_are_told_where_nothing_was_asked(draft: Draft) -> None:
    assert spread_met(draft) == Pass(gate="spread_met", figures={"levels": [4, 0, 0, 0, 0]})


def test_one_task_a_level_may_be_off(draft: Draft) -> None:
    met = spread_met(spread(draft, 75, 25, 0, 0, 0))
    assert isinstance(met, Pass)
    assert met.figures == {"levels": [4, 0, 0, 0, 0], "asked": [3, 1, 0, 0, 0], "misplaced": 1, "farthest_off": 1}


def test_more_is_rejected_with_what_to_do(draft: Draft) -> None:
    missed = spread_met(spread(draft, 25, 0, 0, 25, 50))
    assert isinstance(missed, Reject)
    assert [problem.code for problem in missed.evidence] == ["spread.off", "spread.off"]
    first, last = missed.evidence
    assert "4 tasks have level 1; the spread 1:25,2:0,3:0,4:25,5:50 asks for 1" in first.message
    assert "0 tasks have level 5" in last.message
    assert "Replace tasks of level 1 by tasks of level 5: longer chains" in first.hint
    assert missed.figures["farthest_off"] == 3


@pytest.mark.parametrize(("tasks", "slack"), [(1, 1), (10, 1), (39, 1), (40, 2), (100, 5)])
def test_large_worlds_have_more_slack(tasks: int, slack: int) -> None:
    assert slack_of(tasks) == slack


def test_a_claim_that_is_not_measured_is_refused(draft: Draft, bench: Workbench) -> None:
    first = draft.tasks[0]
    figures = difficulty_of(first, bench)
    true, false = (
        draft.model_copy(update={"tasks": (first.model_copy(update={"measures": Measures(difficulty=claim)}), *draft.tasks[1:])})
        for claim in (figures, figures.model_copy(update={"level": 5, "hurdles": 2}))
    )
    assert isinstance(spread_met(true), Pass)
    refused = spread_met(false)
    assert isinstance(refused, Reject)
    (problem,) = refused.evidence
    assert (problem.code, problem.place) == ("task.measures", "task:t00/measures/difficulty")
    assert "level 5, measured 1" in problem.message
    assert "hurdles 2, measured 0" in problem.message
