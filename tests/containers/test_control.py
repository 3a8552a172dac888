"""The control plane as anyone on the network meets it: tokens, routes, limits, garbage."""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifacts.errors import InvalidBundle
from artifacts.world import Draft
from containers import control
from containers.conformance.shop import SHOP
from containers.control import control_app
from containers.limits import SessionLimits
from containers.metrics import Metrics
from containers.sessions import SessionRegistry

Serving = Callable[..., str]

TOKEN = "a-token-for-tests-only"
SHOP_ID = "shop-0123456789ab"
ROUTES = [
    ("GET", "/metrics"),
    ("GET", "/v1/worlds"),
    ("GET", "/v1/worlds/x"),
    ("GET", "/v1/sessions"),
    ("POST", "/v1/sessions"),
    ("GET", "/v1/sessions/x"),
    ("DELETE", "/v1/sessions/x"),
    ("POST", "/v1/sessions/x/reset"),
    ("POST", "/v1/sessions/x/fork"),
    ("POST", "/v1/sessions/x/score"),
    ("GET", "/v1/sessions/x/difference"),
    ("GET", "/v1/sessions/x/digest"),
    ("GET", "/nowhere"),
]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Plane(NamedTuple):
    """A control plane that runs, the registry behind it, and a client that has the token."""

    url: str
    registry: SessionRegistry
    http: httpx.Client
    clock: Clock
    shop: str

    def open(self, **more: str) -> str:
        """The id of a new session of the shop."""
        opened = self.http.post("/v1/sessions", json={"world": self.shop, **more})
        assert opened.status_code == 201, opened.text
        return str(opened.json()["id"])


LIMITS = SessionLimits(most_sessions=8, idle_seconds=60, most_request_bytes=10_000, request_seconds=20)


def source(world_id: str) -> Draft:
    """The shop, a bundle that was edited, or a failure of the server's own."""
    if world_id == "edited-000000000000":
        raise InvalidBundle("edited-000000000000/seed.sql was edited after sealing.", "Fetch the world again.")
    if world_id == "broken-000000000000":
        raise RuntimeError("secret insides")
    return SHOP


@pytest.fixture(scope="module")
def standing(serving: Serving) -> Iterator[Plane]:
    """One for all tests of this page."""
    clock = Clock()
    registry = SessionRegistry(source, (SHOP_ID, "edited-000000000000", "broken-000000000000"), LIMITS, clock)
    metrics = Metrics()
    registry.when_called(metrics.watch)
    url = serving(control_app(registry, TOKEN, metrics, "http://127.0.0.1:8765/"))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as http:
        yield Plane(url, registry, http, clock, SHOP_ID)


@pytest.fixture
def plane(standing: Plane) -> Iterator[Plane]:
    """Without sessions at first."""
    yield standing
    standing.registry.close_all()


