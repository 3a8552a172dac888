"""A workflow server that goes away in the middle of a deployment's run: what becomes of the run, and how long until all goes on.

`python -m benchmarks.outage --seconds 60` kills the server that `worldloom up` started, waits, and brings it up again; `--how frozen`
stops it for as long with SIGSTOP, so that it takes requests and answers none.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from artifacts.fsck import check
from artifacts.store import open_store
from tasks.operations.processes import running
from tasks.operations.service import Service, Wanted, down, up

How = Literal["killed", "frozen"]

FINAL = frozenset(("COMPLETED", "FAILED", "CRASHED", "CANCELLED"))
PATIENCE_SECONDS = 900.0
POLL_SECONDS = 0.2
CALLS_BEFORE = 2
"""The server goes when so many calls were made for each world that is wanted: about a third of the run."""

Seen = TypeVar("Seen")


class Found(NamedTuple):
    """What became of the run: `away` and `after` are seconds without a server, and from its return to the run's end."""

    state: str
    message: str
    worlds: int
    faults: int
    worlds_when_gone: int
    worlds_when_back: int
    away: float
    after: float
    worker_lived: bool
    next_run: str
    next_run_seconds: float


def outage(folder: Path, how: How, seconds: float, worlds: int) -> Found:
    """Begin a run, take the server away for so long when a third of the work is done, and see it to its end; then one more run."""
    wanted = Wanted(str(folder / "loom"), folder / "loom" / ".worldloom", port=free_port())
    try:
        service, _ = up(wanted)
        run = begun(service, worlds)
        awaited(lambda: answered(wanted.home) > worlds * CALLS_BEFORE)
        gone, before = time.monotonic(), published(wanted.store)
        leave(service, how)
        time.sleep(seconds)
        between = published(wanted.store)
        lived = all(running(one) for one in service.processes if one.role != "server")
        service = come_back(service, how, wanted)
        away, back = time.monotonic() - gone, time.monotonic()
        state = ended(service, run)
        after, began = time.monotonic() - back, time.monotonic()
        following = ended(service, begun(service, worlds))
        faults = len(check(open_store(wanted.store, create=False)))
        done = published(wanted.store)
        said = (state["name"], state["message"] or "", done, faults, before, between, away, after, lived)
        return Found(*said, following["name"], time.monotonic() - began)
    finally:
        down(wanted.home)


def leave(service: Service, how: How) -> None:
    """The server is killed, or stands still."""
    server = server_of(service)
    server.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    if how == "killed":
        reap(server.pid)


def come_back(service: Service, how: How, wanted: Wanted) -> Service:
    """What a person does: `worldloom up` again; one that stood still goes on by itself."""
    if how == "frozen":
        server_of(service).send_signal(signal.SIGCONT)
    return up(wanted)[0]


def server_of(service: Service) -> psutil.Process:
    """The server's process."""
    (found,) = (psutil.Process(one.pid) for one in service.processes if one.role == "server")
    return found


def reap(pid: int) -> None:
    """Take note of the end of our own child."""
    os.waitpid(pid, 0)


def begun(service: Service, worlds: int) -> str:
    """A run of the deployment synthesize/nightly, as the form in the UI begins it."""
    client = httpx.Client(base_url=service.api_url, timeout=60)
    held = client.get("/deployments/name/synthesize/nightly").raise_for_status().json()
    body = {"parameters": {"order": {"worlds": worlds}}, "state": {"type": "SCHEDULED"}}
    run = client.post(f"/deployments/{held['id']}/create_flow_run", json=body).raise_for_status().json()
    return str(run["id"])


def ended(service: Service, run: str) -> dict[str, Any]:
    """The state that a run ends in."""

    def state() -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{service.api_url}/flow_runs/{run}", timeout=60).raise_for_status().json()["state"]
        return found if found["type"] in FINAL else {}

    return awaited(state)


def published(store: str) -> int:
    """How many worlds the newest snapshot lists."""
    return len(open_store(store).worlds())


def answered(home: Path) -> int:
    """How many answers the journal of a run holds."""
    if not (home / "journal.sqlite").exists():
        return 0
    with closing(sqlite3.connect(f"file:{home / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
        return int(journal.execute("SELECT count(*) FROM answers").fetchone()[0])


def awaited(look: Callable[[], Seen]) -> Seen:
    """What is seen as soon as it is anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError("The run did not come that far.")
        time.sleep(POLL_SECONDS)
    return seen


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the server is away")
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--how", choices=("killed", "frozen"), default="killed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = outage(Path(folder), options.how, options.seconds, options.worlds)
    table = Table(title=f"The server {options.how} for {options.seconds:.0f} s", title_justify="left", show_header=False)
    for field, value in found._asdict().items():
        table.add_row(field.replace("_", " "), f"{value:.1f}" if isinstance(value, float) else str(value))
    Console(highlight=False).print(table)
    raise SystemExit(0 if found.next_run == "Completed" and found.worlds == options.worlds and not found.faults else 1)


if __name__ == "__main__":
    main()
