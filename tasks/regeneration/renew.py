"""From a world that is out of date to the draft of its successor: the earlier stages kept, the later ones cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.world import Draft, World
from tasks.job.tally import STAGES
from tasks.regeneration.order import RegenerateOrder
from tasks.regeneration.stale import PLACES, Finding, Standing, first_stage

REPEATING = ("quality", "solved")
"""Reasons for which the same program would only give the same answers again: these take another draw."""

OUTPUTS: Mapping[str, dict[str, Any]] = {
    "requirements": {"intentions": ()},
    "schema": {"schema_sql": ""},
    "seed": {"seed": (), "seed_sql": ""},
    "tools": {"tools": ()},
    "agent_tasks": {"tasks": ()},
}
"""What each stage fills in, empty."""


class Renewal(NamedTuple):
    """A world to be made again: why, from which stage on, and the recipe and the id of the new draft."""

    world_id: str
    name: str
    findings: tuple[Finding, ...]
    stage: str
    recipe: Recipe
    draft_id: str

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that run."""
        return PLACES[PLACES.index(self.stage) :]


def renewal(standing: Standing, found: tuple[Finding, ...], order: RegenerateOrder, programs: Mapping[str, str]) -> Renewal:
    """How a world is made again for what was found."""
    stage = first_stage(found)
    recipe = new_recipe(standing, found, order, programs)
    draft_id = draft_id_of(standing.scenario, recipe)
    return Renewal(standing.world_id, standing.scenario.name, found, stage, recipe, draft_id)


def new_recipe(standing: Standing, found: tuple[Finding, ...], order: RegenerateOrder, programs: Mapping[str, str]) -> Recipe:
    """The recipe of the successor: today's programs for the stages that run and those of then for what is kept; another draw where
    the same one would only repeat the answer.
    """
    old, first = standing.recipe, PLACES.index(first_stage(found))
    reasons = {finding.reason for finding in found}
    kept = {stage: old.programs[stage] for stage in STAGES[:first] if stage in old.programs}
    harder = {"difficulty": order.difficulty} if "solved" in reasons and order.difficulty is not None else {}
    change = {
        "model": order.model or old.model,
        "programs": {stage: kept.get(stage, digest) for stage, digest in programs.items()},
        "seed": old.seed + (not reasons.isdisjoint(REPEATING)),
        "parent": standing.world_id,
        **harder,
    }
    return old.model_copy(update=change)


def draft_id_of(scenario: Scenario, recipe: Recipe) -> str:
    """The id that the successor's draft has: its parent is in the recipe, so that no draft of a synthesis has the same."""
    return Draft(scenario=scenario, recipe=recipe).draft_id


def cut(world: World, again: Renewal) -> Draft:
    """The world as a draft that lacks the output of the first stage that is out of date, and of all after it."""
    gone = {name: empty for stage in again.stages if stage in OUTPUTS for name, empty in OUTPUTS[stage].items()}
    return world.draft().model_copy(update={**gone, "recipe": again.recipe})
