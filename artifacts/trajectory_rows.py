"""Episodes as rows of `trajectories`, with their lineage, and a trajectory back from its row. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from artifacts.agent_task import Kind
from artifacts.history import places
from artifacts.identity import digest_of, short
from artifacts.rows import Split
from artifacts.tables import Row, json_text, stamped
from artifacts.trajectory import FormName, Trajectory, parse_trajectory

EPISODE_HEX_DIGITS = 24


class Setting(NamedTuple):
    """Everything that an episode was played under, but the task and the policy's own nature."""

    policy: str
    form: FormName = "awm"
    seed: int | None = None
    max_turns: int = 30
    window: int | None = None
    temperature: float | None = None
    reply: int | None = None


class Played(NamedTuple):
    """A trajectory with what its row says besides: of the task, of the policy, and how long the policy took.

    `tools` is the list that stood in each request, None where it stands in the messages.
    """

    trajectory: Trajectory
    split: Split
    kind: Kind
    difficulty: int | None = None
    checkpoint_id: str | None = None
    tools: tuple[dict[str, Any], ...] | None = None
    latency_seconds: float | None = None


def episode_id(task_id: str, setting: Setting) -> str:
    """The name of what is to be played: the same whoever plays it, and when. `task_id` is the task's id among all worlds."""
    *known, reply = setting  # a setting that came later counts only where it is asked for, so that no name changes
    return digest_of([task_id, *known, *(() if reply is None else (reply,))])[:EPISODE_HEX_DIGITS]


def setting_of(trajectory: Trajectory) -> Setting:
    """What a trajectory was played under."""
    return Setting(*(getattr(trajectory, name) for name in Setting._fields))


def row_of_trajectory(played: Played, snapshot: int, run_id: str, created_at: datetime) -> dict[str, Any]:
    """A row of `trajectories`; `snapshot` is the number of the one that the task was read from."""
    trajectory = played.trajectory
    plain, setting = trajectory.canonical(), setting_of(trajectory)
    digest = digest_of(plain)
    task = f"{trajectory.world_id}-{trajectory.task_id}"
    row = {
        "trajectory_id": f"{task}-{short(digest)}",
        "episode_id": episode_id(task, setting),
        "task_id": task,
        "world_id": trajectory.world_id,
        **{name: getattr(played, name) for name in ("split", "kind", "difficulty", "checkpoint_id", "latency_seconds")},
        **setting._asdict(),
        "ended": trajectory.ended,
        "outcome": trajectory.outcome,
        "reward": trajectory.reward,
        "masked": trajectory.outcome == "environment_error",
        "turns": trajectory.turns,
        "calls": len(trajectory.calls),
        "input_tokens": trajectory.input_tokens,
        "output_tokens": trajectory.output_tokens,
        "messages": json_text(plain["messages"]),
        "seen": json_text(places(trajectory.messages, trajectory.window)),
        "tools": None if played.tools is None else json_text(played.tools),
        "record": json_text({"digest": digest, **plain}),
        "snapshot": snapshot,
    }
    return stamped(row, run_id, created_at)


def rows_of_episodes(played: Iterable[Played], snapshot: int, run_id: str, created_at: datetime) -> dict[str, list[dict[str, Any]]]:
    """The rows of episodes, with an edge from each to its task, its run and the checkpoint that played it."""
    rows = [row_of_trajectory(one, snapshot, run_id, created_at) for one in played]
    edges = [(row["trajectory_id"], row[column], f"trajectory<-{parent}") for row in rows for column, parent in _PARENTS if row[column]]
    lineage = [stamped({"child_id": c, "parent_id": p, "relation": r}, run_id, created_at) for c, p, r in edges]
    return {"trajectories": rows, "lineage": lineage}


_PARENTS = (("task_id", "agent_task"), ("run_id", "run"), ("checkpoint_id", "checkpoint"))


def trajectory_of_row(row: Row) -> Trajectory:
    """The trajectory in a row's `record`; raises InvalidInput for one that was edited, UnsupportedFormat for a newer one."""
    return parse_trajectory(str(row["record"]).encode(), str(row["trajectory_id"]))
