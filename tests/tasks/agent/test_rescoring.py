"""A record is judged from itself: an honest one holds, a forged one does not, a tampered one is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from artifacts.errors import InvalidInput, UnknownName
from artifacts.observation import Score
from artifacts.store import open_store
from artifacts.trajectory import Trajectory
from artifacts.world import World
from containers.episodes.rescoring import rescore
from tasks.agent.playing import play_task, policy_named, tools_in_process
from tasks.agent.records import fetch, keep


def reference(world: World) -> Trajectory:
    async def run() -> Trajectory:
        async with policy_named("reference", "awm", world.tasks[1]) as policy, tools_in_process(world) as tools:
            return await play_task(world, world.tasks[1], policy, tools)

    return asyncio.run(run())


@pytest.fixture
def record(toys: World) -> Trajectory:
    return reference(toys)


def test_an_honest_record_holds(record: Trajectory, toys: World) -> None:
    found = rescore(record, toys)
    assert found.holds
    assert found.agreements == (True, True)
    assert found.score == record.score


def test_a_forged_score_does_not_hold(record: Trajectory, toys: World) -> None:
    forged = record.model_copy(update={"score": Score(outcome="partial", reward=0.1)})
    found = rescore(forged, toys)
    assert not found.holds
    assert (found.agreements, found.score.reward) == ((True, True), 1.0)


def test_a_forged_observation_is_pointed_at(record: Trajectory, toys: World) -> None:
    second = record.calls[1].model_copy(update={"observation": {"result": {"id": 1, "name": "Kiwi"}}})
    found = rescore(record.model_copy(update={"calls": (record.calls[0], second)}), toys)
    assert not found.holds
    assert found.agreements == (True, False)
    assert found.score.outcome == "environment_error"
    assert "call 1 (borrow_toy)" in found.score.detail


@pytest.mark.parametrize(
    ("update", "why"),
    [
        ({"calls": ()}, "calls are not those of its messages"),
        ({"answer": "Another."}, "do not end as it says"),
        ({"ended": "turn_limit", "answer": None}, "do not end as it says"),
        ({"ended": "format_violation"}, "do not end as it says"),
        ({"max_turns": 2}, "do not end as it says"),
        ({"messages": (), "calls": ()}, "do not end as it says"),
        ({"world_digest": "0" * 64}, "another world"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(record: Trajectory, toys: World, update: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        rescore(record.model_copy(update=update), toys)


def test_a_task_that_is_not_there_is_refused(record: Trajectory, toys: World) -> None:
    with pytest.raises(UnknownName, match="no task 't77'"):
        rescore(record.model_copy(update={"task_id": "t77"}), toys)


def test_a_record_is_found_by_file_and_by_id_with_the_store_around_it(record: Trajectory, tmp_path: Any) -> None:
    store = open_store(tmp_path / "loom")
    path = keep(store, record)
    assert keep(store, record) == path
    assert path == str(tmp_path / "loom/trajectories" / f"{record.trajectory_id}.json")
    by_file, around = fetch(path, str(tmp_path / "nowhere"))
    by_id, named = fetch(record.trajectory_id, store.url)
    assert by_file == by_id == record
    assert around.url == named.url == store.url
    with pytest.raises(UnknownName, match=f"Did you mean {record.trajectory_id}"):
        fetch(record.trajectory_id[:-1], store.url)
