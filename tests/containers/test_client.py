"""Both clients against a real server: the same calls, the same answers, the same errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from artifacts.errors import InvalidBundle, InvalidInput, ServerUnavailable, SessionLimitReached, UnknownName
from artifacts.world import Draft
from containers.client import AsyncWorldloomClient, WorldloomClient
from containers.conformance.shop import SHOP
from containers.control import control_app
from containers.environment import Blueprint, Environment
from containers.limits import SessionLimits
from containers.metrics import Metrics
from containers.sessions import SessionRegistry

Serving = Callable[..., str]

TOKEN = "a-token-for-tests-only"
WORLD = "shop-0123456789ab"


class Awaited:
    """An asynchronous client, used as if it were the other: what a test says holds for both."""

    def __init__(self, portal: BlockingPortal, client: AsyncWorldloomClient) -> None:
        self._portal, self._client = portal, client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name == "session":
            return lambda *given: self._portal.wrap_async_context_manager(method(*given))
        return lambda *given, **named: self._portal.call(lambda: method(*given, **named))


class Setting(NamedTuple):
    registry: SessionRegistry
    app: Starlette
    url: str
    world: str


@pytest.fixture
def setting(serving: Serving) -> Setting:
    def source(world_id: str) -> Draft:
        if world_id != WORLD:
            raise InvalidBundle(f"{world_id}/tools.json was edited after sealing.", "Fetch it again.")
        return SHOP

    registry = SessionRegistry(source, (WORLD, "edited"), SessionLimits(most_sessions=4, most_request_bytes=5_000))
    app = control_app(registry, TOKEN, Metrics(), "http://127.0.0.1:8765")
    return Setting(registry, app, serving(app), WORLD)


Connect = Callable[..., WorldloomClient]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """A client of either kind; the asynchronous one is given in the other's clothes."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())

        def make(url: str, token: str = TOKEN, seconds: float = 30.0) -> Any:
            if request.param == "sync":
                return stack.enter_context(WorldloomClient(url, token, seconds))
            client = portal.call(AsyncWorldloomClient, url, token, seconds)
            stack.callback(portal.call, client.disconnect)
            return Awaited(portal, client)

        yield make


def test_an_episode_from_open_to_close(setting: Setting, connect: Connect, blueprint: Blueprint) -> None:
    client = connect(setting.url)
    session = client.open(setting.world, "t01")
    assert (session.task, session.calls, session.instruction) == ("t01", 0, "Cancel my pending order for the blue kettle.")
    assert session.mcp_url == f"http://127.0.0.1:8765/sessions/{session.id}/mcp"
    setting.registry.call(session.id, "cancel_order", {"order_id": 17})
    setting.registry.call(session.id, "place_order", {"items": [{"product_id": 2, "quantity": 1}]})
    with Environment.fork(blueprint) as beside:
        beside.call_tool("cancel_order", {"order_id": 17})
        beside.call_tool("place_order", {"items": [{"product_id": 2, "quantity": 1}]})
        assert client.score(session) == beside.score("t01")
        assert client.score(session, "24.5", task="t02") == beside.score("t02", "24.5")
        assert client.difference(session) == beside.difference()
        assert client.digest(session.id) == beside.state_digest()
    assert client.look(session).calls == 2
    assert client.reset(session).calls == 0
    assert client.difference(session) == ()
    client.close(session)
    assert client.sessions() == ()


def test_two_clients_see_their_own_sessions_only(setting: Setting, connect: Connect) -> None:
    one, other = connect(setting.url), connect(setting.url)
    mine, theirs = one.open(setting.world, "t01"), other.open(setting.world, "t01")
    setting.registry.call(mine.id, "cancel_order", {"order_id": 17})
    assert one.score(mine).outcome == "completed"
    assert other.score(theirs).outcome == "agent_error"
    assert other.difference(theirs) == ()
    one.close(mine)
    assert other.look(theirs).id == theirs.id


def test_a_group_is_sampled_from_one_state(setting: Setting, connect: Connect) -> None:
    client = connect(setting.url)
    root = client.open(setting.world, "t03")
    setting.registry.call(root.id, "place_order", {"items": [{"product_id": 2, "quantity": 2}], "note": "gift"})
    group = [client.fork(root) for _ in range(3)]
    client.reset(group[0])
    assert [client.score(session, 10).reward for session in group] == [0.1, 1.0, 1.0]
    assert [session.task for session in client.sessions()] == ["t03"] * 4


