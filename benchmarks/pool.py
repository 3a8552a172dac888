"""The pool, measured: environment steps per second on 1, 2 and 4 workers, and what preparing the next batch saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from statistics import median

from artifacts.world import World
from benchmarks.weaving import Row
from containers.environment import Blueprint, Environment
from containers.pool import Call, EnvironmentPool

ENVIRONMENTS, MOST_WORLDS = 1_024, 64
WORKERS = (1, 2, 4)
BUSY_SECONDS = 2.0
"""What the caller does with a batch before it asks for the next."""


def seconds(action: Callable[[], object]) -> float:
    """How long it took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def tools_of(world: World) -> tuple[list[str], list[str]]:
    """The names of the tools whose examples leave the state alone, and of those whose examples change it."""
    reads: list[str] = []
    writes: list[str] = []
    with Environment.fork(Blueprint.of(world)) as environment:
        for tool in world.tools:
            environment.reset()
            environment.call_tool(tool.name, tool.example)
            (writes if environment.difference() else reads).append(tool.name)
    return reads, writes


def pool_rows(worlds: Sequence[World]) -> list[Row]:
    """Every figure of the pool."""
    chosen = worlds[:MOST_WORLDS]
    sides = [tools_of(world) for world in chosen]
    what = f"steps a second in {ENVIRONMENTS:,} environments of {len(chosen)} worlds"
    alone = Row(f"{what}, in this process, that read", f"{_alone(chosen, [reads for reads, _ in sides]):,.0f}")
    return [alone, *(row for workers in WORKERS for row in _with(workers, chosen, sides, what))]


def _with(workers: int, worlds: Sequence[World], sides: Sequence[tuple[list[str], list[str]]], what: str) -> list[Row]:
    wanted = list(islice(cycle([world.id for world in worlds]), ENVIRONMENTS))
    began = time.perf_counter()
    with EnvironmentPool(ENVIRONMENTS, workers=workers, worlds=worlds) as pool:
        environments = pool.reset(wanted)
        opened = time.perf_counter() - began
        paces = [_pace(pool, environments, worlds, [pair[side] for pair in sides]) for side in (0, 1)]
        pool.prepare(wanted)
        time.sleep(BUSY_SECONDS)
        pool.release(environments)
        again = seconds(lambda: pool.reset(wanted))
    name = f"pool of {workers} {'worker' if workers == 1 else 'workers'}"
    return [
        Row(f"{name}: {what}, that read", f"{paces[0]:,.0f}", "30,000" if workers == 2 else ""),
        Row("  that write", f"{paces[1]:,.0f}"),
        Row("  from no process to all open, worlds compiled", f"{opened:.2f} s"),
        Row("  the next batch, prepared meanwhile", f"{1_000 * again:,.0f} ms"),
    ]


def _rounds(worlds: Sequence[World], tools: Sequence[list[str]]) -> Iterator[list[tuple[str, object]]]:
    """One call for every environment a round, the tools in turn, each on its own example: twice round, so that all are prepared once."""
    examples = [{tool.name: tool.example for tool in world.tools} for world in worlds]
    choices = [mine or [worlds[place].tools[0].name] for place, mine in enumerate(tools)]
    for number in range(2 * max(map(len, choices))):
        names = [mine[number % len(mine)] for mine in choices]
        yield list(islice(cycle(zip(names, (known[name] for known, name in zip(examples, names, strict=True)), strict=True)), ENVIRONMENTS))


def _settled(times: Sequence[float]) -> float:
    """Steps a second in the second half of the rounds."""
    return ENVIRONMENTS / median(times[len(times) // 2 :])


def _pace(pool: EnvironmentPool, environments: Sequence[int], worlds: Sequence[World], tools: Sequence[list[str]]) -> float:
    times = []
    for calls in _rounds(worlds, tools):
        pool.renew(environments)
        batch = [Call(number, *call) for number, call in zip(environments, calls, strict=True)]
        times.append(seconds(lambda batch=batch: pool.step(batch)))  # type: ignore[misc]  # a default binds the round's calls
    return _settled(times)


def _alone(worlds: Sequence[World], tools: Sequence[list[str]]) -> float:
    """The same without a pool."""
    blueprints = [Blueprint.of(world) for world in worlds]
    crowd = [Environment.fork(blueprint) for blueprint in islice(cycle(blueprints), ENVIRONMENTS)]
    times = []
    for calls in _rounds(worlds, tools):
        began = time.perf_counter()
        for environment, (name, arguments) in zip(crowd, calls, strict=True):
            environment.call_tool(name, arguments)
        times.append(time.perf_counter() - began)
    for environment in crowd:
        environment.close()
    return _settled(times)
