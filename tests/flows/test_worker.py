"""Runs that a worker picks up: as whole as the command's, cancelled within seconds, split among several; with a real server and workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import polars as pl
import psutil
import pytest

from artifacts.store import Store, open_store
from tasks.job.order import Order
from tasks.job.tally import STAGES
from tasks.job.telling import SEALED
from tasks.job.workflow_server import is_healthy
from tasks.operations.processes import running
from tasks.operations.service import Service, Wanted, read, up

pytestmark = pytest.mark.xdist_group("worker")

NAMES = ("Veterinary clinic", "Tool lending library", "Model railway club")
SMALL: dict[str, Any] = {"names": NAMES, "tasks_per_world": 3}
LONG_ENOUGH = 200.0
SEEDS = {"cancelled": 1, "terminated": 2}
"""A draft that another run of the factory has finished is not woven again, whatever its store: these have draws of their own."""

A_FEW_SECONDS = 60.0
"""Generous for a busy machine; the grace itself is five seconds."""


class Factory(NamedTuple):
    """A factory that is up, with two workers, and the folder of its stores."""

    service: Service
    folder: Path
    client: httpx.Client
    wanted: Wanted

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """The server's answer; asked again when it is too busy, as Prefect's own client does.

        A transaction that began by reading is refused with 503 when another one wrote meanwhile (SQLITE_BUSY_SNAPSHOT): at once, and
        whatever the database's timeout is, so that no setting helps, and to ask again is what the server expects.
        """
        while (answer := self.client.request(method, path, json=body)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(0.2)
        return answer

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.send("POST", path, body or {}).raise_for_status().json()

    def look(self, path: str) -> Any:
        return self.send("GET", path).raise_for_status().json()

    def begin(self, order: Mapping[str, Any], store: str) -> str:
        answer = self.try_to_begin(order, store)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return str(answer.json()["id"])

    def try_to_begin(self, order: Mapping[str, Any], store: str = "refused") -> httpx.Response:
        """Start the deployment's run, as the form in the UI does."""
        held = self.look("/deployments/name/synthesize/nightly")
        body = {"parameters": {"order": order, "store": str(self.folder / store)}, "state": {"type": "SCHEDULED"}}
        return self.send("POST", f"/deployments/{held['id']}/create_flow_run", body)

    def run(self, run_id: str) -> Any:
        return self.look(f"/flow_runs/{run_id}")

    def ended(self, run_id: str, within: float = LONG_ENOUGH) -> Any:
        """The state in which the run ends."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        assert awaited(lambda: self.run(run_id)["state"]["type"] in final, within), self.run(run_id)["state"]
        return self.run(run_id)["state"]

    def engines(self) -> set[psutil.Process]:
        """The processes of flow runs that go on, and those that they started."""
        workers = [psutil.Process(one.pid) for one in self.service.processes if one.role != "server"]
        return {child for worker in workers for child in worker.children(recursive=True) if child.is_running()}

    def store(self, name: str) -> Store:
        return open_store(self.folder / name, create=False)


def awaited(holds: Callable[[], bool], within: float = LONG_ENOUGH) -> bool:
    """Whether the condition comes to hold in time."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def digests(store: Store) -> dict[str, str]:
    return {summary.name: summary.digest for summary in store.worlds()}


@pytest.fixture(scope="module")
def factory(raised: Wanted) -> Iterator[Factory]:
    service = read(raised.home)
    assert service is not None
    with httpx.Client(base_url=service.api_url, timeout=60) as client:
        yield Factory(service, Path(raised.store).parent, client, raised)


def test_a_worker_weaves_as_the_command_does_and_tells_of_its_worlds(factory: Factory) -> None:
    run_id = factory.begin(SMALL, "loom")
    assert factory.ended(run_id)["name"] == "Completed"
    store = factory.store("loom")
    assert set(digests(store)) == set(NAMES)
    assert store.scan("runs").collect()["run_id"].to_list() == [run_id, run_id]
    states = [run["state"]["type"] for run in factory.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200})]
    assert states == ["COMPLETED"] * (3 * (len(STAGES) + 2) + 2), "on record before the run ended: stages, sealing, weaving; plan, publish"
    assert (store.home / "prefect" / "results").is_dir()
    assert (store.home / "prefect" / "client.log").is_file()
    assert list((store.home / "stops").iterdir()) == []
    told = {"filter": {"event": {"name": [SEALED]}}, "limit": 50}

    def own() -> list[dict[str, Any]]:
        return [event for event in factory.ask("/events/filter", told)["events"] if event["payload"]["run_id"] == run_id]

    assert awaited(lambda: bool(own()))
    (event,) = own()
    assert sorted(event["payload"]["world_ids"]) == sorted(summary.world_id for summary in store.worlds())
    keys = {card["key"] for card in factory.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})}
    assert keys >= {"worldloom-funnel", "worldloom-spending", "worldloom-summary", "worldloom-worlds", "worldloom-progress"}


