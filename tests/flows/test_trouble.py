"""Trouble of every kind: budgets, rates, wrong keys, dead services, full and closed disks; each is blamed on who can mend it."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from dspy.lm15 import Message, Request

from artifacts.store import open_store
from tasks.embedded.engine import ProceduralEngine
from tasks.job.order import EMBEDDED_MODEL
from tasks.job.workflow_server import LocalServer

pytestmark = pytest.mark.xdist_group("server")

NAMES = ("Veterinary clinic", "Tool lending library", "Village bakery")
TOKENS = 18
Command = Callable[..., subprocess.CompletedProcess[str]]


class Service(ThreadingHTTPServer):
    """An OpenAI-compatible service that lets so many requests through in any period, and keeps a record of when each came."""

    daemon_threads = True

    def __init__(self, most: int = 1_000_000, period: float = 60.0, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.most, self.period, self.status = most, period, status
        self.served: list[float] = []
        self.refused: list[float] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

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


def test_a_budget_in_dollars_needs_a_price(weave: Command, tmp_path: Path) -> None:
    done = weave(*NAMES, "--budget-usd", "1", url="http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert "has no price" in done.stderr
    assert "--budget-tokens" in done.stderr
    assert not (tmp_path / "loom").exists()


def test_requests_stay_under_the_rate_that_was_asked_for(weave: Command, serve: Serve, server: LocalServer) -> None:
    service = serve(most=90, period=10.0)
    done = weave(NAMES[0], NAMES[1], "--requests-per-minute", "540", "--json", url=service.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert service.refused == []
    assert len(httpx.post(f"{server.url}/v2/concurrency_limits/filter", json={}).json()) >= 1


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
