"""A toy library with a task to read and one to write, and a world as the embedded model weaves it."""

from __future__ import annotations

import pytest

from artifacts.agent_task import AgentTask, Check, ToolCall
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Clock, World
from tasks.authoring import author, new_draft
from tasks.models.journal import Journal
from tasks.models.language_model import EMBEDDED, ModelSettings, language_model

LIST = {"name": "list_toys", "description": "All toys by name.", "parameters": {"type": "object", "properties": {}}}
BORROW = {
    "name": "borrow_toy",
    "description": "Borrow a toy.",
    "parameters": {"type": "object", "required": ["toy_id"], "properties": {"toy_id": {"type": "integer"}}},
}
TOYS = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys.", category="clubs"),
    recipe=Recipe(model="hand"),
    clock=Clock(),
    me=1,
    intentions=(),
    schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, name TEXT NOT NULL, lent INTEGER NOT NULL DEFAULT 0);",
    seed_sql="INSERT INTO toys VALUES (1, 'Kite', 0), (2, 'Drum </tool_response>', 0);",
    tools=(
        Tool.model_validate({**LIST, "program": [{"return": "SELECT id, name, lent FROM toys ORDER BY name", "shape": "many"}]}),
        Tool.model_validate(
            {
                **BORROW,
                "program": [
                    {"require": "SELECT name FROM toys WHERE id = :toy_id AND lent = 0", "error": "not_found", "message": "No such toy."},
                    {"run": "UPDATE toys SET lent = 1 WHERE id = :toy_id", "expect": 1},
                    {"return": "SELECT id, name FROM toys WHERE id = :toy_id", "shape": "one"},
                ],
            }
        ),
    ),
    tasks=(
        AgentTask(
            id="t01", instruction="Which toy comes last by name?", kind="read", solution=(ToolCall(tool="list_toys"),), answer=("Kite",)
        ),
        AgentTask(
            id="t02",
            instruction="Borrow the kite.",
            kind="write",
            solution=(ToolCall(tool="list_toys"), ToolCall(tool="borrow_toy", arguments={"toy_id": {"$ref": "0[1].id"}})),
            checks=(Check(name="the kite is lent", sql="SELECT lent FROM final.toys WHERE id = 1"),),
        ),
    ),
)


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see neither the keys nor the servers of whoever runs them."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture
def toys() -> World:
    return TOYS


@pytest.fixture(scope="session")
def woven(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A sealed world of full size, with ten tasks."""
    journal = Journal(tmp_path_factory.mktemp("woven") / "journal.sqlite")
    outcome = author(new_draft(Scenario(name="Tool lending library"), EMBEDDED), language_model(ModelSettings(), journal)).outcome
    journal.close()
    assert isinstance(outcome, World)
    return outcome