def test_shards_on_two_workers_make_the_same_worlds_and_the_parent_tells_the_sum(factory: Factory) -> None:
    run_id = factory.begin({**SMALL, "shards": 2}, "shards")
    assert factory.ended(run_id)["name"] == "Completed"
    store = factory.store("shards")
    whole = digests(store)
    assert set(whole) == set(NAMES)
    if (factory.folder / "loom" / "store.json").exists():  # unless this test runs alone
        assert whole == digests(factory.store("loom"))
    runs = store.scan("runs").collect()
    ended = {row["run_id"]: row for row in runs.to_dicts() if row["state"] == "completed"}
    assert sorted(row["flow"] for row in ended.values()) == ["shard", "shard", "synthesize"]
    shards = [row for row in ended.values() if row["flow"] == "shard"]
    assert sorted((row["drafts"], row["sealed"]) for row in shards) == [(1, 1), (2, 2)]
    assert ended[run_id]["sealed"] == 3
    assert ended[run_id]["input_tokens"] == sum(row["input_tokens"] for row in shards)
    parents = {run["id"]: run["parent_task_run_id"] for run in factory.ask("/flow_runs/filter") if run["id"] in ended}
    assert parents[run_id] is None
    assert all(parents[row["run_id"]] for row in shards), "shown as sub-flows"


@pytest.mark.parametrize("how", ["cancelled", "terminated"])
def test_an_interrupted_run_publishes_what_is_sealed_and_ends_at_once(factory: Factory, how: str) -> None:
    run_id = factory.begin({"worlds": 90, "tasks_per_world": 3, "seed": SEEDS[how]}, how)
    assert awaited(lambda: sealed_in_journal(factory.folder / how) > 20)
    state = interrupted(factory, run_id, how)
    assert (state["type"], "Run the same again to resume" in state["message"]) == ("CANCELLED", True)
    store = factory.store(how)
    worlds = store.worlds()
    assert 1 <= len(worlds) < 90
    assert sorted(path.name for path in (factory.folder / how / "worlds").iterdir()) == sorted(world.world_id for world in worlds)
    (ended,) = (row for row in store.scan("runs").collect().to_dicts() if row["state"] == "failed")
    assert (ended["run_id"], ended["sealed"]) == (run_id, len(worlds))


