"""1,024 sessions at once on one server: mixed worlds, reads and writes, and each sees only its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment
from containers.listening import allow_many_files, listening, running
from containers.mcp_http import McpApp
from containers.sessions import SessionRegistry

SESSIONS = 1_024
TITLES = ("Blue kettle", "Red kettle", "Tin kettle", "Old kettle")
DRAFTS = {f"shop-{n}": SHOP.model_copy(update={"seed_sql": SHOP.seed_sql.replace(TITLES[0], title)}) for n, title in enumerate(TITLES)}


class Played(NamedTuple):
    """A session's id, and what its calls gave."""

    session_id: str
    results: list[Any]


def calls_of(number: int) -> list[tuple[str, dict[str, Any]]]:
    """What session `number` does: no two do the same."""
    ordered = {"items": [{"product_id": 1 + number % 2, "quantity": 1 + number % 2}], "note": f"for {number}"}
    return [
        ("find_product", {"title": TITLES[number % len(TITLES)]}),
        ("add_user", {"name": f"User {number}", "email": f"{number}@example.org"}),
        ("place_order" if number % 3 else "cancel_order", ordered if number % 3 else {"order_id": 17}),
        ("add_user", {"name": "x", "email": f"{number}@example.org"}),
        ("list_orders", {}),
        ("time_of_day", {}),
    ]


class Line:
    """One client's connection, as plain as can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, path: str, method: str, params: object, session_id: str = "") -> tuple[dict[bytes, bytes], Any]:
        """One request and its answer: headers and message."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        told = f"Mcp-Session-Id: {session_id}\r\n" if session_id else ""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{told}Content-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:] if line)
        return headers, json.loads(await self.reader.readexactly(int(headers[b"content-length"])))


async def play(port: int, number: int, everyone: asyncio.Barrier) -> Played:
    """One session's life: it begins, waits until all others have begun, and takes its turns among them."""
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    path = f"/shop-{number % len(DRAFTS)}/mcp"
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": str(number), "version": "1"}}
    headers, _ = await line.say(path, "initialize", client)
    session_id = headers[b"mcp-session-id"].decode()
    await everyone.wait()
    results = []
    for name, arguments in calls_of(number):
        _, answer = await line.say(path, "tools/call", {"name": name, "arguments": arguments}, session_id)
        results.append(answer["result"]["structuredContent"])
    await everyone.wait()
    line.writer.close()
    return Played(session_id, results)


async def play_all(port: int) -> list[Played]:
    everyone = asyncio.Barrier(SESSIONS)
    return await asyncio.gather(*(play(port, number, everyone) for number in range(SESSIONS)))


def test_every_session_sees_only_its_own_state() -> None:
    allow_many_files()
    registry = SessionRegistry(DRAFTS.__getitem__, tuple(DRAFTS))
    with listening("127.0.0.1", 0) as found, running(McpApp(registry), found):
        played = asyncio.run(play_all(found.getsockname()[1]))
        blueprints = [Blueprint.of(draft) for draft in DRAFTS.values()]
        assert len(registry.sessions()) == SESSIONS
        for number, (session_id, results) in enumerate(played):
            with Environment.fork(blueprints[number % len(blueprints)]) as alone:
                assert results == [alone.call_tool(*call).payload() for call in calls_of(number)], number
                assert registry.digest(session_id) == alone.state_digest(), number
    assert registry.dropped == 0
    registry.close_all()
