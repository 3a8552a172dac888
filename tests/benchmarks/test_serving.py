"""The usual build is the same shop, and the pieces that measure it run. Its own packages are not needed here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from artifacts.store import open_store
from benchmarks.peer.agents import first_list, hold, list_once, pace, play
from benchmarks.peer.app import TOOLS, shop_app
from benchmarks.peer.models import Product, engine_of, fill
from benchmarks.peer.processes import empty, free_port, launched, memory, product
from benchmarks.serving import NOTHING, READS, WRITES, contrast, resets_of_ours, serving_rows, stored, world
from containers.environment import Blueprint, Environment

ROUTES = {
    "list_orders": ("GET", "/orders"),
    "get_order": ("GET", "/orders/{order_id}"),
    "find_product": ("GET", "/products"),
    "place_order": ("POST", "/orders"),
    "cancel_order": ("POST", "/orders/{order_id}/cancel"),
    "delete_order": ("DELETE", "/orders/{order_id}"),
    "add_user": ("POST", "/users"),
    "set_stock": ("POST", "/stock"),
    "drop_tag": ("DELETE", "/tags/{code}"),
    "set_mentor": ("POST", "/mentors"),
}
CALLS = (
    *READS,
    *WRITES,
    ("list_orders", {"status": "pending", "limit": 1}),
    ("get_order", {"order_id": 404}),
    ("place_order", {"items": [{"product_id": 3, "quantity": 1}]}),
    ("place_order", {"items": [{"product_id": 4, "quantity": 1}]}),
    ("cancel_order", {"order_id": 17}),
    ("cancel_order", {"order_id": 17}),
    ("cancel_order", {"order_id": 19}),
    ("list_orders", {}),
    ("delete_order", {"order_id": 18}),
    ("get_order", {"order_id": 18}),
    ("find_product", {"title": "Blue kettle"}),
    ("find_product", {"title": "Nothing"}),
    ("add_user", {"name": "Cy", "email": "cy@example.org", "is_staff": True}),
    ("add_user", {"name": "Di", "email": "cy@example.org"}),
    ("set_stock", {"product_id": 1, "stock": -1}),
    ("set_mentor", {"user_id": 2, "mentor_id": 1}),
    ("drop_tag", {"code": "sale"}),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = engine_of(str(tmp_path / "shop.db"))
    fill(made)
    yield made
    made.dispose()


async def _theirs(engine: Engine) -> list[tuple[bool, Any]]:
    app = shop_app(engine)
    found = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        for name, arguments in CALLS:
            method, path = ROUTES[name]
            rest = {key: value for key, value in arguments.items() if f"{{{key}}}" not in path}
            sent: dict[str, Any] = {"params": rest} if method != "POST" else {"json": rest}
            answer = await client.request(method, path.format(**arguments), **sent)
            found.append((answer.is_success, answer.json() if answer.is_success else None))
    return found


def test_the_usual_build_answers_as_the_world_does(engine: Engine) -> None:
    theirs = asyncio.run(_theirs(engine))
    with Environment.fork(Blueprint.of(world())) as environment:
        ours = [environment.call_tool(*call) for call in CALLS]
    assert [(call, *answer) for call, answer in zip(CALLS, theirs, strict=True)] == [
        (call, answer.ok, answer.result) for call, answer in zip(CALLS, ours, strict=True)
    ]


def test_both_have_the_same_tools(engine: Engine) -> None:
    operations = [operation["operationId"] for path in shop_app(engine).openapi()["paths"].values() for operation in path.values()]
    assert sorted(operations) == sorted(TOOLS) == sorted(tool.name for tool in world().tools)


def test_a_refused_order_leaves_nothing_behind(engine: Engine) -> None:
    asyncio.run(_theirs(engine))
    with Session(engine) as session:
        assert [session.get_one(Product, number).stock for number in (1, 2, 3)] == [7, 50, 0]


@pytest.mark.xdist_group("serving")
def test_the_product_is_measured(tmp_path: Path) -> None:
    world_id = stored(tmp_path)
    assert [summary.world_id for summary in open_store(tmp_path).worlds()] == [world_id]
    held: list[float] = []
    with product(tmp_path, world_id) as server:
        first_list(server)
        assert asyncio.run(list_once(server.url)) == len(TOOLS)
        assert len(resets_of_ours(server, world_id, 2)) == 2
        assert pace(server.url, 2, (*READS, *WRITES), 0.01) > 0
        asyncio.run(hold([server.url] * 20, lambda: held.append(memory(server.process.pid)["Pss"])))
        assert held[0] > 0
        with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="no_such_tool"), flatten_subgroups=True):
            asyncio.run(play(server.url, [("no_such_tool", {})]))
    assert server.process.returncode is not None


@pytest.mark.xdist_group("serving")
@pytest.mark.parametrize("form", ["usual", "quick"])
def test_empty_servers_are_measured(form: str) -> None:
    with empty(form) as server:
        first_list(server)
        assert pace(server.url, 1, NOTHING, 0.01) > 0


def test_a_server_that_does_not_start_is_told() -> None:
    with launched(("false",), free_port()) as server, pytest.raises(ConnectionError, match="false"):
        first_list(server)


def test_what_cannot_be_installed_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    (row,) = serving_rows(tmp_path)
    assert "cannot be installed" in row.figure


def test_a_contrast_is_read_at_a_glance() -> None:
    assert contrast(0.002, 1.5) == "2.0 ms · usual build 1.50 s · 750×"
    assert contrast(1.0, 150.0) == "1.00 s · usual build 150 s · 150×"
