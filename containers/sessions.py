"""Sessions: any number of forks of many worlds in one process, each by its own id, bounded in number, use and idle time."""

from __future__ import annotations

import difflib
import itertools
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from artifacts.errors import SessionLimitReached, UnknownName
from artifacts.observation import Observation, RowChange, Score
from artifacts.world import Draft, World
from containers.blueprint import Blueprint
from containers.environment import Environment
from containers.limits import SessionLimits

__all__ = ["Session", "SessionLimits", "SessionRegistry"]


@dataclass(eq=False)
class Session:
    """One fork of a world with an id; `lock` is held by whoever uses the environment.

    `client` is the address of the client that opened it for itself, or empty; `task_id` is the agent task that it was opened for,
    if any; `calls` counts since the last reset. Times are the registry's clock.
    """

    id: str
    world_id: str
    task_id: str | None
    environment: Environment
    created_at: float
    last_used: float
    client: str = ""
    calls: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)


class SessionRegistry:
    """The open sessions of one server, for any thread.

    `source` gives a world by its full id; `worlds` are the ids that may be opened. Worlds are loaded when first needed.
    """

    def __init__(
        self,
        source: Callable[[str], Draft | World],
        worlds: Sequence[str],
        limits: SessionLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or SessionLimits()
        self.worlds = tuple(worlds)
        self.dropped = 0
        self._known = frozenset(self.worlds)
        self._source = source
        self._clock = clock
        self._listeners: list[Callable[[str], None]] = []
        self._watchers: list[Callable[[str, Observation, float], None]] = []
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # the one unused longest comes first
        self._shares: Counter[str] = Counter()
        self._blueprints: OrderedDict[str, Blueprint] = OrderedDict()
        self._lock = threading.RLock()
        self._loading = threading.Lock()

    def when_closed(self, listener: Callable[[str], None]) -> None:
        """Has `listener` told the id of every session that ends, however it ends."""
        self._listeners.append(listener)

    def when_called(self, watcher: Callable[[str, Observation, float], None]) -> None:
        """Has `watcher` told the world, the observation and the seconds of every tool call, by the thread that made it."""
        self._watchers.append(watcher)

    def blueprint(self, world_id: str) -> Blueprint:
        """What all sessions of a world share; raises UnknownName, or InvalidBundle naming the file of a world that was edited."""
        world_id = self.named(world_id)
        found = self.loaded(world_id)
        if found is None:
            with self._loading:  # not the other lock: who uses a world that is there does not wait for one that is not
                found = self.loaded(world_id) or Blueprint.of(self._source(world_id))
                self._keep(world_id, found)
        return found

    def loaded(self, world_id: str) -> Blueprint | None:
        """What all sessions of a world share, if the world is in memory."""
        with self._lock:
            if world_id in self._blueprints:
                self._blueprints.move_to_end(world_id)
            return self._blueprints.get(world_id)

    def _keep(self, world_id: str, blueprint: Blueprint) -> None:
        with self._lock:
            self._blueprints[world_id] = blueprint
            while len(self._blueprints) > self.limits.worlds_in_memory:
                self._blueprints.popitem(last=False)

    def named(self, name: str) -> str:
        """The id of the world that is served by that id or by a unique beginning of it; raises UnknownName."""
        found = [name] if name in self._known else [world_id for world_id in self.worlds if name and world_id.startswith(name)]
        if len(found) != 1:
            raise UnknownName(f"This server has no world '{name[:80]}'.", _nearest(name[:80], self.worlds, "It serves"))
        return found[0]

    def open(self, world_id: str, task_id: str | None = None, session_id: str | None = None, client: str = "") -> Session:
        """A session in the world's initial state.

        Raises UnknownName for a world or a task that is not there, SessionLimitReached with the server full, or with all sessions open
        that one client may have.
        """
        world_id = self.named(world_id)
        blueprint = self.blueprint(world_id)
        if task_id is not None:
            blueprint.task(task_id)
        with self._lock:
            self._expect_share(client)
            self._make_room(session_id)
            return self._add(Environment.fork(blueprint), world_id, task_id, session_id, client)

    def _add(
        self, environment: Environment, world_id: str, task_id: str | None, session_id: str | None = None, client: str = ""
    ) -> Session:
        now = self._clock()
        session = Session(session_id or secrets.token_hex(16), world_id, task_id, environment, now, now, client)
        self._sessions[session.id] = session
        self._shares[client] += 1
        return session

    def _expect_share(self, client: str) -> None:
        most = self.limits.most_sessions_per_client
        if client and self._shares[client] >= most:
            raise SessionLimitReached(f"This client has its {most} sessions open.", "Close one, or raise --max-sessions-per-client.")

    def _make_room(self, session_id: str | None = None) -> None:
        """Raises SessionLimitReached where none can be had; what a client opened a while ago and never used makes room first."""
        if session_id is not None and session_id in self._sessions:
            raise SessionLimitReached(f"There is a session '{session_id[:80]}' already.", "Close it, or leave the id out.")
        if len(self._sessions) < self.limits.most_sessions:
            return
        horizon = self._clock() - self.limits.spare_seconds
        stale = itertools.takewhile(lambda session: session.last_used <= horizon, self._sessions.values())
        unused = next((session for session in stale if session.client and not session.calls), None)
        if unused is None:
            raise SessionLimitReached(
                f"This server has its {self.limits.most_sessions} sessions open.", "Close one, try again later, or raise --max-sessions."
            )
        self.dropped += 1
        self.close(unused.id)

    def get(self, session_id: str) -> Session:
        """The open session of that id, from now on the one used last; raises UnknownName."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                raise unknown_session(session_id)
            session.last_used = self._clock()
            self._sessions.move_to_end(session_id)
            return session

    @contextmanager
    def using(self, session_id: str) -> Iterator[Session]:
        """The session, with nobody else at its environment meanwhile; raises UnknownName."""
        session = self.get(session_id)
        with session.lock:
            if session.id not in self._sessions:  # closed while we waited
                raise unknown_session(session_id)
            yield session

    def reset(self, session_id: str) -> Session:
        """Back to the initial state, in place."""
        with self.using(session_id) as session:
            session.environment.reset()
            session.calls = 0
        return session

    def fork(self, session_id: str) -> Session:
        """Another session in the same state, its clock and its count of calls included; from then on the two know nothing of each other."""
        with self.using(session_id) as session:
            environment, calls = session.environment.copy(), session.calls
        with self._lock:
            self._make_room()
            twin = self._add(environment, session.world_id, session.task_id)
            twin.calls = calls
        return twin

    def close(self, session_id: str) -> None:
        """Ends a session and frees it; raises UnknownName."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
            if session is not None:
                self._shares -= Counter([session.client])
        if session is None:
            raise unknown_session(session_id)
        with session.lock:
            session.environment.close()
        for listener in self._listeners:
            listener(session_id)

    def close_all(self) -> None:
        """Ends every session."""
        for session in self.sessions():
            self.close(session.id)

    def reap(self) -> int:
        """Drops the sessions that nobody has used for the idle time, and says how many."""
        horizon = self._clock() - self.limits.idle_seconds
        with self._lock:
            stale = [session.id for session in self._sessions.values() if session.last_used <= horizon]
            self.dropped += len(stale)
        for session_id in stale:
            self.close(session_id)
        return len(stale)

    def sessions(self) -> list[Session]:
        """The open sessions, the one unused longest first."""
        with self._lock:
            return list(self._sessions.values())

    def idle_seconds(self, session: Session) -> float:
        """How long nobody has used the session."""
        return max(0.0, self._clock() - session.last_used)

    def tools(self, session_id: str) -> list[dict[str, Any]]:
        """Name, description and inputSchema of every tool of the session's world."""
        return self.get(session_id).environment.list_tools()

    def call(self, session_id: str, tool: str, arguments: object = None) -> Observation:
        """One tool call; raises UnknownName for a session that is not there, and nothing else."""
        with self.using(session_id) as session:
            began = time.perf_counter()
            observation = self._call(session, tool, arguments)
            seconds = time.perf_counter() - began
        for watcher in self._watchers:
            watcher(session.world_id, observation, seconds)
        return observation

    def _call(self, session: Session, tool: str, arguments: object) -> Observation:
        if session.calls >= self.limits.most_calls_per_session:
            return Observation(None, "too_many_calls", f"This session has made its {session.calls} calls; it must be reset.")
        session.calls += 1
        return session.environment.call_tool(tool, arguments)

    def score(self, session_id: str, answer: object = None, task_id: str | None = None) -> Score:
        """The judgement of the session's state and an answer, by the task that it was opened for unless another is named."""
        with self.using(session_id) as session:
            task = task_id or session.task_id
            if task is None:
                raise UnknownName("This session was opened without a task.", "Name the task to score it by.")
            return session.environment.score(task, answer)

    def difference(self, session_id: str) -> tuple[RowChange, ...]:
        """Every row that differs from the initial state."""
        with self.using(session_id) as session:
            return session.environment.difference()

    def digest(self, session_id: str) -> str:
        """The digest of the session's whole state."""
        with self.using(session_id) as session:
            return session.environment.state_digest()


def unknown_session(session_id: str) -> UnknownName:
    """What is said of an id that no open session has."""
    return UnknownName(f"There is no session '{session_id[:80]}'.", "It was closed, or dropped after its idle time; open another.")


def _nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"{otherwise} {', '.join(known[:5])}{' …' if len(known) > 5 else ''}." if known else ""
