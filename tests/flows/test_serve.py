"""`worldloom serve`, as a user starts and stops it."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from artifacts.rows import rows_of_draft
from artifacts.store import open_store
from artifacts.world import World
from containers.client import WorldloomClient
from containers.conformance.shop import SHOP
from tasks.job.publishing import utc_now

Command = Callable[..., subprocess.CompletedProcess[str]]
FIELDS = ("scenario", "recipe", "schema_sql", "seed_sql", "tools", "tasks", "clock", "me", "intentions")
WORLD = World(**{name: getattr(SHOP, name) for name in FIELDS})


@pytest.fixture
def loom(tmp_path: Path) -> Path:
    """A store that holds the shop."""
    store = open_store(tmp_path / "loom")
    store.publish(WORLD)
    store.commit(rows_of_draft("shop-1", (), (), WORLD, run_id="run", created_at=utc_now()))
    return tmp_path / "loom"


@contextmanager
def served(loom: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """A server until the block ends, and what it said of itself: its MCP URL, its control plane, its token."""
    command = [str(Path(sys.executable).with_name("worldloom")), "serve", "--store", str(loom), "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = "".join(process.stderr.readline() for _ in range(3))
        token = Path(said.rpartition("token is in ")[2].strip()).read_text().strip()
        yield {"mcp": said.split()[1], "control": re.search(r"control plane +(\S+)", said)[1], "token": token}  # type: ignore[index] # it says so
        process.send_signal(signal.SIGTERM)
        assert (process.wait(30), process.stderr.read()) == (0, "")


def played(url: str) -> Any:
    async def play() -> Any:
        async with Client(url) as client:
            return (await client.call_tool("cancel_order", {"order_id": 17})).structured_content

    return asyncio.run(play())


def test_agents_and_their_keeper_meet_at_one_server(loom: Path) -> None:
    with served(loom) as at, WorldloomClient(at["control"], at["token"]) as keeper:
        assert played(at["mcp"])["result"]["status"] == "cancelled"
        session = keeper.open("shop", "t01")
        assert keeper.score(session).outcome == "agent_error"
        assert played(session.mcp_url)["result"]["status"] == "cancelled"
        assert keeper.score(session).outcome == "completed"
        assert httpx.get(at["control"] + "/v1/sessions").status_code == 401
        assert httpx.post(at["mcp"], headers={"host": "evil.example"}).status_code == 421


def test_a_socket_in_place_of_the_control_port(loom: Path, tmp_path: Path) -> None:
    path = tmp_path / "control"
    with served(loom, "--control-socket", str(path)) as at, WorldloomClient(f"unix://{path}", at["token"]) as keeper:
        assert path.stat().st_mode & 0o777 == 0o600
        assert keeper.worlds() == (WORLD.id,)
    assert not path.exists()


@pytest.mark.parametrize("form", ["direct", "meta"])
def test_stdio_is_what_desktop_clients_start(loom: Path, form: str) -> None:
    async def tools() -> list[str]:
        command = Path(sys.executable).with_name("worldloom")
        server = StdioServerParameters(command=str(command), args=["serve", "shop", "--store", str(loom), "--stdio", "--tools", form])
        async with Client(server) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert asyncio.run(tools()) == (["list_tools", "call_tool"] if form == "meta" else [tool.name for tool in SHOP.tools])


@pytest.mark.parametrize("name", ["world.json", "schema.sql", "tools.json", "tasks.json"])
@pytest.mark.parametrize("arguments", [("shop",), (), ("--stdio",)], ids=str)
def test_a_bundle_edited_by_one_byte_is_refused_and_the_file_is_named(
    worldloom: Command, loom: Path, name: str, arguments: tuple[str, ...]
) -> None:
    file = loom / "worlds" / WORLD.id / name
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    done = worldloom("serve", "--store", loom, "--port", "0", *arguments)
    assert (done.returncode, done.stdout, name in done.stderr) == (2, "", True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing",), "There is no world 'nothing'"),
        (("--max-sessions", "0"), "most_sessions: Input should be greater than or equal to 1"),
        (("--idle-seconds", "-1"), "idle_seconds"),
        (("--tools", "all"), "'all' is not one of"),
        (("--port", "99999"), "less than or equal to 65535"),
        (("--host", "203.0.113.77"), "Nothing can listen at 203.0.113.77"),
        (("--stdio", "--control-socket", "/nowhere/at/all/socket"), "/nowhere/at/all"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(worldloom: Command, loom: Path, arguments: tuple[str, ...], says: str) -> None:
    done = worldloom("serve", "--store", loom, *arguments, WORLDLOOM_TOKEN="x" * 32)
    assert (done.returncode, done.stdout, says in done.stderr, "Traceback" in done.stderr) == (2, "", True, False), done.stderr


def test_a_port_that_is_taken_is_told(worldloom: Command, loom: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = worldloom("serve", "--store", loom, "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "Address already in use" in done.stderr) == (2, True)


def test_an_empty_store_is_told(worldloom: Command, tmp_path: Path) -> None:
    open_store(tmp_path / "empty")
    done = worldloom("serve", "--store", tmp_path / "empty")
    assert (done.returncode, "There is no world in" in done.stderr) == (2, True)
