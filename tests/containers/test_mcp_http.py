"""MCP over streamable HTTP: sessions come, go and hold nothing of each other; no client costs the others anything."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from artifacts.bundle import read_bundle, write_bundle
from artifacts.world import Draft, World
from containers.conformance.over_mcp import shop_registry
from containers.conformance.shop import SHOP
from containers.limits import SessionLimits
from containers.listening import address, listening, running
from containers.mcp_http import McpApp
from containers.sessions import SessionRegistry

HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
CANCEL = ("cancel_order", {"order_id": 17})


class Served:
    """A server in a thread, and what its operator sees."""

    def __init__(self, registry: SessionRegistry, url: str) -> None:
        self.registry, self.url = registry, url

    def post(self, message: object, path: str = "/mcp", **headers: str) -> httpx.Response:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return httpx.post(self.url + path, content=body, headers={**HEADERS, **headers})

    def begun(self, path: str = "/mcp") -> str:
        """A session that a client began, by its id."""
        return self.post(HELLO, path).headers["mcp-session-id"]

    def call(self, session_id: str, name: str, arguments: object, path: str = "/mcp") -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        return self.post(message, path, **{"mcp-session-id": session_id}).json()["result"]["structuredContent"]


@contextmanager
def served(registry: SessionRegistry, form: Literal["direct", "meta"] = "direct", hosts: tuple[str, ...] | None = None) -> Iterator[Served]:
    with listening("127.0.0.1", 0) as found, running(McpApp(registry, form, hosts), found):
        yield Served(registry, f"http://{address(found)}")


@pytest.fixture(scope="module")
def shop() -> Iterator[Served]:
    with served(shop_registry()) as found:
        yield found


def shop_of(**limits: float) -> SessionRegistry:
    return SessionRegistry(lambda _: SHOP, ("shop-1",), SessionLimits.model_validate(limits))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_each_client_has_a_fork_of_its_own_and_leaves_none_behind(mode: Literal["auto", "legacy"]) -> None:
    async def play(url: str) -> tuple[Any, Any, int]:
        async with Client(f"{url}/mcp", mode=mode) as one, Client(f"{url}/shop/mcp", mode=mode) as two:
            await one.call_tool(*CANCEL)
            seen = [(await client.call_tool("list_orders", {"status": "cancelled"})).structured_content for client in (one, two)]
            return seen[0], seen[1], len(registry.sessions())

    registry = shop_registry()
    with served(registry) as found:
        mine, other, sessions = asyncio.run(play(found.url))
        assert (len(mine["result"]), other["result"], sessions) == (1, [], 2)
        assert registry.sessions() == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_session_opened_beforehand_outlives_its_client(shop: Served, mode: Literal["auto", "legacy"]) -> None:
    async def play(url: str) -> Any:
        async with Client(url, mode=mode) as client:
            return (await client.call_tool(*CANCEL)).structured_content

    session = shop.registry.open("shop", "t01")
    assert asyncio.run(play(f"{shop.url}/sessions/{session.id}/mcp"))["result"]["status"] == "cancelled"
    assert shop.registry.score(session.id).outcome == "completed"
    shop.registry.reset(session.id)
    assert asyncio.run(play(f"{shop.url}/sessions/{session.id}/mcp"))["result"]["status"] == "cancelled"


def test_an_agent_cannot_end_a_session_that_another_opened(shop: Served) -> None:
    session = shop.registry.open("shop")
    assert httpx.delete(f"{shop.url}/sessions/{session.id}/mcp").status_code == 405
    assert httpx.delete(f"{shop.url}/mcp", headers={"mcp-session-id": session.id}).status_code == 404
    assert shop.registry.get(session.id) is session


def test_a_dropped_session_is_told_as_the_protocol_has_it(shop: Served) -> None:
    async def play() -> None:
        async with Client(f"{shop.url}/mcp") as client:
            await client.call_tool("do_nothing", {})
            shop.registry.close(shop.registry.sessions()[-1].id)
            with pytest.raises(MCPError, match=r"[Ss]ession"):
                await client.call_tool("do_nothing", {})

    asyncio.run(play())


def test_who_names_a_session_that_is_gone_is_told_why(shop: Served) -> None:
    answer = shop.post(HELLO, **{"mcp-session-id": "gone"})
    assert answer.status_code == 404
    assert "dropped after its idle time" in answer.json()["error"]["message"]


def test_meta_tools_list_and_call() -> None:
    async def play(url: str) -> list[Any]:
        async with Client(f"{url}/mcp") as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            asked: list[tuple[str, dict[str, Any]]] = [
                ("list_tools", {}),
                ("call_tool", {"tool_name": "count_up", "arguments": {"limit": 3}}),
                ("call_tool", {"tool_name": "count_up", "arguments": '{"limit": 4}'}),
                ("call_tool", {"tool_name": "count_up", "arguments": "limit 5"}),
                ("call_tool", {"tool_name": "do_nothing"}),
                ("call_tool", {"name": "do_nothing"}),
                ("count_up", {"limit": 3}),
            ]
            return [names, *[(await client.call_tool(*call)).structured_content for call in asked]]

    with served(shop_registry(), "meta") as found:
        names, listed, *given = asyncio.run(play(found.url))
    assert names == ["list_tools", "call_tool"]
    assert [tool["name"] for tool in listed["result"]] == [tool.name for tool in SHOP.tools]
    assert [answer.get("result", answer.get("error")) for answer in given] == [
        3,
        4,
        "invalid_arguments",
        None,
        "invalid_arguments",
        "unknown_tool",
    ]


def sealed(draft: Draft) -> World:
    """The draft as a world, with what only sealed ones have."""
    given = {name: getattr(draft, name) for name in ("scenario", "recipe", "schema_sql", "seed_sql", "tools", "tasks", "clock", "me")}
    return World(**given, intentions=draft.intentions)


GARBAGE: tuple[tuple[bytes, int], ...] = (
    (b"", 400),
    (b"{", 400),
    (b"\xff\xfe\x00", 400),
    (b"[]", 400),
    (b"null", 400),
    (b'"x"', 400),
    (json.dumps([HELLO, HELLO]).encode(), 400),
    (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', 400),
    (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', 400),
    (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', 400),
    (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', 400),
    (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', 400),
    (b'{"jsonrpc": "2.0", "id": 1}', 400),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}', 400),
    (b"[" * 100_000, 400),
    (b'{"a":' * 100_000, 400),
    (b"9" * 100_000, 400),
)


@pytest.mark.parametrize(("body", "status"), GARBAGE, ids=lambda part: str(part)[:40])
def test_garbage_is_refused_and_opens_nothing(shop: Served, body: bytes, status: int) -> None:
    session_id, before = shop.begun(), len(shop.registry.sessions())
    for answer in (shop.post(body), shop.post(body, **{"mcp-session-id": session_id})):
        assert (answer.status_code, answer.json()["id"]) == (status, None)
    assert len(shop.registry.sessions()) == before
    assert shop.call(session_id, "do_nothing", {}) == {"result": None}


@pytest.mark.parametrize(
    "params",
    [None, {}, {"name": 5}, {"name": None, "arguments": {}}, {"name": "echo", "arguments": 5}, {"name": ["echo"]}, {"arguments": {}}],
    ids=str,
)
def test_calls_of_any_shape_are_answered(shop: Served, params: object) -> None:
    message = {"jsonrpc": "2.0", "id": "x", "method": "tools/call", **({} if params is None else {"params": params})}
    answer = shop.post(message, **{"mcp-session-id": shop.begun()}).json()
    assert answer["id"] == "x"
    assert answer["result"]["structuredContent"]["error"] in ("unknown_tool", "invalid_arguments")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/nowhere", {}, 404),
        ("POST", "/other/mcp", {}, 404),
        ("POST", "/sessions/guess/mcp", {}, 404),
        ("POST", "/mcp", {"mcp-session-id": "guess"}, 404),
        ("POST", "/mcp", {"content-type": "text/plain"}, 415),
        ("POST", "/mcp", {"accept": "text/html"}, 406),
        ("GET", "/mcp", {}, 405),
        ("PUT", "/mcp", {}, 405),
        ("DELETE", "/mcp", {}, 404),
        ("POST", "/mcp", {"mcp-protocol-version": "2026-07-28"}, 400),
        ("POST", "/mcp", {"mcp-protocol-version": "tomorrow"}, 400),
    ],
)
def test_requests_that_mean_nothing_are_told_why(shop: Served, method: str, path: str, headers: dict[str, str], status: int) -> None:
    body = json.dumps(HELLO) if method == "POST" else None
    answer = httpx.request(method, shop.url + path, headers={**HEADERS, **headers}, content=body)
    assert answer.status_code == status
    if answer.content:
        assert answer.json()["error"]["message"]


def test_a_request_beyond_its_bounds_is_cut_off() -> None:
    with served(shop_of(most_request_bytes=1_024, request_seconds=0.2)) as found:
        assert found.post(b" " * 1_025).status_code == 413
        host, port = found.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
        with socket.create_connection((host, int(port))) as gone:
            gone.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
        with socket.create_connection((host, int(port))) as garbage:
            garbage.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert found.registry.sessions() == []
        assert found.call(found.begun(), "do_nothing", {}) == {"result": None}


def test_a_full_server_says_so_and_goes_on() -> None:
    with served(shop_of(most_sessions=2)) as found:
        first = found.begun()
        found.begun()
        refused = found.post(HELLO)
        assert (refused.status_code, "2 sessions open" in refused.json()["error"]["message"]) == (503, True)
        assert found.call(first, "do_nothing", {}) == {"result": None}


def test_one_session_has_only_so_many_requests_in_hand() -> None:
    with served(shop_of(most_waiting_per_session=2)) as found, ThreadPoolExecutor(3) as threads:
        held, free = found.begun(), found.begun()
        session = found.registry.get(held)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "do_nothing"}}
        with session.lock:  # as if a long call were under way
            sent = [threads.submit(found.post, message, "/mcp", **{"mcp-session-id": held}) for _ in range(3)]
            while not any(request.done() for request in sent):
                assert found.call(free, "do_nothing", {}) == {"result": None}
        assert sorted(request.result().status_code for request in sent) == [200, 200, 429]


def test_a_slow_call_holds_up_nobody() -> None:
    with served(shop_of()) as found, ThreadPoolExecutor(1) as threads:
        slow, quick = found.begun(), found.begun()
        assert found.call(slow, "count_up", {"limit": 2**62})["error"] == "too_large"
        running_call = threads.submit(found.call, slow, "count_up", {"limit": 2**62})
        answered = 0
        while not running_call.done():
            assert found.call(quick, "do_nothing", {}) == {"result": None}
            answered += 1
        assert running_call.result()["error"] == "too_large"
        assert answered > 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "https://evil.example"}, 403), ({"origin": "http://localhost:1"}, 200)],
)
def test_other_host_names_are_refused(headers: dict[str, str], status: int) -> None:
    with served(shop_of(), hosts=("127.0.0.1", "localhost")) as found:
        assert found.post(HELLO, **headers).status_code == status


@pytest.mark.parametrize("name", ["world.json", "schema.sql", "seed.sql", "tools.json", "tasks.json", "report.json", "README.md"])
def test_an_edited_world_is_refused_and_the_file_is_named_to_the_operator_alone(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = sealed(SHOP)
    place = Path(write_bundle(world, tmp_path))
    content = bytearray((place / name).read_bytes())
    content[len(content) // 2] ^= 1
    (place / name).write_bytes(content)
    registry = SessionRegistry(lambda world_id: read_bundle(tmp_path / world_id), (world.id,))
    with served(registry) as found, caplog.at_level(logging.ERROR):
        answer = found.post(HELLO)
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert name in caplog.text
