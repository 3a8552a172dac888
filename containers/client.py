"""A client of the control plane, in two forms: `WorldloomClient` and `AsyncWorldloomClient`, the same methods with `await`.

What the server refuses is raised as the error that it is there: UnknownName, InvalidInput, SessionLimitReached; a server that
cannot be reached, or fails, is ServerUnavailable. Nothing is tried twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx

from artifacts.errors import UnknownName
from artifacts.observation import RowChange, Score
from containers import client_calls as calls
from containers.client_calls import Call
from containers.messages import Health, SessionView, WorldView

__all__ = ["AsyncWorldloomClient", "SessionView", "WorldView", "WorldloomClient"]

SECONDS = 60.0

T = TypeVar("T")


class WorldloomClient:
    """Sessions of a server, opened, forked, scored and closed; may be used by several threads.

    `url` is that of the control plane, `http://…` or `unix:///path/of/the.sock`.
    """

    def __init__(self, url: str, token: str, seconds: float = SECONDS) -> None:
        self.url = url
        settings = calls.settings(url, token, seconds)
        self._http = httpx.Client(transport=httpx.HTTPTransport(**calls.transport_settings(url)), **settings)

    def _send(self, call: Call[T]) -> T:
        try:
            response = self._http.request(call.method, call.path, **calls.content_of(call))
        except calls.NETWORK_TROUBLES as error:
            raise calls.unreachable(self.url, error) from error
        return calls.answer_in(call, response)

    def open(self, world: str, task: str | None = None) -> SessionView:
        """A session of a world, for an agent task or none; raises UnknownName, SessionLimitReached."""
        return self._send(calls.open_session(world, task))

    @contextmanager
    def session(self, world: str, task: str | None = None) -> Iterator[SessionView]:
        """A session that is closed at the end."""
        opened = self.open(world, task)
        try:
            yield opened
        finally:
            with suppress(UnknownName):  # it was dropped already
                self.close(opened)

    def reset(self, session: SessionView | str) -> SessionView:
        """Back to the initial state, in place: the agent's connection stays."""
        return self._send(calls.reset_session(session))

    def fork(self, session: SessionView | str) -> SessionView:
        """A second session in the state of the first; from then on each goes its own way."""
        return self._send(calls.fork_session(session))

    def score(self, session: SessionView | str, answer: object = None, task: str | None = None) -> Score:
        """The judgement of the session's state and the agent's answer; the session goes on."""
        return self._send(calls.score_session(session, answer, task))

    def difference(self, session: SessionView | str) -> tuple[RowChange, ...]:
        """The rows that differ from the initial state."""
        return self._send(calls.difference_of(session))

    def digest(self, session: SessionView | str) -> str:
        """SHA-256 over all rows of the session's state."""
        return self._send(calls.digest_of(session))

    def close(self, session: SessionView | str) -> None:
        """Ends a session; raises UnknownName for one that has ended."""
        self._send(calls.close_session(session))

    def look(self, session: SessionView | str) -> SessionView:
        """How an open session stands; it grows idle nonetheless."""
        return self._send(calls.look_at(session))

    def sessions(self) -> tuple[SessionView, ...]:
        """All open sessions, the one unused longest first."""
        return self._send(calls.SESSIONS)

    def worlds(self) -> tuple[str, ...]:
        """The ids of the worlds that are served."""
        return self._send(calls.WORLDS)

    def world(self, world: str) -> WorldView:
        """A world's agent tasks; raises UnknownName."""
        return self._send(calls.world_named(world))

    def health(self) -> Health:
        """How full the server is."""
        return self._send(calls.HEALTH)

    def ready(self) -> bool:
        """Whether a session can be opened now."""
        return self._send(calls.READY)

    def metrics(self) -> str:
        """The server's figures, in Prometheus' text form."""
        return self._send(calls.METRICS)

    def disconnect(self) -> None:
        """Closes the connections; sessions stay open."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.disconnect()


class AsyncWorldloomClient:
    """The same for a program with an event loop."""

    def __init__(self, url: str, token: str, seconds: float = SECONDS) -> None:
        self.url = url
        self._turns = anyio.Semaphore(calls.AT_ONCE)
        settings = calls.settings(url, token, seconds)
        self._http = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(**calls.transport_settings(url)), **settings)

    async def _send(self, call: Call[T]) -> T:
        try:
            async with self._turns:
                response = await self._http.request(call.method, call.path, **calls.content_of(call))
        except calls.NETWORK_TROUBLES as error:
            raise calls.unreachable(self.url, error) from error
        return calls.answer_in(call, response)

    async def open(self, world: str, task: str | None = None) -> SessionView:
        """A session of a world, for an agent task or none; raises UnknownName, SessionLimitReached."""
        return await self._send(calls.open_session(world, task))

    @asynccontextmanager
    async def session(self, world: str, task: str | None = None) -> AsyncIterator[SessionView]:
        """A session that is closed at the end."""
        opened = await self.open(world, task)
        try:
            yield opened
        finally:
            with suppress(UnknownName):
                await self.close(opened)

    async def reset(self, session: SessionView | str) -> SessionView:
        """Back to the initial state, in place: the agent's connection stays."""
        return await self._send(calls.reset_session(session))

    async def fork(self, session: SessionView | str) -> SessionView:
        """A second session in the state of the first; from then on each goes its own way."""
        return await self._send(calls.fork_session(session))

    async def score(self, session: SessionView | str, answer: object = None, task: str | None = None) -> Score:
        """The judgement of the session's state and the agent's answer; the session goes on."""
        return await self._send(calls.score_session(session, answer, task))

    async def difference(self, session: SessionView | str) -> tuple[RowChange, ...]:
        """The rows that differ from the initial state."""
        return await self._send(calls.difference_of(session))

    async def digest(self, session: SessionView | str) -> str:
        """SHA-256 over all rows of the session's state."""
        return await self._send(calls.digest_of(session))

    async def close(self, session: SessionView | str) -> None:
        """Ends a session; raises UnknownName for one that has ended."""
        await self._send(calls.close_session(session))

    async def look(self, session: SessionView | str) -> SessionView:
        """How an open session stands; it grows idle nonetheless."""
        return await self._send(calls.look_at(session))

    async def sessions(self) -> tuple[SessionView, ...]:
        """All open sessions, the one unused longest first."""
        return await self._send(calls.SESSIONS)

    async def worlds(self) -> tuple[str, ...]:
        """The ids of the worlds that are served."""
        return await self._send(calls.WORLDS)

    async def world(self, world: str) -> WorldView:
        """A world's agent tasks; raises UnknownName."""
        return await self._send(calls.world_named(world))

    async def health(self) -> Health:
        """How full the server is."""
        return await self._send(calls.HEALTH)

    async def ready(self) -> bool:
        """Whether a session can be opened now."""
        return await self._send(calls.READY)

    async def metrics(self) -> str:
        """The server's figures, in Prometheus' text form."""
        return await self._send(calls.METRICS)

    async def disconnect(self) -> None:
        """Closes the connections; sessions stay open."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.disconnect()