def test_many_at_once_wait_for_their_turn(setting: Setting) -> None:
    async def ask() -> list[bool]:
        answers: list[bool] = []
        async with AsyncWorldloomClient(setting.url, TOKEN, seconds=30) as client, anyio.create_task_group() as tasks:

            async def once() -> None:
                answers.append(await client.ready())

            for _ in range(1_024):
                tasks.start_soon(once)
        return answers

    assert anyio.run(ask) == [True] * 1_024


def test_a_session_in_a_with_block_is_closed_at_its_end(setting: Setting, connect: Connect) -> None:
    client = connect(setting.url)
    with client.session(setting.world) as session:
        assert client.sessions()[0].id == session.id
    assert client.sessions() == ()
    with client.session(setting.world) as session:
        setting.registry.close(session.id)
    with pytest.raises(ZeroDivisionError), client.session(setting.world):
        raise ZeroDivisionError
    assert client.sessions() == ()


def test_worlds_health_and_figures(setting: Setting, connect: Connect) -> None:
    client = connect(setting.url)
    assert client.worlds() == (setting.world, "edited")
    assert [task.id for task in client.world(setting.world).tasks] == ["t01", "t02", "t03"]
    assert (client.health().sessions, client.ready()) == (0, True)
    for _ in range(4):
        client.open(setting.world)
    assert (client.health().sessions, client.ready()) == (4, False)
    assert "worldloom_sessions 4.0" in client.metrics()


def test_refusals_are_raised_as_what_they_are(setting: Setting, connect: Connect) -> None:
    client = connect(setting.url)
    session = client.open(setting.world, "t02")
    with pytest.raises(UnknownName, match=f"Did you mean {setting.world}"):
        client.open(setting.world[:-1] + "x")
    with pytest.raises(UnknownName, match="t01, t02, t03"):
        client.open(setting.world, "t77")
    for strange in ("feed", "../worlds", "a/b", "ü?#%", "x" * 3_000):
        with pytest.raises(UnknownName):
            client.score(strange)
    with pytest.raises(InvalidBundle, match=r"tools\.json"):
        client.open("edited")
    for answer in (float("nan"), {1, 2}, object(), "\ud800", "x" * 6_000):
        with pytest.raises(InvalidInput):
            client.score(session, answer)
    for _ in range(3):
        client.open(setting.world)
    with pytest.raises(SessionLimitReached) as full:
        client.fork(session)
    assert full.value.retry_after is not None


def test_a_wrong_token_is_told_plainly_and_not_repeated(setting: Setting, connect: Connect) -> None:
    with pytest.raises(InvalidInput, match="token") as refused:
        connect(setting.url, "not-the-token-of-it").worlds()
    assert "not-the-token" not in str(refused.value)
    assert connect(setting.url, "not-the-token-of-it").ready()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # httpcore leaves a socket open whose connect failed
def test_a_server_behind_a_socket_of_the_file_system(setting: Setting, serving: Serving, connect: Connect, tmp_path: Path) -> None:
    client = connect(serving(setting.app, tmp_path / "control.sock"))
    assert client.worlds() == (setting.world, "edited")
    with pytest.raises(ServerUnavailable, match=r"nobody\.sock"):
        connect(f"unix://{tmp_path}/nobody.sock").worlds()


def test_what_is_no_control_plane_is_told_apart(serving: Serving, connect: Connect) -> None:
    def speak(status: int) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("hello", status), methods=["GET", "POST", "DELETE"])])

    for status in (200, 404, 503):
        with pytest.raises(ServerUnavailable, match="control plane"):
            connect(serving(speak(status))).worlds()


def test_a_server_that_is_not_there_is_named(connect: Connect) -> None:
    with pytest.raises(ServerUnavailable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        connect("http://127.0.0.1:1").worlds()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8766", "ftp://x", "/run/x.sock"])
def test_an_address_that_is_none_is_refused_at_once(url: str, connect: Connect) -> None:
    with pytest.raises(InvalidInput, match="is not the URL"):
        connect(url)


@pytest.mark.parametrize("token", ["two\nlines", "ümlaut"])
def test_a_token_that_no_header_can_carry_is_refused_at_once(token: str, connect: Connect) -> None:
    with pytest.raises(InvalidInput, match="token"):
        connect("http://127.0.0.1:1", token)


def test_both_clients_have_the_same_methods() -> None:
    def surface(kind: type) -> dict[str, Any]:
        public = {name: method for name, method in vars(kind).items() if not name.startswith("_")}
        return {name: (inspect.signature(method).parameters, method.__doc__) for name, method in public.items()}

    assert surface(WorldloomClient) == surface(AsyncWorldloomClient)
