"""Servers as processes of their own: the product, the usual build with its own packages, and empty ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TOKEN = "benchmark-token-0123456789"  # noqa: S105 - of servers on the loopback device that live for minutes
START_SECONDS = 120


class Launched(NamedTuple):
    """A server that was started: where agents and its keeper reach it, and its process."""

    url: str
    control_url: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def launched(command: Sequence[object], port: int, control_port: int = 0, path: str = "/mcp") -> Iterator[Launched]:
    """The process, started and not waited for; it is gone at the end, whatever happens."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WORLDLOOM_TOKEN": TOKEN, "PYTHONWARNINGS": "ignore"}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([str(part) for part in command], env=environment, cwd=ROOT, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield Launched(f"http://127.0.0.1:{port}{path}", f"http://127.0.0.1:{control_port}", process)
    finally:
        ended(process)


def ended(process: subprocess.Popen[bytes]) -> None:
    """Have the process end, by force after a while."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def await_listening(server: Launched) -> None:
    """Wait until something accepts connections there; raises ConnectionError where the process has ended."""
    port = int(server.url.split(":")[2].split("/")[0])
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if server.process.poll() is not None:
            break
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise ConnectionError(f"{server.process.args!r} does not listen at {server.url}.")


@contextmanager
def product(store: Path, world_id: str) -> Iterator[Launched]:
    """`worldloom serve` with one world."""
    port, control_port = free_port(), free_port()
    command = (Path(sys.executable).with_name("worldloom"), "serve", world_id, "--store", store, "--port", port)
    with launched((*command, "--control-port", control_port), port, control_port) as server:
        yield server


@contextmanager
def usual_build(python: Path, database: Path) -> Iterator[Launched]:
    """One instance of the usual build over that database."""
    port = free_port()
    with launched((python, "-m", "benchmarks.peer.serve", database, port), port) as server:
        yield server


@contextmanager
def empty(form: str) -> Iterator[Launched]:
    """A server of the SDK that does nothing."""
    port = free_port()
    with launched((sys.executable, "-m", "benchmarks.peer.empty", form, port), port) as server:
        yield server


def packages(folder: Path) -> Path:
    """Install the usual build's packages in a folder, and give its Python; raises CalledProcessError where that cannot be."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    wanted = Path(__file__).with_name("requirements.txt")
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", wanted)
    subprocess.run(install, check=True, capture_output=True)
    subprocess.run((python, "-m", "compileall", "-q", Path(__file__).parent), check=True, capture_output=True)
    return python


def memory(process: int) -> Mapping[str, float]:
    """What a process holds, in MB: `Rss`, and `Pss`, which counts a page shared by n processes as the n-th part."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) * 1_024 / 1_000_000 for name, _, rest in (line.partition(":") for line in lines)}
