"""One workflow server for all tests that need one, one factory that is up, and the command as a user runs it."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.job.workflow_server import LocalServer
from tasks.operations.service import Wanted, down, up

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A workflow server that runs as long as the tests."""
    running = LocalServer(tmp_path_factory.mktemp("server"))
    try:
        running.wait_until_healthy()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def raised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wanted]:
    """A factory that is up, with two workers, for the tests of the group `worker`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    folder = tmp_path_factory.mktemp("factory")
    wanted = Wanted(str(folder / "loom"), folder / "loom" / ".worldloom", port=port, workers=2)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", "unix:///nonexistent")  # else each sealed batch is packaged beside the runs under test
            up(wanted)
        yield wanted
    finally:
        down(wanted.home)


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings that would change what the command does."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    return {**ours, "COLUMNS": "160", **more}


@pytest.fixture
def worldloom(tmp_path: Path) -> Command:
    """Run the command in a folder of its own; keyword arguments are environment variables."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("worldloom"), *arguments]
        own = {
            "PREFECT_LOCAL_STORAGE_PATH": str(tmp_path / "results"),
            **environment,
        }  # else a draft that another test has woven is not woven again
        return subprocess.run(command, cwd=tmp_path, env=clean_environment(**own), capture_output=True, text=True, check=False)

    return run
