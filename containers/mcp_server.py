"""The MCP server of sessions: what agents are shown of a world, and what a call gives them. No transport here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from artifacts.errors import UnknownName
from artifacts.observation import Observation
from containers.blueprint import Blueprint
from containers.limits import ToolsForm
from containers.sessions import SessionRegistry

SLOW_SECONDS = 0.02
"""A tool that once took longer runs in a thread from then on, so that nobody else waits for it."""

SLOW_THREADS = 2

_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
_CALL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tool_name": {"type": "string", "description": "The name of the tool, as list_tools gives it."},
        "arguments": {"type": ["object", "string"], "description": "The tool's arguments: an object, or an object written as JSON."},
    },
    "required": ["tool_name"],
    "additionalProperties": False,
}
META_TOOLS: tuple[dict[str, Any], ...] = (
    {"name": "list_tools", "description": "List the tools of this environment with their parameters.", "inputSchema": _NOTHING},
    {"name": "call_tool", "description": "Call one of the environment's tools.", "inputSchema": _CALL},
)


class WorldServer:
    """The SDK's server over a registry. One serves any number of connections; whose session a request means is told with it.

    `session_id` is the only session where the transport tells none, as over standard input and output.
    """

    def __init__(self, registry: SessionRegistry, form: ToolsForm = "direct", session_id: str | None = None) -> None:
        self.registry = registry
        self.form = form
        self.session_id = session_id
        self._listings: WeakKeyDictionary[Blueprint, list[dict[str, Any]]] = WeakKeyDictionary()
        self._slow: set[tuple[str, str]] = set()
        self._threads: anyio.CapacityLimiter | None = None
        self.sdk: Server[Any] = Server("worldloom", on_list_tools=self._list_tools, on_call_tool=_never)
        self.sdk.middleware[:] = [self._intercept]

    def _session_of(self, ctx: ServerRequestContext[Any, Any]) -> str:
        session_id = ctx.request if isinstance(ctx.request, str) else self.session_id
        if session_id is None:
            raise MCPError(types.INVALID_REQUEST, "This request names no session.")
        return session_id

    async def _intercept(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answers calls before the SDK judges their arguments: what is wrong with them is told as a tool's error, the same everywhere.

        Listings of the handshake's protocols are answered here too: they never change, and the SDK would judge them each time.
        """
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        if ctx.request_id is None or ctx.method not in ("tools/call", "tools/list") or (modern and ctx.method == "tools/list"):
            return await call_next(ctx)
        params = ctx.params or {}
        session_id = self._session_of(ctx)
        try:
            if ctx.method == "tools/list":
                return {"tools": self._listed(session_id)}
            observation = await self._observe(session_id, params.get("name"), params.get("arguments"))
        except UnknownName as gone:
            raise MCPError(types.INVALID_REQUEST, str(gone)) from gone
        return wire_result(observation, modern)

    def _listed(self, session_id: str) -> Sequence[dict[str, Any]]:
        """What an agent sees of the tools; one list for all sessions of a world, that nobody changes."""
        if self.form == "meta":
            return META_TOOLS
        blueprint = self.registry.get(session_id).environment.blueprint
        if blueprint not in self._listings:
            self._listings[blueprint] = blueprint.list_tools()
        return self._listings[blueprint]

    async def _list_tools(self, ctx: ServerRequestContext[Any, Any], _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        try:
            listed = self._listed(self._session_of(ctx))
        except UnknownName as gone:
            raise MCPError(types.INVALID_REQUEST, str(gone)) from gone
        return types.ListToolsResult.model_validate({"tools": listed})

    async def _observe(self, session_id: str, name: object, arguments: object) -> Observation:
        if self.form == "direct":
            return await self._call(session_id, name, arguments)
        if name == "list_tools":
            return Observation(self.registry.tools(session_id))
        if name != "call_tool":
            return Observation(None, "unknown_tool", "There is no such tool; there are list_tools and call_tool.")
        wanted = dict(arguments) if isinstance(arguments, Mapping) else {}
        if "tool_name" not in wanted or wanted.keys() - {"tool_name", "arguments"}:
            return Observation(None, "invalid_arguments", "call_tool takes tool_name and arguments.")
        return await self._call(session_id, wanted["tool_name"], _unpacked(wanted.get("arguments")))

    async def _call(self, session_id: str, name: object, arguments: object) -> Observation:
        """The call, here and now where it is known to be quick; in a thread where it may hold up the others."""
        tool = name if isinstance(name, str) else ""
        session = self.registry.get(session_id)
        if (session.world_id, tool) in self._slow or not session.lock.acquire(blocking=False):
            self._threads = self._threads or anyio.CapacityLimiter(SLOW_THREADS)
            return await anyio.to_thread.run_sync(self.registry.call, session_id, tool, arguments, limiter=self._threads)
        try:
            began = time.perf_counter()
            observation = self.registry.call(session_id, tool, arguments)
            if time.perf_counter() - began > SLOW_SECONDS and observation.error != "unknown_tool":
                self._slow.add((session.world_id, tool))
            return observation
        finally:
            session.lock.release()


async def _never(_: ServerRequestContext[Any, Any], __: types.CallToolRequestParams) -> types.CallToolResult:
    """Only says that there are tools to call; every call is answered before it gets here."""
    raise MCPError(types.INTERNAL_ERROR, "A call was not answered.")


def _unpacked(arguments: object) -> object:
    """Arguments that a model wrote as JSON text, read; what is no JSON is left for the tool to refuse."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def wire_result(observation: Observation, modern: bool = False) -> dict[str, Any]:
    """An observation as MCP carries it: structured content, and the same as text for clients that read only that."""
    payload = observation.payload()
    result = {"content": [{"type": "text", "text": as_text(payload)}], "structuredContent": payload, "isError": not observation.ok}
    return {**result, "resultType": "complete"} if modern else result


def as_text(payload: object) -> str:
    """Compact JSON."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def observation_of(structured: Any) -> Observation:
    """What a result's structured content says: the other direction of `wire_result`."""
    if "error" in structured:
        return Observation(None, structured["error"], structured["message"])
    return Observation(structured["result"])
