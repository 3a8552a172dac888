"""The draft of a successor: what it keeps, what it lacks, and the recipe that says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.recipe import Recipe
from artifacts.world import Draft, World
from tasks.job.weaving import WRITING, first_lacking
from tasks.recipes import program_digests
from tasks.regeneration.order import Reason, RegenerateOrder
from tasks.regeneration.renew import OUTPUTS, Renewal, cut, renewal
from tasks.regeneration.stale import PLACES, Finding, Standing

TODAY = program_digests()
STAGES_THAT_RUN = [stage for stage in PLACES if stage != "scenario"]


def again(standing: Standing, *found: Finding, order: RegenerateOrder | None = None) -> Renewal:
    return renewal(standing, found, order or RegenerateOrder(), TODAY)


@pytest.mark.parametrize("stage", STAGES_THAT_RUN)
def test_a_world_is_cut_at_the_first_stage_that_runs(stage: str, world: Callable[..., World], standing: Callable[..., Standing]) -> None:
    whole = world()
    found = again(standing(world_id=whole.id, scenario=whole.scenario), Finding("program", stage, ""))
    draft = cut(whole, found)
    gone = {name for later in found.stages for name in OUTPUTS.get(later, {})}
    for name in Draft.model_fields.keys() - {"recipe", "seed"}:
        assert getattr(draft, name) == (type(getattr(draft, name))() if name in gone else getattr(whole, name)), name
    assert first_lacking(draft) == PLACES.index(stage) if stage != "seal" else len(WRITING)
    assert draft.draft_id == found.draft_id
    assert found.stages == PLACES[PLACES.index(stage) :]


def test_the_recipe_names_the_programs_that_made_each_part(standing: Callable[..., Standing]) -> None:
    then = Recipe(model="hand", programs={**TODAY, "schema": "0" * 12, "tools": "1" * 12})
    found = again(standing(recipe=then), Finding("solved", "agent_tasks", ""), order=RegenerateOrder(reasons=("solved",)))
    assert found.recipe.programs == {**then.programs, "agent_tasks": TODAY["agent_tasks"]}
    assert again(standing(recipe=then), Finding("program", "schema", "")).recipe.programs == TODAY


@pytest.mark.parametrize(("reason", "more"), [("program", 0), ("gates", 0), ("format", 0), ("quality", 1), ("solved", 1)])
def test_another_draw_only_where_the_same_would_repeat_the_answer(reason: Reason, more: int, standing: Callable[..., Standing]) -> None:
    finding = Finding(reason, "agent_tasks", "")
    old = standing(recipe=Recipe(model="hand", programs=TODAY, seed=4))
    assert again(old, finding).recipe.seed == 4 + more


def test_the_parent_keeps_its_draft_apart_from_a_synthesis(standing: Callable[..., Standing]) -> None:
    old = standing()
    found = again(old, Finding("gates", "tools", ""))
    assert found.recipe == old.recipe.model_copy(update={"parent": old.world_id})
    assert found.draft_id != Draft(scenario=old.scenario, recipe=old.recipe).draft_id


def test_the_order_may_name_the_model_and_a_harder_spread(standing: Callable[..., Standing]) -> None:
    order = RegenerateOrder(model="openai/gpt-5", difficulty=(0, 0, 0, 50, 50))
    solved = again(standing(), Finding("solved", "agent_tasks", ""), order=order)
    assert (solved.recipe.model, solved.recipe.difficulty) == ("openai/gpt-5", (0, 0, 0, 50, 50))
    assert again(standing(), Finding("quality", "agent_tasks", ""), order=order).recipe.difficulty is None
