"""`worldloom collect` as a user runs it, and the flow as a deployment runs it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterId
from pydantic import ValidationError

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.fsck import check
from artifacts.recipe import Recipe
from artifacts.rows import row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Return, Tool
from artifacts.world import Clock, World
from flows.collect import collect
from tasks.agent.collect_order import CollectOrder
from tasks.job.publishing import utc_now
from tasks.job.workflow_server import LocalServer, send_what_is_queued, settings_in_force

pytestmark = pytest.mark.xdist_group("server")

Command = Callable[..., subprocess.CompletedProcess[str]]
LISTS = '<tool_call>\n{"name": "list_tools", "arguments": {}}\n</tool_call>'
WORLD = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys.", category="clubs"),
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
        AgentTask(id=name, instruction=f"Which toy comes {place}?", kind="read", solution=(ToolCall(tool="list_toys"),), answer=(toy,))
        for name, place, toy in (("t01", "first by name", "Drum"), ("t02", "last by name", "Kite"))
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The toy library in ./loom."""
    store, now = open_store(tmp_path / "loom"), utc_now()
    store.publish(WORLD)
    run = RunRecord(run_id="run", flow="synthesize", state="started", model="m", started_at=now)
    rows = rows_of_draft("toy-library-1", (), (), WORLD, run_id="run", created_at=now)
    store.commit({**rows, "runs": [row_of_run(run, now)]})
    return store


class Service(ThreadingHTTPServer):
    """A model that lists the tools and then names a toy; from request `dies_at` on it is out of order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.bodies: list[dict[str, Any]] = []
        self.dies_at = 10**9


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        text = "Kite" if len(body["messages"]) > 2 else LISTS
        message = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
        dead = len(self.server.bodies) >= self.server.dies_at
        data = json.dumps({"error": {"message": "no such model"}} if dead else message).encode()
        self.send_response(404 if dead else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def rows(store: Store) -> list[dict[str, Any]]:
    return list(store.scan("trajectories").sort("task_id", "seed").collect().to_dicts())


def test_the_command_collects_resumes_and_scores(worldloom: Command, store: Store, server: LocalServer) -> None:
    done = worldloom("collect", "--policy", "reference", "--split", "all", PREFECT_API_URL=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("Episodes of reference", "100% of 2", "completed", "worldloom query"):
        assert word in done.stdout
    again = worldloom("collect", "--policy", "reference", "--split", "all", "--json", PREFECT_API_URL=server.url)
    plain = json.loads(again.stdout)
    assert (plain["planned"], plain["known"], plain["played"], again.stderr) == (2, 2, 0, "")
    name = rows(store)[0]["trajectory_id"]
    scored = worldloom("score", name)
    assert (scored.returncode, "The record holds." in scored.stdout) == (0, True), scored.stderr
    assert check(store) == ()
    states = store.scan("runs").filter(flow="collect").sort("created_at").collect()["state"].to_list()
    assert states == ["started", "completed"] * 2


def test_the_command_plays_a_model_and_says_when_it_dies(worldloom: Command, store: Store, server: LocalServer, service: Service) -> None:
    model = ("--policy", "toy-model", "--api-base", service.url, "--split", "all", "--history", "2", "--json")
    service.dies_at = 3
    broken = worldloom("collect", *model, "--episodes-per-task", "4", "--concurrency", "1", PREFECT_API_URL=server.url)
    assert broken.returncode == 1
    assert [line.split(":")[0] for line in broken.stderr.splitlines()] == ["error", "hint"]
    assert "no such model" in broken.stderr
    assert (json.loads(broken.stdout)["kept"], len(rows(store))) == (1, 1), "what was finished is kept"
    service.dies_at = 10**9
    whole = worldloom("collect", *model, "--episodes-per-task", "4", PREFECT_API_URL=server.url)
    plain = json.loads(whole.stdout)
    assert (whole.returncode, plain["known"], plain["kept"], plain["solve_rate"]) == (0, 1, 7, 4 / 7)
    assert {(row["policy"], row["window"], row["form"]) for row in rows(store)} == {("toy-model", 2, "awm")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "referense"), ("referense", "Did you mean reference?")),
        (("--policy", "idle", "--split", "holdout"), ("--split", "train")),
        (("--policy", "idle", "--kind", "odd"), ("--kind",)),
        (("--policy", "idle", "--difficulty", "9"), ("--difficulty",)),
        (("--policy", "idle", "--worlds", "zoo"), ("no world 'zoo'",)),
        (("--policy", "idle", "--split", "all", "--kind", "mixed"), ("No agent task",)),
        (("--policy", "idle", "--store", "nowhere"), ("no store",)),
    ],
)
def test_bad_input_is_one_line_before_anything_is_started(
    worldloom: Command, store: Store, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = worldloom("collect", *arguments, OPENAI_BASE_URL="")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"], done.stderr
    assert not [word for word in words if word not in done.stderr], done.stderr
    assert not (store.home / "prefect").exists()


def test_the_flow_leaves_cards_and_refuses_nonsense(store: Store, server: LocalServer) -> None:
    with settings_in_force({"PREFECT_API_URL": server.url}):
        state: Any = collect(CollectOrder(policy="idle", split="all"), store.url, return_state=True)
        found = state.result()
        run_id = state.state_details.flow_run_id
        with get_client(sync_client=True) as client:
            cards = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id])))
            (run,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
        refused: Any = collect(CollectOrder(policy="idle", worlds=("zoo",)), store.url, return_state=True)
        send_what_is_queued()
    assert (refused.name, "no world 'zoo'" in refused.message) == ("Input not usable", True)
    assert (found["played"], found["solve_rate"], run.name) == (2, 0.0, "collect from idle")
    assert {card.key for card in cards} == {
        "worldloom-episodes",
        "worldloom-solve-rates",
        "worldloom-outcomes",
        "worldloom-collect-cost",
        "worldloom-collect-summary",
    }
    for nonsense in (
        {"policy": ""},
        {"policy": "idle", "turns": 0},
        {"policy": "idle", "difficulty": [7]},
        {"policy": "idle", "worlds": "x"},
    ):
        with pytest.raises(ValidationError):
            CollectOrder.model_validate(nonsense)