def figures(plane: Plane) -> dict[str, float]:
    """What the server has counted so far."""
    lines = plane.http.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name.startswith("worldloom")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_opens_without_the_token(plane: Plane, method: str, path: str) -> None:
    answer = httpx.request(method, plane.url + path, content=b"\x00")
    assert (answer.status_code, answer.json()["error"]) == (401, "wrong_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert plane.http.request(method, path).status_code != 401


WRONG = ("", "Bearer", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN.upper()}")
TWICE = [("Authorization", f"Bearer {TOKEN}")] * 2


@pytest.mark.parametrize("headers", [*([("Authorization", value)] for value in WRONG), TWICE, [("X-Authorization", f"Bearer {TOKEN}")]])
def test_a_wrong_token_opens_nothing(plane: Plane, headers: list[tuple[str, str]]) -> None:
    assert httpx.post(f"{plane.url}/v1/sessions", json={"world": plane.shop}, headers=headers).status_code == 401
    assert plane.registry.sessions() == []


def test_the_token_is_not_taken_from_the_address(plane: Plane) -> None:
    assert httpx.get(f"{plane.url}/v1/worlds?token={TOKEN}&authorization=Bearer {TOKEN}").status_code == 401


def test_tokens_are_compared_in_constant_time(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return hmac.compare_digest(given, expected)

    monkeypatch.setattr(control, "hmac", type("", (), {"compare_digest": staticmethod(compare)}))
    assert httpx.get(f"{plane.url}/v1/worlds", headers={"Authorization": "bearer wrong"}).status_code == 401
    assert httpx.get(f"{plane.url}/v1/worlds", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    assert compared == [(b"wrong", TOKEN.encode()), (TOKEN.encode(), TOKEN.encode())]


def test_health_and_readiness_need_no_token_and_name_nothing(plane: Plane) -> None:
    plane.open()
    for path in ("/health", "/ready"):
        answer = httpx.get(plane.url + path)
        assert answer.status_code == 200
        assert answer.json() == {"status": answer.json()["status"], "worlds": 3, "sessions": 1, "most_sessions": 8}


def test_a_session_lives_from_open_to_close(plane: Plane) -> None:
    opened = plane.http.post("/v1/sessions", json={"world": plane.shop, "task": "t01"})
    session = opened.json()
    assert opened.headers["Location"] == f"/v1/sessions/{session['id']}"
    assert session == {
        "id": session["id"],
        "world": plane.shop,
        "task": "t01",
        "instruction": "Cancel my pending order for the blue kettle.",
        "mcp_url": f"http://127.0.0.1:8765/sessions/{session['id']}/mcp",
        "calls": 0,
        "idle_seconds": 0.0,
    }
    here = f"/v1/sessions/{session['id']}"
    first = plane.http.get(f"{here}/digest").json()
    assert plane.registry.call(session["id"], "cancel_order", {"order_id": 17}).ok
    changes = plane.http.get(f"{here}/difference").json()["changes"]
    assert {change["table"] for change in changes} == {"orders", "products", "journal"}
    assert plane.http.post(f"{here}/score", json={}).json()["outcome"] == "completed"
    assert plane.http.post(f"{here}/score", json={"task": "t02", "answer": "24.50"}).json()["outcome"] == "partial"
    assert plane.http.get(here).json()["calls"] == 1
    assert plane.http.get(f"{here}/digest").json() != first
    assert plane.http.post(f"{here}/reset").json()["calls"] == 0
    assert plane.http.get(f"{here}/digest").json() == first
    assert plane.http.get(f"{here}/difference").json() == {"changes": []}
    assert plane.http.delete(here).status_code == 204
    assert plane.http.delete(here).status_code == 404
    assert plane.http.get("/v1/sessions").json() == {"sessions": []}


def test_a_fork_goes_its_own_way(plane: Plane) -> None:
    first = plane.open(task="t01")
    plane.registry.call(first, "cancel_order", {"order_id": 17})
    forked = plane.http.post(f"/v1/sessions/{first}/fork")
    second = forked.json()["id"]
    assert (forked.status_code, forked.json()["task"], forked.json()["calls"], second != first) == (201, "t01", 1, True)
    assert plane.registry.digest(second) == plane.registry.digest(first)
    plane.http.post(f"/v1/sessions/{second}/reset")
    assert plane.http.post(f"/v1/sessions/{first}/score", json={}).json()["reward"] == 1.0
    assert plane.http.post(f"/v1/sessions/{second}/score", json={}).json()["reward"] == 0.0


def test_worlds_and_their_tasks_are_told_without_the_solutions(plane: Plane) -> None:
    assert plane.http.get("/v1/worlds").json()["worlds"][0] == plane.shop
    told = plane.http.get(f"/v1/worlds/{plane.shop}").json()
    assert told["id"] == plane.shop
    assert [task["id"] for task in told["tasks"]] == ["t01", "t02", "t03"]
    assert {key for task in told["tasks"] for key in task} == {"id", "kind", "instruction"}
    assert plane.http.get("/v1/worlds/shop").json() == told


def test_unknown_names_are_told_with_the_nearest(plane: Plane) -> None:
    def refused(answer: httpx.Response) -> tuple[int, str, str]:
        told = answer.json()
        return answer.status_code, told["error"], f"{told['message']} {told['hint']}"

    def ask(**body: str) -> tuple[int, str, str]:
        return refused(plane.http.post("/v1/sessions", json=body))

    missing = refused(plane.http.get("/v1/sessions/feed"))
    near = plane.shop[:-1] + "x"
    assert ask(world=near)[:2] == missing[:2] == (404, "unknown_name")
    assert f"Did you mean {plane.shop}?" in ask(world=near)[2]
    assert "t01, t02, t03" in ask(world=plane.shop, task="t09")[2]
    assert "feed" in missing[2]
    assert "dropped after its idle time" in missing[2]
    assert "t01, t02, t03" in refused(plane.http.post(f"/v1/sessions/{plane.open()}/score", json={"task": "t9"}))[2]
    assert refused(plane.http.get("/v1/elsewhere"))[:2] == (404, "not_found")
    wrong = plane.http.put("/v1/sessions")
    assert (wrong.status_code, wrong.json()["error"], "POST" in wrong.headers["Allow"]) == (405, "method_not_allowed", True)


def test_a_session_without_a_task_is_scored_by_a_named_one_only(plane: Plane) -> None:
    session = plane.open()
    assert plane.http.post(f"/v1/sessions/{session}/score").json()["error"] == "unknown_name"
    assert plane.http.post(f"/v1/sessions/{session}/score", json={"task": "t02", "answer": 24.5}).json()["outcome"] == "completed"


def test_a_full_server_says_so_and_has_room_again(plane: Plane) -> None:
    sessions = [plane.open() for _ in range(8)]
    for refused in (
        plane.http.post("/v1/sessions", json={"world": plane.shop}),
        plane.http.post(f"/v1/sessions/{sessions[0]}/fork"),
    ):
        assert (refused.status_code, refused.json()["error"]) == (503, "session_limit_reached")
        assert int(refused.headers["Retry-After"]) >= 1
    assert (plane.http.get("/ready").status_code, plane.http.get("/ready").json()["status"]) == (503, "full")
    plane.http.delete(f"/v1/sessions/{sessions[3]}")
    assert plane.http.get("/ready").status_code == 200
    plane.open()


def test_idle_sessions_are_dropped_and_to_look_keeps_none(plane: Plane) -> None:
    idle, used = plane.open(), plane.open()
    plane.clock.now += 40
    plane.registry.call(used, "do_nothing", {})
    plane.clock.now += 30
    assert plane.http.get(f"/v1/sessions/{idle}").json()["idle_seconds"] == 70.0
    assert [session["idle_seconds"] for session in plane.http.get("/v1/sessions").json()["sessions"]] == [70.0, 30.0]
    dropped = figures(plane)["worldloom_sessions_dropped_total"]
    assert plane.registry.reap() == 1
    assert plane.http.post(f"/v1/sessions/{idle}/score", json={"task": "t01"}).status_code == 404
    assert plane.http.post(f"/v1/sessions/{used}/score", json={"task": "t01"}).status_code == 200
    assert figures(plane)["worldloom_sessions_dropped_total"] == dropped + 1


GARBAGE = [
    b"\xff\xfe",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"world": 7}',
    b'{"world": ""}',
    b'{"world": "x", "task": 3}',
    b'{"world": "x", "more": 1}',
    b'{"world": "' + b"x" * 300 + b'"}',
    b'{"world": "\\ud800"}',
    b"[" * 5_000,
    b'{"world": NaN}',
]


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_refused_in_one_line(plane: Plane, body: bytes) -> None:
    refused = plane.http.post("/v1/sessions", content=body)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_input")
    assert len(refused.json()["message"]) < 300
    assert "Traceback" not in refused.text
    assert "pydantic" not in refused.text
    assert plane.registry.sessions() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"answer": text, "task": "t02"}).encode()))
