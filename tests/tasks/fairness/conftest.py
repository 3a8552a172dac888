"""A small world of orders with numbered lines, notes and prices, and tasks on it that can be done rightly in many ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.trials.workbench import Workbench

SCHEMA = """CREATE TABLE goods (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, price_cents INTEGER NOT NULL, due TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE, Note TEXT, changed_at TEXT);
CREATE TABLE lines (order_id INTEGER NOT NULL REFERENCES orders(id), line INTEGER NOT NULL, good_id INTEGER NOT NULL REFERENCES goods(id),
 PRIMARY KEY (order_id, line));
CREATE TABLE remarks (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id), body TEXT NOT NULL);
"""
SEED = """INSERT INTO goods VALUES (1, 'Ash table', 120000, '2026-03-14'), (2, 'Birch bench', 90000, '2026-03-20'),
 (3, 'Cedar chest', 150000, '2026-04-02');
INSERT INTO orders VALUES (1, 'spring', NULL, NULL), (2, 'autumn', NULL, NULL);
INSERT INTO lines VALUES (1, 1, 3);
"""


def many(sql: str) -> list[dict[str, str]]:
    return [{"return": sql, "shape": "many"}]


def typed(**types: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in types.items()},
        "required": list(types),
        "additionalProperties": False,
    }


KNOWN = {"require": "SELECT 1 AS known FROM orders WHERE id = :order_id", "error": "not_found", "message": "There is no order {order_id}."}
DONE = {"return": "SELECT 1 AS done", "shape": "one"}
TOOLS: list[dict[str, Any]] = [
    {"name": "list_goods", "parameters": typed(), "program": many("SELECT id, title, price_cents, due FROM goods ORDER BY title, id")},
    {"name": "list_orders", "parameters": typed(), "program": many("SELECT id, label FROM orders ORDER BY label, id")},
    {"name": "list_remarks", "parameters": typed(), "program": many("SELECT id, order_id, body FROM remarks ORDER BY id")},
    {
        "name": "add_line",
        "parameters": typed(order_id="integer", good_id="integer"),
        "program": [
            KNOWN,
            {
                "run": "INSERT INTO lines SELECT :order_id, COALESCE(MAX(line), 0) + 1, :good_id FROM lines WHERE order_id = :order_id",
                "expect": 1,
            },
            DONE,
        ],
    },
    {
        "name": "set_note",
        "parameters": typed(order_id="integer", note="string"),
        "program": [KNOWN, {"run": "UPDATE orders SET Note = :note, changed_at = :now WHERE id = :order_id", "expect": 1}, DONE],
    },
    {
        "name": "add_remark",
        "parameters": typed(order_id="integer", body="string"),
        "program": [KNOWN, {"run": "INSERT INTO remarks (order_id, body) VALUES (:order_id, :body)", "expect": 1}, DONE],
    },
]

ORDERS = {"tool": "list_orders", "arguments": {}}
GOODS = {"tool": "list_goods", "arguments": {}}


def spring(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": {"order_id": {"$ref": "0[1].id"}, **arguments}}


TASKS: dict[str, dict[str, Any]] = {
    "lines": {
        "instruction": "Put an Ash table and a Birch bench on my spring order.",
        "kind": "write",
        "solution": [
            ORDERS,
            GOODS,
            spring("add_line", good_id={"$ref": "1[0].id"}),
            spring("add_line", good_id={"$ref": "1[1].id"}),
        ],
    },
    "note": {
        "instruction": 'Set the note of my spring order to "Ring twice".',
        "kind": "write",
        "solution": [ORDERS, spring("set_note", note="Ring twice")],
        "free_columns": ["orders.CHANGED_AT", "goods.title"],
    },
    "pinned": {
        "instruction": 'Set the note of my spring order to "Ring twice".',
        "kind": "write",
        "solution": [ORDERS, spring("set_note", note="Ring twice")],
        "checks": [{"name": "noted", "sql": "SELECT Note = 'Ring twice' FROM final.orders WHERE id = 1"}],
    },
    "open": {
        "instruction": "Leave a friendly word of thanks on my spring order.",
        "kind": "write",
        "solution": [ORDERS, spring("add_remark", body="Thank you so much")],
        "checks": [{"name": "thanked", "sql": "SELECT COUNT(*) = 1 FROM final.remarks WHERE order_id = 1 AND length(body) > 0"}],
    },
    "twice": {
        "instruction": 'Set the note of my spring order to "Ring twice", no, to "Ring once".',
        "kind": "write",
        "solution": [ORDERS, spring("set_note", note="Ring twice"), spring("set_note", note="Ring once")],
    },
    "dearest": {
        "instruction": "Which is the dearest good, what does it cost, and when is it due?",
        "kind": "read",
        "solution": [GOODS],
        "answer": ["Cedar chest", 150000, "2026-04-02"],
    },
}


@pytest.fixture(scope="module")
def bench() -> Workbench:
    tools = tuple(Tool.model_validate({"description": "A tool.", **tool}) for tool in TOOLS)
    return Workbench(
        Draft(scenario=Scenario(name="Orders"), recipe=Recipe(model="hand"), schema_sql=SCHEMA, seed_sql=SEED, tools=tools), tools
    )


@pytest.fixture
def task_of() -> Callable[..., AgentTask]:
    """A task of this world by its name, with changes."""

    def made(name: str, **changes: Any) -> AgentTask:
        return AgentTask.model_validate({"id": f"t{1 + list(TASKS).index(name):02d}", **TASKS[name], **changes})

    return made


@pytest.fixture
def names() -> tuple[str, ...]:
    return tuple(TASKS)
