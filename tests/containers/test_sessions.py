"""Sessions are isolated, bounded, and found again by their ids."""

from __future__ import annotations

import random
import threading

import pytest

from artifacts.errors import SessionLimitReached, UnknownName
from artifacts.world import Draft
from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment
from containers.sessions import SessionLimits, SessionRegistry

ORDER = {"items": [{"product_id": 1, "quantity": 1}]}


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def registry_of(clock: Clock | None = None, **limits: float) -> SessionRegistry:
    """A registry of two worlds, both the shop."""
    return SessionRegistry(lambda _: SHOP, ("shop-1", "shop-2"), SessionLimits.model_validate(limits), clock or Clock())


def test_sessions_know_nothing_of_each_other() -> None:
    registry = registry_of()
    one, two = registry.open("shop-1"), registry.open("shop-2")
    assert registry.call(one.id, "cancel_order", {"order_id": 17}).ok
    assert registry.difference(two.id) == ()
    assert registry.call(two.id, "list_orders", {"status": "cancelled"}).result == []
    assert registry.digest(one.id) != registry.digest(two.id)


def test_reset_is_in_place() -> None:
    registry = registry_of()
    session = registry.open("shop-1")
    before = registry.digest(session.id)
    registry.call(session.id, "cancel_order", {"order_id": 17})
    assert registry.reset(session.id) is session
    assert (registry.digest(session.id), session.calls) == (before, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_fork_has_the_same_state_and_the_same_future(seed: int) -> None:
    registry, draw = registry_of(), random.Random(seed)  # noqa: S311 - which calls a test makes is no secret
    calls = [
        ("cancel_order", {"order_id": 17}),
        ("place_order", ORDER),
        ("fill_journal", {"rows": 2**62}),
        ("time_of_day", {}),
        ("nope", {}),
    ]
    first = registry.open("shop-1", "t01")
    for tool, arguments in draw.choices(calls, k=12):
        registry.call(first.id, tool, arguments)
    twin = registry.fork(first.id)
    assert (twin.id != first.id, twin.task_id, twin.calls) == (True, "t01", 12)
    assert registry.digest(twin.id) == registry.digest(first.id)
    assert registry.difference(twin.id) == registry.difference(first.id)
    for tool, arguments in draw.choices(calls, k=6):
        assert registry.call(twin.id, tool, arguments) == registry.call(first.id, tool, arguments)
    registry.call(twin.id, "add_user", {"name": "Cy", "email": "cy@x.org"})
    assert registry.digest(twin.id) != registry.digest(first.id)


def test_score_uses_the_task_that_the_session_was_opened_for() -> None:
    registry = registry_of()
    session = registry.open("shop-1", "t01")
    assert registry.score(session.id).outcome == "agent_error"
    registry.call(session.id, "cancel_order", {"order_id": 17})
    assert registry.score(session.id).outcome == "completed"
    assert registry.score(session.id, [24.5], "t02").outcome != "completed"
    with pytest.raises(UnknownName, match="without a task"):
        registry.score(registry.open("shop-1").id)


def test_unknown_names_are_told_with_the_nearest() -> None:
    registry = registry_of()
    with pytest.raises(UnknownName, match="Did you mean shop-"):
        registry.open("shop-3")
    with pytest.raises(UnknownName):
        registry.open("shop-")
    with pytest.raises(UnknownName):
        registry.open("")
    with pytest.raises(UnknownName, match="no task 't99'"):
        registry.open("shop-1", "t99")
    for use in (registry.get, registry.reset, registry.fork, registry.close, registry.digest, registry.difference, registry.score):
        with pytest.raises(UnknownName, match="no session 'gone'"):
            use("gone")


def test_idle_sessions_are_dropped_and_told_of() -> None:
    clock = Clock()
    registry, told = registry_of(clock, idle_seconds=10), list[str]()
    registry.when_closed(told.append)
    idle, busy = registry.open("shop-1"), registry.open("shop-1")
    clock.now += 6
    registry.call(busy.id, "do_nothing", {})
    clock.now += 6
    assert registry.reap() == 1
    assert (told, [session.id for session in registry.sessions()]) == ([idle.id], [busy.id])


def test_a_full_server_refuses_unless_a_client_left_a_session_unused() -> None:
    clock = Clock()
    registry = registry_of(clock, most_sessions=3, spare_seconds=5)
    kept, used, unused = registry.open("shop-1"), registry.open("shop-1", client="a"), registry.open("shop-1", client="a")
    registry.call(used.id, "do_nothing", {})
    with pytest.raises(SessionLimitReached, match="3 sessions open"):
        registry.open("shop-1")
    with pytest.raises(SessionLimitReached):
        registry.fork(used.id)
    clock.now += 6
    fourth = registry.open("shop-1")
    assert {session.id for session in registry.sessions()} == {kept.id, used.id, fourth.id}
    assert unused.environment.call_tool("do_nothing", {}).error == "environment_error"
    clock.now += 6
    with pytest.raises(SessionLimitReached):
        registry.open("shop-1")


def test_one_client_has_only_its_share() -> None:
    registry = registry_of(most_sessions_per_client=2)
    first = registry.open("shop-1", client="a")
    registry.open("shop-2", client="a")
    with pytest.raises(SessionLimitReached, match="its 2 sessions open"):
        registry.open("shop-1", client="a")
    registry.open("shop-1", client="b")
    registry.close(first.id)
    registry.open("shop-1", client="a")


def test_an_id_is_given_once() -> None:
    registry = registry_of()
    registry.open("shop-1", session_id="mine")
    with pytest.raises(SessionLimitReached, match="already"):
        registry.open("shop-1", session_id="mine")


def test_calls_without_end_are_stopped_until_a_reset() -> None:
    registry = registry_of(most_calls_per_session=2)
    session = registry.open("shop-1")
    assert [registry.call(session.id, "do_nothing", {}).error for _ in range(3)] == [None, None, "too_many_calls"]
    registry.reset(session.id)
    assert registry.call(session.id, "do_nothing", {}).ok


def test_worlds_beyond_the_limit_are_loaded_anew() -> None:
    loaded: list[str] = []

    def source(world_id: str) -> Draft:
        loaded.append(world_id)
        return SHOP

    registry = SessionRegistry(source, ("shop-1", "shop-2"), SessionLimits(worlds_in_memory=1))
    first = registry.open("shop-1")
    registry.open("shop-2")
    registry.open("shop-1")
    assert loaded == ["shop-1", "shop-2", "shop-1"]
    assert registry.call(first.id, "cancel_order", {"order_id": 17}).ok


def test_threads_may_share_a_registry() -> None:
    registry = registry_of()
    digests: list[str] = []

    def episode() -> None:
        session = registry.open("shop-1")
        for _ in range(20):
            registry.call(session.id, "place_order", ORDER)
            registry.fork(session.id)
        digests.append(registry.digest(session.id))

    threads = [threading.Thread(target=episode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Environment.fork(Blueprint.of(SHOP)) as alone:
        for _ in range(20):
            alone.call_tool("place_order", ORDER)
        assert digests == [alone.state_digest()] * 4
    registry.close_all()
    assert registry.sessions() == []
