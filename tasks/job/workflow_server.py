"""The workflow server of a job: the one that PREFECT_API_URL names, else a local one that lives as long as the job.

The local server keeps its database under the store's home, so that every run stays on record. It is a real server, not
Prefect's ephemeral one, which loses the task runs that are not yet recorded when the job ends. The parent holds the only
writing end of the server's standard input: when the parent dies, however it dies, the server sees the end of it and stops.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from artifacts.errors import ServerUnavailable

LOOPBACK = "127.0.0.1"
START_PATIENCE_SECONDS = 180.0
STOP_PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.2
MOST_RESTARTS = 20
"""How often a job's server is started again when it is killed; one that dies at once would otherwise be started forever."""

FINAL_STATES = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

_IDLE_SERVICES = ("SCHEDULER", "LATE_RUNS", "FOREMAN", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "TRIGGERS", "REPOSSESSOR")
"""Services for schedules, workers and automations: a job's own server has none of them, and two cores are not many."""

Progress = Callable[[int, int], None]
"""Told how many task runs are recorded, of how many."""


def configured_url() -> str | None:
    """The API address of the server that the caller chose (PREFECT_API_URL or a Prefect profile), if any."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() or None


def server_environment(folder: Path, port: int, database: str | None = None, services: bool = False) -> dict[str, str]:
    """The settings of a server: its database in `folder` unless a URL names another, quick recording of task runs, and no word to
    anyone outside; with the services for schedules, workers and automations, or without.
    """
    recorder = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_"
    persister = "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_"
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database or f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_UI_API_URL": f"http://{LOOPBACK}:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
        **{f"{recorder}{name}": value for name, value in (("BATCH_SIZE", "200"), ("READ_BATCH_SIZE", "200"), ("FLUSH_INTERVAL", "1"))},
        **{f"{persister}{name}": value for name, value in (("BATCH_SIZE", "200"), ("READ_BATCH_SIZE", "200"))},
        **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "true" if services else "false" for name in _IDLE_SERVICES},
        **({"PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs,orphans"} if services else {}),
    }


def serve(descriptor: int) -> None:
    """Run the server on an inherited listening socket until standard input ends; the body of the server's own process."""
    import uvicorn
    from prefect.server.api.server import create_app

    threading.Thread(target=_stop_when_orphaned, daemon=True).start()
    config = uvicorn.Config(create_app(final=True), log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _stop_when_orphaned() -> None:
    while os.read(0, 4_096):  # not sys.stdin, whose lock would spoil the interpreter's end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_PATIENCE_SECONDS)
    os._exit(1)


class LocalServer:
    """A server process of our own: started, awaited and stopped.

    We keep the listening socket, so that a server that is killed can be started again where it was: who asks meanwhile waits.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log_path = folder / "server.log"
        self._listener = socket.create_server((LOOPBACK, 0), backlog=256)
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return _spawn(self._listener, self.folder, self.port, log)

    def mind(self) -> None:
        """Start the server again, a few times, should it end before it is stopped."""
        threading.Thread(target=self._mind, daemon=True).start()

    def _mind(self) -> None:
        for _ in range(MOST_RESTARTS):
            self.process.wait()
            with self._turn:
                if self._stopping.is_set():
                    return
                if self.process.stdin is not None:
                    self.process.stdin.close()
                self.process = self._start()
        self._listener.close()  # it will not last: let those who ask know, rather than wait

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://{LOOPBACK}:{self.port}/api"

    def wait_until_healthy(self, patience: float = START_PATIENCE_SECONDS) -> None:
        """Return when the API answers; raises ServerUnavailable when the process ends or the patience does."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerUnavailable(f"The workflow server stopped while starting: {last_error(self.log_path)}", f"See {self.log_path}.")
            if is_healthy(self.url):
                return
        raise ServerUnavailable(
            f"The workflow server did not answer within {patience:.0f} seconds.",
            f"See {self.log_path}; or start one yourself (`prefect server start`) and set PREFECT_API_URL.",
        )

    def stop(self) -> None:
        """End the process: by closing its standard input, then by signals that grow ruder."""
        with self._turn:
            self._stopping.set()
        self._listener.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        if not _ends(self.process):
            self.process.terminate()
        if not _ends(self.process):
            self.process.kill()
            self.process.wait()


def _ends(process: subprocess.Popen[bytes], patience: float = STOP_PATIENCE_SECONDS) -> bool:
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        return False
    return True


def _spawn(listener: socket.socket, folder: Path, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    # `-P` keeps the working directory off the path: a folder named `tasks` there must not stand in for ours.
    code = "import sys; from tasks.job.workflow_server import serve; serve(int(sys.argv[1]))"
    return subprocess.Popen(  # noqa: S603 (our own interpreter with fixed arguments)
        [sys.executable, "-P", "-c", code, str(listener.fileno())],
        env={**inherited, **server_environment(folder, port)},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=(listener.fileno(),),
        start_new_session=True,  # Ctrl-C in the terminal is for the job; the job stops the server when it is done with it
    )


def last_error(path: Path) -> str:
    """The last line of a log that names an error, else its last line."""
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"[\w.]*(?:Error|Exception)\b", line)]
    return (telling or lines or ["it wrote no reason"])[-1][:300]


