"""Two hand-made worlds that pass every gate; defects are patches to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft

HERE = Path(__file__).parent
FILES = {"schema": "schema.sql", "seed": "seed.sql", "tools": "tools.json", "tasks": "tasks.json"}
SIZES = {"shop": Size(tables=5, rows=20, tools=7, tasks=5), "library": Size(tables=5, rows=16, tools=7, tasks=3)}


def load(name: str, part: str = "", old: str = "", new: str = "", drop_tasks: tuple[str, ...] = ()) -> Draft:
    """A world as a draft, with a text replaced in one of its four files; a patch that finds nothing is an error."""
    texts = {key: (HERE / "worlds" / name / file).read_text() for key, file in FILES.items()}
    if part:
        assert old in texts[part], f"the patch finds nothing to replace in {name}'s {part}"
        texts[part] = texts[part].replace(old, new, 1)
    tasks = [task for task in json.loads(texts["tasks"]) if task["id"] not in drop_tasks]
    return Draft(
        scenario=Scenario(name=name.title(), description=f"A small {name}.", category="test"),
        recipe=Recipe(model="hand", size=SIZES[name]),
        schema_sql=texts["schema"],
        seed_sql=texts["seed"],
        tools=tuple(Tool.model_validate(tool) for tool in json.loads(texts["tools"])),
        tasks=tuple(AgentTask.model_validate(task) for task in tasks),
    )


@pytest.fixture(scope="session")
def shop() -> Draft:
    return load("shop")


@pytest.fixture(scope="session")
def library() -> Draft:
    return load("library")


@pytest.fixture(scope="session")
def patched() -> Callable[..., Draft]:
    return load
