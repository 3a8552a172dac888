"""A small world of books, stars and wishes, and tasks on it that leave room for every kind of near miss."""

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

SCHEMA = """CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, price_cents INTEGER NOT NULL, stars INTEGER NOT NULL);
CREATE TABLE wishes (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id),
 book_id INTEGER NOT NULL REFERENCES books(id), note TEXT, made_at TEXT NOT NULL);
CREATE TABLE marks (id INTEGER PRIMARY KEY, wish_id INTEGER NOT NULL REFERENCES wishes(id) ON DELETE CASCADE, word TEXT NOT NULL);
"""
SEED = """INSERT INTO users VALUES (1, 'Ana Ruiz', 'Ashford'), (2, 'Joel Park', 'Carrow');
INSERT INTO books VALUES (1, 'Ashes', 1200, 3), (2, 'Bees', 900, 2), (3, 'Cider', 1500, 4), (4, 'Dunes', 700, 1);
INSERT INTO wishes VALUES (1, 1, 4, 'for the beach', '2026-01-05 10:00:00'), (2, 1, 3, NULL, '2026-01-06 10:00:00');
"""


def many(sql: str) -> list[dict[str, str]]:
    return [{"return": sql, "shape": "many"}]


def typed(*required: str, **types: Any) -> dict[str, Any]:
    properties = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in types.items()}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def found(table: str, name: str) -> dict[str, str]:
    return {"require": f"SELECT 1 AS known FROM {table} WHERE id = :{name}", "error": "not_found", "message": f"There is no {{{name}}}."}


STARS = {"type": "integer", "minimum": 1, "maximum": 5}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "list_books",
        "parameters": typed(least={"type": "integer", "minimum": 0}),
        "program": many("SELECT id, title, price_cents, stars FROM books WHERE price_cents >= COALESCE(:least, 0) ORDER BY title, id"),
    },
    {
        "name": "get_book",
        "parameters": typed("book_id", book_id="integer"),
        "program": [
            found("books", "book_id"),
            {"return": "SELECT id, title, price_cents, stars FROM books WHERE id = :book_id", "shape": "one"},
        ],
    },
    {
        "name": "list_wishes",
        "parameters": typed(),
        "program": many("SELECT w.id, b.title, w.note FROM wishes w JOIN books b ON b.id = w.book_id WHERE w.user_id = :me ORDER BY w.id"),
    },
    {
        "name": "add_wish",
        "parameters": typed("book_id", book_id="integer", note={"type": "string", "maxLength": 80}),
        "program": [
            found("books", "book_id"),
            {"run": "INSERT INTO wishes (user_id, book_id, note, made_at) VALUES (:me, :book_id, :note, :now)", "expect": 1},
            {"return": "SELECT max(id) AS id FROM wishes WHERE user_id = :me", "shape": "one"},
        ],
    },
    {
        "name": "mark_wish",
        "parameters": typed("wish_id", "word", wish_id="integer", word="string"),
        "program": [
            found("wishes", "wish_id"),
            {"run": "INSERT INTO marks (wish_id, word) VALUES (:wish_id, :word)", "expect": 1},
            {"return": "SELECT count(*) AS marks FROM marks WHERE wish_id = :wish_id", "shape": "one"},
        ],
    },
    {
        "name": "remove_wish",
        "parameters": typed("wish_id", wish_id="integer"),
        "program": [
            found("wishes", "wish_id"),
            {"run": "DELETE FROM wishes WHERE id = :wish_id", "expect": 1},
            {"return": "SELECT count(*) AS remaining FROM wishes WHERE user_id = :me", "shape": "one"},
        ],
    },
    {
        "name": "set_stars",
        "parameters": typed("book_id", "stars", book_id="integer", stars=STARS),
        "program": [
            found("books", "book_id"),
            {"run": "UPDATE books SET stars = :stars WHERE id = :book_id", "expect": 1},
            {"return": "SELECT id, stars FROM books WHERE id = :book_id", "shape": "one"},
        ],
    },
    {
        "name": "move",
        "parameters": typed("city", city="string"),
        "program": [
            {"run": "UPDATE users SET city = :city WHERE id = :me", "expect": 1},
            {"return": "SELECT city FROM users WHERE id = :me", "shape": "one"},
        ],
        "example": {"city": "Dunmere"},
    },
]

TASKS: dict[str, dict[str, Any]] = {
    "wish": {
        "instruction": 'Put Bees on my list of wishes with the note "for the summer".',
        "kind": "write",
        "solution": [
            {"tool": "list_books", "arguments": {"least": 800}},
            {"tool": "add_wish", "arguments": {"book_id": {"$ref": "0[1].id"}, "note": "for the summer"}},
        ],
        "checks": [{"name": "Bees is wished for", "sql": "SELECT count(*) = 1 FROM final.wishes WHERE book_id = 2"}],
        "free_columns": ["wishes.made_at"],
        "exact_columns": ["wishes.book_id", "wishes.note", "wishes.user_id"],
    },
    "stars": {
        "instruction": "Give Cider two stars and then, since I have changed my mind, five.",
        "kind": "write",
        "solution": [
            {"tool": "list_books", "arguments": {}},
            {"tool": "set_stars", "arguments": {"book_id": {"$ref": "0[2].id"}, "stars": 2}},
            {"tool": "set_stars", "arguments": {"book_id": {"$ref": "0[2].id"}, "stars": 5}},
        ],
        "checks": [{"name": "Cider has five stars", "sql": "SELECT stars = 5 FROM final.books WHERE id = 3"}],
    },
    "remove": {
        "instruction": "Take Dunes off my list of wishes, and tell me its note and how many are left.",
        "kind": "mixed",
        "solution": [{"tool": "list_wishes", "arguments": {}}, {"tool": "remove_wish", "arguments": {"wish_id": {"$ref": "0[0].id"}}}],
        "answer": ["for the beach", 1],
        "checks": [{"name": "it is gone", "sql": "SELECT count(*) = 0 FROM final.wishes WHERE id = 1"}],
    },
    "price": {
        "instruction": "Which is the dearest book and what does it cost in cents?",
        "kind": "read",
        "solution": [{"tool": "list_books", "arguments": {}}, {"tool": "get_book", "arguments": {"book_id": {"$ref": "0[2].id"}}}],
        "answer": ["Cider", 1500],
        "decoys": ["Ashes", "Bees", "Dunes", 1200, 900, 700],
    },
}


@pytest.fixture(scope="module")
def bench() -> Workbench:
    tools = tuple(Tool.model_validate({"description": "A tool.", **tool}) for tool in TOOLS)
    draft = Draft(scenario=Scenario(name="Books"), recipe=Recipe(model="hand"), schema_sql=SCHEMA, seed_sql=SEED, tools=tools)
    return Workbench(draft, tools)


@pytest.fixture
def task_of() -> Callable[..., AgentTask]:
    """A task of this world by its name, with changes."""

    def made(name: str, **changes: Any) -> AgentTask:
        return AgentTask.model_validate({"id": f"t{1 + list(TASKS).index(name):02d}", **TASKS[name], **changes})

    return made


@pytest.fixture
def names() -> tuple[str, ...]:
    return tuple(TASKS)
