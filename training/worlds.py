"""Agent tasks with their worlds, from the tables alone: what a trainer forks environments from."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from artifacts.agent_task import AgentTask
from artifacts.errors import InvalidInput, UnknownName
from artifacts.rows import world_of_rows
from artifacts.store import Store
from artifacts.world import World
from training.order import Numbers
from training.reading import Shelf

KEPT_WORLDS = 64
"""So many worlds stay in memory: the tasks of one row group are of about 25."""

_WORLD_ROW = (
    *("digest", "world_id", "format", "me", "sqlite_min", "intentions", "schema_sql", "seed_sql", "seed_size"),
    *("scenario", "recipe", "clock", "tools", "report"),
)
_TASK_ROW = ("world_id", "position", "task")


class Charge(NamedTuple):
    """A task and the world that it is set in."""

    task_id: str
    task: AgentTask
    world: World


class Worlds:
    """The worlds of a store as it was opened, by id, each verified against its digest."""

    def __init__(self, store: Store) -> None:
        snapshot = store.snapshot()
        self._worlds = Shelf(store.files, snapshot, "worlds", _WORLD_ROW, keep=4)
        self._tasks = Shelf(store.files, snapshot, "agent_tasks", _TASK_ROW, keep=4)
        self._world_rows = _places(store, "worlds")
        self._task_rows = _places(store, "agent_tasks")
        self._kept: OrderedDict[str, World] = OrderedDict()

    def world(self, world_id: str) -> World:
        """A world; raises UnknownName, InvalidBundle for rows that were edited, InvalidInput for a damaged part."""
        if world_id not in self._kept:
            if world_id not in self._world_rows:
                raise UnknownName(f"There is no world '{world_id}' in this snapshot.", "`worldloom fsck` checks a store's references.")
            (row,) = self._worlds.rows(self._world_rows[world_id])
            tasks = self._tasks.rows(self._task_rows.get(world_id, np.zeros(0, np.int64)))
            while len(self._kept) >= KEPT_WORLDS:
                self._kept.popitem(last=False)
            self._kept[world_id] = world_of_rows(row, tasks)
        self._kept.move_to_end(world_id)
        return self._kept[world_id]

    def charge(self, sample: dict[str, Any]) -> Charge:
        """A sample of `agent_tasks` with its world: what a stream's `make` gives."""
        world = self.world(str(sample["world_id"]))
        try:
            task = AgentTask.model_validate(json.loads(sample["task"]))
        except ValueError as problem:
            raise InvalidInput(f"The row of {sample['task_id']} holds no agent task.", "The store was edited.") from problem
        return Charge(str(sample["task_id"]), task, world)

    def tools(self, world_id: str) -> list[dict[str, Any]]:
        """The tools of a world in the form of chat completions."""
        return [
            {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
            for tool in self.world(world_id).tools
        ]


def _places(store: Store, table: str) -> dict[str, Numbers]:
    """The numbers of each world's rows."""
    import polars as pl

    rows = store.scan(table).select("world_id").with_row_index("row").group_by("world_id").agg(pl.col("row")).collect()
    return {world_id: np.sort(np.asarray(places, np.int64)) for world_id, places in rows.iter_rows()}
