"""`worldloom evaluate` as a user runs it: rates, masked attempts, a comparison, a service that dies and comes back."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.recipe import Recipe
from artifacts.rows import row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Return, Run, Tool
from artifacts.world import Clock, World
from tasks.job.publishing import utc_now
from tasks.job.workflow_server import LocalServer

pytestmark = pytest.mark.xdist_group("server")

Command = Callable[..., subprocess.CompletedProcess[str]]
NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
LIST = Tool(
    name="list_toys",
    description="All toys by name.",
    parameters=NOTHING,
    program=(Return(returns="SELECT id, name FROM toys ORDER BY name", shape="many"),),
)
BREAK = Tool(
    name="break_toys",
    description="Expects a row that is not there.",
    parameters=NOTHING,
    program=(Run(run="UPDATE toys SET name = 'x' WHERE id = 9", expect=1), Return(returns="SELECT 1 AS one", shape="one")),
)


def a_library(number: int) -> World:
    """A library with two tasks; in the second library the reference of the last task meets a tool that fails."""
    tools = ("list_toys", "break_toys" if number == 2 else "list_toys")
    return World(
        scenario=Scenario(name=f"Toy library {number}", description="Families borrow toys.", category="clubs"),
        recipe=Recipe(model="worldloom/procedural-1", seed=number),
        clock=Clock(),
        me=1,
        intentions=(),
        schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
        seed_sql="INSERT INTO toys VALUES (1, 'Kite'), (2, 'Drum');",
        tools=(LIST, BREAK),
        tasks=tuple(
            AgentTask(id=name, instruction=f"Which toy is {place}?", kind="read", solution=(ToolCall(tool=tool),), answer=(toy,))
            for name, place, toy, tool in zip(("t01", "t02"), ("first", "last"), ("Drum", "Kite"), tools, strict=True)
        ),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two libraries in ./loom."""
    store, now = open_store(tmp_path / "loom"), utc_now()
    run = RunRecord(run_id="run", flow="synthesize", state="started", model="m", started_at=now)
    for world in map(a_library, (1, 2)):
        store.publish(world)
        store.commit({**rows_of_draft(world.id, (), (), world, run_id="run", created_at=now), "runs": [row_of_run(run, now)]})
    return store


