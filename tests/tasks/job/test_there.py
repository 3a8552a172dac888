"""A changed prompt makes worlds out of date, not missing: no draft is planned beside a world that regeneration renews."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from artifacts.recipe import Size
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.world import Draft, World
from tasks.authoring import author, new_draft
from tasks.job.there import worlds_there
from tasks.models.language_model import EMBEDDED, ModelSettings
from tasks.stage import model_at

WHEN = datetime(2026, 3, 2, tzinfo=UTC)
WISH = new_draft(Scenario(name="Tool lending library"), EMBEDDED, Size(tasks=2))


def of_other_prompts(draft: Draft) -> Draft:
    return draft.model_copy(update={"recipe": draft.recipe.model_copy(update={"programs": {"tools": "0" * 12}})})


def keep(store: Store, world: World) -> None:
    store.publish(world)
    store.commit(rows_of_draft(f"draft-{world.id}", world.report, [], world, run_id="run-0", created_at=WHEN), WHEN)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = author(WISH, model_at(ModelSettings(), tmp_path_factory.mktemp("home"))).outcome
    assert isinstance(made, World)
    return made


def test_a_world_of_other_prompts_is_there_and_so_is_what_took_its_place(world: World, tmp_path: Path) -> None:
    store = open_store(tmp_path / "loom")
    assert not worlds_there(store)(WISH)
    keep(store, world)
    assert worlds_there(store)(WISH)
    assert worlds_there(store)(of_other_prompts(WISH))
    keep(store, world.model_copy(update={"recipe": world.recipe.model_copy(update={"parent": world.id, "seed": 1})}))
    assert len(store.worlds()) == 1
    assert worlds_there(store)(of_other_prompts(WISH))


@pytest.mark.parametrize("change", [{"seed": 1}, {"size": Size(tasks=3)}, {"model": "openai/other"}, {"difficulty": (20, 20, 20, 20, 20)}])
def test_other_wishes_are_not_there(world: World, tmp_path: Path, change: dict[str, object]) -> None:
    store = open_store(tmp_path / "loom")
    keep(store, world)
    assert not worlds_there(store)(WISH.model_copy(update={"recipe": WISH.recipe.model_copy(update=change)}))
    assert not worlds_there(store)(WISH.model_copy(update={"scenario": Scenario(name=world.scenario.name, description="Another one.")}))
