"""The flow with a model behind HTTP: drafts are woven in threads, trouble passes, and nothing paid for is asked for again."""

import json
import os
import subprocess
import sys
import threading
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

NAMES = ("Veterinary clinic", "Tool lending library")
FINE: tuple[int, dict[str, str]] = (200, {})
KEY = "sk-a-key-that-must-not-be-written-down"


class Service(ThreadingHTTPServer):
    """An OpenAI-compatible service whose answers are the embedded model's; `troubles` come first, one a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.troubles: list[tuple[int, dict[str, str]]] = []
        self.paid: list[str] = []
        self.keys: set[str] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def trouble(self) -> tuple[int, dict[str, str]] | None:
        with self.lock:
            return self.troubles.pop(0) if self.troubles else None


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.add(self.headers.get("Authorization", ""))
        trouble = self.server.trouble()
        if trouble is not None and trouble != FINE:
            status, headers = trouble
            self.reply(status, {"error": {"message": "scripted", "type": "error", "code": "scripted"}}, headers)
            return
        said = {message["role"]: message["content"] for message in body["messages"]}
        request = Request(model=EMBEDDED_MODEL, system=said["system"], messages=(Message.user(said["user"]),))
        self.server.paid.append(json.dumps(body, sort_keys=True))
        text = ProceduralEngine().complete(request).message.text
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        self.reply(
            200, {"id": "x", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice], "usage": usage}, {}
        )

    def reply(self, status: int, payload: Any, headers: dict[str, str]) -> None:
        data = json.dumps(payload).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests stay quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def synthesize(service: Service, server: LocalServer, tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    model = ("--model", "openai/scripted", "--api-base", service.url, "--tasks-per-world", "3")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("worldloom")), "synthesize", *model, *arguments]
        environment = {**kept, "PREFECT_API_URL": server.url, "OPENAI_API_KEY": KEY}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_trouble_passes_and_no_answer_is_paid_for_twice(synthesize: Run, service: Service, tmp_path: Path) -> None:
    service.troubles = [(429, {"Retry-After": "0"}), (500, {}), (503, {})]
    done = synthesize(*NAMES, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["sealed"], summary["unfinished"]) == (2, 0)
    assert summary["model_calls"] == len(service.paid) == len(set(service.paid))
    assert summary["cost_usd"] is None, "the price of a service of one's own is unknown"
    asked = len(service.paid)
    again = synthesize(*NAMES, "--json")
    assert (again.returncode, len(service.paid)) == (0, asked)
    assert service.keys == {f"Bearer {KEY}"}
    written = [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert written == [], "the key is written nowhere"


def test_a_stage_that_fails_takes_nothing_back_of_those_before_it(
    synthesize: Run, service: Service, server: LocalServer, tmp_path: Path
) -> None:
    service.troubles = [FINE, FINE, (503, {}), FINE, FINE, *[(401, {})] * 9]  # one that passes, then one that does not
    assert synthesize(NAMES[0], "--max-concurrency", "1").returncode == 1
    run_id = open_store(tmp_path / "loom", create=False).scan("runs").collect()["run_id"][0]
    found = httpx.post(f"{server.url}/task_runs/filter", json={"flow_runs": {"id": {"any_": [run_id]}}}).json()
    assert "RolledBack" not in {run["state_name"] for run in found}
    kept = [run["task_key"] for run in found if run["state_name"] == "Completed"]
    service.troubles, asked = [], len(service.paid)
    assert synthesize(NAMES[0]).returncode == 0
    again = httpx.post(f"{server.url}/task_runs/filter", json={"task_runs": {"state": {"name": {"any_": ["Cached"]}}}}).json()
    assert len([run for run in again if NAMES[0].split()[0].lower() in run["name"]]) >= 3, "results of finished stages were kept"
    assert len(kept) >= 4
    assert len(service.paid) == len(set(service.paid)) > asked


def test_a_service_that_refuses_us_ends_the_run_at_once(synthesize: Run, service: Service, tmp_path: Path) -> None:
    service.troubles = [(401, {})] * 50
    done = synthesize(*NAMES, "--max-concurrency", "1")
    assert done.returncode == 1
    assert "refuses" in done.stdout
    assert len(service.troubles) == 49, "the second draft is not begun"
    assert open_store(tmp_path / "loom", create=False).finished_drafts() == set()
    service.troubles = []
    assert synthesize(*NAMES).returncode == 0, "once the key is right, the same command goes on"
