"""Two hand-made worlds that pass every gate, in a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Tool
from artifacts.verdict import Pass
from artifacts.world import World
from tasks.gates import GATES
from tasks.recipes import program_digests
from tasks.regeneration.stale import Standing

WHEN = datetime(2026, 3, 2, tzinfo=UTC)
REPORT = tuple(Pass(gate=gate.name, figures={"version": gate.version} if gate.version > 1 else {}) for gate in GATES)


def a_world(name: str = "Shop", **recipe: Any) -> World:
    """A world of one table, tool and task that today's gates are said to have judged."""
    said = {"model": "hand", "programs": program_digests(), "size": Size(tables=1, rows=1, tools=1, tasks=1)}
    query = {"return": "SELECT id FROM things ORDER BY id", "shape": "many", "types": {"id": "integer"}}
    tool = {
        "name": "list_things",
        "description": "All.",
        "parameters": {"type": "object", "properties": {}},
        "program": [query],
        "example": {},
    }
    return World(
        scenario=Scenario(name=name, description="A small shop.", category="retail"),
        recipe=Recipe.model_validate({**said, **recipe}),
        clock={"start": "2026-03-02 09:00:00"},
        me=1,
        intentions=("See them.",),
        schema_sql="CREATE TABLE things(id INTEGER PRIMARY KEY);\n",
        seed_sql="INSERT INTO things VALUES (1);\n",
        tools=(Tool.model_validate(tool),),
        tasks=(AgentTask.model_validate({"id": "t01", "instruction": "Which?", "kind": "read", "solution": [{"tool": "list_things"}]}),),
        report=REPORT,
    )


def a_standing(**change: Any) -> Standing:
    """What is on record about a world that is up to date."""
    from tasks.gates import definition

    recipe = Recipe(model="hand", programs=program_digests())
    fresh = Standing("shop-000000000000", Scenario(name="Shop", description="A small shop.", category="retail"), recipe, 1, definition())
    return fresh._replace(**change)


def keep(store: Store, *worlds: World) -> None:
    for world in worlds:
        store.publish(world)
        store.commit(rows_of_draft(f"draft-{world.id}", world.report, [], world, run_id="run-0", created_at=WHEN), WHEN)


@pytest.fixture
def standing() -> Callable[..., Standing]:
    return a_standing


@pytest.fixture
def world() -> Callable[..., World]:
    return a_world


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "loom")


@pytest.fixture
def kept() -> Callable[..., None]:
    return keep
