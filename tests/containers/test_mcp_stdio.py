"""MCP over standard input and output: one message a line, an answer to each, whatever comes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import anyio

from containers.conformance.over_mcp import WORLD_ID, shop_registry
from containers.limits import SessionLimits
from containers.mcp_stdio import converse

HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
SERVER = """
import sys
from containers.conformance.over_mcp import WORLD_ID, shop_registry
from containers.mcp_stdio import serve_stdio
serve_stdio(shop_registry(), WORLD_ID)
"""


def call(number: int, name: str, **arguments: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def answers_to(*lines: object, most: int = 4 * 2**20) -> list[Any]:
    """What the server says to these lines, each JSON or bytes."""
    registry = shop_registry()
    registry.limits = SessionLimits(most_request_bytes=most)
    given = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    output = io.BytesIO()
    anyio.run(converse, registry, registry.open(WORLD_ID).id, "direct", io.BytesIO(given), output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_conversation_line_by_line() -> None:
    done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    hello, listed, first, second = answers_to(
        HELLO,
        done,
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        call(2, "cancel_order", order_id=17),
        call(3, "cancel_order", order_id=17),
    )
    assert hello["result"]["serverInfo"]["name"] == "worldloom"
    assert len(listed["result"]["tools"]) == 22
    assert (first["id"], first["result"]["isError"]) == (2, False)
    assert (second["id"], second["result"]["structuredContent"]["error"]) == (3, "conflict")


def test_garbage_is_answered_and_the_next_line_is_read() -> None:
    garbage = [b"{", b"\xff\xfe", b"[]", b"null", b'{"jsonrpc": "2.0"}', b"[" * 50_000]
    *refusals, last = answers_to(*garbage, b"", HELLO)
    assert [(refusal["id"], refusal["error"]["code"] < 0) for refusal in refusals] == [(None, True)] * len(garbage)
    assert last["result"]["protocolVersion"] == "2025-06-18"


def test_a_line_that_is_too_long_is_skipped_whole() -> None:
    refusal, hello = answers_to(b'{"x": "' + b"y" * 300_000 + b'"}', HELLO, most=1_024)
    assert refusal["error"]["message"] == "A message may have 1024 bytes."
    assert hello["id"] == 0


def test_half_a_surrogate_pair_is_an_argument_like_any_other() -> None:
    body = json.dumps(call(1, "echo", text="TEXT"))
    whole, half = answers_to(body.replace("TEXT", r"\ud83d\ude00").encode(), body.replace("TEXT", r"\\ud83d \ud83d").encode())
    assert whole["result"]["structuredContent"]["result"]["text"] == "\U0001f600"
    assert half["result"]["structuredContent"]["error"] == "invalid_arguments"


def test_the_process_ends_with_its_input() -> None:
    ended = subprocess.run([sys.executable, "-c", SERVER], input=json.dumps(HELLO) + "\n", capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["id"] == 0
    assert ended.stderr == ""


def test_the_process_ends_when_its_client_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(HELLO).encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline()
    process.stdout.close()
    process.stdin.close()
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
