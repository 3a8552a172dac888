"""Trouble of every kind: budgets, rates, wrong keys, dead services, full and closed disks; each is blamed on who can mend it."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from dspy.lm15 import Message, Request
from dspy.utils import exceptions
from prefect.concurrency.sync import rate_limit

from artifacts.store import open_store
from tasks.embedded.engine import ProceduralEngine
from tasks.job.order import EMBEDDED_MODEL
from tasks.job.workflow_server import LocalServer, settings_in_force
from tasks.models.journal import Answer
from tasks.models.pace import BURST_SECONDS, CHARACTERS_A_TOKEN, SHARES, STEP_SECONDS, Pace, Rates

pytestmark = pytest.mark.xdist_group("server")

NAMES = ("Veterinary clinic", "Tool lending library", "Village bakery")
TOKENS = 18
DOLLARS = (11 * 0.4 + 7 * 1.6) / 1_000_000
"""What a scripted answer costs as one of azure/gpt-4.1-mini: $0.40 a million tokens in, $1.60 out."""

Command = Callable[..., subprocess.CompletedProcess[str]]


class Service(ThreadingHTTPServer):
    """An OpenAI-compatible service that lets so many requests through in any period, and keeps a record of when each came."""

    daemon_threads = True

    def __init__(self, most: int = 1_000_000, period: float = 60.0, status: int = 200, hangs_after: int = 1_000_000) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.most, self.period, self.status, self.hangs_after = most, period, status, hangs_after
        self.hanging, self.freed = threading.Event(), threading.Event()
        self.asked: list[str] = []
        self.served: list[float] = []
        self.refused: list[float] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    def waits(self, body: Any) -> None:
        """Keep what was asked; after so many requests, answer none until it is freed."""
        with self.lock:
            self.asked.append(json.dumps(body, sort_keys=True))
            hangs = len(self.asked) > self.hangs_after
        if hangs:
            self.hanging.set()
            self.freed.wait()

    def admits(self) -> bool:
        with self.lock:
            now = time.monotonic()
            admitted = sum(now - then < self.period for then in self.served) < self.most
            (self.served if admitted else self.refused).append(now)
            return admitted


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.waits(body)
        if self.server.status != 200:
            self.reply(self.server.status, {"error": {"message": "no such key", "type": "error", "code": "scripted"}})
        elif not self.server.admits():
            self.reply(429, {"error": {"message": "too many requests", "type": "error", "code": "rate"}}, {"Retry-After": "1"})
        else:
            self.answer(body)

    def answer(self, body: dict[str, Any]) -> None:
        said = {message["role"]: message["content"] for message in body["messages"]}
        request = Request(model=EMBEDDED_MODEL, system=said["system"], messages=(Message.user(said["user"]),))
        text = ProceduralEngine().complete(request).message.text
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": TOKENS}
        self.reply(200, {"id": "x", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice], "usage": usage})

    def reply(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(payload).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests stay quiet."""


