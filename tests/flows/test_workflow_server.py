"""The workflow server of a job: it starts, records every task run, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from artifacts.errors import ServerUnavailable
from tasks.job.workflow_server import (
    LocalServer,
    is_healthy,
    logging_to,
    recorded_task_runs,
    server_environment,
    wait_until_recorded,
    workflow_server,
)

pytestmark = pytest.mark.xdist_group("server")

JOB = """
import sys
from pathlib import Path
from prefect import flow, task
from tasks.job.workflow_server import recorded_task_runs, wait_until_recorded, workflow_server

@task
def one(number):
    return number

@flow
def many(count):
    for number in range(count):
        one(number)

if __name__ == "__main__":
    with workflow_server(Path(sys.argv[1])) as url:
        run = str(many(60, return_state=True).state_details.flow_run_id)
        told = []
        recorded = wait_until_recorded(url, run, 60, lambda done, of: told.append(done))
        print(recorded, recorded_task_runs(url, run), told == sorted(set(told)))
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.py"
    path.write_text(textwrap.dedent(JOB))
    return path


def quiet_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def test_every_task_run_is_on_record_and_the_terminal_stays_quiet(job: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, job, tmp_path / "home"], env=quiet_environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["60", "60", "True"]
    assert done.stderr == ""
    assert "Beginning flow run" in (tmp_path / "home/prefect/client.log").read_text()
    assert (tmp_path / "home/prefect/prefect.db").exists()


def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tasks.job.workflow_server import LocalServer
server = LocalServer(Path(sys.argv[1]))
server.wait_until_healthy()
print(server.process.pid, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watched = os.pidfd_open(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert select_ended(watched)


def select_ended(descriptor: int) -> bool:
    """Whether the process of a pidfd ends within a minute."""
    import select

    ready, _, _ = select.select([descriptor], [], [], 60)
    os.close(descriptor)
    return bool(ready)


def test_a_server_stops_when_told_and_frees_its_port(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    server.wait_until_healthy()
    server.stop()
    assert server.process.returncode is not None
    assert not is_healthy(server.url)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_text("this is no database, and it is long enough to be read as one" * 20)
    server = LocalServer(tmp_path)
    with pytest.raises(ServerUnavailable, match=r"stopped while starting: .*not a database"):
        server.wait_until_healthy()
    server.stop()


def test_a_server_that_takes_too_long_is_named_as_such(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    with pytest.raises(ServerUnavailable, match="did not answer within 0 seconds"):
        server.wait_until_healthy(patience=0)
    server.stop()


def test_the_server_that_the_caller_chose_is_used_and_left_running(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.job.workflow_server.configured_url", lambda: server.url)
    with workflow_server(tmp_path) as url:
        assert url == server.url
    assert is_healthy(server.url)
    assert not (tmp_path / "prefect/prefect.db").exists()


def test_a_chosen_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setattr("tasks.job.workflow_server.configured_url", lambda: f"http://127.0.0.1:{port}/api")
    with pytest.raises(ServerUnavailable, match=f"No Prefect server answers at http://127.0.0.1:{port}/api"), workflow_server(tmp_path):
        pass


def test_a_server_that_is_killed_is_started_again_at_the_same_address(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    server.wait_until_healthy()
    server.mind()
    first = server.process
    first.kill()
    assert httpx.get(f"{server.url}/health", timeout=120).status_code == httpx.codes.OK, "who asks meanwhile waits"
    assert server.process.pid != first.pid
    server.stop()
    assert server.process.returncode is not None
    assert not is_healthy(server.url)


def test_waiting_ends_when_nothing_more_comes_in(server: LocalServer) -> None:
    told: list[tuple[int, int]] = []
    nothing = "00000000-0000-0000-0000-000000000000"
    assert wait_until_recorded(server.url, nothing, 5, lambda done, of: told.append((done, of)), patience=0.0) == 0
    assert told == [(0, 5)]
    assert recorded_task_runs(server.url, nothing) == 0


class Restless(BaseHTTPRequestHandler):
    """A server that is too busy, hangs up, and then tells."""

    answers: ClassVar[list[int | None]] = []

    def do_POST(self) -> None:
        status = self.answers.pop(0)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"5")

    def log_message(self, *_: object) -> None:
        """Tests stay quiet."""


@pytest.fixture
def restless() -> Iterator[str]:
    service = HTTPServer(("127.0.0.1", 0), Restless)
    threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{service.server_address[1]}"
    service.shutdown()
    service.server_close()


def test_a_server_that_is_away_while_task_runs_are_counted_is_waited_for(restless: str) -> None:
    told: list[tuple[int, int]] = []
    Restless.answers = [503, None, 500, 200]
    assert wait_until_recorded(restless, "any", 5, lambda done, of: told.append((done, of))) == 5
    assert told == [(0, 5), (5, 5)]
    Restless.answers = [422]
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        wait_until_recorded(restless, "any", 5)


def test_the_server_sends_nothing_out_and_records_in_bulk(server: LocalServer) -> None:
    settings = httpx.get(f"{server.url}/admin/settings").json()["server"]
    assert settings["analytics_enabled"] is False
    recorder = settings["services"]["task_run_recorder"]
    assert (recorder["batch_size"], recorder["read_batch_size"], recorder["flush_interval"]) == (200, 200, 1)
    assert settings["services"]["scheduler"]["enabled"] is False


def test_the_settings_keep_all_files_in_the_folder(tmp_path: Path) -> None:
    settings = server_environment(tmp_path, 4200)
    assert settings["PREFECT_HOME"] == str(tmp_path)
    assert str(tmp_path) in settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert settings["DO_NOT_TRACK"] == "1"


def test_log_lines_go_to_a_file_and_handlers_come_back(tmp_path: Path) -> None:
    import logging

    logger = logging.getLogger("worldloom.test")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    with logging_to(tmp_path / "log"):
        logger.warning("kept")
        assert handler not in logger.handlers
    assert logger.handlers == [handler]
    logger.removeHandler(handler)
    assert "kept" in (tmp_path / "log").read_text()
