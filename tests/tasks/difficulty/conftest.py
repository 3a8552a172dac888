"""Boxes with things in them, some locked: small enough to count everything by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.trials.workbench import Workbench

SCHEMA = """CREATE TABLE boxes (id INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE, locked INTEGER NOT NULL, note TEXT);
CREATE TABLE things (id INTEGER PRIMARY KEY, box_id INTEGER NOT NULL REFERENCES boxes(id), name TEXT NOT NULL, taken INTEGER NOT NULL);
CREATE TABLE marks (id INTEGER PRIMARY KEY, thing_id INTEGER NOT NULL REFERENCES things(id), colour TEXT NOT NULL);
"""

SEED = """INSERT INTO boxes VALUES (1, 'Tall Box', 1, NULL), (2, 'Flat Box', 0, NULL), (3, 'Round Box', 1, NULL);
INSERT INTO things VALUES (1, 1, 'Lamp', 0), (2, 1, 'Clock', 0), (3, 2, 'Rug', 0), (4, 2, 'Vase', 0), (5, 2, 'Bell', 0);
"""

BOX = {"type": "integer", "description": "Id of the box."}
THING = {"type": "integer", "description": "Id of the thing."}


def tool(name: str, parameters: dict[str, Any], *program: dict[str, Any]) -> Tool:
    schema = {"type": "object", "additionalProperties": False, "required": list(parameters), "properties": parameters}
    return Tool.model_validate({"name": name, "description": f"{name}.", "parameters": schema, "program": list(program)})


TOOLS = (
    tool("list_boxes", {}, {"return": "SELECT id, label, locked FROM boxes ORDER BY id", "shape": "many"}),
    tool(
        "list_things",
        {"box_id": BOX},
        {"return": "SELECT id, name FROM things WHERE box_id = :box_id AND taken = 0 ORDER BY id", "shape": "many"},
    ),
    tool(
        "unlock_box",
        {"box_id": BOX},
        {"require": "SELECT 1 FROM boxes WHERE id = :box_id AND locked = 1", "error": "conflict", "message": "It is open."},
        {"run": "UPDATE boxes SET locked = 0 WHERE id = :box_id", "expect": 1},
        {"return": "SELECT id, locked FROM boxes WHERE id = :box_id", "shape": "one"},
    ),
    tool(
        "take_thing",
        {"thing_id": THING},
        {
            "require": "SELECT 1 FROM things t JOIN boxes b ON b.id = t.box_id WHERE t.id = :thing_id AND b.locked = 0 AND t.taken = 0",
            "error": "conflict",
            "message": "Its box is locked, or it is gone.",
        },
        {"run": "UPDATE things SET taken = 1 WHERE id = :thing_id", "expect": 1},
        {"return": "SELECT id, taken FROM things WHERE id = :thing_id", "shape": "one"},
    ),
    tool(
        "note_box",
        {"box_id": BOX, "note": {"type": "string", "description": "The note.", "minLength": 1, "maxLength": 100}},
        {"run": "UPDATE boxes SET note = :note WHERE id = :box_id", "expect": 1},
        {"return": "SELECT id, note FROM boxes WHERE id = :box_id", "shape": "one"},
    ),
    tool(
        "mark_thing",
        {"thing_id": THING, "colour": {"type": "string", "description": "Its colour.", "enum": ["red", "blue"]}},
        {"run": "INSERT INTO marks (thing_id, colour) VALUES (:thing_id, :colour)", "expect": 1},
        {"return": "SELECT id, thing_id, colour FROM marks WHERE thing_id = :thing_id ORDER BY id DESC LIMIT 1", "shape": "one"},
    ),
)


def draft_with(tools: tuple[Tool, ...]) -> Draft:
    return Draft(
        scenario=Scenario(name="Boxes", description="Things in boxes.", category="test"),
        recipe=Recipe(model="hand", size=Size(tables=3, rows=8, tools=len(tools), tasks=1)),
        schema_sql=SCHEMA,
        seed_sql=SEED,
        tools=tools,
    )


@pytest.fixture(scope="session")
def bench() -> Iterator[Workbench]:
    bench = Workbench(draft_with(TOOLS), TOOLS)
    yield bench
    bench.close()


def task_of(instruction: str, *calls: tuple[str, dict[str, Any]], kind: str = "write", answer: list[Any] | None = None) -> AgentTask:
    solution = [{"tool": name, "arguments": arguments} for name, arguments in calls]
    plain = {"id": "t01", "instruction": instruction, "kind": kind, "solution": solution, "answer": answer}
    return AgentTask.model_validate(plain)


@pytest.fixture(scope="session")
def asked() -> Callable[..., AgentTask]:
    return task_of
