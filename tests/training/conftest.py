"""Small stores to train from: worlds with tasks, in parts and row groups as small as a test wants them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from artifacts import commits
from artifacts.agent_task import AgentTask, ToolCall
from artifacts.recipe import Recipe
from artifacts.rows import merged, row_of_world, rows_of_agent_tasks
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.tables import TABLES
from artifacts.toolset import Return, Tool
from artifacts.world import Clock, World

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

Shelve = Callable[[list[int], int], Store]
"""A new store with one commit for each number of worlds, and row groups of so many rows."""


def a_world(number: int, tasks: int = 3) -> World:
    """A world of one table and one tool; every third one is of another category, and the tasks take turns in kind."""
    tool = Tool(
        name="read_note",
        description="Read a note.",
        parameters={"type": "object", "additionalProperties": False, "properties": {}},
        program=(Return.model_validate({"return": "SELECT text FROM notes ORDER BY id", "shape": "many", "types": {"text": "text"}}),),
        example={},
    )
    return World(
        scenario=Scenario(name=f"Notes {number}", description="Keeps notes.", category="office" if number % 3 else "home"),
        recipe=Recipe(model="test/none", programs={}, seed=number),
        clock=Clock(),
        me=1,
        intentions=("Read my notes.",),
        schema_sql="CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT NOT NULL);\n",
        seed_sql=f"INSERT INTO notes VALUES (1, 'note {number}');\n",
        tools=(tool,),
        tasks=tuple(
            AgentTask(
                id=f"t{place + 1:02}",
                instruction=f"Read note {place} of {number}.",
                kind=("read", "write", "mixed")[place % 3],
                solution=(ToolCall(tool="read_note"),),
                answer=(f"note {number}",),
            )
            for place in range(tasks)
        ),
    )


def commit_worlds(store: Store, numbers: range) -> None:
    """Puts the rows of some worlds into a store, in one commit."""
    worlds = [a_world(number) for number in numbers]
    batches = [{"worlds": [row_of_world(w, w.id, "run", NOON)], "agent_tasks": rows_of_agent_tasks(w, "run", NOON)} for w in worlds]
    commits.commit(store.files, merged(batches), NOON)


@pytest.fixture
def shelve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelve:
    """Makes stores."""
    made: list[Store] = []

    def make(sizes: list[int], row_group: int) -> Store:
        for name in ("agent_tasks", "worlds"):
            monkeypatch.setitem(TABLES, name, TABLES[name]._replace(row_group=row_group))
        store = open_store(tmp_path / f"loom{len(made)}")
        made.append(store)
        start = 0
        for size in sizes:
            commit_worlds(store, range(start, start + size))
            start += size
        return store

    return make


@pytest.fixture
def more_worlds() -> Callable[[Store, range], None]:
    """Adds worlds to a store."""
    return commit_worlds
