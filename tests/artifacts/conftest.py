"""One small world, whole enough for every file and every table."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from artifacts.agent_task import AgentTask, Check, ToolCall
from artifacts.attempt import Attempt
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic, Pass
from artifacts.world import Clock, World

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

SCHEMA = """CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders(
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users(id),
  gift_for INTEGER REFERENCES users,
  status TEXT NOT NULL DEFAULT 'pending'
);
CREATE VIEW pending AS SELECT id FROM orders WHERE status = 'pending';
"""

SEED = "INSERT INTO users VALUES (1, 'Ann'), (2, 'Björk');\nINSERT INTO orders(id, user_id) VALUES (1, 1), (2, 1), (3, 2);\n"

CANCEL = {
    "name": "cancel_order",
    "description": "Cancel one of your pending | open orders.",
    "parameters": {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id"],
        "properties": {"order_id": {"type": "integer", "description": "Id of the order."}, "note": {"type": ["string", "null"]}},
    },
    "program": [
        {"require": "SELECT status FROM orders WHERE id = :order_id", "error": "not_found", "message": "No order {order_id}."},
        {"each": "SELECT 1 AS one", "do": [{"run": "UPDATE orders SET status = 'cancelled' WHERE id = :order_id", "expect": 1}]},
        {"return": {"order": {"query": "SELECT id FROM orders WHERE id = :order_id", "shape": "one", "types": {"id": "integer"}}}},
    ],
    "example": {"order_id": 1},
}


def a_world(name: str = "Tea shop", seed: int = 0) -> World:
    """A world of two tables, five rows, one tool and two tasks."""
    return World(
        scenario=Scenario(name=name, description="Sells tea & <b>cups</b>.", category="retail"),
        recipe=Recipe(model="test/none", programs={"schema": "ab" * 32}, seed=seed),
        clock=Clock(),
        me=1,
        intentions=("Cancel my order.", "See what I ordered — all of it."),
        schema_sql=SCHEMA,
        seed_sql=SEED,
        tools=(Tool.model_validate(CANCEL),),
        tasks=(
            AgentTask(
                id="t01",
                instruction="Cancel my first order.",
                kind="write",
                solution=(ToolCall(tool="cancel_order", arguments={"order_id": 1}),),
                checks=(Check(name="it is cancelled", sql="SELECT status = 'cancelled' FROM final.orders WHERE id = 1"),),
            ),
            AgentTask(
                id="t02", instruction="Which?", kind="read", solution=(ToolCall(tool="cancel_order"),), answer=(1, 2.0, True, "x", None)
            ),
        ),
        report=(Pass(gate="schema_runs", figures={"statements": 3}), Pass(gate="novel", figures={"nearest": 0.25})),
    )


def an_attempt(number: int = 1, draft_id: str = "tea-shop-0", accepted: bool = False) -> Attempt:
    """An attempt at the schema, with one diagnostic unless it was accepted."""
    wrong = () if accepted else (Diagnostic(code="sql.unknown_column", place="schema", message="no such column: nmae", hint="name?"),)
    return Attempt(
        attempt_id=f"{draft_id}/schema/{number}",
        draft_id=draft_id,
        stage="schema",
        number=number,
        model="test/none",
        request_digest=f"{number:064x}",
        accepted=accepted,
        input_tokens=None if number % 2 else 100,
        mistake=None if accepted else "misspelt_column",
        diagnostics=wrong,
    )


@pytest.fixture
def world() -> World:
    """The small world."""
    return a_world()


@pytest.fixture
def make_world() -> Callable[..., World]:
    """Worlds of other names and seeds."""
    return a_world


@pytest.fixture
def make_attempt() -> Callable[..., Attempt]:
    """Attempts of other numbers and drafts."""
    return an_attempt


@pytest.fixture
def noon() -> datetime:
    """A fixed moment."""
    return NOON


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A new store, in a folder and in memory."""
    monkeypatch.setenv("WORLDLOOM_HOME", f"{tmp_path}/home")
    return open_store(f"{tmp_path}/loom" if request.param == "local" else f"memory://{uuid.uuid4().hex}/loom")
