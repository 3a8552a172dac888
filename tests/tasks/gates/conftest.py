"""Two hand-made worlds that pass every gate; defects are patches to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft

WORLDS = Path(__file__).parent / "worlds"
SIZES = {"shop": Size(tables=5, rows=20, tools=7, tasks=5), "library": Size(tables=5, rows=16, tools=7, tasks=5)}


def load(name: str) -> Draft:
    folder = WORLDS / name
    return Draft(
        scenario=Scenario(name=name.title(), description=f"A small {name}.", category="test"),
        recipe=Recipe(model="hand", size=SIZES[name]),
        schema_sql=(folder / "schema.sql").read_text(),
        seed_sql=(folder / "seed.sql").read_text(),
        tools=tuple(Tool.model_validate(tool) for tool in json.loads((folder / "tools.json").read_text())),
        tasks=tuple(AgentTask.model_validate(task) for task in json.loads((folder / "tasks.json").read_text())),
    )


@pytest.fixture(scope="session")
def shop() -> Draft:
    return load("shop")


@pytest.fixture(scope="session")
def library() -> Draft:
    return load("library")
