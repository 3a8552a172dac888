"""Environments, measured: fork, reset, calls and scores on a typical world, and a thousand of them in one process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median, quantiles

from artifacts.store import open_store
from artifacts.world import World
from benchmarks.weaving import Row
from containers.environment import Blueprint, Environment
from containers.reference import replay

ROUNDS = 2_000
CROWD, CROWD_WORLDS = 1_024, 64


def typical(worlds: Iterable[World]) -> World:
    """The world in the middle by the size of its content."""
    ranked = sorted(worlds, key=lambda world: (len(world.seed_sql) + len(world.schema_sql), world.id))
    return ranked[len(ranked) // 2]


def microseconds(action: Callable[[], object], rounds: int, between: Callable[[], object] = lambda: None) -> list[float]:
    """How long each of many rounds took; what stands `between` is not counted."""
    times = []
    for _ in range(rounds):
        between()
        began = time.perf_counter_ns()
        action()
        times.append((time.perf_counter_ns() - began) / 1_000)
    return times


def told(what: str, times: Sequence[float], aim: str) -> Row:
    """Median and 99th percentile on a line."""
    return Row(what, f"{median(times):,.0f} µs, {quantiles(times, n=100)[98]:,.0f} µs at p99", aim)


def single(world: World) -> list[Row]:
    """One environment of a typical world."""
    blueprint = Blueprint.of(world)
    forks = microseconds(lambda: Environment.fork(blueprint).close(), ROUNDS // 4)
    with Environment.fork(blueprint) as environment:
        reads, writes = calls(environment, world)
        return [
            told("fork and close", forks, "250 µs"),
            told("reset after a write", resets(environment, world), "20 µs"),
            told("a call that reads", reads, "40 µs"),
            told("a call that writes", writes, "80 µs"),
            told("score an episode", scores(environment, world), "1,000 µs"),
        ]


def calls(environment: Environment, world: World) -> tuple[list[float], list[float]]:
    """Times of the tools' own examples: those that leave the state alone, and those that change it."""
    reads: list[float] = []
    writes: list[float] = []
    for tool in world.tools:
        environment.reset()
        environment.call_tool(tool.name, tool.example)
        changes = bool(environment.difference())
        rounds = max(20, ROUNDS // len(world.tools))
        times = microseconds(lambda tool=tool: environment.call_tool(tool.name, tool.example), rounds, environment.reset)  # type: ignore[misc]  # a default binds the loop's tool
        (writes if changes else reads).extend(times)
    return reads, writes


def resets(environment: Environment, world: World) -> list[float]:
    """Times of a reset after an episode that changed rows."""
    task = next(task for task in world.tasks if task.kind != "read")
    return microseconds(environment.reset, ROUNDS // 4, lambda: replay(environment, task.solution))


def scores(environment: Environment, world: World) -> list[float]:
    """Times of scoring the end state of every task's reference."""
    times = []
    for task in world.tasks:

        def play(task=task) -> None:  # type: ignore[no-untyped-def]  # a default binds the loop's task
            environment.reset()
            replay(environment, task.solution)

        times += microseconds(lambda task=task: environment.score(task, answer_of(task.answer)), 40, play)  # type: ignore[misc]  # as above
    return times


def answer_of(answer: Sequence[object] | None) -> object:
    """A right answer, as an agent may give it."""
    return None if answer is None else list(answer)


def crowd(store: Path) -> list[Row]:
    """Many environments of many worlds alive in one process, in a process of their own so that memory is only theirs."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.crowd", store], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    what = f"{found['environments']:,} environments of {found['worlds']} worlds"
    return [
        Row(f"{what}: fork them all", f"{found['seconds']:.2f} s", "1 s"),
        Row(f"{what}: memory each", f"{found['megabytes_each']:.2f} MB", "0.5 MB"),
        Row("  compile those worlds first", f"{found['compiled']:.2f} s"),
    ]


def worlds_of(store: Path) -> list[World]:
    """The worlds of a store."""
    shelf = open_store(store, create=False)
    return [shelf.world(summary.world_id) for summary in shelf.worlds()]
