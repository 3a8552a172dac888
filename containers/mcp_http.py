"""MCP over streamable HTTP: one ASGI application for any number of sessions of many worlds.

`/mcp` and `/<world>/mcp` open a session of their own at `initialize` and tell its id in `Mcp-Session-Id`, as the protocol has it;
`/sessions/<id>/mcp` is a session that was opened beforehand, and is closed by who opened it. Every answer is one JSON document:
this server never speaks first, so that a session costs no open connection and no task.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import mcp_types as types
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from artifacts.errors import SessionLimitReached, UnknownName, WorldloomError
from containers.limits import ToolsForm
from containers.mcp_exchange import TOO_MANY, Conversations, Refused, error_body, parsed
from containers.sessions import SessionRegistry, unknown_session

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SESSION_HEADER = "mcp-session-id"
VERSION_HEADER = "mcp-protocol-version"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Gone(Exception):
    """The client went away before it had sent its request."""


class Target(NamedTuple):
    """What a path means: a session opened beforehand, or a world of which to open one."""

    session_id: str | None = None
    world_id: str = ""


class McpApp:
    """The ASGI application. `hosts` are the names by which it may be addressed, or None for any: a guard against rebound DNS names."""

    def __init__(self, registry: SessionRegistry, form: ToolsForm = "direct", hosts: Sequence[str] | None = None) -> None:
        self.registry = registry
        self.conversations = Conversations(registry, form)
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._own: set[str] = set()  # opened at `initialize`, and so the client's to close
        self._waiting: dict[str, int] = {}
        registry.when_closed(self._own.discard)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One HTTP request; a lifespan is acknowledged and websockets are refused."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            try:
                await self._answer(scope, receive, send)
            except Refused as refused:
                error = types.ErrorData(code=refused.code, message=refused.message, data=refused.data)
                await _reply(send, refused.status, error_body(None, error))
            except Gone:
                return

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._expect_host(headers)
        target = self._target(scope["path"])
        if scope["method"] == "DELETE":
            await self._delete(target, headers, send)
        elif scope["method"] != "POST":
            await _reply(send, 405, None, {"allow": "POST, DELETE"})
        else:
            _expect_json(headers)
            body = await read_body(receive, headers, self.registry.limits.most_request_bytes, self.registry.limits.request_seconds)
            await self._post(target, headers, parsed(body), send, _client_of(scope))

    def _expect_host(self, headers: Mapping[str, str]) -> None:
        if self.hosts is None:
            return
        origin = headers.get("origin", "").partition("://")[2]
        if _host_name(headers.get("host", "")) not in self.hosts:
            raise Refused(421, "This server is not addressed by that host name; see --allow-host.")
        if origin and _host_name(origin) not in self.hosts:
            raise Refused(403, "Requests from that origin are refused; see --allow-host.")

    def _target(self, path: str) -> Target:
        parts = path.strip("/").split("/")
        if parts == ["mcp"] and len(self.registry.worlds) == 1:
            return Target(world_id=self.registry.worlds[0])
        if len(parts) == 3 and parts[0] == "sessions" and parts[2] == "mcp":
            return Target(session_id=parts[1])
        if len(parts) == 2 and parts[1] == "mcp":
            return Target(world_id=parts[0])
        raise Refused(404, "There is nothing at this path; a world answers at /<world>/mcp.")

    async def _delete(self, target: Target, headers: Mapping[str, str], send: Send) -> None:
        if target.session_id is not None:
            raise Refused(405, "This session is closed by who opened it.")
        session_id = headers.get(SESSION_HEADER, "")
        if session_id not in self._own:
            raise Refused(404, "Session not found.")
        self.registry.close(session_id)
        await _reply(send, 200, None)

    async def _post(self, target: Target, headers: Mapping[str, str], message: dict[str, Any], send: Send, client: str) -> None:
        modern = headers.get(VERSION_HEADER, HANDSHAKE_PROTOCOL_VERSIONS[0]) not in HANDSHAKE_PROTOCOL_VERSIONS
        session_id = await self._session_for(target, headers, message, modern, client)
        waiting = self._waiting.get(session_id, 0)
        if waiting >= self.registry.limits.most_waiting_per_session:
            raise Refused(429, f"This session has {waiting} requests in hand; wait for their answers.", TOO_MANY)
        self._waiting[session_id] = waiting + 1
        try:
            reply = await self.conversations.answer(session_id, message, modern, headers)
        finally:
            self._waiting[session_id] -= 1
            if not self._waiting[session_id]:
                del self._waiting[session_id]
        await _reply(send, reply.status, reply.body, {} if modern else {SESSION_HEADER: session_id})

    async def _session_for(self, target: Target, headers: Mapping[str, str], message: Mapping[str, Any], modern: bool, client: str) -> str:
        """The session that a request means: by path, by header, or a new one where it says `initialize`."""
        told = headers.get(SESSION_HEADER)
        session_id = target.session_id or told
        if session_id is not None:
            if told not in (None, session_id) or (target.session_id is None and session_id not in self._own):
                raise Refused(404, str(unknown_session(session_id)))
            try:
                return self.registry.get(session_id).id
            except UnknownName as gone:
                raise Refused(404, str(gone)) from gone
        if modern:
            data = {"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": headers[VERSION_HEADER]}
            raise Refused(400, "A world is played in a session; say initialize.", types.UNSUPPORTED_PROTOCOL_VERSION, data)
        if message.get("method") != "initialize":
            raise Refused(400, "This request names no session; say initialize first.")
        return await self._opened(target.world_id, client)

    async def _opened(self, world_id: str, client: str) -> str:
        try:
            world_id = self.registry.named(world_id)
            if self.registry.loaded(world_id) is None:
                await anyio.to_thread.run_sync(self.registry.blueprint, world_id)
            session_id = self.registry.open(world_id, client=client).id
        except UnknownName as unknown:
            raise Refused(404, str(unknown)) from unknown
        except SessionLimitReached as full:
            raise Refused(503, str(full), TOO_MANY) from full
        except WorldloomError as broken:  # the details are the operator's
            logger.error(  # noqa: TRY400 - the message says all
                "The world %s cannot be opened: %s", world_id, broken
            )
            raise Refused(500, f"The world {world_id} cannot be opened.", types.INTERNAL_ERROR) from broken
        self._own.add(session_id)
        return session_id

    async def reap_forever(self, every: float = 5.0) -> None:
        """Drops idle sessions, again and again."""
        while True:
            await anyio.sleep(every)
            self.registry.reap()


async def read_body(receive: Receive, headers: Mapping[str, str], most: int, seconds: float) -> bytes:
    """The whole body; raises Refused for one that is too long or too slow to come, Gone where the client leaves."""
    length = headers.get("content-length", "0")
    if len(length) > 12 or not length.isdecimal() or int(length) > most:
        raise Refused(413, f"A request may have {most} bytes.", TOO_MANY)
    parts: list[bytes] = []
    size = 0
    with anyio.move_on_after(seconds):
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise Gone
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise Refused(413, f"A request may have {most} bytes.", TOO_MANY)
            if not event.get("more_body", False):
                return b"".join(parts)
    raise Refused(408, f"The request did not come within {seconds:g} seconds.", TOO_MANY)


def _expect_json(headers: Mapping[str, str]) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Content-Type must be application/json.")
    accepted = headers.get("accept", "*/*").lower()
    if not any(form in accepted for form in ("application/json", "application/*", "*/*")):
        raise Refused(406, "The client must accept application/json.")


def _client_of(scope: Mapping[str, Any]) -> str:
    """The address of who asks."""
    return str((scope.get("client") or ["somebody"])[0])


def _host_name(authority: str) -> str:
    name = authority.lower()
    return name.rpartition(":")[0] if ":" in name and not name.endswith("]") else name


async def _reply(send: Send, status: int, body: bytes | None, headers: Mapping[str, str] | None = None) -> None:
    named = {"content-length": str(len(body or b"")), **({"content-type": "application/json"} if body else {}), **(headers or {})}
    pairs = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body or b""})


async def _live(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})
