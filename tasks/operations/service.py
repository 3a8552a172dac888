"""The factory as a service: a workflow server, what it declares, and workers; brought up, looked at, and brought down.

What was started stands in `service.json` under the store's home, so that coming down stops exactly that and nothing else.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from artifacts.errors import InvalidInput, ServerUnavailable, UserError
from artifacts.noun import Noun
from tasks.job.workflow_server import LOOPBACK, is_healthy, last_error, server_environment, settings_in_force
from tasks.operations.declared import Applied, apply, engine_answers
from tasks.operations.processes import Started, running, start, stop
from tasks.operations.remains import bury

PORT = 4200
POOL = "worldloom"
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.3

Tell = Callable[[str], None]
"""Told what is being done, a line at a time."""


class Wanted(NamedTuple):
    """What is to be brought up: `database` is a SQLAlchemy URL (SQLite in the store's home by default); `api_url` names a server of
    somebody else's, which is then used and never stopped.
    """

    store: str
    home: Path
    host: str = LOOPBACK
    port: int = PORT
    workers: int = 1
    database: str | None = None
    api_url: str | None = None


class Service(Noun):
    """What was brought up for a store."""

    api_url: str
    ours: bool
    store: str
    processes: tuple[Started, ...] = ()

    @property
    def ui_url(self) -> str:
        """Where a browser looks."""
        return self.api_url.removesuffix("/api")


class Status(NamedTuple):
    """A service and how it fares: whether the server answers, and the processes that run."""

    service: Service
    healthy: bool
    running: tuple[Started, ...]


def up(wanted: Wanted, tell: Tell = lambda _line: None) -> tuple[Service, Applied]:
    """Starts what does not run yet, and brings the server up to what is declared; run again, it mends what has died.

    Raises ServerUnavailable, InvalidInput for a port in use.
    """
    with alone(wanted.home):
        service = _server(wanted, tell)
        with settings_in_force({"PREFECT_API_URL": service.api_url, "DO_NOT_TRACK": "1"}):
            tell("applying deployments, schedules, variables and automations")
            applied = apply(service.api_url, wanted.store, packages=wanted.workers == 0 or engine_answers())
            for name in bury(POOL, worker_alive=bool(_live_workers(service))):
                tell(f"the run '{name}' was killed")
        tell(f"starting {wanted.workers} worker{'s' if wanted.workers != 1 else ''}")
        return _workers(wanted, service), applied


def down(home: Path) -> tuple[Started, ...]:
    """Stops exactly what `up` started for this store, workers first; gives what was still running."""
    with alone(home):
        service = read(home)
        if service is None:
            return ()
        workers = [one for one in service.processes if one.role != "server"]
        stopped = stop(workers) + stop(one for one in service.processes if one.role == "server")
        _file(home).unlink()
    return stopped


def status(home: Path) -> Status | None:
    """What was brought up for this store, and how it fares; None where nothing was."""
    service = read(home)
    if service is None:
        return None
    return Status(service, is_healthy(service.api_url), tuple(one for one in service.processes if running(one)))


def read(home: Path) -> Service | None:
    """What was brought up for this store; raises InvalidInput for a damaged record."""
    try:
        return Service.model_validate_json(_file(home).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as problem:
        raise InvalidInput(f"{_file(home)} is damaged.", "Stop the processes by hand, and delete the file.") from problem


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the store's service lock; raises UserError while somebody else brings it up or down."""
    import fcntl

    home.mkdir(parents=True, exist_ok=True)
    with (home / "service.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise UserError("Another command is bringing this service up or down.", "Wait for it.") from problem
        yield


def _file(home: Path) -> Path:
    return home / "service.json"


def _keep(home: Path, service: Service) -> Service:
    """Records a service before anything else is done, so that whatever is killed next, `down` knows of it."""
    draft = _file(home).with_suffix(".tmp")
    draft.write_text(json.dumps(service.canonical(), indent=2))
    draft.replace(_file(home))
    return service


def _server(wanted: Wanted, tell: Tell) -> Service:
    """The server that runs already, somebody else's, or a new one."""
    held = read(wanted.home)
    if wanted.api_url is not None:
        if not is_healthy(wanted.api_url, timeout=10.0):
            raise ServerUnavailable(f"No Prefect server answers at {wanted.api_url}.", "Start it, or leave --api-url out.")
        kept = held.processes if held is not None and held.api_url == wanted.api_url else ()
        return _keep(wanted.home, Service(api_url=wanted.api_url, ours=False, store=wanted.store, processes=kept))
    if held is not None and held.ours and any(one.role == "server" and running(one) for one in held.processes):
        _await(held, tell)
        return held
    url = f"http://{wanted.host}:{wanted.port}/api"
    _expect_free(wanted.host, wanted.port)
    folder = wanted.home.resolve() / "prefect"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**inherited, **server_environment(folder, wanted.port, wanted.database, services=True)}
    environment["PREFECT_SERVER_UI_API_URL"] = url
    # `-P` keeps the working directory off the path: a folder named `tasks` there must not stand in for ours.
    code = "import sys; from tasks.operations.service import serve; serve(sys.argv[1], int(sys.argv[2]))"
    started = start("server", [sys.executable, "-P", "-c", code, wanted.host, str(wanted.port)], environment, folder / "server.log")
    workers = tuple(one for one in held.processes if one.role != "server") if held is not None else ()
    service = _keep(wanted.home, Service(api_url=url, ours=True, store=wanted.store, processes=(started, *workers)))
    _await(service, tell)
    return service


def serve(host: str, port: int) -> None:
    """Run a workflow server until it is stopped; the body of its own process."""
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(final=True), host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=3)


