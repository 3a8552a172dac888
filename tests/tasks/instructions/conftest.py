"""The hand-made shop, and its tasks with other words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.trials.workbench import Workbench, workbench_of

WORLDS = Path(__file__).parent.parent / "gates" / "worlds"


def load(name: str) -> Draft:
    folder = WORLDS / name
    tools, tasks = (json.loads((folder / file).read_text()) for file in ("tools.json", "tasks.json"))
    return Draft(
        scenario=Scenario(name=name.title(), description=f"A small {name}.", category="test"),
        recipe=Recipe(model="hand"),
        schema_sql=(folder / "schema.sql").read_text(),
        seed_sql=(folder / "seed.sql").read_text(),
        tools=tuple(Tool.model_validate(tool) for tool in tools),
        tasks=tuple(AgentTask.model_validate(task) for task in tasks),
    )


@pytest.fixture(scope="session")
def shop() -> Draft:
    return load("shop")


@pytest.fixture(scope="session")
def library() -> Draft:
    return load("library")


@pytest.fixture
def bench(shop: Draft) -> Workbench:
    return workbench_of(shop)


@pytest.fixture
def task_of(shop: Draft) -> Callable[..., AgentTask]:
    """A task of the shop by its id, with some fields changed."""

    def changed(task_id: str, **fields: Any) -> AgentTask:
        task = next(task for task in shop.tasks if task.id == task_id)
        return AgentTask.model_validate(task.model_dump(mode="json") | fields)

    return changed


@pytest.fixture
def seeded(shop: Draft) -> Callable[[str, str], Workbench]:
    """The shop's workbench with a text of its rows replaced."""

    def patched(old: str, new: str) -> Workbench:
        assert old in shop.seed_sql
        return workbench_of(shop.model_copy(update={"seed_sql": shop.seed_sql.replace(old, new, 1)}))

    return patched
