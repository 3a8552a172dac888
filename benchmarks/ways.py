"""Two ways to run a synthesis: the command, and a deployment with a worker. A token in their environment tells their processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx
import psutil
from tenacity import retry, retry_if_result, stop_after_attempt, wait_exponential

TOKEN = "WORLDLOOM_BENCHMARK"  # noqa: S105 (a name)
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PATIENCE_SECONDS = 60.0
LOOSE_SECONDS = 30.0
EXECUTABLE = str(Path(sys.executable).with_name("worldloom"))


class Way(Protocol):
    """A way to run: begun or resumed, looked at, struck, and waited for."""

    @property
    def store(self) -> str:
        """The folder that is woven into."""

    @property
    def token(self) -> str:
        """What tells the processes."""

    @property
    def victims(self) -> tuple[str, ...]:
        """The roles that may be struck."""

    def ensure(self) -> int:
        """Start what does not run; gives how many runs that began (0 where one goes on)."""

    def running(self) -> bool:
        """Whether a run goes on."""

    def kill(self, victim: str) -> int:
        """Kill with -9; gives how many processes were struck."""

    def finish(self, patience: float) -> bool:
        """Wait for the end of the run; gives whether it was a good one."""

    def close(self) -> None:
        """Stop what still runs."""


def environment(token: str) -> dict[str, str]:
    """The environment of a run that others' settings do not change."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    return {**kept, TOKEN: token}


def processes(token: str) -> list[psutil.Process]:
    """Every process that was started with this token, or by one that was."""
    return list(_processes(token))


def _processes(token: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue


def told(process: psutil.Process) -> str:
    """A process's command line."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def strike(victims: Iterable[psutil.Process]) -> int:
    """Kill them all with -9; gives how many there were."""
    struck = 0
    for process in victims:
        try:
            process.kill()
            struck += 1
        except psutil.NoSuchProcess:
            continue
    return struck


def strays(token: str, patience: float = LOOSE_SECONDS) -> tuple[str, ...]:
    """The processes of this token that do not end within the patience."""
    deadline = time.monotonic() + patience
    while (left := processes(token)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return tuple(told(process) for process in left)


def chosen(token: str, victim: str, marks: Mapping[str, str]) -> list[psutil.Process]:
    """The processes of a role; of the pool only one."""
    mine = processes(token)
    if victim == "everything":
        return mine
    found = [process for process in mine if marks[victim] in told(process)]
    return found[:1] if victim == "pool" else found


def awaited(way: Way, victim: str, marks: Mapping[str, str]) -> list[psutil.Process]:
    """The processes of a role, as soon as there are any; none where the run ends before."""
    while not (found := chosen(way.token, victim, marks)) and way.running():
        time.sleep(0.1)
    return found


class Command:
    """`worldloom synthesize`, with the workflow server that it starts for itself."""

    victims: tuple[str, ...] = ("flow", "pool", "server", "everything")
    marks: Mapping[str, str] = {"flow": f"{EXECUTABLE} synthesize", "pool": "spawn_main", "server": "tasks.job.workflow_server"}

    def __init__(self, store: Path, order: Mapping[str, Any]) -> None:
        self.store, self.token = str(store), uuid.uuid4().hex
        self._arguments = [text for name, value in order.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        self._run: subprocess.Popen[bytes] | None = None

    def ensure(self) -> int:
        """Start the command, unless it runs."""
        if self.running():
            return 0
        command = [EXECUTABLE, "synthesize", *self._arguments, "--store", self.store, "--quiet"]
        with Path(f"{self.store}.log").open("ab") as log:
            self._run = subprocess.Popen(command, env=environment(self.token), stdout=log, stderr=log)
        return 1

    def running(self) -> bool:
        """Whether the command runs."""
        return self._run is not None and self._run.poll() is None

    def kill(self, victim: str) -> int:
        """Kill; a run whose pool lost a process ends by itself, and is waited for."""
        struck = strike(awaited(self, victim, self.marks))
        if struck and victim != "server":
            self.finish(PATIENCE_SECONDS)
        return struck

    def finish(self, patience: float) -> bool:
        """Wait for the command's end; gives whether it said that all is done."""
        if self._run is None:
            return False
        try:
            return self._run.wait(patience) == 0
        except subprocess.TimeoutExpired:
            return False

    def close(self) -> None:
        """Ask the command to end, if it still runs."""
        if self._run is not None and self.running():
            self._run.terminate()
            self._run.wait(PATIENCE_SECONDS)


class Deployment:
    """The deployment synthesize/nightly, on a server and picked up by a worker that `worldloom up` started."""

    victims: tuple[str, ...] = ("flow", "worker", "server", "pool", "everything")
    marks: Mapping[str, str] = {
        "flow": "prefect.engine",
        "pool": "spawn_main",
        "server": "tasks.operations.service",
        "worker": "prefect worker start",
    }

    def __init__(self, store: Path, order: Mapping[str, Any]) -> None:
        self.store, self.token = str(store), uuid.uuid4().hex
        self._order = dict(order)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = int(listener.getsockname()[1])
        self.run_id: str | None = None

    @property
    def url(self) -> str:
        """The address of the server's API."""
        return f"http://127.0.0.1:{self._port}/api"

    def ensure(self) -> int:
        """Bring up what has died, and begin a run unless one goes on."""
        roles = {role for role in ("server", "worker") if chosen(self.token, role, self.marks)}
        if roles != {"server", "worker"}:
            self._worldloom("up", "--port", str(self._port))
        if self.running():
            return 0
        (found,) = self._post("/deployments/filter", {"deployments": {"name": {"any_": ["nightly"]}}})
        body = {"parameters": {"order": self._order, "store": self.store}, "state": {"type": "SCHEDULED"}}
        self.run_id = str(self._post(f"/deployments/{found['id']}/create_flow_run", body)["id"])
        return 1

    def running(self) -> bool:
        """Whether the run goes on."""
        return self.run_id is not None and self.state() not in ENDED

    def state(self) -> str:
        """The type of the run's state; empty while the server cannot say."""
        try:
            return str(httpx.get(f"{self.url}/flow_runs/{self.run_id}", timeout=30).json()["state_type"])
        except (httpx.HTTPError, KeyError, ValueError):
            return ""

    def kill(self, victim: str) -> int:
        """Kill; a run whose own process was struck is marked so by the worker, and is waited for."""
        struck = strike(awaited(self, victim, self.marks))
        if struck and victim in ("flow", "pool"):
            self.finish(PATIENCE_SECONDS)
        return struck

    def finish(self, patience: float) -> bool:
        """Wait for the run's end; gives whether it completed."""
        deadline = time.monotonic() + patience
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.state() == "COMPLETED"

    def close(self) -> None:
        """Bring the service down."""
        self._worldloom("down")

    def _worldloom(self, *arguments: str) -> None:
        command = [EXECUTABLE, *arguments, "--store", self.store, "--json"]
        done = subprocess.run(command, env=environment(self.token), capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise SystemExit(f"worldloom {arguments[0]} failed: {done.stderr}")

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = _asked(f"{self.url}{path}", json.dumps(body))
        answer.raise_for_status()
        return answer.json()


@retry(
    retry=retry_if_result(lambda answer: answer.status_code == httpx.codes.SERVICE_UNAVAILABLE),
    stop=stop_after_attempt(8),
    wait=wait_exponential(multiplier=0.2, max=5),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
)
def _asked(url: str, body: str) -> httpx.Response:
    """The answer of a server whose database may be busy for a moment, as it says with 503; Prefect's own client asks again too."""
    return httpx.post(url, content=body, timeout=60)
