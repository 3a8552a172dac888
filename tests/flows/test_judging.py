"""`--judge` and `worldloom calibrate`, as a user runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.recipe import Recipe
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import open_store
from artifacts.toolset import Return, Tool
from artifacts.world import Clock, World
from tasks.job.publishing import utc_now

Command = Callable[..., subprocess.CompletedProcess[str]]
EMBEDDED = "worldloom/procedural-1"

WORLD = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys.", category="clubs"),
    recipe=Recipe(model=EMBEDDED),
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
    tasks=(
        AgentTask(
            id="t01", instruction="Which toy comes first by name?", kind="read", solution=(ToolCall(tool="list_toys"),), answer=("Drum",)
        ),
    ),
)


@pytest.fixture
def command(worldloom: Command, tmp_path: Path) -> Command:
    """The command beside a store with one world."""
    store = open_store(tmp_path / "loom")
    store.publish(WORLD)
    store.commit(rows_of_draft("toy-library-1", (), (), WORLD, run_id="run", created_at=utc_now()))
    return worldloom


def test_an_episode_is_judged_kept_and_compared(command: Command) -> None:
    played = command("play", "toy", "t01", "--model", "reference", "--judge", EMBEDDED, "--json")
    assert played.returncode == 0, played.stderr
    summary = json.loads(played.stdout)
    assert (summary["outcome"], summary["reward"]) == ("completed", 1.0)
    assert [vote["outcome"] for vote in summary["judgement"]["votes"]] == ["completed"] * 3

    scored = command("score", summary["trajectory_id"], "--judge", EMBEDDED, "--votes", "1")
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert "The record holds." in scored.stdout
    assert f"judged by {EMBEDDED}: completed, reward 1 (completed; agreement 100%)" in scored.stdout

    found = command("calibrate", "--judge", EMBEDDED)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "agreement 100.0% · kappa unknown" in found.stdout

    made = json.loads(command("calibrate", "--judge", EMBEDDED, "--made", "5", "--json").stdout)
    assert (made["cases"], made["agreement"], made["kappa"]) == (5, 1.0, 1.0)
    assert made["confusion"]["completed"]["completed"] == 2


def test_a_judge_has_to_be_one(command: Command) -> None:
    none = command("calibrate", "--judge", EMBEDDED)
    assert none.returncode == 2
    assert "no episodes" in none.stderr
    unknown = command("play", "toy", "t01", "--model", "idle", "--judge", "worldloom/nobody")
    assert unknown.returncode == 2
    assert "There is no model" in unknown.stderr
    address = command("play", "toy", "t01", "--model", "idle", "--judge-base", "http://127.0.0.1:1/v1")
    assert address.returncode == 2
    assert "--judge MODEL" in address.stderr