def _expect_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            return
    except OSError as problem:
        raise InvalidInput(f"Port {port} of {host} is in use.", "Give another with --port, or use that server: --api-url URL.") from problem


def _await(service: Service, tell: Tell) -> None:
    """Waits until our server answers; raises ServerUnavailable when it ends or the patience does."""
    tell(f"waiting for the workflow server at {service.ui_url}")
    (server,) = (one for one in service.processes if one.role == "server")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_healthy(service.api_url):
        if running(server) is None:
            raise ServerUnavailable(f"The workflow server stopped while starting: {last_error(Path(server.log))}", f"See {server.log}.")
        if time.monotonic() > deadline:
            raise ServerUnavailable(f"The workflow server did not answer within {PATIENCE_SECONDS:.0f} seconds.", f"See {server.log}.")
        time.sleep(POLL_SECONDS)


def _workers(wanted: Wanted, service: Service) -> Service:
    """The service with as many workers as are wanted: those that run are kept, more are started, the others stopped."""
    alive = _live_workers(service)
    stop(alive[wanted.workers :])
    kept = alive[: wanted.workers]
    server = tuple(one for one in service.processes if one.role == "server")
    free = (f"worker-{number}" for number in range(1, wanted.workers + 1) if f"worker-{number}" not in {one.role for one in kept})
    for role in [name for name, _ in zip(free, range(wanted.workers - len(kept)), strict=False)]:
        kept.append(_worker(role, wanted, service))
        service = _keep(wanted.home, service.model_copy(update={"processes": (*server, *kept)}))
    return _keep(wanted.home, service.model_copy(update={"processes": (*server, *kept)}))


def _live_workers(service: Service) -> list[Started]:
    return [one for one in service.processes if one.role.startswith("worker") and running(one)]


def _worker(role: str, wanted: Wanted, service: Service) -> Started:
    folder = wanted.home.resolve() / "prefect"
    name = f"{role}@{socket.gethostname()}"
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", name]
    environment = {**os.environ, **worker_environment(folder, service.api_url)}
    return start(role, command, environment, folder / f"{role}.log")


def worker_environment(folder: Path, api_url: str) -> dict[str, str]:
    """The settings of a worker and of the flow runs that it starts: where the server is, where results go, signs of life."""
    return {
        "PREFECT_API_URL": api_url,
        "PREFECT_HOME": str(folder),
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(folder / "results"),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_CLIENT_MAX_RETRIES": "12",
        "DO_NOT_TRACK": "1",
    }
