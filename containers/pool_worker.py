"""A worker process of a pool: many environments of many worlds, one thread that serves them, and one that watches it.

One thread, the server, reads jobs and does them in order. When a job takes longer than PATIENCE the watcher starts another server for the
rest; the first thread finishes its job aside, along with whatever is asked of the same environment meanwhile. So a slow call costs the
others PATIENCE at most, and calls that are not slow pay nothing for it. A job past its deadline is answered by the watcher, its statement
interrupted, its environment dropped.

Run as `python -m containers.pool_worker SOCKET PARENT SPARE`; it ends when the socket closes or its parent is gone.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import apsw

from artifacts.errors import UnknownName, WorldloomError
from artifacts.world import Draft
from containers.environment import Blueprint, Environment
from containers.pool_wire import (
    CALL,
    CHUNK,
    DIFFERENCE,
    DIGEST,
    FORGET,
    LATE,
    LOST,
    OPEN,
    PREPARE,
    RELEASE,
    SCORE,
    SOURCE,
    Frames,
    frame_of,
)

PATIENCE = 0.01
"""Seconds after which a job no longer holds up the next ones."""

MOST_ANSWERS = 128
"""Answers are sent in bunches of this size while there is more to do, so that the pool reads while the worker works."""

_IDLE_LOOK = 1.0
_SWITCH_SECONDS = 0.0005
_TROUBLES = (WorldloomError, apsw.Error, ValueError, OverflowError, MemoryError, RecursionError)

Job = tuple[Any, ...]
Answer = tuple[int, Any, str | None, str]


@dataclass(eq=False)
class Aside:
    """A job that takes long, what waits for the same environment or world, and whether its deadline has passed."""

    key: Any
    job: Job
    since: float
    waiting: deque[Job] = field(default_factory=deque)
    overdue: bool = False


def _keys(job: Job) -> tuple[Any, ...]:
    """What a job needs for itself: its environment or world; where it may have to compile a world, that first."""
    return (job[4], job[2]) if job[0] in (OPEN, PREPARE) else (job[2],)


class Shelf:
    """The environments of a worker, the worlds they come from, and spare environments that were given back."""

    def __init__(self, most_spare: int) -> None:
        self.open: dict[int, tuple[str, Environment]] = {}
        self._sources: dict[str, bytes] = {}
        self._blueprints: dict[str, Blueprint] = {}
        self._spare: dict[str, list[Environment]] = {}
        self._left = most_spare
        self._lock = threading.Lock()

    def learn(self, world: str, source: bytes) -> None:
        """Keeps a world, to be compiled when it is first needed."""
        self._sources[world] = source

    def forget(self, world: str) -> None:
        """Drops a world; its open environments go on."""
        self._sources.pop(world, None)
        self._blueprints.pop(world, None)
        with self._lock:
            spare = self._spare.pop(world, [])
            self._left += len(spare)
        for environment in spare:
            environment.close()

    def start(self, number: int, world: str) -> None:
        """An environment of that number in the initial state; the one that is there is reset. Raises WorldloomError."""
        if number in self.open:
            self.open[number][1].reset()
        else:
            self.open[number] = (world, self._taken(world) or Environment.fork(self._blueprint(world)))

    def stop(self, number: int) -> None:
        """Takes an environment back, to be used again."""
        world, environment = self.open.pop(number, ("", None))
        if environment is None:
            return
        with self._lock:
            kept = self._left > 0 and world in self._sources
            self._left -= kept
        if kept:
            environment.reset()
            with self._lock:
                self._spare.setdefault(world, []).append(environment)
        else:
            environment.close()

    def _taken(self, world: str) -> Environment | None:
        with self._lock:
            spare = self._spare.get(world)
            self._left += bool(spare)
            return spare.pop() if spare else None

    def _blueprint(self, world: str) -> Blueprint:
        if world not in self._blueprints:
            if world not in self._sources:
                raise UnknownName(f"This worker does not know the world '{world}'.")
            self._blueprints[world] = Blueprint.of(Draft.model_validate_json(self._sources[world]))
        return self._blueprints[world]


class Worker:
    """One worker's threads and queues. `_lock` guards who serves and what stands aside; the server alone reads the socket."""

    def __init__(self, link: socket.socket, parent: int, spare: int) -> None:
        self._link = link
        self._parent = parent
        self._shelf = Shelf(spare)
        self._frames = Frames()
        self._now: deque[Job] = deque()
        self._later: deque[Job] = deque()
        self._answers: list[Answer] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._awake = threading.Event()
        self._serving = 0
        self._done = 0
        self._idle = False
        self._job: Job | None = None
        self._aside: dict[Any, Aside] = {}
        self._away: dict[int, Aside] = {}

    def run(self) -> None:
        """Serves until the pool hangs up."""
        self._serve_on()
        seen = -1
        while os.getppid() == self._parent:
            self._awake.clear()
            if self._idle and not self._aside:
                self._awake.wait(_IDLE_LOOK)
            time.sleep(PATIENCE)
            with self._lock:
                if self._job is not None and self._done == seen:
                    self._pass_on(self._job)
                seen = -1 if self._job is None else self._done
                overdue = [self._give_up(aside) for aside in list(self._aside.values()) if time.monotonic() > aside.since + aside.job[3]]
            for answers in overdue:
                self._send(answers)

    def _serve_on(self) -> None:
        threading.Thread(target=self._serve, args=(self._serving,), daemon=True).start()

    def _pass_on(self, job: Job) -> None:
        """The job at hand goes aside and another thread serves; with the lock held."""
        aside = Aside(_keys(job)[0], job, time.monotonic() - PATIENCE)
        self._aside[aside.key] = self._away[self._serving] = aside
        self._serving += 1
        self._job = None
        self._serve_on()

    def _give_up(self, aside: Aside) -> list[Answer]:
        """What to answer where a deadline has passed; the environment is dropped. With the lock held."""
        job, aside.overdue = aside.job, True
        del self._aside[aside.key]
        _, environment = self._shelf.open.pop(job[2], ("", None))
        if environment is not None:
            environment.interrupt()
        why = f"a call took longer than {job[3]:g} seconds"
        return [(waiting[1], None, LATE, why) for waiting in (job, *aside.waiting) if waiting[1]]

    def _serve(self, number: int) -> None:
        """Does jobs one after another until another thread has taken over."""
        while True:
            job = self._next()
            self._job = job
            answer = self._do(job)
            with self._lock:
                aside = self._away.pop(number, None)
                if aside is None:
                    self._job = None
                    self._done += 1
                    if answer is not None:
                        self._answers.append(answer)
            if aside is not None:
                self._finish(aside, answer)
                return

    def _finish(self, aside: Aside, answer: Answer | None) -> None:
        """Sends the answer of a job that stood aside, and does what has waited for it."""
        while True:
            with self._lock:
                if aside.overdue:
                    if aside.job[0] in (OPEN, PREPARE):  # what was opened too late is not wanted any more
                        self._shelf.open.pop(aside.job[2], None)
                    return
                if aside.waiting:
                    aside.job, aside.since = aside.waiting.popleft(), time.monotonic()
                    follows: Job | None = aside.job
                else:
                    follows = None
                    del self._aside[aside.key]
            if answer is not None:
                self._send([answer])
            if follows is None:
                return
            answer = self._do(follows)

    def _next(self) -> Job:
        """The next job that need not wait for one that stands aside; what is urgent first."""
        while True:
            if len(self._answers) >= MOST_ANSWERS or not self._now:
                self._flush()
            if not self._now:
                self._read(wait=not self._later)
            if self._now or self._later:
                job = (self._now or self._later).popleft()
                if not self._aside or not self._must_wait(job):
                    return job

    def _must_wait(self, job: Job) -> bool:
        with self._lock:
            aside = next((self._aside[key] for key in _keys(job) if key in self._aside), None)
            if aside is not None:
                aside.waiting.append(job)
            return aside is not None

    def _read(self, *, wait: bool) -> None:
        """Takes in what the pool has sent; ends the process where it hung up."""
        if not wait and not select.select((self._link,), (), (), 0)[0]:
            return
        self._idle = True
        data = self._link.recv(CHUNK)
        self._idle = False
        if not data:
            os._exit(0)
        for jobs in self._frames.feed(data):
            self._sort(jobs)
        self._awake.set()

    def _sort(self, jobs: list[Job]) -> None:
        for job in jobs:
            (self._later if job[0] == PREPARE else self._now).append(job)

    def _flush(self) -> None:
        if self._answers:
            answers, self._answers = self._answers, []
            self._send(answers)

    def _send(self, answers: list[Answer]) -> None:
        try:
            frame = frame_of(answers)
            with self._sending:
                self._link.sendall(frame)
        except OSError:
            os._exit(0)

    def _do(self, job: Job) -> Answer | None:
        """The answer to one job; whatever an environment does, it is one."""
        kind, ticket, number = job[:3]
        try:
            if kind == CALL:
                found = self._shelf.open.get(number)
                return (ticket, *found[1].call_tool(job[4], job[5])) if found else _not_open(job)
            if kind in (OPEN, PREPARE):
                self._shelf.start(number, job[4])
                return ticket, None, None, ""
            if kind in (RELEASE, FORGET, SOURCE):
                self._keep(job)
                return None
            if number not in self._shelf.open:
                return _not_open(job)
            return ticket, _look(self._shelf.open[number][1], job), None, ""
        except _TROUBLES as trouble:
            return ticket, getattr(trouble, "hint", ""), type(trouble).__name__, getattr(trouble, "message", str(trouble))

    def _keep(self, job: Job) -> None:
        """What is not answered."""
        if job[0] == SOURCE:
            self._shelf.learn(job[2], job[4])
        elif job[0] == FORGET:
            self._shelf.forget(job[2])
        else:
            self._shelf.stop(job[2])


def _look(environment: Environment, job: Job) -> Any:
    """What can be asked of an environment beside calls, as plain values."""
    if job[0] == SCORE:
        return environment.score(job[4], job[5]).model_dump()
    if job[0] == DIGEST:
        return environment.state_digest()
    if job[0] == DIFFERENCE:
        return [change.model_dump() for change in environment.difference()]
    return environment.list_tools()


def _not_open(job: Job) -> Answer:
    return job[1], None, LOST, "its worker does not have it"


def _stop_at_once(failure: threading.ExceptHookArgs) -> None:
    """A failure of this file's own ends the process, so that the pool hears of it and starts another."""
    traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)
    os._exit(1)


def main() -> None:
    """Be a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.excepthook = _stop_at_once
    sys.setswitchinterval(_SWITCH_SECONDS)
    link, parent, spare = (int(argument) for argument in sys.argv[1:4])
    Worker(socket.socket(fileno=link), parent, spare).run()
    os._exit(0)


if __name__ == "__main__":
    main()
