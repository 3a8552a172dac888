"""Tools over MCP: in this process, over HTTP in both of the server's forms, and servers that are not what they should be."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import pytest
import uvicorn

from artifacts.errors import InvalidInput, ModelUnavailable, ServerUnavailable
from artifacts.trajectory import Trajectory
from artifacts.world import World
from containers.episodes.turns import View
from containers.mcp_http import McpApp
from containers.sessions import SessionRegistry
from tasks.agent.mcp_toolbox import address_of, tools_over_mcp
from tasks.agent.playing import play_task, policy_named, tools_in_process


@contextmanager
def served(world: World, form: Literal["direct", "meta"] = "direct") -> Iterator[tuple[str, SessionRegistry]]:
    """A real server of one world on a free port of this machine."""
    registry = SessionRegistry(lambda _: world, [world.id])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(McpApp(registry, form), log_level="critical", ws="none", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", registry
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def reference(world: World, url: str | None, played_in: World | None = None, task: int = 1) -> Trajectory:
    async def run() -> Trajectory:
        chosen = world.tasks[task]
        async with policy_named("reference", "awm", chosen) as policy, tools_over_mcp(played_in or world, url) as tools:
            return await play_task(world, chosen, policy, tools)

    return asyncio.run(run())


@pytest.mark.parametrize("form", ["direct", "meta"])
def test_over_http_the_episode_is_the_same(toys: World, form: Literal["direct", "meta"]) -> None:
    with served(toys, form) as (url, registry):
        found = reference(toys, url)
        again = reference(toys, f"{url}/{toys.id}/mcp")
        assert registry.sessions() == [], "the session is closed behind us"
    assert found.reward == 1.0
    assert found == again == reference(toys, None)


def test_every_session_starts_afresh(toys: World) -> None:
    with served(toys) as (url, _):
        assert [reference(toys, url).reward for _ in range(3)] == [1.0] * 3


def test_another_world_behind_the_url_is_our_fault_and_not_the_agents(toys: World) -> None:
    other = toys.model_copy(update={"seed_sql": toys.seed_sql.replace("Kite", "Kiwi")})
    with served(other) as (url, _):
        found = reference(toys, f"{url}/mcp")
    assert (found.outcome, found.reward) == ("environment_error", 0.0)
    assert "call 0 (list_toys)" in found.score.detail


def test_a_session_that_was_used_before_is_our_fault_too(toys: World) -> None:
    with served(toys) as (url, registry):
        session = registry.open(toys.id)
        registry.call(session.id, "borrow_toy", {"toy_id": 1})
        assert reference(toys, f"{url}/sessions/{session.id}/mcp").outcome == "environment_error"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_server_that_is_not_there_is_one_line(toys: World) -> None:
    with pytest.raises(ServerUnavailable, match="does not answer"):
        reference(toys, f"http://127.0.0.1:{free_port()}/mcp")


@pytest.mark.parametrize("path", ["/nothing", "/other-world/mcp", "/sessions/none/mcp"])
def test_a_server_without_the_world_is_one_line(toys: World, path: str) -> None:
    with served(toys) as (url, _), pytest.raises(ServerUnavailable, match="The server at"):
        reference(toys, url + path)


def test_a_server_that_is_no_mcp_server_is_one_line(toys: World, api_base: str) -> None:
    with pytest.raises(ServerUnavailable, match="The server at"):
        reference(toys, api_base)


def test_a_session_that_ends_mid_episode_is_one_line(toys: World) -> None:
    async def run(url: str, registry: SessionRegistry) -> None:
        async with tools_over_mcp(toys, url) as tools:
            await tools.list_tools()
            registry.close_all()
            await tools.call_tool("list_toys", {})

    with served(toys) as (url, registry), pytest.raises(ServerUnavailable, match="does not answer"):
        asyncio.run(run(url, registry))


class Away:
    """A policy whose service is away."""

    name = "away"
    seed: int | None = None

    async def reply(self, view: View) -> Any:
        raise ModelUnavailable("The service is away.")


def test_the_policys_own_trouble_passes_through_the_session(toys: World) -> None:
    async def run(url: str | None) -> None:
        async with tools_over_mcp(toys, url) as tools:
            await play_task(toys, toys.tasks[0], Away(), tools)

    with ExitStack() as stack:
        url, _ = stack.enter_context(served(toys))
        for address in (url, None):
            with pytest.raises(ModelUnavailable, match=r"^The service is away\.$"):
                asyncio.run(run(address))


@pytest.mark.parametrize("url", ["junk", "ftp://127.0.0.1/mcp", "http://x:port/mcp"])
def test_what_is_no_address_is_refused(toys: World, url: str) -> None:
    with pytest.raises(InvalidInput, match="--url"):
        address_of(url, toys)


def test_in_process_and_over_mcp_list_the_same_tools(woven: World) -> None:
    async def listed() -> Sequence[Any]:
        async with tools_over_mcp(woven) as over, tools_in_process(woven) as inside:
            return [await over.list_tools(), await inside.list_tools()]

    first, second = asyncio.run(listed())
    assert first == second
