"""Episodes as rows: what a trainer needs stands in one row, and the record comes back from it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from artifacts.errors import InvalidInput
from artifacts.fsck import REFERENCES, check
from artifacts.observation import Score
from artifacts.rows import rows_of_draft
from artifacts.store import Store
from artifacts.trajectory import Trajectory
from artifacts.trajectory_rows import Played, Setting, episode_id, row_of_trajectory, rows_of_episodes, trajectory_of_row
from artifacts.world import World

LIST = '<tool_call>\n{"name":"list_tools","arguments":{}}\n</tool_call>'
SAID = ("system", "user", "assistant", "user", "assistant", "user", "assistant", "user", "assistant")


def episode(world: World, **changes: Any) -> Trajectory:
    """Four turns, of which the first lists the tools, in a window of one."""
    texts = ["rules", "task", LIST, "tools", "one", "result", "two", "result", "done"]
    fields: dict[str, Any] = {
        "world_id": world.id,
        "world_digest": world.digest,
        "task_id": "t01",
        "policy": "idle",
        "form": "awm",
        "seed": 4,
        "max_turns": 9,
        "messages": tuple({"role": role, "content": text} for role, text in zip(SAID, texts, strict=True)),
        "calls": (),
        "ended": "answered",
        "answer": "done",
        "score": Score(outcome="completed", reward=1.0),
        "window": 1,
    }
    return Trajectory(**{**fields, **changes})


def test_a_row_tells_what_was_seen_at_each_turn(world: World, noon: datetime) -> None:
    row = row_of_trajectory(Played(episode(world), "train", "write", 2), 7, "run", noon)
    assert json.loads(row["seen"]) == [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 6, 7]]
    assert json.loads(row["messages"]) == list(episode(world).messages)
    assert (row["task_id"], row["window"], row["turns"], row["calls"], row["snapshot"]) == (f"{world.id}-t01", 1, 4, 0, 7)
    assert (row["masked"], row["latency_seconds"], row["tools"], row["difficulty"]) == (False, None, None, 2)
    assert row["trajectory_id"] == episode(world).trajectory_id


def test_the_record_comes_back_and_an_edit_is_noticed(world: World, noon: datetime) -> None:
    row = row_of_trajectory(Played(episode(world), "train", "write"), 7, "run", noon)
    assert trajectory_of_row(row) == episode(world)
    with pytest.raises(InvalidInput, match="was edited"):
        trajectory_of_row({**row, "record": row["record"].replace('"reward":1.0', '"reward":0.1')})


def test_the_environments_failure_is_masked(world: World, noon: datetime) -> None:
    broken = episode(world, score=Score(outcome="environment_error", reward=0.0), ended="environment_error", answer=None)
    assert row_of_trajectory(Played(broken, "train", "write"), 7, "run", noon)["masked"] is True


def test_an_episode_is_named_by_all_that_it_was_played_under() -> None:
    base = Setting("gpt", "awm", 1, 30, 3, 0.5)
    others = [base._replace(policy="x"), base._replace(form="native"), base._replace(seed=2), base._replace(max_turns=3)]
    others += [base._replace(window=None), base._replace(temperature=None), base._replace(reply=9)]
    names = {episode_id("w-t01", setting) for setting in (base, *others)} | {episode_id("w-t02", base)}
    assert len(names) == 9
    assert episode_id("w-t01", base) == episode_id("w-t01", Setting("gpt", "awm", 1, 30, 3, 0.5))


def test_a_name_stays_what_it_was_before_a_setting_joined() -> None:
    assert episode_id("w-t01", Setting("gpt", "awm", 1, 30, 3, 0.5)) == "33e74d6ce8ebf806e1670384"


def test_lineage_leads_to_the_task_the_run_and_the_checkpoint(world: World, noon: datetime) -> None:
    rows = rows_of_episodes([Played(episode(world), "train", "write", checkpoint_id="sft-7")], 7, "run", noon)
    assert {(row["parent_id"], row["relation"]) for row in rows["lineage"]} == {
        (f"{world.id}-t01", "trajectory<-agent_task"),
        ("run", "trajectory<-run"),
        ("sft-7", "trajectory<-checkpoint"),
    }


def test_a_store_with_an_episode_of_nothing_is_not_sound(store: Store, world: World, noon: datetime) -> None:
    store.publish(world)
    store.commit(rows_of_draft("tea-shop-0", world.report, (), world, run_id="run", created_at=noon), noon)
    sound = [fault.place for fault in check(store)]
    stray = episode(world, task_id="t09")
    store.commit(rows_of_episodes([Played(episode(world), "train", "write"), Played(stray, "train", "write")], 1, "run", noon), noon)
    found = [fault for fault in check(store) if fault.place not in sound]
    assert [fault.place for fault in found if "t09" in fault.problem] == [
        "trajectories.task_id",
        "lineage.parent_id (trajectory<-agent_task)",
    ]
    assert any(reference.table == "trajectories" and reference.to == "runs" for reference in REFERENCES)
