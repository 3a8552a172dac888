"""Starting a training job's ranks with DeepSpeed's launcher, hearing its figures as they come, and ending all of it in any case."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from artifacts import errors
from artifacts.errors import InvalidInput, TerminalError, WorldloomError
from artifacts.files import make_folder, refused
from tasks.teaching.hostfile import HERE, hosts_in
from tasks.teaching.order import TrainOrder

Figures = dict[str, Any]
Heard = Callable[[Figures], None]


class Taught(NamedTuple):
    """How a job ended: the figures of its last step, and whether it was asked to stop."""

    last: Figures
    interrupted: bool


NEEDED = ("torch", "deepspeed", "transformers", "tokenizers")
SETTINGS, LOG, LINES, FAILURE = "settings.json", "train.log", "metrics.jsonl", "failure.json"
TICK_SECONDS, GRACE_SECONDS = 0.3, 10.0
WATCHED = "WORLDLOOM_WATCHED"


def require_extra() -> None:
    """Raises InvalidInput where the packages for training are not installed."""
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        raise InvalidInput(f"Training needs {', '.join(lacking)}: not installed.", "Install the extra: pip install 'worldloom[train]'.")


def launch(order: TrainOrder, settings: dict[str, Any], heard: Heard, wanted: Callable[[], bool] = lambda: False) -> Taught:
    """Runs a job to its end; `heard` is told every step's figures, `wanted` asked whether it is to stop.

    Raises what the job raised, as one error; TerminalError where it was killed. However this ends, no rank is left behind.
    """
    require_extra()
    hosts = hosts_of(order)
    folder = Path(settings["out"])
    try:
        make_folder(folder)
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1), encoding="utf-8")
        (folder / FAILURE).unlink(missing_ok=True)
        with (folder / LOG).open("ab") as log:
            started = _started(order, hosts, folder, log)
    except OSError as problem:
        raise refused(str(folder), problem) from problem
    hearing = _Hearing(folder / LINES, heard, settings["resume"])
    try:
        while (code := _ended(started)) is None:
            hearing.hear()
            if wanted():
                return Taught(hearing.last, interrupted=True)
        hearing.hear()
    finally:
        _end(started)
    if code:
        raise failure_in(folder, code)
    return Taught(hearing.last, interrupted=False)


def hosts_of(order: TrainOrder) -> tuple[str, ...]:
    """The machines of a hostfile, none without one; raises InvalidInput for a bad one, or where they cannot be reached."""
    hosts = hosts_in(Path(order.hostfile), order.ranks) if order.hostfile else ()
    if set(hosts) - set(HERE) and not shutil.which("pdsh"):
        raise InvalidInput("DeepSpeed reaches other machines with pdsh: it is not installed.", "Install pdsh, or leave --hostfile out.")
    return hosts


def command_of(order: TrainOrder, hosts: Sequence[str], settings: Path, port: int) -> list[str]:
    """The launcher's command line; it would ask for this machine's address by ssh, even where no other is named."""
    listed = ["--hostfile", order.hostfile or "/nonexistent"]
    alone = ["--no_ssh_check", "--master_addr", "127.0.0.1"] if len(hosts) == 1 and hosts[0] in HERE else []
    where = ["--num_gpus", str(order.ranks), "--master_port", str(port), "--no_local_rank"]
    return [sys.executable, "-m", "deepspeed.launcher.runner", *listed, *alone, *where, "--module", f"training.{order.job}", str(settings)]


def environment_of(order: TrainOrder) -> dict[str, str]:
    """The environment of the launcher."""
    cpu = order.device == "cpu" or (order.device == "auto" and not Path("/dev/nvidiactl").exists())
    threads = str(max(1, len(os.sched_getaffinity(0)) // order.ranks))
    found = {**os.environ, WATCHED: "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    if cpu:
        found |= {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        found.setdefault("OMP_NUM_THREADS", threads)
    return found


def failure_in(folder: Path, code: int) -> WorldloomError:
    """Why a job failed: its own words, or the last line of its log."""
    try:
        said = json.loads((folder / FAILURE).read_bytes())
        kind = getattr(errors, said["kind"], TerminalError)
        found: WorldloomError = kind(said["message"], said["hint"])
    except (OSError, ValueError, KeyError):
        lines = [line for line in _tail(folder / LOG) if line.strip() and " [INFO] " not in line]
        why = next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "it was killed")
        return TerminalError(f"The training job ended with {code}: {why[:300]}", f"Its log is {folder / LOG}. Resume it with --resume.")
    return found


class _Hearing:
    """Follows the lines of a file that is being written."""

    def __init__(self, path: Path, heard: Heard, resumed: bool) -> None:
        self.last: Figures = {}
        self._path = path
        self._heard = heard
        self._step = 0
        if not resumed:
            path.unlink(missing_ok=True)

    def hear(self) -> None:
        """Tells of the steps that came since."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for line in text.splitlines(keepends=True):
            if line.endswith("\n") and (figures := json.loads(line))["step"] > self._step:
                self._step, self.last = figures["step"], figures
                self._heard(figures)


def _started(order: TrainOrder, hosts: Sequence[str], folder: Path, log: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (our own interpreter, and settings that were validated)
        command_of(order, hosts, folder / SETTINGS, _free_port()),
        stdin=subprocess.PIPE,  # held open: the ranks end when it does
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment_of(order),
        start_new_session=True,
    )


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(TICK_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the launcher and its ranks, gently first."""
    for kill in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, kill)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if process.stdin is not None:
        process.stdin.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
    except FileNotFoundError:
        return []
