"""What agents cannot reach over MCP: checks, solutions, other sessions, the control plane, files."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from containers.conformance.over_mcp import shop_registry
from containers.conformance.shop import SHOP
from containers.control import control_app
from containers.listening import address, listening, running
from containers.mcp_http import McpApp
from containers.metrics import Metrics
from containers.sessions import SessionRegistry

SECRETS = (
    *(check.sql for task in SHOP.tasks for check in task.checks),
    *(check.name for task in SHOP.tasks for check in task.checks),
    *(task.instruction for task in SHOP.tasks),
    "$ref",
    "free_columns",
    "program",
    "SELECT",
)
HOSTILE = (
    "'; ATTACH '/etc/passwd' AS p; --",
    "' UNION SELECT readfile('/etc/passwd') --",
    "') UNION SELECT sql FROM sqlite_master --",
    "' UNION SELECT * FROM initial.users --",
    "load_extension('/tmp/x.so')",
    "../../tasks.json",
    "{{7*7}} ${ENV} %s {0.__class__}",
    "file:///etc/passwd",
)


class Both:
    """Both halves of a server, as `worldloom serve` runs them."""

    def __init__(self, registry: SessionRegistry, agents: str, control: str) -> None:
        self.registry, self.agents, self.control = registry, agents, control


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    registry, token = shop_registry(), os.urandom(16).hex()
    with listening("127.0.0.1", 0) as mine, listening("127.0.0.1", 0) as other:
        control = control_app(registry, token, Metrics(), f"http://{address(mine)}")
        with running(McpApp(registry), mine), running(control, other):
            yield Both(registry, f"http://{address(mine)}", f"http://{address(other)}")


@pytest.mark.parametrize("form", ["direct", "meta"])
def test_neither_checks_nor_solutions_are_told(form: Literal["direct", "meta"]) -> None:
    async def everything(url: str) -> str:
        async with Client(f"{url}/mcp", mode="legacy") as client:
            told = [client.server_info.model_dump_json() if client.server_info else ""]
            told.append((await client.list_tools()).model_dump_json())
            told.extend(
                [(await client.call_tool(name, {})).model_dump_json() for name in ("list_tools", "score", "t01", "tasks", "solution")]
            )
            for ask in (client.list_resources, client.list_prompts, client.list_resource_templates):
                with pytest.raises(MCPError, match="Method not found"):
                    await ask()
        return "\n".join(told)

    registry = shop_registry()
    with listening("127.0.0.1", 0) as found, running(McpApp(registry, form), found):
        told = asyncio.run(everything(f"http://{address(found)}"))
    assert [secret for secret in SECRETS if secret in told] == []


@pytest.mark.parametrize(
    "path", ["/v1/sessions", "/v1/worlds", "/health", "/ready", "/metrics", "/", "/tasks.json", "/mcp/../tasks.json", "/docs"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_agents_port_has_nothing_of_the_control_plane(both: Both, path: str, method: str) -> None:
    answer = httpx.request(method, both.agents + path, headers={"content-type": "application/json"})
    assert answer.status_code == 404


@pytest.mark.parametrize("what", ["", "/score", "/reset", "/fork", "/difference", "/digest"])
def test_what_an_agent_has_opens_no_door_of_the_control_plane(both: Both, what: str) -> None:
    session = both.registry.open("shop", "t01")
    for word in ("", session.id, "Bearer", "null", "x" * 10_000):
        for method in ("GET", "POST", "DELETE"):
            headers = {"authorization": f"Bearer {word}".strip(), "mcp-session-id": session.id}
            assert httpx.request(method, f"{both.control}/v1/sessions/{session.id}{what}", headers=headers).status_code == 401
    assert both.registry.get(session.id).environment.state_digest()


def test_one_agents_id_opens_no_other_session(both: Both) -> None:
    mine, other = both.registry.open("shop"), both.registry.open("shop")
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "cancel_order", "arguments": {"order_id": 17}}}
    headers = {"content-type": "application/json", "mcp-session-id": mine.id}
    assert httpx.post(f"{both.agents}/sessions/{other.id}/mcp", json=message, headers=headers).status_code == 404
    assert httpx.post(f"{both.agents}/sessions/{mine.id[:-1]}/mcp", json=message).status_code == 404
    for extra in ({"session": other.id}, {"session_id": other.id}, {"_meta": {"session_id": other.id}}):
        spoofed = {**message, "params": {**message["params"], **extra}}  # type: ignore[dict-item] # params is an object above
        httpx.post(f"{both.agents}/sessions/{mine.id}/mcp", json=spoofed)
    assert both.registry.difference(other.id) == ()
    assert both.registry.difference(mine.id) != ()


def test_ids_of_sessions_cannot_be_guessed(both: Both) -> None:
    ids = {both.registry.open("shop").id for _ in range(50)}
    assert len(ids) == 50
    assert all(len(session_id) == 32 and int(session_id, 16) >= 0 for session_id in ids)


@pytest.mark.parametrize("text", HOSTILE)
def test_sql_and_paths_in_arguments_are_text_and_nothing_else(both: Both, text: str, tmp_path: Path) -> None:
    session = both.registry.open("shop")
    before, here = both.registry.digest(session.id), set(Path.cwd().iterdir())

    def call(name: str, arguments: dict[str, Any]) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        return httpx.post(f"{both.agents}/sessions/{session.id}/mcp", json=message, headers=headers).json()["result"]["structuredContent"]

    headers = {"content-type": "application/json"}
    assert call("echo", {"text": text})["result"]["text"] == text
    assert call("find_product", {"title": text}) == {"result": None}
    assert call(text, {})["error"] == "unknown_tool"
    assert "root:" not in json.dumps(call("list_orders", {"status": text}))
    assert (both.registry.digest(session.id), set(Path.cwd().iterdir())) == (before, here)
