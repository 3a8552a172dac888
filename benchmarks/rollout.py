"""Rollouts, measured: environment steps per second of policies that cost nothing, in 1,024 environments, turns and records included."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from artifacts.trajectory_rows import Setting
from artifacts.world import World
from benchmarks.environments import worlds_of
from benchmarks.weaving import Row
from containers.episodes.conversations import BatchDesk, Rule
from containers.episodes.episode import FORMS
from containers.episodes.rollout import Rollout, Wanted
from containers.pool import EnvironmentPool

ENVIRONMENTS, MOST_WORLDS, EPISODES = 1_024, 64, 4_096


def rollout_rows(worlds: Sequence[World]) -> list[Row]:
    """Every figure of rollouts."""
    return [row for name in ("reference", "random") for row in _rows(name, worlds[:MOST_WORLDS])]


def wanted(worlds: Sequence[World], seeded: bool) -> Iterator[Wanted]:
    """Episodes over all tasks of the worlds, again and again."""
    tasks = cycle([(world.id, task) for world in worlds for task in world.tasks])
    for number, (world_id, task) in enumerate(islice(tasks, EPISODES)):
        yield Wanted(str(number), world_id, task, number if seeded else None)


def _rows(name: str, worlds: Sequence[World]) -> list[Row]:
    known = {world.id: world for world in worlds}
    with EnvironmentPool(ENVIRONMENTS, len(os.sched_getaffinity(0)), worlds=worlds) as pool:
        pool.release(pool.reset([world.id for world in worlds]))  # every world compiled
        rollout = Rollout(pool, BatchDesk(Rule(name, FORMS["awm"])), Setting(name), known.__getitem__, ENVIRONMENTS)
        began = time.perf_counter()
        ended = list(rollout.play(wanted(worlds, name == "random")))
        seconds = time.perf_counter() - began
    found = [one.trajectory for one in ended if one.trajectory is not None]
    calls, turns = sum(len(one.calls) for one in found), sum(one.turns for one in found)
    return [
        Row(
            f"policy {name}: environment steps a second in {ENVIRONMENTS:,} environments of {len(worlds)} worlds", f"{calls / seconds:,.0f}"
        ),
        Row("  turns; episodes a second, judged and recorded", f"{turns / seconds:,.0f}; {len(found) / seconds:,.0f}"),
    ]


def main() -> None:
    """Measure on the worlds of a store, and print: `python -m benchmarks.rollout STORE`."""
    for row in rollout_rows(worlds_of(Path(sys.argv[1]))):
        print(row.what, row.figure)


if __name__ == "__main__":
    main()