def sealed_in_journal(store: Path) -> int:
    """How many answers the journal of a store holds."""
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"file:{store / '.worldloom' / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
            return int(journal.execute("SELECT count(*) FROM answers").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def interrupted(factory: Factory, run_id: str, how: str) -> Any:
    """The state of a run that is cancelled in the UI, or whose process is told to end; nothing that it started outlives it for long."""
    if how == "cancelled":
        factory.ask(f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    else:
        (engine,) = (process for process in factory.engines() if "prefect.engine" in process.cmdline())
        os.kill(engine.pid, signal.SIGTERM)
    state = factory.ended(run_id, A_FEW_SECONDS)
    assert awaited(lambda: not factory.engines(), A_FEW_SECONDS), factory.engines()
    return state


class Silent(BaseHTTPRequestHandler):
    """A model's service that takes a request and never answers it."""

    def do_POST(self) -> None:
        asked.set()
        over.wait()

    def log_message(self, *_: object) -> None:
        """Tests stay quiet."""


asked, over = threading.Event(), threading.Event()


@pytest.fixture
def silent_model() -> Iterator[str]:
    service = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    service.daemon_threads = True
    asked.clear()
    over.clear()
    threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{service.server_address[1]}/v1"
    over.set()
    service.shutdown()
    service.server_close()


@pytest.mark.parametrize("how", ["cancelled", "terminated"])
def test_a_run_that_waits_for_a_slow_model_ends_at_once_too(factory: Factory, silent_model: str, how: str) -> None:
    run_id = factory.begin({**SMALL, "model": "openai/slow", "api_base": silent_model}, f"slow-{how}")
    assert asked.wait(LONG_ENOUGH)
    assert interrupted(factory, run_id, how)["type"] == "CANCELLED"
    (ended,) = (row for row in factory.store(f"slow-{how}").scan("runs").collect().to_dicts() if row["state"] == "failed")
    assert (ended["run_id"], ended["sealed"]) == (run_id, 0)


def test_a_cancelled_parent_takes_its_shards_with_it(factory: Factory) -> None:
    run_id = factory.begin({"worlds": 90, "tasks_per_world": 3, "shards": 2, "seed": 3}, "shards-cancelled")
    assert awaited(lambda: sealed_in_journal(factory.folder / "shards-cancelled") > 20)
    assert interrupted(factory, run_id, "cancelled")["type"] == "CANCELLED"
    runs = factory.store("shards-cancelled").scan("runs").collect().to_dicts()
    ids = {row["run_id"] for row in runs}
    assert len(ids) == 3
    assert {run["state"]["type"] for run in factory.ask("/flow_runs/filter") if run["id"] in ids} == {"CANCELLED"}
    assert sum(row["sealed"] for row in runs if row["flow"] == "shard" and row["sealed"]) == len(factory.store("shards-cancelled").worlds())


def test_shards_whose_budget_is_spent_end_their_parent_in_its_name(factory: Factory) -> None:
    run_id = factory.begin({**SMALL, "shards": 2, "budget_tokens": 12_000, "seed": 4}, "shards-budget")
    state = factory.ended(run_id)
    assert (state["type"], state["name"]) == ("COMPLETED", "Stopped by the budget")
    assert "Stopped by the budget: The run's budget of 6,000 tokens is spent" in state["message"], "each has its part of it"
    attempts = factory.store("shards-budget").scan("attempts").collect()
    tokens = attempts.select((pl.col("input_tokens") + pl.col("output_tokens")).alias("tokens"), "run_id").to_dicts()
    width = Order(worlds=1).width
    for run in {row["run_id"] for row in tokens}:
        spent = sorted(row["tokens"] for row in tokens if row["run_id"] == run)
        assert sum(spent) - sum(spent[-width:]) < 6_000 <= sum(spent), "over by the calls in hand at most"


NONSENSE: dict[str, dict[str, Any]] = {
    "order.worlds": {"worlds": 0},
    "order.tasks_per_world": {"tasks_per_world": "many"},
    "order.fault_rate": {"fault_rate": 7},
    "order.temperature": {"temperature": 3},
    "order.runner": {"runner": "moon"},
    "order.shards": {"shards": 1},
    "order.difficulty": {"difficulty": [50, 50]},
    "nosuch": {"nosuch": 1},
}


@pytest.mark.parametrize("place", NONSENSE)
def test_the_form_describes_every_field_and_refuses_nonsense(factory: Factory, place: str) -> None:
    held = factory.look("/deployments/name/synthesize/nightly")
    fields = held["parameter_openapi_schema"]["definitions"]["Order"]["properties"]
    assert [name for name, field in fields.items() if not field.get("description")] == []
    refused = factory.try_to_begin(NONSENSE[place])
    assert refused.status_code == httpx.codes.CONFLICT
    assert place in refused.text


def test_a_run_outlives_a_server_that_freezes_and_then_is_killed(factory: Factory) -> None:
    """The last test: afterwards the server is another process."""
    run_id = factory.begin({"worlds": 24, "tasks_per_world": 3, "seed": 5}, "outage")
    answers = partial(sealed_in_journal, factory.folder / "outage")
    held = read(factory.wanted.home)
    assert held is not None
    server = psutil.Process(next(one.pid for one in held.processes if one.role == "server"))
    assert goes_on(answers)
    server.suspend()
    assert not is_healthy(factory.service.api_url, timeout=5.0), "it takes requests, and answers none"
    server.resume()
    assert goes_on(answers)
    server.kill()
    server.wait(20)
    mended, _ = up(factory.wanted)
    assert all(running(one) for one in mended.processes)
    assert factory.ended(run_id)["name"] == "Completed"
    assert len(factory.store("outage").worlds()) == 24


def goes_on(answers: Callable[[], int], more: int = 3) -> bool:
    """Whether models go on being asked."""
    before = answers()
    return awaited(lambda: answers() > before + more)
