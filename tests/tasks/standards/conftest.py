"""A small store with a world, its tasks and an episode; and a receiver of events on the loopback."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.recipe import Recipe
from artifacts.rows import row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Return, Tool
from artifacts.world import Clock, World

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def toy_world(name: str) -> World:
    """A world with one tool and two tasks."""
    return World(
        scenario=Scenario(name=name, description="Families borrow toys.", category="clubs"),
        recipe=Recipe(model="worldloom/procedural-1"),
        clock=Clock(),
        me=1,
        intentions=(),
        schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
        seed_sql="INSERT INTO toys VALUES (1, 'Kite'), (2, 'Drum');",
        tools=(
            Tool(
                name="list_toys",
                description="All toys by name.",
                parameters={"type": "object", "properties": {}, "additionalProperties": False},
                program=(Return(returns="SELECT id, name FROM toys ORDER BY name", shape="many"),),
            ),
        ),
        tasks=tuple(
            AgentTask(id=task, instruction=f"Which toy comes {place}?", kind="read", solution=(ToolCall(tool="list_toys"),), answer=(toy,))
            for task, place, toy in (("t01", "first by name", "Drum"), ("t02", "last by name", "Kite"))
        ),
    )


NAMES = ("Toy library", "Toy lending", "Toy shelf", "Toy loft", "Toy tent")
"""Three of the split train, one of validation, one of test."""


def fill(store: Store, names: tuple[str, ...] = NAMES, run_id: str = "run") -> None:
    """Publish a world of each name, as one run's."""
    run = RunRecord(run_id=run_id, flow="synthesize", state="started", model="m", started_at=NOW)
    store.commit({"runs": [row_of_run(run, NOW)]}, NOW)
    for number, name in enumerate(names):
        world = toy_world(name)
        store.publish(world)
        store.commit(rows_of_draft(f"draft-{run_id}-{number}", (), (), world, run_id=run_id, created_at=NOW), NOW)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five toy worlds, of every split, in ./loom."""
    store = open_store(tmp_path / "loom")
    fill(store)
    return store


@pytest.fixture
def filling() -> Callable[[Store, tuple[str, ...], str], None]:
    """Publishes a world of each name into a store, as one run's."""
    return fill


class Receiver(ThreadingHTTPServer):
    """Takes events as a lineage service does, and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.status = 201
        self.events: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.closing = threading.Event()
        self.stalls = False


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.stalls:
            self.server.closing.wait()
            return
        self.server.events.append(body)
        self.server.paths.append(self.path)
        self.server.keys.append(self.headers.get("Authorization"))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests stay quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A lineage service on the loopback."""
    server = Receiver()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of the client's own settings, neither variables nor files."""
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
