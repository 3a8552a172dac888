"""Agents: clients of the MCP SDK, all in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from benchmarks.peer.processes import Launched, await_listening

Call = tuple[str, dict[str, Any]]

AT_ONCE = 16
"""Clients that begin at the same time."""

TLS = httpx2.create_ssl_context()
"""One for all clients: making it takes longer than a call does, and nothing here is encrypted."""


@asynccontextmanager
async def agent(url: str) -> AsyncIterator[Client]:
    """An SDK client that has begun a session."""
    patient = httpx2.Timeout(120)
    async with (
        httpx2.AsyncClient(verify=TLS, timeout=patient) as http,
        Client(streamable_http_client(url, http_client=http), mode="legacy") as client,
    ):
        yield client


async def list_once(url: str) -> int:
    """Begin a session, list the tools, leave; gives how many there are."""
    async with agent(url) as client:
        return len((await client.list_tools()).tools)


def first_list(server: Launched) -> None:
    """Return once a client has the list of tools of a server that was just started."""
    await_listening(server)
    if not asyncio.run(list_once(server.url)):
        raise ValueError(f"{server.url} lists no tools.")


def timed(action: Callable[[], object]) -> float:
    """How long it took, in seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


async def called(client: Client, call: Call) -> None:
    """One call; raises ValueError where it fails."""
    result = await client.call_tool(*call)
    if result.is_error:
        raise ValueError(f"{call} fails: {result.content}")


async def _pace(url: str, clients: int, calls: Sequence[Call], seconds: float) -> float:
    ready, go = asyncio.Semaphore(0), asyncio.Event()
    ends: list[float] = []

    async def take_part() -> int:
        async with agent(url) as client:
            for call in calls:
                await called(client, call)
            ready.release()
            await go.wait()
            limit = time.perf_counter() + seconds
            done = 0
            for call in cycle(calls):
                await called(client, call)
                done += 1
                if time.perf_counter() >= limit:
                    break
            ends.append(time.perf_counter())
            return done

    players = [asyncio.create_task(take_part()) for _ in range(clients)]
    for _ in players:
        await ready.acquire()
    began = time.perf_counter()
    go.set()
    total = sum(await asyncio.gather(*players))
    return total / (max(ends) - began)


def pace(url: str, clients: int, calls: Sequence[Call], seconds: float) -> float:
    """Calls a second of so many clients together, each in a session of its own, after a round that is not counted."""
    return asyncio.run(_pace(url, clients, calls, seconds))


async def hold(urls: Sequence[str], then: Callable[[], None]) -> None:
    """A client at every URL that has listed the tools and stays; all of them leave after `then`."""
    room, leave = asyncio.Semaphore(AT_ONCE), asyncio.Event()
    ready = asyncio.Semaphore(0)

    async def stay(url: str) -> None:
        async with AsyncExitStack() as stack:
            async with room:
                client = await stack.enter_async_context(agent(url))
                await client.list_tools()
            ready.release()
            await leave.wait()

    async with asyncio.TaskGroup() as tasks:
        for url in urls:
            tasks.create_task(stay(url))
        for _ in urls:
            await ready.acquire()
        then()
        leave.set()


async def play(url: str, calls: Sequence[Call], after: Callable[[], None] = lambda: None, rounds: int = 1) -> None:
    """The calls in one session, and `after` after each round of them."""
    async with agent(url) as client:
        for _ in range(rounds):
            for call in calls:
                await called(client, call)
            after()
