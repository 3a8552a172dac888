"""What a store has worlds for already: a scenario with the same wishes, whatever prompts wrote it, and whatever took its place since."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.store import Store
from artifacts.world import Draft


class Wish(NamedTuple):
    """What was asked for: a scenario by its name, and everything of the recipe but the prompts' digests."""

    name: str
    recipe_digest: str


def wish_of(scenario: Scenario, recipe: Recipe) -> Wish:
    """The wish that a draft came from."""
    return Wish(scenario.name, recipe.model_copy(update={"programs": {}}).digest)


def worlds_there(store: Store) -> Callable[[Draft], bool]:
    """Whether a store has a world for a draft: prompts that changed since make it out of date, which regeneration sees to, not missing.

    Worlds that took another's place are known by that other one, which stays. A draft without a description takes any.
    """
    rows = store.scan("worlds").filter(pl.col("parent_world_id").is_null()).select("scenario", "recipe").collect()
    told: dict[Wish, set[str]] = {}
    for scenario, recipe in rows.iter_rows():
        made = Scenario.model_validate_json(scenario)
        told.setdefault(wish_of(made, Recipe.model_validate_json(recipe)), {""}).add(made.description)
    return lambda draft: draft.scenario.description in told.get(wish_of(draft.scenario, draft.recipe), ())