def is_healthy(url: str, timeout: float = 1.0) -> bool:
    """Whether a Prefect API answers at this address."""
    try:
        return httpx.get(f"{url}/health", timeout=timeout).status_code == httpx.codes.OK
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


@contextmanager
def workflow_server(home: Path, patience: float = START_PATIENCE_SECONDS) -> Iterator[str]:
    """The API address to use while the body runs; a server that is ours is stopped afterwards, whatever happened.

    Raises ServerUnavailable. Prefect's own log lines go to `home/prefect/client.log` meanwhile.
    """
    folder = home.resolve() / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = configured_url()
    if chosen is not None and not is_healthy(chosen, timeout=10.0):
        raise ServerUnavailable(
            f"No Prefect server answers at {chosen}.", "Start it, or unset PREFECT_API_URL to have one run for the job."
        )
    server = None if chosen is not None else LocalServer(folder)
    try:
        if server is not None:
            server.wait_until_healthy(patience)
            server.mind()
        url = chosen if server is None else server.url
        settings = {"PREFECT_API_URL": str(url), "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(folder / "results"), "DO_NOT_TRACK": "1"}
        with settings_in_force(settings), logging_to(log_file(home)):
            try:
                yield str(url)
            finally:
                send_what_is_queued()
    finally:
        if server is not None:
            server.stop()


@contextmanager
def settings_in_force(settings: Mapping[str, str]) -> Iterator[None]:
    """Prefect settings for the whole process, its threads and the processes it starts, while the body runs.

    Not Prefect's `temporary_settings`, which threads do not see: one that forwards events would start a server of its own.
    """
    from prefect.context import refresh_global_settings_context

    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    refresh_global_settings_context()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        refresh_global_settings_context()


def send_what_is_queued(patience: float = 10.0) -> None:
    """Send the events and log lines that this process still holds for the server."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=patience)
    APILogWorker.drain_all(timeout=patience)


def log_file(home: Path) -> Path:
    """Where Prefect's log lines of this job go."""
    return home.resolve() / "prefect" / "client.log"


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """While the body runs, what loggers would print on the terminal goes to a file."""
    target, swapped = swap_handlers(path)
    try:
        yield
    finally:
        for logger, handler in swapped:
            logger.removeHandler(target)
            logger.addHandler(handler)
        target.close()


def swap_handlers(path: Path) -> tuple[logging.Handler, list[tuple[logging.Logger, logging.Handler]]]:
    """Send what loggers would print on the terminal to a file; gives the file's handler, and what it stands in for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = logging.FileHandler(path, delay=True)
    target.setFormatter(logging.Formatter("%(asctime)s | %(levelname)-7s | %(name)s - %(message)s"))
    swapped = [(logger, handler) for logger in _loggers() for handler in logger.handlers if _prints(handler)]
    for logger, handler in swapped:
        logger.removeHandler(handler)
        logger.addHandler(target)
    return target, swapped


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.getLogger(), *(logger for logger in known if isinstance(logger, logging.Logger))]


def _prints(handler: logging.Handler) -> bool:
    from prefect.logging.handlers import PrefectConsoleHandler

    # not isinstance of StreamHandler: files and pytest's own capturing handlers are streams too
    return isinstance(handler, PrefectConsoleHandler) or getattr(handler, "stream", None) in (sys.stderr, sys.stdout)


def recorded_task_runs(url: str, flow_run_id: str, states: Sequence[str] = FINAL_STATES) -> int:
    """How many task runs of a flow run the server has on record in one of these states."""
    wanted = {"flow_runs": {"id": {"any_": [flow_run_id]}}, "task_runs": {"state": {"type": {"any_": list(states)}}}}
    answer = httpx.post(f"{url}/task_runs/count", json=wanted, timeout=30.0)
    answer.raise_for_status()
    return int(answer.json())


def wait_until_recorded(
    url: str, flow_run_id: str, expected: int, progress: Progress = lambda _done, _of: None, patience: float = 120.0
) -> int:
    """Wait until all expected task runs are recorded in a final state; the patience counts from the last one that came in.

    A server that is away meanwhile is waited for as well. Returns the number recorded, which is short of `expected` only when
    none came in for `patience` seconds; raises httpx.HTTPStatusError where the server refuses to tell.
    """
    recorded, since = _seen(url, flow_run_id, 0), time.monotonic()
    progress(recorded, expected)
    while recorded < expected and time.monotonic() - since < patience:
        time.sleep(POLL_SECONDS)
        seen = _seen(url, flow_run_id, recorded)
        if seen != recorded:
            recorded, since = seen, time.monotonic()
            progress(recorded, expected)
    return recorded


def _seen(url: str, flow_run_id: str, before: int) -> int:
    """How many task runs are recorded; as many as before where the server is away, or too busy to say."""
    try:
        return recorded_task_runs(url, flow_run_id)
    except httpx.TransportError:
        return before
    except httpx.HTTPStatusError as refused:
        if refused.response.is_server_error:
            return before
        raise
