"""The pool, with real processes: what one environment does to another is nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifacts.bundle import bundle_files
from artifacts.errors import EnvironmentFault, InvalidBundle, InvalidInput, UnknownName
from artifacts.observation import Observation
from artifacts.store import open_store
from artifacts.toolset import Tool
from artifacts.world import Draft, World
from containers import pool_crew
from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment
from containers.pool import Assignment, Call, Ending, EnvironmentPool
from containers.pool_wire import Frames, frame_of_jobs, plain

CRAWL = {
    "name": "crawl",
    "description": "One statement that stays within its step budget for minutes.",
    "parameters": {"type": "object", "properties": {}},
    "program": [
        {"run": "INSERT INTO journal VALUES ('crawling')"},
        {
            "return": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
            " SELECT SUM(length(replace(hex(zeroblob(490000 + i % 7)), '0', '1'))) FROM n",
            "shape": "value",
        },
    ],
    "example": {},
}


def named(name: str, draft: Draft = SHOP) -> Draft:
    """A draft of another name, and so another world."""
    return draft.model_copy(update={"scenario": draft.scenario.model_copy(update={"name": name})})


def sealed(draft: Draft) -> World:
    parts = {name: getattr(draft, name) for name in ("scenario", "recipe", "clock", "me", "intentions", "schema_sql", "seed_sql")}
    return World(**parts, tools=draft.tools, tasks=draft.tasks)


SLOW = SHOP.model_copy(update={"tools": (*SHOP.tools, Tool.model_validate(CRAWL))})
WORLD = sealed(SHOP)


def until(holds: Callable[[], bool]) -> None:
    """Waits for a condition; pytest's own timeout ends a wait that is in vain."""
    while not holds():
        time.sleep(0.005)


