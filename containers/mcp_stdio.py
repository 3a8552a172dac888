"""MCP over standard input and output: one process, one session of one world, one message a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

import anyio
import anyio.to_thread
import mcp_types as types

from containers.limits import ToolsForm
from containers.mcp_exchange import TOO_MANY, Conversations, Refused, error_body, parsed
from containers.sessions import SessionRegistry


def serve_stdio(
    registry: SessionRegistry,
    world_id: str,
    form: ToolsForm = "direct",
    task_id: str | None = None,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serves one session until the input ends, and runs `beside` meanwhile. What else is printed lands on standard error."""
    session_id = registry.open(world_id, task_id).id
    with suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as output, os.fdopen(os.dup(0), "rb") as lines:
        os.dup2(2, 1)
        anyio.run(_converse_beside, partial(converse, registry, session_id, form, lines, output), beside)
    registry.close_all()


async def _converse_beside(talk: Callable[[], Coroutine[Any, Any, None]], beside: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    async with anyio.create_task_group() as tasks:
        if beside is not None:
            tasks.start_soon(beside)
        with suppress(BrokenPipeError):  # the client left
            await talk()
        tasks.cancel_scope.cancel()


async def converse(registry: SessionRegistry, session_id: str, form: ToolsForm, lines: BinaryIO, output: BinaryIO) -> None:
    """Answers line by line. A line that is too long or no message is answered with an error, and the next one is read."""
    conversations = Conversations(registry, form)
    most = registry.limits.most_request_bytes
    while line := await anyio.to_thread.run_sync(lines.readline, most + 1, abandon_on_cancel=True):
        if len(line) > most:
            await anyio.to_thread.run_sync(_skip_line, lines, line)
            body: bytes | None = _refusal(Refused(413, f"A message may have {most} bytes.", TOO_MANY))
        else:
            body = await _answer(conversations, session_id, line) if line.strip() else None
        if body is not None:
            output.write(body + b"\n")
            output.flush()


async def _answer(conversations: Conversations, session_id: str, line: bytes) -> bytes | None:
    try:
        message = parsed(line)
    except Refused as refused:
        return _refusal(refused)
    return (await conversations.answer(session_id, message, _is_modern(message))).body


def _is_modern(message: Mapping[str, Any]) -> bool:
    """Whether a message carries the envelope that only the protocol of 2026-07-28 and later has."""
    meta = (message.get("params") or {}).get("_meta")
    return message.get("method") != "initialize" and isinstance(meta, dict) and types.PROTOCOL_VERSION_META_KEY in meta


def _refusal(refused: Refused) -> bytes:
    return error_body(None, types.ErrorData(code=refused.code, message=refused.message, data=refused.data))


def _skip_line(lines: BinaryIO, part: bytes) -> None:
    while part and not part.endswith(b"\n"):
        part = lines.readline(65_536)
