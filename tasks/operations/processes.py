"""Processes that go on when the command that started them has ended, and are found again by what cannot be mistaken."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from artifacts.noun import Noun

STOP_PATIENCE_SECONDS = 20.0


class Started(Noun):
    """A process that we started: told from a later one with the same number by when it began (seconds since the epoch)."""

    role: str
    pid: int
    began: float
    log: str


def start(role: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Started:
    """Starts a process of its own session, its output appended to a log; it outlives us."""
    log.parent.mkdir(parents=True, exist_ok=True)
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Not subprocess, whose objects want to see the end of what they started.
    pid = os.posix_spawnp(command[0], list(command), dict(environment), file_actions=files, setsid=True)
    return Started(role=role, pid=pid, began=psutil.Process(pid).create_time(), log=str(log))


def running(started: Started) -> psutil.Process | None:
    """The process, if it is still the one that was started and has not ended."""
    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.began) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def stop(started: Iterable[Started], patience: float = STOP_PATIENCE_SECONDS) -> tuple[Started, ...]:
    """Ends these processes and all that they started, kindly and then not; gives those that were still running."""
    alive = {one: process for one in started for process in [running(one)] if process is not None}
    whole = [member for process in alive.values() for member in (process, *_descendants(process))]
    _signal(alive.values(), "terminate")
    _, left = psutil.wait_procs(whole, timeout=patience)
    _signal(left, "kill")
    psutil.wait_procs(left, timeout=patience)
    for process in alive.values():
        _reap(process.pid)
    return tuple(alive)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _signal(processes: Iterable[psutil.Process], how: str) -> None:
    for process in processes:
        try:
            getattr(process, how)()
        except psutil.NoSuchProcess:
            continue


def _reap(pid: int) -> None:
    """Takes note of the end of a process that is our own child, so that no zombie is left."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