def test_no_body_breaks_the_server(plane: Plane, body: bytes) -> None:
    session = (plane.registry.sessions() or [plane.registry.open(plane.shop)])[0].id
    assert plane.http.post(f"/v1/sessions/{session}/score", content=body).status_code in (200, 400, 404)
    assert plane.http.post("/v1/sessions", content=body).status_code in (400, 404)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_answer_is_judged(plane: Plane, answer: Any) -> None:
    session = (plane.registry.sessions() or [plane.registry.open(plane.shop, "t02")])[0].id
    judged = plane.http.post(f"/v1/sessions/{session}/score", content=json.dumps({"answer": answer}))
    assert (judged.status_code, judged.json()["error" if judged.is_error else "outcome"]) in (
        (200, "completed"),
        (200, "agent_error"),
        (400, "invalid_input"),  # a lone surrogate is no text
    )


def test_an_answer_that_is_no_json_number_is_refused(plane: Plane) -> None:
    session = plane.open(task="t02")
    for number in (b"NaN", b"-Infinity", b"01", b"0x1"):
        assert plane.http.post(f"/v1/sessions/{session}/score", content=b'{"answer": ' + number + b"}").status_code == 400


def test_large_bodies_are_refused_before_they_are_taken_in(plane: Plane) -> None:
    declared = plane.http.post("/v1/sessions", content=b"x" * 10_001)
    assert (declared.status_code, declared.json()["error"]) == (413, "request_entity_too_large")
    streamed = plane.http.post("/v1/sessions", content=iter([b"x" * 6_000] * 3))
    assert streamed.status_code == 413
    unsent = _raw(plane.url, b"Content-Length: 10001\r\n", b"")
    assert unsent.startswith(b"HTTP/1.1 413")
    lying = _raw(plane.url, b"Content-Length: 99999999999999999999999999999999\r\n", b"{")
    assert lying.split(b" ")[1] in (b"400", b"413")
    assert plane.open()