def state_of(pid: int) -> str:
    """The system's letter for a process: Z where only its number is left, or where there is none at all."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def is_running(pid: int) -> bool:
    return state_of(pid) != "Z"


@pytest.fixture
def pool() -> Iterator[EnvironmentPool]:
    with EnvironmentPool(32, workers=2, worlds=[SLOW]) as running:
        yield running


@pytest.fixture
def environments(pool: EnvironmentPool) -> tuple[int, ...]:
    """Thirty-two environments; a worker holds some, another the others."""
    return pool.reset([Assignment(world_of(pool), "t02")] * 32)


def world_of(pool: EnvironmentPool) -> str:
    return pool.add(SLOW)[0]


def halves(pool: EnvironmentPool) -> tuple[list[int], list[int]]:
    """The environments of each of two workers."""
    slots = pool._slots.values()
    return [slot.number for slot in slots if slot.link == 0], [slot.number for slot in slots if slot.link == 1]


def names(observations: list[Observation]) -> set[str | None]:
    return {observation.error for observation in observations}


def idle(environments: list[int] | tuple[int, ...]) -> list[Call]:
    return [Call(number, "do_nothing") for number in environments]


def test_observations_come_in_the_order_of_the_calls(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    calls = [Call(number, "echo", {"whole": number}) for number in reversed(environments)]
    assert [observation.result["whole"] for observation in pool.step(calls)] == list(reversed(environments))


def test_calls_to_one_environment_are_done_in_order(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    calls = [Call(environments[0], "set_stock", {"product_id": 1, "stock": stock}) for stock in range(50)]
    assert [observation.result for observation in pool.step(calls)] == list(range(50))


def test_every_environment_has_a_state_of_its_own(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    pool.step([Call(number, "set_stock", {"product_id": 1, "stock": 100 + number}) for number in environments])
    changes = pool.differences(environments)
    assert [after["stock"] - 100 for (change,) in changes if (after := change.after)] == list(environments)
    assert len(set(pool.state_digests(environments))) == len(environments)


CALLS = st.sampled_from(
    [
        ("cancel_order", {"order_id": 17}),
        ("list_orders", {}),
        ("list_orders", {"status": "no such"}),
        ("place_order", {"items": [{"product_id": 2, "quantity": 2}], "note": "gift"}),
        ("set_stock", {"product_id": 1, "stock": 5}),
        ("time_of_day", {}),
        ("no_such_tool", {}),
        ("find_product", {"title": "Blue kettle"}),
        ("count_up", {"limit": 2**60}),
        ("echo", {"text": {1, 2}}),
    ]
)
PLACE = st.integers(0, 5)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.lists(st.tuples(PLACE, CALLS), max_size=8)),
        st.tuples(st.just("send"), st.lists(st.tuples(PLACE, CALLS), max_size=8)),
        st.tuples(st.just("renew"), st.lists(PLACE, max_size=3, unique=True)),
        st.tuples(st.just("replace"), st.lists(PLACE, max_size=3, unique=True)),
        st.tuples(st.just("prepare"), st.lists(PLACE, max_size=3)),
        st.tuples(st.just("score"), st.lists(PLACE, max_size=3)),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[EnvironmentPool]:
    with EnvironmentPool(6, workers=2, worlds=[SHOP, named("Another")]) as running:
        yield running


BLUEPRINT = Blueprint.of(SHOP)


class Model:
    """The pool's six places, and the same six as plain environments."""

    def __init__(self, pool: EnvironmentPool) -> None:
        self.pool = pool
        self.worlds = pool.add(SHOP, named("Another"))
        self.numbers = list(pool.reset([self.worlds[place % 2] for place in range(6)]))
        self.plain = [Environment.fork(BLUEPRINT) for _ in range(6)]

    def step(self, calls: list[tuple[int, tuple[str, Any]]]) -> None:
        expected = [self.plain[place].call_tool(*call) for place, call in calls]
        assert self.pool.step([Call(self.numbers[place], *call) for place, call in calls]) == expected

    def send(self, calls: list[tuple[int, tuple[str, Any]]]) -> None:
        expected: dict[int, list[Observation]] = {}
        for place, call in calls:
            expected.setdefault(self.numbers[place], []).append(self.plain[place].call_tool(*call))
        self.pool.send([Call(self.numbers[place], *call) for place, call in calls])
        for number, observation in self.pool.receive(len(calls)):
            assert observation == expected[number].pop(0)
        assert not any(expected.values())

    def renew(self, places: list[int]) -> None:
        self.pool.renew([self.numbers[place] for place in places])
        for place in places:
            self.plain[place].reset()

    def replace(self, places: list[int]) -> None:
        self.pool.release([self.numbers[place] for place in places])
        fresh = self.pool.reset([self.worlds[place % 2] for place in places])
        for place, number in zip(places, fresh, strict=True):
            self.numbers[place] = number
            self.plain[place].reset()

    def prepare(self, places: list[int]) -> None:
        self.pool.prepare([self.worlds[place % 2] for place in places])

    def score(self, places: list[int]) -> None:
        asked = [(place, task, answer) for place in places for task in ("t01", "t02", "t03") for answer in (None, 24.5)]
        scores = self.pool.score([Ending(self.numbers[place], answer, task) for place, task, answer in asked])
        assert scores == [self.plain[place].score(task, answer) for place, task, answer in asked]

    def same(self) -> None:
        assert self.pool.state_digests(self.numbers) == [environment.state_digest() for environment in self.plain]
        assert self.pool.differences(self.numbers) == [environment.difference() for environment in self.plain]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEEDS)
def test_a_pool_is_as_good_as_plain_environments(shared: EnvironmentPool, deeds: list[tuple[str, Any]]) -> None:
    model = Model(shared)
    try:
        for name, what in deeds:
            getattr(model, name)(what)
        model.same()
    finally:
        shared.release(model.numbers)
        for environment in model.plain:
            environment.close()


class Text(str):
    __slots__ = ()


def cycle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


STRANGE = (print, {1}, b"bytes", Text("pending"), "\ud800", cycle(), 1j, float("nan"), {1: 2}, {(1, print): 2}, (1, 2), 10**400, object())


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_values_that_no_wire_carries_are_refused_in_the_same_words(shared: EnvironmentPool, value: object) -> None:
    with Environment.fork(BLUEPRINT) as local:
        wholes = (value, {"status": value}, {"words": [value]})
        (number,) = shared.reset([shared.add(SHOP)[0]])
        calls = [("list_orders", wholes[0]), ("list_orders", wholes[1]), ("echo", wholes[2])]
        assert shared.step([(number, *call) for call in calls]) == [local.call_tool(*call) for call in calls]
        answers = [value, [value]]
        assert shared.score([Ending(number, answer, "t02") for answer in answers]) == [local.score("t02", answer) for answer in answers]
        shared.release([number])


