"""Agents over MCP on one port, the control plane on another: what the host may do with an agent's session, and the agent may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import anyio
import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from artifacts.errors import UnknownName
from containers.client import WorldloomClient
from containers.conformance.shop import SHOP
from containers.control import control_app
from containers.environment import Blueprint, Environment
from containers.limits import SessionLimits
from containers.mcp_http import McpApp
from containers.metrics import Metrics
from containers.sessions import SessionRegistry

Serving = Callable[..., str]

TOKEN = "a-token-for-tests-only"
WORLD = "shop-0123456789ab"


class Server(NamedTuple):
    registry: SessionRegistry
    mcp: str
    control: str
    host: WorldloomClient


@pytest.fixture(scope="module")
def standing(serving: Serving) -> Iterator[Server]:
    registry, metrics = SessionRegistry(lambda _: SHOP, (WORLD,), SessionLimits(most_sessions=20)), Metrics()
    registry.when_called(metrics.watch)
    mcp = serving(McpApp(registry))
    control = serving(control_app(registry, TOKEN, metrics, mcp))
    with WorldloomClient(control, TOKEN) as host:
        yield Server(registry, mcp, control, host)


@pytest.fixture
def server(standing: Server) -> Iterator[Server]:
    """Without sessions at first."""
    yield standing
    standing.registry.close_all()


def as_agent(url: str, act: Callable[[Client], Awaitable[Any]]) -> Any:
    """What an agent's client does over MCP."""

    async def connected() -> Any:
        async with Client(url) as agent:
            return await act(agent)

    return anyio.run(connected)


async def cancel(agent: Client) -> Any:
    """The whole of task t01."""
    done = await agent.call_tool("cancel_order", {"order_id": 17})
    assert not done.is_error
    return done.structured_content


def test_a_session_opened_here_is_played_there_and_scored_here(server: Server) -> None:
    session = server.host.open(WORLD, "t01")
    as_agent(session.mcp_url, cancel)
    assert server.host.score(session).outcome == "completed"
    assert server.host.look(session).calls == 1
    server.host.reset(session)
    as_agent(session.mcp_url, cancel)
    assert server.host.score(session).outcome == "completed"


def test_a_session_that_an_agent_began_is_scored_here(server: Server, blueprint: Blueprint) -> None:
    async def play(agent: Client) -> None:
        await cancel(agent)
        (session,) = await anyio.to_thread.run_sync(server.host.sessions)
        judged = await anyio.to_thread.run_sync(lambda: server.host.score(session, task="t01"))
        changed = await anyio.to_thread.run_sync(server.host.difference, session)
        with Environment.fork(blueprint) as beside:
            beside.call_tool("cancel_order", {"order_id": 17})
            assert (judged, changed) == (beside.score("t01"), beside.difference())

    as_agent(f"{server.mcp}/mcp", play)
    assert server.host.sessions() == ()


def test_the_agent_sees_a_reset_and_a_fork_goes_on_by_itself(server: Server) -> None:
    session = server.host.open(WORLD, "t01")
    before = as_agent(session.mcp_url, cancel)
    twin = server.host.fork(session)
    server.host.reset(session)
    assert as_agent(session.mcp_url, cancel) == before

    async def again(agent: Client) -> Any:
        return (await agent.call_tool("cancel_order", {"order_id": 17})).structured_content

    assert as_agent(twin.mcp_url, again)["error"] == "conflict"
    assert [server.host.score(each).reward for each in (session, twin)] == [1.0, 1.0]


def test_agents_see_their_own_sessions_only(server: Server) -> None:
    mine, theirs = server.host.open(WORLD, "t01"), server.host.open(WORLD, "t01")
    as_agent(mine.mcp_url, cancel)
    assert server.host.difference(theirs) == ()
    assert as_agent(theirs.mcp_url, cancel)
    assert server.host.digest(mine) == server.host.digest(theirs)


def test_an_agent_whose_session_was_closed_is_told_so(server: Server) -> None:
    session = server.host.open(WORLD)

    async def play(agent: Client) -> None:
        await agent.call_tool("do_nothing", {})
        await anyio.to_thread.run_sync(server.host.close, session)
        with pytest.raises(MCPError):
            await agent.call_tool("do_nothing", {})

    as_agent(session.mcp_url, play)
    with pytest.raises(UnknownName):
        server.host.score(session, task="t01")


@pytest.mark.parametrize(
    "path", ["/v1/sessions", "/v1/worlds", "/metrics", "/health", "/sessions", f"/{WORLD}/tasks", f"/{WORLD}/mcp/v1/sessions"]
)
def test_the_agents_port_has_nothing_of_the_control_plane(server: Server, path: str) -> None:
    session = server.host.open(WORLD, "t01")
    for method in ("GET", "POST", "DELETE"):
        answer = httpx.request(method, server.mcp + path, headers={"Authorization": f"Bearer {TOKEN}"}, json={"world": WORLD})
        assert answer.status_code in (404, 405)
        assert session.id not in answer.text
        assert "SELECT" not in answer.text


def test_what_an_agent_knows_opens_no_control_plane(server: Server) -> None:
    session = server.host.open(WORLD, "t01")
    for word in (session.id, WORLD, session.mcp_url):
        refused = httpx.post(f"{server.control}/v1/sessions/{session.id}/score", headers={"Authorization": f"Bearer {word}"})
        assert refused.status_code == 401


def test_nothing_that_an_agent_is_told_holds_solution_check_or_token(server: Server) -> None:
    session = server.host.open(WORLD, "t01")

    async def look(agent: Client) -> str:
        listed = await agent.list_tools()
        called = await agent.call_tool("no_such_tool", {})
        wrong = await agent.call_tool("cancel_order", {"order_id": "1; SELECT sql FROM sqlite_master"})
        return f"{agent.server_info} {agent.instructions} {listed} {called} {wrong}"

    told = as_agent(session.mcp_url, look)
    for secret in (TOKEN, "the order is cancelled", "final.orders", "$ref", "UPDATE", "control", server.control.rpartition(":")[2]):
        assert secret not in told


def test_calls_over_mcp_are_counted(server: Server) -> None:
    def calls() -> float:
        line = next(line for line in server.host.metrics().splitlines() if line.startswith("worldloom_calls_total"))
        return float(line.split()[1])

    before = calls()
    as_agent(server.host.open(WORLD).mcp_url, cancel)
    assert calls() == before + 1
