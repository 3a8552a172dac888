"""The shop behind an MCP server, played with the SDK's client; what agents cannot do goes through the control plane."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx
import mcp_types as types
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.shared.message import SessionMessage

from artifacts.observation import Observation, Score
from containers.client import WorldloomClient
from containers.conformance.shop import SHOP
from containers.control import control_app
from containers.listening import address, listening, running
from containers.mcp_http import McpApp
from containers.mcp_server import observation_of
from containers.metrics import Metrics
from containers.sessions import SessionRegistry

WORLD_ID = "shop-000000000000"


def shop_registry() -> SessionRegistry:
    """A registry of the shop alone."""
    return SessionRegistry(lambda _: SHOP, (WORLD_ID,))


class RawCall(types.Request[Any, Literal["tools/call"]]):
    """A call whose arguments are whatever an agent may send; the SDK's own form admits objects only."""

    method: Literal["tools/call"] = "tools/call"
    params: Any


class OverMcp:
    """The backend: an SDK client in a thread of its own, and a keeper."""

    def __init__(self, portal: BlockingPortal, client: Client, keeper: WorldloomClient, session_id: str, url: str) -> None:
        self._portal = portal
        self._client = client
        self._keeper = keeper
        self._session_id = session_id
        self._url = url

    def reset(self) -> None:
        """Back to the initial state."""
        self._keeper.reset(self._session_id)

    def list_tools(self) -> list[dict[str, Any]]:
        """What an agent sees of the tools."""
        listed = self._portal.call(self._client.list_tools)
        return [{"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema} for tool in listed.tools]

    def call_tool(self, name: str, arguments: object) -> Observation:
        """One call; the text must say what the structured content says."""
        result = self._portal.call(self._call, name, arguments)
        (block,) = result.content
        if not isinstance(block, types.TextContent) or json.loads(block.text) != result.structured_content:
            raise AssertionError(f"{name}: the text is {block!r}, the structured content {result.structured_content!r}")
        observation = observation_of(result.structured_content)
        if result.is_error == observation.ok:
            raise AssertionError(f"{name}: isError is {result.is_error}")
        return observation

    async def _call(self, name: str, arguments: object) -> types.CallToolResult:
        params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
        if self._url and not _is_unicode(arguments):
            return await self._post(params)
        return await self._client.session.send_request(RawCall(params=params), types.CallToolResult)

    async def _post(self, params: dict[str, Any]) -> types.CallToolResult:
        """The call without the SDK's client, which sends no text that is not Unicode."""
        headers = {"content-type": "application/json", "accept": "application/json", "mcp-session-id": self._session_id}
        body = json.dumps({"jsonrpc": "2.0", "id": "raw", "method": "tools/call", "params": params})
        async with httpx.AsyncClient() as plain:
            answer = await plain.post(self._url, content=body, headers=headers)
        return types.CallToolResult.model_validate(answer.json()["result"])

    def score(self, task: str, answer: object = None) -> Score:
        """The judgement of the present state and an answer."""
        return self._keeper.score(self._session_id, answer, task)

    def state_digest(self) -> str:
        """A digest of all rows."""
        return self._keeper.digest(self._session_id)


def _is_unicode(arguments: object) -> bool:
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def played(transport: Any, mode: Literal["auto", "legacy"], keeper: WorldloomClient) -> Iterator[OverMcp]:
    """A backend over a transport or a URL; the keeper's only session is the one that the client opened, or that was there."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Client(transport, mode=mode)) as client:
        (session,) = keeper.sessions()
        yield OverMcp(portal, client, keeper, session.id, transport if isinstance(transport, str) else "")


@asynccontextmanager
async def lines_of(command: list[str]) -> AsyncIterator[Any]:
    """A transport to a process that speaks MCP; unlike the SDK's own it also carries text that is no Unicode, as agents send it."""
    sent, to_send = anyio.create_memory_object_stream[SessionMessage](0)
    received, to_read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    async with await anyio.open_process(command, stderr=None) as process, anyio.create_task_group() as tasks:
        if process.stdin is None or process.stdout is None:
            raise OSError("The process has no pipes.")
        tasks.start_soon(_write_lines, to_send, process.stdin)
        tasks.start_soon(_read_lines, process.stdout, received)
        yield to_read, sent
        await process.stdin.aclose()
        with anyio.move_on_after(10):
            await process.wait()
        tasks.cancel_scope.cancel()
    for stream in (sent, to_send, received, to_read):
        stream.close()


async def _write_lines(messages: Any, pipe: Any) -> None:
    async for message in messages:
        await pipe.send(json.dumps(message.message.model_dump(by_alias=True, exclude_unset=True)).encode() + b"\n")


async def _read_lines(pipe: Any, messages: Any) -> None:
    rest = b""
    async for chunk in pipe:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            await messages.send(SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False)))


@contextmanager
def over_stdio(command: list[str], socket: Path, token: str, mode: Literal["auto", "legacy"] = "auto") -> Iterator[OverMcp]:
    """The backend over a command's standard input and output, kept through the control plane at a Unix socket."""
    with WorldloomClient(f"unix://{socket}", token) as keeper, played(lines_of(command), mode, keeper) as backend:
        yield backend


@contextmanager
def over_http(url: str, control_url: str, token: str) -> Iterator[OverMcp]:
    """The backend over streamable HTTP, kept through the control plane; the client opens the server's only session."""
    with WorldloomClient(control_url, token) as keeper, played(url, "legacy", keeper) as backend:
        yield backend


@contextmanager
def shop_over_stdio() -> Iterator[OverMcp]:
    """The shop in a process of its own."""
    token = os.urandom(16).hex()
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "control"
        command = [sys.executable, "-m", "containers.conformance.shop_server", str(socket), token]
        with over_stdio(command, socket, token) as backend:
            yield backend


@contextmanager
def shop_over_http() -> Iterator[OverMcp]:
    """The shop behind a server in a thread of this process."""
    registry, token = shop_registry(), os.urandom(16).hex()
    with listening("127.0.0.1", 0) as mcp_socket, listening("127.0.0.1", 0) as control_socket:
        control = control_app(registry, token, Metrics(), f"http://{address(mcp_socket)}")
        urls = f"http://{address(mcp_socket)}/mcp", f"http://{address(control_socket)}"
        with running(McpApp(registry), mcp_socket), running(control, control_socket), over_http(*urls, token) as backend:
            yield backend
