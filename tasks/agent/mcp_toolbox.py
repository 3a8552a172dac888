"""Tools over MCP: a server in this process, or one that runs elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from mcp import Client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from artifacts.errors import InvalidInput, ServerUnavailable, WorldloomError
from artifacts.world import World
from containers.episodes.toolbox import ToolBox
from containers.episodes.turns import Listing
from containers.limits import SessionLimits
from containers.mcp_server import WorldServer
from containers.sessions import SessionRegistry

META = frozenset(("list_tools", "call_tool"))
_LISTED = frozenset(("name", "description", "inputSchema"))
MOST_CALLS_HERE = 1_000_000
"""In this process the turn limit is the bound."""

PATIENCE = 60.0
"""Seconds for one answer of a server."""


class OverMcp:
    """The tools behind an MCP session; a server that offers the two meta tools only is asked through them."""

    def __init__(self, client: Client, where: str) -> None:
        self._client = client
        self._where = where
        self._meta = False

    async def list_tools(self) -> Listing:
        """Name, description and inputSchema of every tool; raises ServerUnavailable."""
        with _troubles(self._where):
            page = await self._client.list_tools()
            tools = list(page.tools)
            while page.next_cursor:
                page = await self._client.list_tools(cursor=page.next_cursor)
                tools.extend(page.tools)
        self._meta = {tool.name for tool in tools} == META
        if not self._meta:
            return tuple({"name": t.name, "description": t.description or "", "inputSchema": t.input_schema} for t in tools)
        return self._listed((await self._ask("list_tools", {})).get("result"))

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The JSON that the agent sees; raises ServerUnavailable."""
        if self._meta:
            return await self._ask("call_tool", {"tool_name": tool, "arguments": arguments})
        return await self._ask(tool, arguments)

    def _listed(self, found: Any) -> Listing:
        if not isinstance(found, list) or not all(isinstance(tool, dict) and tool.keys() >= _LISTED for tool in found):
            raise ServerUnavailable(f"{self._where} lists its tools in a form of its own.", "Is it `worldloom serve`?")
        return tuple(found)

    async def _ask(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with _troubles(self._where):
            found = (await self._client.call_tool(tool, arguments)).structured_content
        if not isinstance(found, dict) or not ("result" in found or "error" in found):
            raise ServerUnavailable(f"{self._where} answered a call with no structured result.", "Is it `worldloom serve`?")
        return found


@asynccontextmanager
async def tools_over_mcp(world: World, url: str | None = None) -> AsyncIterator[ToolBox]:
    """A fresh session of the world: at a server's URL, or in this process; raises InvalidInput, ServerUnavailable."""
    if url is not None:
        address = address_of(url, world)
        async with _connected(Client(address, read_timeout_seconds=PATIENCE), f"The server at {address}") as tools:
            yield tools
        return
    registry = SessionRegistry(lambda _: world, [world.id], SessionLimits(most_calls_per_session=MOST_CALLS_HERE))
    server = WorldServer(registry, session_id=registry.open(world.id).id)
    try:
        async with _connected(Client(server.sdk), "The server in this process") as tools:
            yield tools
    finally:
        registry.close_all()


def address_of(url: str, world: World) -> str:
    """The MCP address of a world at a server: what is given, or for a bare server its path; raises InvalidInput for no http URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as problem:
        raise InvalidInput(f"--url: {url[:100]!r} is not a URL: {problem}.", "Give one such as http://127.0.0.1:8765.") from problem
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidInput(f"--url: {url[:100]!r} is not an http URL.", "Give one such as http://127.0.0.1:8765.")
    return url if parsed.path.strip("/") else f"{url.rstrip('/')}/{world.id}/mcp"


@asynccontextmanager
async def _connected(client: Client, where: str) -> AsyncIterator[ToolBox]:
    """The tools of an opened client; what its task groups raise is told as the one error in them."""
    try:
        async with client:
            yield OverMcp(client, where)
    except BaseExceptionGroup as group:
        raise _first(group, where) from group


def _first(group: BaseExceptionGroup[BaseException], where: str) -> BaseException:
    """The error that matters in a group: ours, else what the transport met."""
    leaf: BaseException = group
    ours = group.subgroup(WorldloomError)
    while isinstance(leaf, BaseExceptionGroup):
        leaf = (ours or leaf).exceptions[0]
        ours = ours if ours is None or not isinstance(leaf, BaseExceptionGroup) else leaf.subgroup(WorldloomError)
    return leaf if isinstance(leaf, WorldloomError) or not isinstance(leaf, Exception) else unreachable(leaf, where)


def unreachable(trouble: BaseException, where: str) -> ServerUnavailable:
    """What is told of a server that does not answer as it should."""
    said = " ".join(str(trouble).split())[:200] or type(trouble).__name__
    return ServerUnavailable(f"{where} does not answer: {said}", "Start one with `worldloom serve`, and check the address.")


@contextmanager
def _troubles(where: str) -> Iterator[None]:
    try:
        yield
    except (MCPError, TimeoutError, ValidationError) as trouble:
        raise unreachable(trouble, where) from trouble
