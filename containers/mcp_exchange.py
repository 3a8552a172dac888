"""One JSON-RPC message in, at most one out: what every transport of the MCP server shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import anyio
import mcp_types as types
from mcp.server.connection import Connection
from mcp.server.runner import ServerRunner
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS, InboundLadderRejection, classify_inbound_request
from mcp.shared.message import MessageMetadata, ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from pydantic import ValidationError
from pydantic_core import from_json

from containers.limits import ToolsForm
from containers.mcp_server import WorldServer
from containers.mcp_text import mended
from containers.sessions import SessionRegistry

TOO_MANY = -32_000
"""JSON-RPC's code for a bound of this server that was met."""


class Refused(Exception):
    """A request that gets no further: the HTTP status and the JSON-RPC error that say why."""

    def __init__(self, status: int, message: str, code: int = types.INVALID_REQUEST, data: Any = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.data = status, message, code, data


@dataclass
class Exchange:
    """One request to be answered by one document: what the SDK calls a dispatch context."""

    transport: TransportContext
    request_id: types.RequestId | None
    message_metadata: MessageMetadata
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)
    can_send_request: bool = False

    async def send_raw_request(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> dict[str, Any]:
        """Refused: there is no way back to the client."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Dropped: there is nowhere to put it."""

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Dropped: there is nowhere to put it."""


class Reply(NamedTuple):
    """An answer with the HTTP status that goes with it; a message that needs none has no body."""

    status: int
    body: bytes | None = None


class Conversations:
    """The handshakes of all sessions of one server: some small objects each, no task and no stream."""

    def __init__(self, registry: SessionRegistry, form: ToolsForm = "direct") -> None:
        self.server = WorldServer(registry, form)
        self._runners: dict[str, ServerRunner[Any]] = {}
        registry.when_closed(self._forget)

    def _forget(self, session_id: str) -> None:
        self._runners.pop(session_id, None)

    def _runner(self, session_id: str) -> ServerRunner[Any]:
        if session_id not in self._runners:
            connection = Connection.for_loop(_NOWHERE, session_id=session_id)
            self._runners[session_id] = ServerRunner(self.server.sdk, connection, {})
        return self._runners[session_id]

    async def answer(self, session_id: str, message: Mapping[str, Any], modern: bool, headers: Mapping[str, str] | None = None) -> Reply:
        """The reply to one message that `parsed` gave; `modern` ones carry their own envelope (protocol of 2026-07-28 and later)."""
        method, params, request_id = message.get("method"), message.get("params"), message.get("id")
        if not isinstance(method, str):  # an answer, though nothing was asked
            return Reply(202)
        exchange = Exchange(_PLAIN, request_id, ServerMessageMetadata(request_context=session_id))
        if request_id is None:
            await self._runner(session_id).on_notify(exchange, method, params)
            return Reply(202)
        if not modern:
            return Reply(200, (await _outcome(self._runner(session_id), exchange, method, params)).body)
        route = classify_inbound_request(message, headers=headers)
        if isinstance(route, InboundLadderRejection):
            error = types.ErrorData(code=route.code, message=route.message, data=route.data)
            return Reply(ERROR_CODE_HTTP_STATUS.get(route.code, 400), error_body(request_id, error))
        connection = Connection.from_envelope(route.protocol_version, route.client_info, route.client_capabilities)
        return await _outcome(ServerRunner(self.server.sdk, connection, {}), exchange, method, params)


_PLAIN = TransportContext(kind="worldloom", can_send_request=False)
_NOWHERE = Exchange(_PLAIN, None, None)
"""Where a message to a client that did not ask goes."""


async def _outcome(runner: ServerRunner[Any], exchange: Exchange, method: str, params: Any) -> Reply:
    """The answer to one request; whatever a client sends, it gets one."""
    try:
        result = await runner.on_request(exchange, method, params)
    except MCPError as trouble:
        return Reply(ERROR_CODE_HTTP_STATUS.get(trouble.error.code, 200), error_body(exchange.request_id, trouble.error))
    except ValidationError:
        error = types.ErrorData(code=types.INVALID_PARAMS, message="The parameters of this request are not well formed.")
        return Reply(400, error_body(exchange.request_id, error))
    return Reply(200, dumped({"jsonrpc": "2.0", "id": exchange.request_id, "result": result}))


def parsed(body: bytes) -> dict[str, Any]:
    """One JSON-RPC message; raises Refused."""
    try:
        message = _read(body)
    except ValueError as trouble:
        raise Refused(400, f"Parse error: {trouble}", types.PARSE_ERROR) from trouble
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Refused(400, "One JSON-RPC 2.0 message is expected, and no batch.")
    request_id, params = message.get("id"), message.get("params")
    if isinstance(request_id, bool | float | list | dict) or ("id" in message and request_id is None):
        raise Refused(400, "The id of a request must be text or a whole number.")
    if params is not None and not isinstance(params, dict):
        raise Refused(400, "The params of a message must be an object.", types.INVALID_PARAMS)
    if not isinstance(message.get("method", ""), str) or not ({"method", "result", "error"} & message.keys()):
        raise Refused(400, "A message must name its method.")
    return message


def _read(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        better = mended(body)
        if better == body:
            raise
        return from_json(better)


def dumped(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def error_body(request_id: Any, error: types.ErrorData) -> bytes:
    """A JSON-RPC error; the id is null where none could be read."""
    return dumped({"jsonrpc": "2.0", "id": request_id, "error": error.model_dump(exclude_none=True)})
