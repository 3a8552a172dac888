"""`worldloom train sft` as a user runs it, and the flow as a deployment runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import State
from pydantic import ValidationError

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.observation import Score
from artifacts.recipe import Recipe
from artifacts.rows import merged, row_of_run, row_of_world, rows_of_agent_tasks
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.trajectory import Trajectory
from artifacts.trajectory_rows import Played, rows_of_episodes
from artifacts.world import Clock, World
from flows.train import train
from tasks.job.workflow_server import LocalServer, settings_in_force
from tasks.teaching.order import TrainOrder

pytestmark = [pytest.mark.xdist_group("training"), pytest.mark.timeout(240)]

Command = Callable[..., subprocess.CompletedProcess[str]]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SMALL: dict[str, Any] = {"device": "cpu", "steps": 2, "batch": 2, "length": 300, "hidden": 16, "layers": 1, "heads": 2, "vocabulary": 300}
WORLD = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys.", category="clubs"),
    recipe=Recipe(model="test/none"),
    clock=Clock(),
    me=1,
    intentions=(),
    schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY);",
    seed_sql="INSERT INTO toys VALUES (1);",
    tools=(),
    tasks=(AgentTask(id="t01", instruction="How many toys?", kind="read", solution=(ToolCall(tool="none"),), answer=(1,)),),
)


def played(seed: int) -> Played:
    messages = ({"role": "user", "content": "How many toys?"}, {"role": "assistant", "content": f"One. {seed}"})
    trajectory = Trajectory(
        world_id=WORLD.id,
        world_digest=WORLD.digest,
        task_id="t01",
        policy="reference",
        form="awm",
        seed=seed,
        max_turns=9,
        messages=messages,
        calls=(),
        ended="answered",
        answer="One.",
        score=Score(outcome="completed", reward=1.0),
    )
    return Played(trajectory, "train", "read")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with four successes."""
    found = open_store(tmp_path / "loom")
    run = RunRecord(run_id="run", flow="collect", state="completed", model="reference", started_at=NOON, ended_at=NOON)
    rows = {
        "runs": [row_of_run(run, NOON)],
        "worlds": [row_of_world(WORLD, "d", "run", NOON)],
        "agent_tasks": rows_of_agent_tasks(WORLD, "run", NOON),
    }
    found.commit(merged([rows, rows_of_episodes([played(seed) for seed in range(4)], 1, "run", NOON)]), NOON)
    return found


def test_the_command_trains_and_says_where_the_policy_is(store: Store, tmp_path: Path, worldloom: Command) -> None:
    options = [text for name, value in SMALL.items() for text in (f"--{name}", str(value))]
    done = worldloom("train", "sft", "--store", store.url, "--out", str(tmp_path / "out"), *options, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 2
    assert "step 2  loss " in done.stderr
    assert (tmp_path / "out/checkpoints/step-000002/policy/model.safetensors").is_file()
    again = worldloom("train", "sft", "--store", store.url, "--out", str(tmp_path / "out"), *options)
    assert again.returncode == 2
    assert "holds a job already, at step 2" in again.stderr
    assert "Traceback" not in again.stderr


def test_the_flow_posts_its_steps(store: Store, server: LocalServer) -> None:
    with settings_in_force({"PREFECT_API_URL": server.url, "DO_NOT_TRACK": "1"}):
        state: State[Any] = train(TrainOrder(**SMALL), store.url, return_state=True)
        assert state.is_completed(), state
        wanted = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
        cards = {card["key"]: card["data"] for card in httpx.post(f"{server.url}/artifacts/filter", json=wanted).json()}
    assert cards.keys() == {"worldloom-training-progress", "worldloom-training-steps", "worldloom-training"}
    assert [row["step"] for row in json.loads(cards["worldloom-training-steps"])] == [1, 2]
    assert "step 2 of 2" in cards["worldloom-training"]
    (row,) = store.scan("checkpoints").collect().to_dicts()
    assert row["run_id"] == str(state.state_details.flow_run_id)


def test_the_end_state_says_whose_fault_it_is(store: Store, server: LocalServer) -> None:
    with settings_in_force({"PREFECT_API_URL": server.url, "DO_NOT_TRACK": "1"}):
        state: State[Any] = train(TrainOrder(**SMALL, split=("test",)), store.url, return_state=True)
    assert (state.name, state.is_failed()) == ("Input not usable", True)
    assert "holds no trajectories to learn from" in str(state.message)


@pytest.mark.parametrize("nonsense", [{"zero": 4}, {"ranks": 0}, {"steps": 0}, {"split": ["tomorrow"]}, {"speed": "high"}])
def test_nonsense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainOrder(**nonsense)