def test_a_worker_that_is_killed_loses_its_own_environments_and_no_other(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    first, second = halves(pool)
    assert len(first) > 4
    assert len(second) > 4
    pool.step([Call(number, "set_stock", {"product_id": 1, "stock": 77}) for number in environments])
    pids = pool.worker_ids()
    os.kill(pids[0], signal.SIGKILL)
    until(lambda: len(pool.lost()) == len(first))
    assert "SIGKILL" in pool.lost()[first[0]]
    assert names(pool.step(idle(first))) == {"environment_error"}
    assert {score.outcome for score in pool.score([Ending(number, 24.5) for number in first])} == {"environment_error"}
    with pytest.raises(EnvironmentFault, match="SIGKILL"):
        pool.state_digests(first)
    assert [len(changes) for changes in pool.differences(second)] == [1] * len(second)
    assert pool.worker_ids()[0] != pids[0]
    assert pool.worker_ids()[1] == pids[1]
    pool.renew(first)
    assert names(pool.step(idle(environments))) == {None}
    assert pool.differences(first) == [()] * len(first)
    tally = pool.tally()
    assert (tally.workers_replaced, tally.environments_lost, tally.environment_errors) == (1, len(first), {"lost": len(first)})
    assert tally.agent_errors == {}


def test_callers_that_wait_for_a_killed_worker_are_told(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    first, second = halves(pool)
    pool.send([Call(first[0], "crawl"), *idle(environments[1:])])
    fast = pool.receive(len(environments) - 1)
    assert first[0] not in dict(fast)
    os.kill(pool.worker_ids()[0], signal.SIGKILL)
    ((number, observation),) = pool.receive()
    assert (number, observation.error) == (first[0], "environment_error")
    assert "not your fault" in observation.message
    assert names(pool.step(idle(second))) == {None}


def test_environments_under_way_survive_a_worker_that_is_killed(pool: EnvironmentPool) -> None:
    world = world_of(pool)
    pool.prepare([world] * 32)
    for pid in pool.worker_ids():
        os.kill(pid, signal.SIGKILL)
    environments = pool.reset([world] * 32)
    until(lambda: pool.tally().workers_replaced == 2)
    alive = [number for number in environments if number not in pool.lost()]
    assert names(pool.step(idle(alive))) <= {None}
    pool.renew(environments)
    assert names(pool.step(idle(environments))) == {None}


def test_a_slow_call_costs_no_other_environment_its_turn(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    pool.send([Call(environments[0], "crawl"), Call(environments[0], "list_orders"), *idle(environments[1:])])
    fast = pool.receive(len(environments) - 1)
    assert {number for number, _ in fast} == set(environments[1:])
    assert names(pool.step(idle(environments[1:]))) == {None}
    assert pool.receive(seconds=0) == []


def test_a_deadline_that_passes_is_an_environment_error_of_that_environment_alone(
    pool: EnvironmentPool, environments: tuple[int, ...]
) -> None:
    observations = pool.step([Call(environments[0], "crawl"), *idle(environments)], seconds=0.1)
    assert [observation.error for observation in observations[:2]] == ["environment_error"] * 2
    assert "longer than 0.1 seconds" in observations[0].message
    assert names(observations[2:]) == {None}
    assert list(pool.lost()) == [environments[0]]
    assert pool.score([Ending(environments[0], 24.5)])[0].outcome == "environment_error"
    pool.renew(environments[:1])
    assert pool.differences(environments[:1]) == [()]
    assert pool.score([Ending(environments[0], 24.5)])[0].outcome == "completed"
    tally = pool.tally()
    assert tally.environment_errors == {"late": 2}
    assert tally.outcomes == {"environment_error": 1, "completed": 1}
    assert tally.environments_lost == 1


def test_many_slow_calls_at_once_are_each_answered(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    slow, fast = environments[::4], [number for number in environments if number not in environments[::4]]
    observations = pool.step([*(Call(number, "crawl") for number in slow), *idle(fast)], seconds=0.2)
    assert names(observations[: len(slow)]) == {"environment_error"}
    assert names(observations[len(slow) :]) == {None}


def test_a_worker_that_says_nothing_any_more_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_crew, "STALL_SECONDS", 0.5)
    with EnvironmentPool(1, workers=1, worlds=[SHOP], call_seconds=0.5) as pool:
        (number,) = pool.reset(pool.add(SHOP))
        (pid,) = pool.worker_ids()
        os.kill(pid, signal.SIGSTOP)
        until(lambda: state_of(pid) == "T")
        assert names(pool.step(idle([number]))) == {"environment_error"}
        assert "nothing for too long" in pool.lost()[number]
        assert not is_running(pid)
        pool.renew([number])
        assert names(pool.step(idle([number]))) == {None}


def test_an_environment_renewed_twice_at_once_is_renewed(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    pool.step([Call(environments[0], "set_stock", {"product_id": 1, "stock": 77})])
    pool.renew([environments[0], environments[1], environments[0]])
    assert pool.differences(environments[:1]) == [()]


def test_an_environment_that_was_late_is_usable_as_soon_as_it_is_renewed(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    for _ in range(5):
        pool.step([Call(environments[0], "crawl")], seconds=0.02)
        pool.renew(environments[:1])
        assert names(pool.step(idle(environments[:1]) * 20)) == {None}
    assert pool.tally().environment_errors == {"late": 5}


def test_agents_mistakes_are_counted_apart(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    pool.step([Call(environments[0], "nothing_such"), Call(environments[0], "get_order", {}), Call(environments[0], "do_nothing")])
    tally = pool.tally()
    assert (tally.calls, tally.succeeded) == (3, 1)
    assert tally.agent_errors == {"unknown_tool": 1, "invalid_arguments": 1}
    assert tally.environment_errors == {}


def test_prepared_environments_are_taken_first(pool: EnvironmentPool) -> None:
    world = world_of(pool)
    pool.prepare([world] * 20)
    prepared = {slot.number for slot in pool._prepared[world]}
    assert pool.tally().prepared == 20
    taken = pool.reset([world] * 24)
    assert prepared < set(taken)
    assert pool.tally().prepared == 0
    assert names(pool.step(idle(taken))) == {None}
    pool.prepare([world] * 32)
    pool.prepare([world] * 8)
    assert pool.tally().prepared == 32


def test_preparing_does_not_wait(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    for pid in pool.worker_ids():
        os.kill(pid, signal.SIGSTOP)
    pool.prepare([world_of(pool)] * 32)
    for pid in pool.worker_ids():
        os.kill(pid, signal.SIGCONT)
    assert names(pool.step(idle(environments))) == {None}


def test_environments_given_back_show_nothing_of_their_past(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    initial = pool.state_digests(environments[:1])[0]
    pool.step([Call(number, "set_stock", {"product_id": 1, "stock": 77}) for number in environments])
    pool.release(environments)
    again = pool.reset([world_of(pool)] * 32)
    assert not set(again) & set(environments)
    assert pool.state_digests(again) == [initial] * 32
    with pytest.raises(UnknownName):
        pool.step(idle(environments))


def test_a_world_that_does_not_load_fails_alone(pool: EnvironmentPool) -> None:
    broken = SHOP.model_copy(update={"seed_sql": "INSERT INTO nowhere VALUES (1);"})
    worlds = (*pool.add(broken), world_of(pool))
    bad, good = pool.reset(worlds)
    observations = pool.step(idle([bad, good]))
    assert [observation.error for observation in observations] == ["environment_error", None]
    assert "nowhere" in pool.lost()[bad]


def test_a_pool_refuses_what_it_cannot_do(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    world = world_of(pool)
    with pytest.raises(InvalidInput, match="32 places"):
        pool.reset([world])
    with pytest.raises(InvalidInput, match="33"):
        pool.prepare([world] * 33)
    with pytest.raises(UnknownName, match="no world"):
        pool.prepare(["nowhere-000000000000"])
    with pytest.raises(UnknownName, match="t99"):
        pool.reset([Assignment(world, "t99")])
    with pytest.raises(UnknownName, match="t99"):
        pool.score([Ending(environments[0], None, "t99")])
    with pytest.raises(UnknownName, match="no environment 0"):
        pool.step([Call(environments[0], "crawl"), Call(0, "crawl")])
    with pytest.raises(InvalidInput, match="deadline of 0"):
        pool.step(idle(environments), seconds=0)
    with pytest.raises(TypeError):
        pool.step([(environments[0],)])  # type: ignore[list-item]  # what a caller without types may write
    with pytest.raises(InvalidInput):
        EnvironmentPool(0)
    pool.release(environments[:1])
    (untasked,) = pool.reset([world])
    with pytest.raises(InvalidInput, match="no task"):
        pool.score([Ending(untasked)])


def test_a_step_of_nothing_gives_nothing(pool: EnvironmentPool) -> None:
    assert pool.step([]) == []
    assert pool.receive() == []
    assert pool.reset([]) == ()


def test_worlds_come_as_objects_as_bundles_and_from_a_store(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(WORLD)
    with EnvironmentPool(4, workers=1, worlds=[bundle_files(WORLD), SHOP], store=store) as pool:
        assert pool.add(WORLD) == (WORLD.id,)
        environments = pool.reset([WORLD.id, *pool.add(SHOP)])
        assert len(set(pool.state_digests(environments))) == 1


def test_a_world_named_alone_is_read_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path)
    monkeypatch.setattr(store, "world", {WORLD.id: WORLD}.__getitem__)
    with EnvironmentPool(1, workers=1, store=store) as pool:
        assert names(pool.step(idle(pool.reset([WORLD.id])))) == {None}


@pytest.mark.parametrize("name", ["tools.json", "../escape", "world.json"])
def test_a_bundle_with_one_byte_changed_is_refused_and_the_file_named(name: str) -> None:
    files = bundle_files(WORLD)
    files[name] = files.get(name, b"{}")[:-1] + b" "
    with pytest.raises(InvalidBundle, match=name):
        EnvironmentPool(1, worlds=[files])


def test_more_worlds_than_a_worker_keeps_are_compiled_again() -> None:
    with EnvironmentPool(2, workers=1, worlds=[SHOP, named("Another")], most_worlds=1) as pool:
        worlds = pool.add(SHOP, named("Another"))
        for world in worlds * 3:
            environments = pool.reset([world])
            assert names(pool.step(idle(environments))) == {None}
            pool.release(environments)
        assert list(pool._crew.links[0].worlds) == [worlds[1]]


def test_two_threads_step_the_same_pool(pool: EnvironmentPool, environments: tuple[int, ...]) -> None:
    found: dict[int, bool] = {}

    def play(mine: tuple[int, ...]) -> None:
        calls = [Call(number, "echo", {"whole": number}) for number in mine]
        found[mine[0]] = all([o.result["whole"] for o in pool.step(calls)] == list(mine) for _ in range(50))

    threads = [threading.Thread(target=play, args=(mine,)) for mine in (environments[:16], environments[16:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [True, True]


def test_closing_leaves_no_process_behind_and_tells_those_who_wait(environments: tuple[int, ...], pool: EnvironmentPool) -> None:
    pids = pool.worker_ids()
    pool.send([Call(environments[0], "crawl")])
    pool.close()
    pool.close()
    assert not any(map(is_running, pids))
    assert [observation.error for _, observation in pool.receive()] == ["environment_error"]
    with pytest.raises(EnvironmentFault, match="closed"):
        pool.step(idle(environments))


ORPHANS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin deaf to it
from containers.conformance.shop import SHOP
from containers.pool import EnvironmentPool
pool = EnvironmentPool(8, workers=3, worlds=[SHOP])
pool.reset([*pool.add(SHOP)] * 8)
if sys.argv[1:] == ["fork"] and os.fork() == 0:
    sys.stdin.read()  # a copy of the parent that holds its sockets open
    os._exit(0)
print(*pool.worker_ids(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("ending", "option"),
    [(signal.SIGKILL, ""), (signal.SIGKILL, "fork"), (signal.SIGINT, ""), (None, "")],
    ids=["killed", "killed with a copy left", "interrupted", "without closing"],
)
def test_workers_end_with_their_parent(ending: signal.Signals | None, option: str) -> None:
    command = [sys.executable, "-c", ORPHANS, option]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout
        assert parent.stdin
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(map(is_running, pids))
        if ending is None:
            parent.stdin.close()
        else:
            parent.send_signal(ending)
        parent.wait()
        until(lambda: not any(map(is_running, pids)))


def test_workers_that_never_start_break_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with EnvironmentPool(1, workers=1, worlds=[SHOP]) as pool:
        until(lambda: bool(pool._crew.end))
        with pytest.raises(EnvironmentFault, match="do not start"):
            pool.reset(pool.add(SHOP))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(st.lists(st.tuples(st.integers(), JSON), max_size=3), max_size=5), st.integers(1, 40))
def test_frames_come_whole_however_they_are_cut(batches: list[list[tuple[Any, ...]]], size: int) -> None:
    sent = b"".join(frame_of_jobs(batch) for batch in batches)
    frames = Frames()
    cut = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert [messages for part in cut for messages in frames.feed(part)] == batches


@given(JSON)
def test_plain_values_are_carried_as_they_are(value: Any) -> None:
    assert plain(value) == value
