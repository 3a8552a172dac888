"""A toy library with a task to read and one to write that leaves words to the agent, and episodes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from artifacts.agent_task import AgentTask, Check, ToolCall
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.trajectory import Call
from artifacts.world import Clock, World
from containers.environment import Blueprint, Environment
from tasks.judging.evidence import Evidence, evidence_of

NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
BORROW_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "required": ["toy_id", "note"],
    "properties": {"toy_id": {"type": "integer"}, "note": {"type": "string"}},
}
TOYS = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys.", category="clubs"),
    recipe=Recipe(model="hand"),
    clock=Clock(),
    me=1,
    intentions=(),
    schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, name TEXT NOT NULL, lent INTEGER NOT NULL DEFAULT 0, note TEXT);",
    seed_sql="INSERT INTO toys VALUES (1, 'Kite', 0, NULL), (2, 'Drum', 0, NULL);",
    tools=(
        Tool.model_validate(
            {
                "name": "list_toys",
                "description": "All toys by name.",
                "parameters": NOTHING,
                "program": [{"return": "SELECT id, name, lent FROM toys ORDER BY name", "shape": "many"}],
            }
        ),
        Tool.model_validate(
            {
                "name": "borrow_toy",
                "description": "Borrow a toy.",
                "parameters": BORROW_PARAMETERS,
                "program": [
                    {"require": "SELECT name FROM toys WHERE id = :toy_id AND lent = 0", "error": "not_found", "message": "No such toy."},
                    {"run": "UPDATE toys SET lent = 1, note = :note WHERE id = :toy_id", "expect": 1},
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
            instruction="Borrow the kite, with a note about when I bring it back.",
            kind="write",
            solution=(
                ToolCall(tool="list_toys"),
                ToolCall(tool="borrow_toy", arguments={"toy_id": {"$ref": "0[1].id"}, "note": "Back on Friday."}),
            ),
            checks=(Check(name="the kite is lent", sql="SELECT lent FROM final.toys WHERE id = 1"),),
            free_columns=("toys.note",),
        ),
    ),
)

Asked = tuple[str, dict[str, Any]]


@pytest.fixture
def toys() -> World:
    return TOYS


@pytest.fixture
def evidence() -> Callable[..., Evidence]:
    """The evidence of an episode: a task's number, the calls asked, and the answer."""

    def of(number: int, asked: Sequence[Asked] = (), answer: object = None) -> Evidence:
        blueprint = Blueprint.of(TOYS)
        with Environment.fork(blueprint) as environment:
            calls = [Call(tool=tool, arguments=given, observation=environment.call_tool(tool, given).payload()) for tool, given in asked]
        return evidence_of(blueprint, TOYS.tasks[number - 1], calls, answer)

    return of
