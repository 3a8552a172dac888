"""The attempts of a policy that a store holds, as an order asks for them."""

from __future__ import annotations

from typing import Any

from artifacts.store import Store
from artifacts.trajectory_rows import episode_id
from tasks.agent.choosing import choose
from tasks.agent.collect_order import CollectOrder
from tasks.agent.evaluation import Attempt, Evaluation, evaluation
from tasks.agent.players import identified


def attempts_of(order: CollectOrder, store: Store) -> tuple[Attempt, ...]:
    """The attempts that are in the table, task by task; the one episode of a policy without chance stands for all of its attempts.

    Raises what `choose` and `identified` do.
    """
    setting = order.setting(identified(order, store).name)
    tasks = choose(store, order, setting).tasks
    rows = _rows(store, setting.policy)
    found = []
    for facts in tasks.values():
        for place in range(order.episodes_per_task):
            row = rows.get(episode_id(facts.task_id, setting._replace(seed=order.seeds[min(place, len(order.seeds) - 1)])))
            if row is not None:
                solved = None if row["masked"] else row["outcome"] == "completed"
                who = (facts.task_id, facts.world_id, facts.kind, facts.difficulty)
                found.append(Attempt(*who, order.seed + place, solved, row["outcome"], row["ended"]))
    return tuple(found)


def evaluated(order: CollectOrder, store: Store) -> tuple[Evaluation, tuple[Attempt, ...]]:
    """The figures of an order's policy, and the attempts that they are of; raises what `attempts_of` does."""
    name = identified(order, store).name
    attempts = attempts_of(order, store)
    planned = len(choose(store, order, order.setting(name)).tasks) * order.episodes_per_task
    return evaluation(name, attempts, order.episodes_per_task, planned), attempts


def _rows(store: Store, policy: str) -> dict[str, dict[str, Any]]:
    import polars as pl

    columns = ("episode_id", "outcome", "ended", "masked")
    frame = store.scan("trajectories").filter(pl.col("policy") == policy).select(columns).collect()
    return {row["episode_id"]: row for row in frame.iter_rows(named=True)}
