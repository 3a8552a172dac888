"""What the author of agent tasks sees of a world."""

from __future__ import annotations

import pytest

from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.parameters import json_schema
from tasks.task_view import data_text, tables_behind, tool_lines

SCHEMA = """CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), note TEXT, total REAL);
"""
SEED = """INSERT INTO users (id, name) VALUES (1, 'Ana');
INSERT INTO orders (id, user_id, note, total) VALUES (2, 1, 'a|b', 1.5);
INSERT INTO orders (id, user_id, note, total) VALUES (1, 1, NULL, 2.0);
INSERT INTO orders (id, user_id, note, total) VALUES (3, 1, '', 3);
INSERT INTO orders (id, user_id, note, total) VALUES (4, 1, '-', 0);
"""


def tool(name: str, program: list[dict[str, object]], **parameters: str) -> Tool:
    fields = {"name": name, "description": "Does\nit.", "parameters": json_schema(parameters), "program": program}
    return Tool.model_validate(fields)


TOOLS = (
    tool("list_orders", [{"return": "SELECT id, note FROM orders WHERE user_id = :me ORDER BY total DESC, id", "shape": "many"}]),
    tool(
        "show_order",
        [
            {
                "return": {
                    "order": {"query": "SELECT id FROM orders WHERE id = :order_id", "shape": "one"},
                    "owner": {"query": "SELECT name FROM users", "shape": "value"},
                }
            }
        ],
        order_id="integer: Id.",
    ),
    tool(
        "note_order",
        [
            {"run": "UPDATE orders SET note = :note WHERE id = :order_id"},
            {"run": "DELETE FROM users WHERE id = 9"},
            {"run": "INSERT INTO users (id, name) VALUES (9, 'x')"},
            {"return": "SELECT 1 AS done", "shape": "value"},
        ],
        order_id="integer: Id.",
        note="text? = none: Note.",
    ),
)


@pytest.fixture
def draft() -> Draft:
    return Draft(scenario=Scenario(name="Shop"), recipe=Recipe(model="m"), schema_sql=SCHEMA, seed_sql=SEED, tools=TOOLS)


def test_a_tool_is_one_line_with_its_result_its_order_and_what_it_changes(draft: Draft) -> None:
    assert tool_lines(draft) == [
        "list_orders() -> [{id,note}] by total DESC, id: Does it.",
        "show_order(order_id: integer) -> {order: {id}, owner: value}: Does it.",
        'note_order(order_id: integer, note?: text = "none") -> value writes orders.note, -users, +users: Does it.',
    ]


def test_rows_are_few_tokens_in_key_order_and_unclear_texts_are_quoted(draft: Draft) -> None:
    assert data_text(draft) == 'users(id,name): 1|Ana\norders(id,user_id,note,total): 1|1|-|2.0; 2|1|"a|b"|1.5; 3|1|""|3.0; 4|1|"-"|0.0'


def test_only_the_tables_asked_for_are_shown(draft: Draft) -> None:
    assert data_text(draft, frozenset(("users",))) == "users(id,name): 1|Ana"


def test_the_tables_behind_tools_and_checks(draft: Draft) -> None:
    assert tables_behind(draft, {"list_orders"}, ()) == {"orders"}
    assert tables_behind(draft, {"show_order"}, ()) == {"orders", "users"}
    assert tables_behind(draft, (), ["SELECT 1 FROM final.Users"]) == {"users"}