Serve = Callable[..., Service]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Service] = []

    def start(**settings: Any) -> Service:
        running.append(Service(**settings))
        threading.Thread(target=running[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return running[-1]

    yield start
    for service in running:
        service.freed.set()
        service.shutdown()
        service.server_close()


@pytest.fixture
def weave(worldloom: Command, server: LocalServer) -> Command:
    """The command with a hosted model and the tests' workflow server."""

    def run(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
        model = ("--model", "openai/scripted", "--api-base", url, "--tasks-per-world", "3")
        return worldloom("synthesize", *model, *arguments, PREFECT_API_URL=server.url)

    return run


def last_state(server: LocalServer) -> dict[str, Any]:
    """The state of the flow run that began last."""
    answer = httpx.post(f"{server.url}/flow_runs/filter", json={"sort": "EXPECTED_START_TIME_DESC", "limit": 1})
    state: dict[str, Any] = answer.json()[0]["state"]
    return state


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small disk of its own, mounted with these options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounts: list[Path] = []

    def mount(options: str) -> Path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
        mounts.append(folder)
        return folder

    yield mount
    for place in mounts:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_budget_stops_a_run_cleanly_and_a_larger_one_pays_nothing_twice(
    weave: Command, serve: Serve, server: LocalServer, tmp_path: Path
) -> None:
    service = serve()
    first = weave(*NAMES, "--budget-tokens", str(TOKENS * 7), "--max-concurrency", "2", "--json", url=service.url)
    assert first.returncode == 4, first.stdout + first.stderr
    found = json.loads(first.stdout)
    assert found["budget_spent"]
    assert 7 <= len(service.served) <= 8, "no more than the calls in hand beyond it"
    assert last_state(server)["name"] == "Stopped by the budget"
    assert len(open_store(tmp_path / "loom", create=False).worlds()) == found["sealed"]
    again = weave(*NAMES, "--budget-tokens", "1000000", "--json", url=service.url)
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(again.stdout)["planned"] == len(open_store(tmp_path / "loom", create=False).worlds()) == 3
    assert json.loads(again.stdout)["model_calls"] + 7 <= len(service.served) <= json.loads(again.stdout)["model_calls"] + 8


def test_a_budget_in_dollars_stops_a_run_of_a_priced_model(worldloom: Command, serve: Serve, server: LocalServer, tmp_path: Path) -> None:
    service = serve()
    account = {"AZURE_OPENAI_ENDPOINT": service.root, "AZURE_OPENAI_API_KEY": "none", "PREFECT_API_URL": server.url}
    order = ("synthesize", *NAMES, "--tasks-per-world", "3", "--model", "azure/gpt-4.1-mini", "--max-concurrency", "2", "--json")
    done = worldloom(*order, "--budget-usd", str(DOLLARS * 6.5), **account)
    assert done.returncode == 4, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert 7 <= len(service.served) <= 8, "no more than the calls in hand beyond it"
    assert found["cost_usd"] == pytest.approx(DOLLARS * len(service.served))
    state = last_state(server)
    assert (state["type"], state["name"]) == ("COMPLETED", "Stopped by the budget")
    assert "budget of $" in state["message"]
    assert worldloom(*order, "--budget-usd", "1", **account).returncode == 0
    assert len(open_store(tmp_path / "loom", create=False).worlds()) == 3
    assert len(service.asked) == len(set(service.asked)), "nothing is paid for twice"


def test_a_budget_holds_over_all_the_processes_of_a_run(worldloom: Command, server: LocalServer, tmp_path: Path) -> None:
    order = ("synthesize", *NAMES, "--tasks-per-world", "3", "--runner", "process", "--max-concurrency", "2", "--json")
    done = worldloom(*order, "--budget-tokens", "30000", PREFECT_API_URL=server.url)
    assert done.returncode == 4, done.stdout + done.stderr
    journal = tmp_path / "loom" / ".worldloom" / "journal.sqlite"  # a draft that another one's end cut short has no rows yet
    with closing(sqlite3.connect(journal)) as answers:
        tokens = [paid for (paid,) in answers.execute("SELECT input_tokens + output_tokens FROM answers")]
    assert sum(tokens) - sum(sorted(tokens)[-2:]) < 30_000 <= sum(tokens), "each process goes over by the call in its hands at most"
    assert worldloom(*order, PREFECT_API_URL=server.url).returncode == 0
    store = open_store(tmp_path / "loom", create=False)
    paid = store.scan("attempts").collect().filter(~pl.col("recalled"))["request_digest"]
    assert (len(store.worlds()), paid.is_unique().all()) == (3, True)


def test_a_run_killed_while_a_model_answers_pays_again_for_no_more_than_what_was_in_flight(
    weave: Command, serve: Serve, server: LocalServer, tmp_path: Path
) -> None:
    service = serve(hangs_after=6)
    model = ("--model", "openai/scripted", "--api-base", service.url, "--tasks-per-world", "3", "--max-concurrency", "2")
    command = [str(Path(sys.executable).with_name("worldloom")), "synthesize", *NAMES, *model]
    environment = {**os.environ, "PREFECT_API_URL": server.url}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert service.hanging.wait(120)
        run.kill()
    in_flight = len(service.asked) - 6
    service.freed.set()
    service.hangs_after = 1_000_000
    assert weave(*NAMES, "--max-concurrency", "2", url=service.url).returncode == 0
    assert 1 <= in_flight <= 2
    assert len(service.asked) - len(set(service.asked)) <= in_flight
    assert len(open_store(tmp_path / "loom", create=False).worlds()) == 3


def test_a_budget_in_dollars_needs_a_price(weave: Command, tmp_path: Path) -> None:
    done = weave(*NAMES, "--budget-usd", "1", url="http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert "has no price" in done.stderr
    assert "--budget-tokens" in done.stderr
    assert not (tmp_path / "loom").exists()


def test_requests_stay_under_the_rate_that_was_asked_for(weave: Command, serve: Serve, server: LocalServer) -> None:
    service = serve(most=90, period=10.0)
    rates = ("--requests-per-minute", "540", "--tokens-per-minute", "6000000")
    done = weave(NAMES[0], NAMES[1], *rates, "--json", url=service.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert service.refused == []
    named = f"model-openai-scripted-at-127-0-0-1-{service.server_address[1]}-v1"
    held = limits(server)
    assert held[f"{named}-requests"] == pytest.approx((54 * SHARES, (540 - 54 + 1) * SHARES / 60))
    assert held[f"{named}-tokens"] == pytest.approx((600_000, (6_000_000 - 600_000 + 1) / 60))


def limits(server: LocalServer) -> dict[str, tuple[int, float]]:
    """The rate limits on the server: how many slots each has, and how many come back in a second."""
    held = httpx.post(f"{server.url}/v2/concurrency_limits/filter", json={"limit": 200}).json()
    return {one["name"]: (one["limit"], one["slot_decay_per_second"]) for one in held}


@pytest.fixture
def in_force(server: LocalServer) -> Iterator[LocalServer]:
    """The workflow server, as this process's own."""
    with settings_in_force({"PREFECT_API_URL": server.url, "DO_NOT_TRACK": "1"}):
        yield server


def test_every_token_takes_a_slot_of_a_limit_that_gives_back_no_more_than_the_rate(
    in_force: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate, burst, name = 600_000, 60_000, "model-openai-some-model-tokens"
    taken: list[tuple[str, int]] = []

    def counted(limit: str, occupy: int, strict: bool) -> None:
        rate_limit(limit, occupy=occupy, strict=strict)
        taken.append((limit, occupy))

    monkeypatch.setattr("tasks.models.pace.rate_limit", counted)
    pace = Pace("openai/some-model", None, Rates(tokens=rate))
    pace.wait(Request(model="some-model", messages=(Message.user("x" * 100 * CHARACTERS_A_TOKEN),)))
    assert limits(in_force)[name] == (burst, (rate - burst + 1) / 60), "a full bucket and a minute's leak are one more than the rate"
    pace.settle(Answer("digest", "some-model", "text", "stop", 100, burst + 50, None, None, None))
    assert taken == [(name, 100), (name, burst), (name, 50)], "no call takes more than the bucket holds"


def test_a_rate_is_halved_once_a_burst_of_refusals_and_grows_back_by_steps(in_force: LocalServer) -> None:
    now = [0.0]
    pace = Pace("openai/strict-model", None, Rates(requests=600), lambda: now[0])
    pace.wait(Request(model="strict-model", messages=(Message.user("x"),)))
    answer = Answer("digest", "strict-model", "text", "stop", 1, 1, None, None, None)
    full = (600 - 60 + 1) * SHARES / 60

    def share() -> float:
        return limits(in_force)["model-openai-strict-model-requests"][1] / full

    refusal = exceptions.LMRateLimitError("too many")
    seen = [share()]
    for step, told in ((1.0, refusal), (1.0, refusal), (BURST_SECONDS, refusal), (1.0, None), *[(STEP_SECONDS, None)] * 9):
        now[0] += step
        pace.settle(answer) if told is None else pace.failed(told)
        seen.append(share())
    grown = [0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.0, 1.0]
    assert seen == pytest.approx([1.0, 0.5, 0.5, 0.25, 0.25, *grown])
    pace.failed(exceptions.LMServerError("not that"))
    assert share() == pytest.approx(1.0)


def test_a_service_that_says_too_many_is_asked_less_often(weave: Command, serve: Serve) -> None:
    service = serve(most=5, period=2.0)
    done = weave(*NAMES, "--requests-per-minute", "6000", "--json", url=service.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["sealed"] == 3
    assert len(service.refused) < len(service.served)


def test_a_wrong_key_is_the_services_word(weave: Command, serve: Serve, server: LocalServer) -> None:
    done = weave(*NAMES, url=serve(status=401).url)
    assert done.returncode == 1
    assert "refuses" in done.stdout
    state = last_state(server)
    assert (state["type"], state["name"]) == ("FAILED", "Refused by the model's service")


def test_a_model_that_nothing_answers_for_is_given_up_soon_and_told_of(weave: Command, server: LocalServer) -> None:
    done = weave(*NAMES, url="http://127.0.0.1:9/v1")
    assert done.returncode == 1
    assert "the next is in about" in done.stdout
    state = last_state(server)
    assert (state["type"], state["name"]) == ("FAILED", "Model unreachable")
    assert "cannot answer now" in state["message"]


def test_a_full_disk_keeps_what_is_finished_and_the_run_goes_on_when_there_is_room(
    worldloom: Command, server: LocalServer, mounted: Callable[[str], Path]
) -> None:
    disk = mounted("size=40m")
    filler = disk / "filler"
    filler.write_bytes(b"x" * (22 << 20))
    order = ("synthesize", *NAMES, "--tasks-per-world", "3", "--store", str(disk / "loom"))
    done = worldloom(*order, PREFECT_API_URL=server.url)
    assert done.returncode != 0
    assert "disk" in done.stdout + done.stderr
    assert "Something failed inside" not in done.stdout + done.stderr
    assert last_state(server)["name"] == "Disk full", done.stdout + done.stderr
    filler.unlink()
    assert worldloom(*order, PREFECT_API_URL=server.url).returncode == 0
    assert len(open_store(disk / "loom", create=False).worlds()) == 3


def test_a_store_that_may_not_be_written_is_named(worldloom: Command, server: LocalServer, mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=40m")
    open_store(str(disk / "loom"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = worldloom("synthesize", *NAMES, "--store", str(disk / "loom"), PREFECT_API_URL=server.url)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("error: ")
    assert "written" in done.stderr or "write" in done.stderr
    assert "Something failed inside" not in done.stderr
