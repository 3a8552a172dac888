"""Two sealed hand-made worlds in a store with a history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from artifacts.agent_task import AgentTask
from artifacts.attempt import Attempt
from artifacts.recipe import Recipe, Size
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import Draft, World
from tasks.gates.sealing import seal

WORLDS = Path(__file__).parents[1] / "gates" / "worlds"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def sealed(name: str) -> World:
    """A hand-made world, through every gate."""
    folder = WORLDS / name
    draft = Draft(
        scenario=Scenario(name=name.title(), description=f"A small {name} <b>of</b> things.", category=f"kept & {name}"),
        recipe=Recipe(model="hand", size=Size(tables=5, rows=16, tools=7, tasks=3)),
        schema_sql=(folder / "schema.sql").read_text(),
        seed_sql=(folder / "seed.sql").read_text(),
        tools=tuple(Tool.model_validate(tool) for tool in json.loads((folder / "tools.json").read_text())),
        tasks=tuple(AgentTask.model_validate(task) for task in json.loads((folder / "tasks.json").read_text())),
    )
    found = seal(draft)
    assert isinstance(found, World), found
    return found


def attempt(draft: str, stage: str, number: int = 1, accepted: bool = True, dollars: float | None = 0.5) -> Attempt:
    return Attempt(
        attempt_id=f"{draft}/{stage}/{number}",
        draft_id=draft,
        stage=stage,
        number=number,
        model="m/one",
        request_digest="0",
        accepted=accepted,
        input_tokens=100,
        output_tokens=10,
        cost_usd=dollars,
        mistake=None if accepted else "misspelt_column",
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two worlds on two days, and one draft that was rejected."""
    shelf = open_store(tmp_path_factory.mktemp("report") / "loom")
    for day, name in enumerate(("shop", "library")):
        when, world = NOON + timedelta(days=day), sealed(name)
        shelf.publish(world)
        attempts = [attempt(name, "schema", 1, day == 0), attempt(name, "tools", 1, dollars=None if day else 0.25)]
        shelf.commit(rows_of_draft(name, world.report, attempts, world, run_id="run-1", created_at=when), when)
    verdict = Reject(gate="tools", reason="bad", evidence=(Diagnostic(code="sql.syntax", place="tool:a", message="bad"),))
    lost = [attempt("lost", "schema"), attempt("lost", "tools", accepted=False)]
    shelf.commit(rows_of_draft("lost", (verdict,), lost, None, run_id="run-1", created_at=NOON), NOON)
    return shelf
