"""What a store has on record about its worlds, as far as it matters for making them again."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from artifacts.errors import UnknownName
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.store import Store
from artifacts.tables import TABLES
from tasks.gates import definition_of
from tasks.regeneration.stale import Played, Standing, TaskFigures

PLAYED = "trajectories"


def standings(store: Store, names: Sequence[str] = ()) -> tuple[Standing, ...]:
    """The worlds that no other took the place of, oldest first, or those named; raises UnknownName for a name without a world,
    or of a world that has a successor.
    """
    chosen = chosen_worlds(store, names)
    wanted = pl.col("world_id").is_in(list(chosen))
    columns = ("world_id", "scenario", "recipe", "format", "report")
    rows = {row["world_id"]: row for row in store.scan("worlds").filter(wanted).select(columns).collect().iter_rows(named=True)}
    tasks, played = task_figures(store, wanted), episodes(store, wanted)
    return tuple(
        Standing(
            world_id=world_id,
            scenario=Scenario.model_validate_json(rows[world_id]["scenario"]),
            recipe=Recipe.model_validate_json(rows[world_id]["recipe"]),
            format=rows[world_id]["format"],
            judged_by=definition_of(json.loads(rows[world_id]["report"])),
            tasks=tuple(tasks.get(world_id, ())),
            played=tuple(played.get(world_id, ())),
        )
        for world_id in chosen
    )


def chosen_worlds(store: Store, names: Sequence[str]) -> tuple[str, ...]:
    """The ids of the worlds to look at, each once; raises UnknownName."""
    current = [summary.world_id for summary in store.worlds()]
    if not names:
        return tuple(current)
    successors = store.successors()
    found = {named(store, name, successors): None for name in names}
    return tuple(found)


def named(store: Store, name: str, successors: dict[str, str]) -> str:
    """The world of a name or its beginning; raises UnknownName for none, several, or one that has a successor."""
    world_id = store.world(name).id
    if world_id in successors:
        raise UnknownName(f"{world_id} is superseded by {successors[world_id]}.", "Name that one, or leave it out.")
    return world_id


def task_figures(store: Store, wanted: pl.Expr) -> dict[str, list[TaskFigures]]:
    """What was measured of the tasks of each world."""
    rows = store.scan("agent_tasks").filter(wanted).sort("task_id").select("world_id", *TaskFigures._fields).collect()
    found: dict[str, list[TaskFigures]] = {}
    for world_id, *figures in rows.iter_rows():
        found.setdefault(world_id, []).append(TaskFigures(*figures))
    return found


def episodes(store: Store, wanted: pl.Expr) -> dict[str, list[Played]]:
    """How each policy fared in each world; episodes that the environment spoiled say nothing about it."""
    if PLAYED not in TABLES:
        return {}
    counting = store.scan(PLAYED).filter(wanted & (pl.col("outcome") != "environment_error"))
    grouped = counting.group_by("world_id", "policy").agg(pl.len(), (pl.col("outcome") == "completed").sum().alias("completed"))
    found: dict[str, list[Played]] = {}
    for world_id, policy, count, completed in grouped.sort("world_id", "policy").collect().iter_rows():
        found.setdefault(world_id, []).append(Played(policy, count, completed))
    return found
