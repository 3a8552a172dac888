"""Which episodes a collection plays: the agent tasks that were asked for, less the episodes that are in the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from artifacts.agent_task import AgentTask, Kind
from artifacts.errors import InvalidInput
from artifacts.rows import Split
from artifacts.store import Store
from artifacts.trajectory_rows import Setting, episode_id
from containers.episodes.rollout import Wanted
from tasks.agent.collect_order import CollectOrder

if TYPE_CHECKING:
    import polars as pl


class TaskFacts(NamedTuple):
    """What the table of tasks says of one."""

    task_id: str
    world_id: str
    split: Split
    kind: Kind
    difficulty: int | None
    task: str


class Choice(NamedTuple):
    """The tasks by their ids, how many episodes are to be played, and how many of them are in the table already; of one snapshot."""

    tasks: Mapping[str, TaskFacts]
    planned: int
    known: frozenset[str]
    snapshot: int


def choose(store: Store, order: CollectOrder, setting: Setting) -> Choice:
    """The episodes of an order; raises UnknownName for a world that is not there, InvalidInput where no task fits."""
    current = store.snapshot()
    found = [TaskFacts(**row) for row in _tasks(store, order).iter_rows(named=True)]
    if not found:
        raise InvalidInput(f"No agent task in {store.url} fits what was asked for.", f"Asked for: {_asked(order)}.")
    tasks = {facts.task_id: facts for facts in found}
    wanted = {name for task_id in tasks for name in (episode_id(task_id, setting._replace(seed=seed)) for seed in order.seeds)}
    return Choice(tasks, len(wanted), frozenset(_played(store, setting.policy) & wanted), current.number)


def episodes(choice: Choice, order: CollectOrder, setting: Setting) -> Iterator[Wanted]:
    """The episodes that are still to be played, world after world."""
    for facts in choice.tasks.values():
        names = [(seed, episode_id(facts.task_id, setting._replace(seed=seed))) for seed in order.seeds]
        fresh = [(seed, name) for seed, name in names if name not in choice.known]
        if fresh:
            task = AgentTask.model_validate(json.loads(facts.task))
            yield from (Wanted(name, facts.world_id, task, seed) for seed, name in fresh)


def _tasks(store: Store, order: CollectOrder) -> pl.DataFrame:
    import polars as pl

    standing = [summary.world_id for summary in store.worlds()]
    named = [store.world(name).id for name in order.worlds]
    tasks: pl.LazyFrame = store.scan("agent_tasks").filter(pl.col("world_id").is_in(named or standing))
    wanted: dict[str, Any] = {"split": None if order.split == "all" else order.split, "kind": order.kind}
    for column, value in wanted.items():
        if value is not None:
            tasks = tasks.filter(pl.col(column) == value)
    if order.difficulty:
        tasks = tasks.filter(pl.col("difficulty").is_in(list(order.difficulty)))
    return tasks.sort("world_id", "position").select(TaskFacts._fields).collect()


def _played(store: Store, policy: str) -> set[str]:
    import polars as pl

    mine = store.scan("trajectories").filter(pl.col("policy") == policy).select("episode_id").collect()
    return set(mine["episode_id"])


def _asked(order: CollectOrder) -> str:
    parts = [f"split {order.split}"]
    parts += [f"kind {order.kind}"] if order.kind else []
    parts += [f"difficulty {', '.join(map(str, order.difficulty))}"] if order.difficulty else []
    parts += [f"worlds {', '.join(order.worlds[:5])}"] if order.worlds else []
    return "; ".join(parts)
