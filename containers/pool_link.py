"""A pool's end of one worker process, and what the pool keeps of each environment."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from artifacts.errors import ServerUnavailable
from containers.pool_wire import CHUNK, LATE, LOST, Frames, frame_of_jobs

Answer = tuple[int, Any, str | None, str]
Job = tuple[Any, ...]

_ROOT = str(Path(__file__).resolve().parents[1])
_STOP_SECONDS = 5.0


class Sink(Protocol):
    """Where an answer goes."""

    def put(self, position: int, answer: Answer) -> None:
        """Takes the answer that belongs at a position; called with the pool's lock held."""


class Batch:
    """The answers to a list of questions, in the list's order, and whether all are there."""

    def __init__(self, size: int) -> None:
        self.answers: list[Answer] = [(0, None, LOST, "")] * size
        self.done = threading.Event()
        self._left = size
        if not size:
            self.done.set()

    def put(self, position: int, answer: Answer) -> None:
        """Takes one answer."""
        self.answers[position] = answer
        self._left -= 1
        if not self._left:
            self.done.set()


class Mail:
    """Answers in the order in which they come; `expected` of them are still to come."""

    def __init__(self, lock: threading.RLock) -> None:
        self.arrived: deque[tuple[int, Answer]] = deque()
        self.expected = 0
        self.news = threading.Condition(lock)

    def put(self, position: int, answer: Answer) -> None:
        """Takes one answer of the environment numbered `position`."""
        self.arrived.append((position, answer))
        self.expected -= 1
        self.news.notify_all()


@dataclass(eq=False, slots=True)
class Slot:
    """One environment: where it is, what it is for, and what became of it.

    `error` is LOST or LATE, or the name of the error that kept it from opening, once it is of no use; `trouble` says why.
    """

    number: int
    link: int
    world: str
    task: str | None = None
    taken: bool = False
    ready: bool = False
    tries: int = 0
    error: str = ""
    trouble: str = ""
    waiters: list[tuple[Batch, int]] = field(default_factory=list)

    def put(self, _position: int, answer: Answer) -> None:
        """Takes the answer to its opening."""
        self.ready = True
        self.error, self.trouble = answer[2] or "", answer[3]
        if not self.error:
            self.tries = 0
        waiters, self.waiters = self.waiters, []
        for batch, position in waiters:
            batch.put(position, answer)


class Owed(NamedTuple):
    """An answer that a worker owes."""

    sink: Sink
    position: int
    slot: Slot


@dataclass(eq=False)
class Link:
    """One worker process. Everything here is used with the pool's lock held."""

    number: int
    process: subprocess.Popen[bytes]
    socket: socket.socket
    owed: dict[int, Owed] = field(default_factory=dict)
    slots: dict[int, Slot] = field(default_factory=dict)
    worlds: dict[str, int] = field(default_factory=dict)
    outgoing: bytearray = field(default_factory=bytearray)
    heard: float = 0.0
    spoke: bool = False
    longest: float = 0.0
    _frames: Frames = field(default_factory=Frames)

    @classmethod
    def start(cls, number: int, spare: int) -> Link:
        """A new worker process; raises ServerUnavailable where the system refuses one."""
        ours, theirs = socket.socketpair()
        paths = [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            command = [sys.executable, "-P", "-m", "containers.pool_worker", str(theirs.fileno()), str(os.getpid()), str(spare)]
            try:
                process = subprocess.Popen(  # noqa: S603 - this interpreter and this package
                    command,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                    process_group=0,
                )
            except OSError as problem:
                ours.close()
                raise ServerUnavailable(f"A worker of the pool cannot be started: {problem}.") from problem
        ours.setblocking(False)
        return cls(number, process, ours, heard=time.monotonic())

    def load(self, world: str, cost_of_a_new_world: int) -> int:
        """How busy it would be with one more environment of a world, in environments."""
        return len(self.slots) + (0 if world in self.worlds else cost_of_a_new_world)

    def post(self, jobs: list[Job]) -> bool:
        """Sends jobs as far as the system takes them now; whether something is left to send."""
        if not self.outgoing:
            self.outgoing += frame_of_jobs(jobs)
            return self.push()
        self.outgoing += frame_of_jobs(jobs)
        return True

    def push(self) -> bool:
        """Sends what is left; whether something still is. A worker that hung up is noticed when its answers end."""
        try:
            while self.outgoing:
                with memoryview(self.outgoing) as view:
                    sent = self.socket.send(view[: 4 * CHUNK])
                del self.outgoing[:sent]
        except BlockingIOError:
            return True
        except OSError:
            self.outgoing.clear()
        return False

    def answers(self) -> Iterator[list[Answer]] | None:
        """What has come in, or None where the worker hung up."""
        try:
            data = self.socket.recv(CHUNK)
        except BlockingIOError:
            return iter(())
        except OSError:
            data = b""
        if not data:
            return None
        self.heard, self.spoke = time.monotonic(), True
        return self._frames.feed(data)

    def stop(self, *, kindly: bool) -> str:
        """Ends the process, and tells how it ended; kindly, it may end by itself."""
        self.socket.close()
        if not kindly:
            self.process.kill()
        try:
            code = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return f"its worker was ended by {signal.Signals(-code).name}" if code < 0 else f"its worker ended with code {code}"


def is_gone(error: str | None) -> bool:
    """Whether an answer says that the environment is gone."""
    return error in (LOST, LATE)
