"""Why a world is out of date, and the first stage that must run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from artifacts.recipe import Recipe
from artifacts.world import FORMAT
from tasks.gates import definition
from tasks.recipes import program_digests
from tasks.regeneration.order import REASONS, RegenerateOrder
from tasks.regeneration.stale import Finding, Played, Standing, TaskFigures, findings, first_stage, to_be_judged

TODAY = program_digests()
ORDER = RegenerateOrder()
Make = Callable[..., Standing]


def found(standing: Standing, order: RegenerateOrder = ORDER) -> list[tuple[str, str]]:
    return [(finding.reason, finding.stage) for finding in findings(standing, order, TODAY)]


def figures(**change: Any) -> TaskFigures:
    return TaskFigures(**{**dict.fromkeys(TaskFigures._fields), **change})


def test_a_world_of_today_is_not_out_of_date(standing: Make) -> None:
    assert found(standing()) == []
    assert not to_be_judged(standing(), ORDER, definition())


@pytest.mark.parametrize("stage", [stage for stage in TODAY if stage != "scenario"])
def test_a_changed_program_makes_its_stage_the_first(stage: str, standing: Make) -> None:
    then = Recipe(model="hand", programs={**TODAY, stage: "0" * 12})
    assert found(standing(recipe=then)) == [("program", stage)]


def test_of_several_changed_programs_the_first_counts(standing: Make) -> None:
    then = Recipe(model="hand", programs={**TODAY, "seed": "0" * 12, "agent_tasks": "0" * 12})
    assert found(standing(recipe=then)) == [("program", "seed")]


def test_a_stage_that_did_not_exist_then_counts_as_changed(standing: Make) -> None:
    then = Recipe(model="hand", programs={stage: digest for stage, digest in TODAY.items() if stage != "tools"})
    assert found(standing(recipe=then)) == [("program", "tools")]


def test_what_the_scenario_was_written_with_does_not_count(standing: Make) -> None:
    then = Recipe(model="hand", programs={**TODAY, "scenario": "0" * 12})
    assert found(standing(recipe=then)) == []


def test_a_recipe_that_names_no_programs_says_nothing(standing: Make) -> None:
    assert found(standing(recipe=Recipe(model="hand"))) == []


def test_an_older_format_needs_only_the_seal(standing: Make) -> None:
    assert found(standing(format=FORMAT - 1)) == [("format", "seal")]
    assert found(standing(format=FORMAT + 1)) == []


def test_other_gates_than_todays_have_to_be_asked_again(standing: Make) -> None:
    old = standing(judged_by="of yesterday")
    assert to_be_judged(old, ORDER, definition())
    assert not to_be_judged(old, RegenerateOrder(reasons=("program",)), definition())


@pytest.mark.parametrize(
    ("tasks", "stale"),
    [
        ((figures(mutants=10, mutants_rejected=7, mutants_equivalent=2, mutants_free=1),), False),
        ((figures(mutants=10, mutants_rejected=6, mutants_equivalent=2, mutants_free=1),), True),
        ((figures(mutants=3, mutants_rejected=3, mutants_equivalent=0, mutants_free=0), figures()), False),
        ((figures(ways=4, ways_accepted=4), figures(ways=2, ways_accepted=2)), False),
        ((figures(ways=4, ways_accepted=4), figures(ways=2, ways_accepted=1)), True),
        ((figures(), figures()), False),
    ],
)
def test_what_was_measured_is_held_against_the_bars(tasks: tuple[TaskFigures, ...], stale: bool, standing: Make) -> None:
    assert found(standing(tasks=tasks)) == ([("quality", "agent_tasks")] if stale else [])
    assert found(standing(tasks=tasks), RegenerateOrder(mutation_bar=0.5, fairness_bar=0.5)) == []


def test_a_spread_that_was_asked_for_and_missed(standing: Make) -> None:
    asked = Recipe(model="hand", programs=TODAY, difficulty=(0, 0, 100, 0, 0))
    on = tuple(figures(difficulty=3) for _ in range(10))
    off = (*on[:7], *(figures(difficulty=1) for _ in range(3)))
    assert found(standing(recipe=asked, tasks=on)) == []
    assert found(standing(recipe=asked, tasks=off)) == [("quality", "agent_tasks")]
    assert found(standing(tasks=off)) == []  # nothing was asked for
    assert found(standing(recipe=asked, tasks=(*off, figures()))) == []  # not all of it is measured


@pytest.mark.parametrize(
    ("played", "stale"),
    [
        ((Played("strong", 20, 18),), True),
        ((Played("strong", 19, 19),), False),
        ((Played("strong", 20, 17),), False),
        ((Played("weak", 200, 10), Played("strong", 30, 30)), True),
        ((), False),
    ],
)
def test_a_policy_that_solves_nearly_all(played: tuple[Played, ...], stale: bool, standing: Make) -> None:
    assert found(standing(played=played)) == ([("solved", "agent_tasks")] if stale else [])


def test_only_the_reasons_asked_for_count(standing: Make) -> None:
    then = Recipe(model="hand", programs={**TODAY, "schema": "0" * 12})
    old = standing(recipe=then, played=(Played("strong", 50, 50),), format=0)
    assert found(old) == [("program", "schema"), ("format", "seal"), ("solved", "agent_tasks")]
    for reason in REASONS:
        assert {name for name, _ in found(old, RegenerateOrder(reasons=(reason,)))} <= {reason}


def test_the_first_stage_over_all_reasons() -> None:
    assert first_stage([Finding("solved", "agent_tasks", ""), Finding("gates", "tools", ""), Finding("format", "seal", "")]) == "tools"
