"""Which worlds are out of date, why, and the first stage that must run again. Pure functions over what is on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.world import FORMAT
from tasks.difficulty.spread import spread_of, written
from tasks.gates.spread import slack_of
from tasks.job.tally import STAGES
from tasks.regeneration.order import Reason, RegenerateOrder

SEAL = "seal"
PLACES = (*STAGES, SEAL)
"""The stages in their order; the last one only judges and seals."""

KEPT = ("scenario",)
"""Stages that never run again: another scenario would be another world, on another side of the split, and no successor."""


class Finding(NamedTuple):
    """One reason why a world is out of date: the first stage that must run again for it, and what was found."""

    reason: Reason
    stage: str
    why: str


class TaskFigures(NamedTuple):
    """What was measured of one agent task; None is not measured."""

    difficulty: int | None
    mutants: int | None
    mutants_rejected: int | None
    mutants_equivalent: int | None
    mutants_free: int | None
    ways: int | None
    ways_accepted: int | None


class Played(NamedTuple):
    """How one policy fared in a world: episodes that count, and those that it completed."""

    policy: str
    episodes: int
    completed: int


class Standing(NamedTuple):
    """What is on record about a world; `judged_by` names the definition of quality behind its report."""

    world_id: str
    scenario: Scenario
    recipe: Recipe
    format: int
    judged_by: str
    tasks: tuple[TaskFigures, ...] = ()
    played: tuple[Played, ...] = ()


def findings(standing: Standing, order: RegenerateOrder, programs: Mapping[str, str]) -> tuple[Finding, ...]:
    """What the record alone says against a world; whether today's gates reject it has to be tried (see `to_be_judged`)."""
    found = (
        program_changed(standing.recipe, programs),
        format_changed(standing.format),
        *quality_missed(standing, order),
        solved(standing.played, order),
    )
    return tuple(finding for finding in found if finding is not None and finding.reason in order.reasons)


def to_be_judged(standing: Standing, order: RegenerateOrder, today: str) -> bool:
    """Whether another definition of quality than today's judged a world."""
    return "gates" in order.reasons and standing.judged_by != today


def first_stage(found: Iterable[Finding]) -> str:
    """The first stage that must run again, over all reasons."""
    return min((finding.stage for finding in found), key=PLACES.index)


def program_changed(recipe: Recipe, programs: Mapping[str, str]) -> Finding | None:
    """The first stage whose prompts are others today; a recipe that names no programs says nothing."""
    for stage in STAGES if recipe.programs else ():
        then, now = recipe.programs.get(stage), programs.get(stage)
        if then != now and stage not in KEPT:
            return Finding("program", stage, f"the program of the stage {stage} is {now or 'none'}, was {then or 'none'}")
    return None


def format_changed(number: int) -> Finding | None:
    """An older format: everything is kept, judged and sealed again. A newer one is not ours to judge."""
    return Finding("format", SEAL, f"its format is {number}, today's is {FORMAT}") if number < FORMAT else None


def quality_missed(standing: Standing, order: RegenerateOrder) -> Iterable[Finding]:
    """What was measured of a world's tasks, against the bars; what was not measured is not held against it."""
    made = [t for t in standing.tasks if t.mutants is not None]
    wrong = sum((t.mutants or 0) - (t.mutants_equivalent or 0) - (t.mutants_free or 0) for t in made)
    refused = sum(t.mutants_rejected or 0 for t in made)
    if wrong and refused / wrong < order.mutation_bar:
        yield Finding("quality", "agent_tasks", f"{refused} of {wrong} near misses are rejected; the bar is {order.mutation_bar:.0%}")
    ways = sum(t.ways or 0 for t in standing.tasks)
    accepted = sum(t.ways_accepted or 0 for t in standing.tasks)
    if ways and accepted / ways < order.fairness_bar:
        yield Finding("quality", "agent_tasks", f"{accepted} of {ways} right ways are accepted; the bar is {order.fairness_bar:.0%}")
    yield from _spread_missed(standing)


def _spread_missed(standing: Standing) -> Iterable[Finding]:
    levels = [task.difficulty for task in standing.tasks if task.difficulty is not None]
    shares = standing.recipe.difficulty
    if shares is None or not levels or len(levels) < len(standing.tasks):
        return
    off = spread_of(levels, shares).off
    if off > slack_of(len(levels)):
        yield Finding("quality", "agent_tasks", f"a level of difficulty is off by {off} tasks; {written(shares)} was asked for")


def solved(played: Iterable[Played], order: RegenerateOrder) -> Finding | None:
    """The policy that completes the largest share of a world's episodes, where that is nearly all of them."""
    enough = [one for one in played if one.episodes >= order.solved_episodes]
    best = max(enough, key=lambda one: (one.completed / one.episodes, one.policy), default=None)
    if best is None or best.completed / best.episodes < order.solved_bar:
        return None
    return Finding("solved", "agent_tasks", f"{best.policy} completed {best.completed} of {best.episodes} episodes")