class Handler(BaseHTTPRequestHandler):
    """A model that always says Kite; once `server.left` requests are answered it is out of order."""

    server: Any

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.left -= 1
        dead = self.server.left < 0
        told: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": "Kite"}}]}
        data = json.dumps({"error": {"message": "no such model"}} if dead else told).encode()
        self.send_response(404 if dead else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def service() -> Iterator[Any]:
    """The model at `url`."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_two_policies_on_the_same_tasks(worldloom: Command, store: Store, server: LocalServer) -> None:
    asked = ("evaluate", "reference", "--against", "idle", "--split", "all")
    done = worldloom(*asked, PREFECT_API_URL=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    words = ("pass@4", "pass^4", "100.0 %", "reference less idle", "only the first 12", "in 4 the environment failed", "environment_error")
    for word in words:
        assert word in done.stdout, done.stdout
    told = json.loads(worldloom(*asked, "--json", PREFECT_API_URL=server.url).stdout)
    reference, idle = told["policies"]
    assert (reference["attempts"], reference["masked"], reference["missing"]) == (16, 4, 0)
    assert (reference["lines"][0]["tasks"], reference["lines"][0]["pass^4"]["value"]) == (3, 1.0)
    assert (idle["lines"][0]["tasks"], idle["lines"][0]["pass@1"]["value"]) == (3, 0.0), "where the reference fails nobody can be judged"
    assert told["comparison"]["difference"] == {"value": 1.0, "low": 1.0, "high": 1.0, "tasks": 3}
    assert store.scan("trajectories").collect().height == 8, "neither leaves anything to chance: once a task, and never again"


def test_a_service_that_dies_is_told_and_the_same_command_goes_on(
    worldloom: Command, store: Store, server: LocalServer, service: Any
) -> None:
    asked = ("evaluate", "toy-model", "--api-base", service.url, "--split", "all", "--attempts", "2", "--concurrency", "1", "--json")
    service.left = 3
    broken = worldloom(*asked, PREFECT_API_URL=server.url)
    assert broken.returncode == 1
    assert "no such model" in broken.stderr
    first = json.loads(broken.stdout)["policies"][0]
    assert (first["attempts"], first["missing"]) == (3, 5), "no silent zero: what is missing is not counted"
    service.left = 10**9
    whole = json.loads(worldloom(*asked, PREFECT_API_URL=server.url).stdout)["policies"][0]
    assert (whole["attempts"], whole["missing"], whole["lines"][0]["pass@1"]["value"]) == (8, 0, 1 / 3), "of the three that can be judged"
    assert service.left == 10**9 - 5


BAD = (
    (("referense",), "Did you mean reference?"),
    (("idle", "--split", "holdout"), "--split"),
    (("idle", "--split", "all", "--kind", "mixed"), "No agent task"),
)


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_input_is_one_line(worldloom: Command, store: Store, arguments: tuple[str, ...], words: str) -> None:
    done = worldloom("evaluate", *arguments, OPENAI_BASE_URL="")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr


SMALL = {"device": "cpu", "ranks": 2, "zero": 1, "length": 1500, "seed": 3}
TINY = {"hidden": 48, "layers": 2, "heads": 2, "vocabulary": 400, "batch": 6, "learning_rate": 5e-3}
LESSONS = 90
PLAYED = {"split": "all", "attempts": 2, "turns": 3, "form": "native", "temperature": 0.5}


def given(**options: Any) -> tuple[str, ...]:
    return tuple(text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value)))


def runs_told(store: Store) -> list[tuple[str, str, dict[str, int]]]:
    """Each run as its OpenLineage events tell it: its job, how it ended, and the rows of each table that it wrote."""
    files = [store.files.read(entry.path).splitlines() for entry in store.files.entries("openlineage")]
    found = []
    for start, end in ([json.loads(line) for line in lines] for lines in files):
        assert start["eventType"] == "START"
        wrote = {Path(one["name"]).name: one["outputFacets"]["outputStatistics"]["rowCount"] for one in end["outputs"]}
        found.append((end["job"]["name"], end["eventType"], {name: wrote[name] for name in wrote.keys() & {"trajectories", "checkpoints"}}))
    return sorted(found, key=lambda run: (run[0], *run[2].values()))


@pytest.mark.timeout(400)
def test_a_checkpoint_is_judged_and_practises_and_all_of_it_is_observed(
    worldloom: Command, store: Store, server: LocalServer, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Any:
        done = worldloom(*arguments, "--json", PREFECT_API_URL=server.url, OMP_NUM_THREADS="1")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run("collect", *given(policy="reference", split="all", form="native", history=3))
    run("train", "sft", *given(**SMALL, **TINY, out=tmp_path / "sft", steps=LESSONS, save_every=LESSONS))
    (checkpoint,) = store.scan("checkpoints").collect()["checkpoint_id"]
    found = run("evaluate", checkpoint, "--against", "random", *given(**PLAYED))
    rows = store.scan("trajectories").filter(pl.col("policy") != "reference").collect()
    for one, policy, known_as in zip(found["policies"], (f"checkpoint/{checkpoint}", "random"), (checkpoint, None), strict=True):
        mine = rows.filter(pl.col("policy") == policy)
        assert (one["policy"], one["attempts"], one["missing"], mine.height) == (policy, 8, 0, 8)
        assert set(mine["checkpoint_id"]) == {known_as}
        rates = mine.filter(~pl.col("masked")).group_by("task_id").agg((pl.col("outcome") == "completed").mean())["outcome"]
        assert one["lines"][0]["pass@1"]["value"] == pytest.approx(rates.mean())
    learned, random = (one["lines"][0]["pass@1"]["value"] for one in found["policies"])
    assert learned > random
    assert found["comparison"]["difference"]["value"] == pytest.approx(learned - random)
    base, short = tmp_path / f"sft/checkpoints/step-{LESSONS:06d}", {"environments": 4, "group": 2, "reply": 24, "max_turns": 2}
    run("train", "grpo", *given(**SMALL, **short, base=base, out=tmp_path / "grpo", steps=1, form="native"))
    assert runs_told(store) == [
        *[("collect", "COMPLETE", {"trajectories": count}) for count in (4, 8, 8)],
        ("train.grpo", "COMPLETE", {"checkpoints": 1}),
        ("train.sft", "COMPLETE", {"checkpoints": 1}),
    ]