def _raw(url: str, headers: bytes, body: bytes, path: str = "/v1/sessions") -> bytes:
    """What the server answers on a connection of its own."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port or 0), timeout=30) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode() + headers + b"\r\n" + body)
        return connection.recv(65_536)


def test_who_says_nothing_more_is_cut_off(serving: Serving) -> None:
    limits = LIMITS.model_copy(update={"request_seconds": 0.05})
    registry = SessionRegistry(lambda _: SHOP, (SHOP_ID,), limits)
    url = serving(control_app(registry, TOKEN, Metrics(), "http://127.0.0.1:8765"))
    answer = _raw(url, b"Content-Length: 100\r\n", b'{"world"')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()


def test_who_vanishes_in_the_middle_leaves_nothing_behind(plane: Plane) -> None:
    for _ in range(20):
        with socket.create_connection((urlsplit(plane.url).hostname, urlsplit(plane.url).port or 0)) as connection:
            connection.sendall(
                f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 99\r\n\r\n{{".encode()
            )
    assert plane.open()
    assert len(plane.registry.sessions()) == 1


def test_an_edited_world_is_refused_with_the_file_named(plane: Plane) -> None:
    refused = plane.http.post("/v1/sessions", json={"world": "edited-000000000000"})
    assert (refused.status_code, refused.json()["error"]) == (500, "invalid_bundle")
    assert "seed.sql" in refused.json()["message"]


def test_a_failure_inside_tells_nothing_of_the_insides(plane: Plane) -> None:
    refused = plane.http.post("/v1/sessions", json={"world": "broken-000000000000"})
    assert (refused.status_code, refused.json()["error"]) == (500, "internal")
    assert "secret" not in refused.text
    assert refused.headers["connection"] == "close", "or the next request would race with the server, which closes it"
    assert plane.open()


def test_a_session_in_use_holds_up_no_other(plane: Plane) -> None:
    busy, free = plane.open(), plane.open()
    with ThreadPoolExecutor() as threads:
        with plane.registry.get(busy).lock:
            waiting = threads.submit(plane.http.post, f"/v1/sessions/{busy}/score", json={"task": "t01"})
            assert plane.http.post(f"/v1/sessions/{free}/score", json={"task": "t01"}).status_code == 200
            assert plane.http.get("/health").status_code == 200
            assert not waiting.done()
        assert waiting.result().status_code == 200


def test_calls_are_counted_by_outcome(plane: Plane) -> None:
    session, before = plane.open(), figures(plane)
    plane.registry.call(session, "do_nothing", {})
    plane.registry.call(session, "no_such_tool", {})
    for order_id in (99, "x"):
        plane.registry.call(session, "cancel_order", {"order_id": order_id})
    after = figures(plane)
    codes = [f'worldloom_call_errors_total{{code="{code}"}}' for code in ("not_found", "unknown_tool", "invalid_arguments")]
    assert {name: after[name] - before[name] for name in after if after[name] != before[name] and "_bucket" not in name} == {
        "worldloom_calls_total": 4,
        "worldloom_call_seconds_count": 4,
        "worldloom_call_seconds_sum": pytest.approx(after["worldloom_call_seconds_sum"] - before["worldloom_call_seconds_sum"]),
        **dict.fromkeys(codes, 1),
    }
    assert after["worldloom_sessions"] == 1


def test_figures_are_prometheus_text_and_hold_no_secret(plane: Plane) -> None:
    told = plane.http.get("/metrics")
    assert told.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert TOKEN not in told.text
