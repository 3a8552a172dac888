"""The deep audit of a world: every near miss, every other right way, every tool, idleness and difficulty, measured again.

The gates carry out a few near misses and ways of each kind, for they stand in the way of every draft; here all are carried out.
Lints of the words and the conditions are gates, so that the plain audit, which comes first, holds them all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.measures import Difficulty, FairnessFigures, MutationFigures
from artifacts.noun import Noun
from artifacts.quality import Quality, TaskQuality, all_mutants, all_ways, survivors
from artifacts.world import Draft, World
from tasks.difficulty.measures import difficulty_of
from tasks.difficulty.solver import LookaheadSolver
from tasks.fairness.engine import Fairness, fairness_of
from tasks.gates.references import IDLE_ANSWERS, bench_for
from tasks.mutation.engine import Mutation, mutation_of
from tasks.trials.prober import probe
from tasks.trials.workbench import Workbench

MOST_LINES = 5
"""The most survivors and refused ways of one task that are told of; the figures count them all."""


class _Measured(NamedTuple):
    task: AgentTask
    mutation: Mutation
    fairness: Fairness
    difficulty: Difficulty
    idle: float


def deep_audit(world: World | Draft, solver_runs: int = 0) -> Quality:
    """Everything measured again, from the bundle alone; `solver_runs` runs a task of the scripted solver, which takes longer.

    Raises StatementFailed where schema or seed do not load.
    """
    began = time.process_time()
    draft = world.draft() if isinstance(world, World) else world
    bench = bench_for(draft)
    stuck = [tool.name for tool in draft.tools if tool not in bench.tools or probe(tool, bench).arguments is None]
    measured = [_measure(task, bench) for task in draft.tasks if runnable(task, bench)]
    differences = tuple(line for found in measured for line in stored_differences(found.task, found.difficulty, bench))
    seconds = time.process_time() - began  # the solver is no part of an audit: it tests the levels, not the world
    solved = [_runs(found.task, bench, solver_runs) for found in measured]
    return Quality(
        tools=len(draft.tools),
        called=len(draft.tools) - len(stuck),
        tasks=tuple(_quality(found, done, solver_runs) for found, done in zip(measured, solved, strict=True)),
        mutants=_by_kind([found.mutation for found in measured]),
        ways=_ways_by_kind([found.fairness for found in measured]),
        problems=(*(f"tool {name}: no call succeeds" for name in stuck), *(line for found in measured for line in _problems(found))),
        differences=differences,
        seconds=seconds,
    )


def runnable(task: AgentTask, bench: Workbench) -> bool:
    """Whether a task's reference can be carried out at all; a gate tells why not."""
    return all(call.tool in bench.usages for call in task.solution) and bench.reference(task)[0].failed_at is None


def _measure(task: AgentTask, bench: Workbench) -> _Measured:
    mutation, fairness = mutation_of(task, bench, thorough=True), fairness_of(task, bench, thorough=True)
    return _Measured(task, mutation, fairness, difficulty_of(task, bench), idle_reward(task, bench))


def idle_reward(task: AgentTask, bench: Workbench) -> float:
    """The most that doing nothing earns, whatever of IDLE_ANSWERS is said, or when the instruction is said again."""
    bench.environment.reset()
    return max(bench.environment.score(task, answer).reward for answer in (*IDLE_ANSWERS, task.instruction))


def _runs(task: AgentTask, bench: Workbench, runs: int) -> int:
    solver = LookaheadSolver(bench) if runs else None
    return sum(solver.attempt(task, seed).solved for seed in range(runs)) if solver else 0


def _quality(found: _Measured, solved: int, runs: int) -> TaskQuality:
    task = found.task
    figures = (found.difficulty, found.mutation.figures, found.fairness.figures)
    return TaskQuality(task.id, task.kind, task.origin or "intention", *figures, found.idle, solved, runs)


def _problems(found: _Measured) -> Iterator[str]:
    place = f"task {found.task.id}"
    for survivor in found.mutation.survivors[:MOST_LINES]:
        yield f"{place}: a wrong course is paid as right ({survivor.mutant.kind}: {survivor.mutant.detail})"
    for way in found.fairness.refused[:MOST_LINES]:
        yield f"{place}: a right way is refused ({way.kind}: {way.detail}; {way.said})"
    if survivors(found.mutation.figures) and not found.mutation.survivors:
        yield f"{place}: near misses are neither rejected nor harmless"
    if found.idle > 0:
        yield f"{place}: doing nothing earns {found.idle:g}"


def stored_differences(task: AgentTask, difficulty: Difficulty, bench: Workbench) -> Iterator[str]:
    """Where a task's stored measures are not what is measured; measures that are not stored differ from nothing."""
    stored = task.measures
    if stored.difficulty is not None and stored.difficulty != difficulty:
        yield from _differing(task.id, "difficulty", stored.difficulty, difficulty)
    if stored.mutation is not None:
        yield from _differing(task.id, "mutation", stored.mutation, mutation_of(task, bench).figures)
    if stored.fairness is not None:
        yield from _differing(task.id, "fairness", stored.fairness, fairness_of(task, bench).figures)


def _differing(task_id: str, what: str, stored: Noun, found: Noun) -> Iterator[str]:
    was, now = stored.canonical(), found.canonical()
    names = [name for name in now if was.get(name) != now[name]]
    if names:
        told = ", ".join(f"{name} was {was.get(name)}, is {now[name]}" for name in names)
        yield f"task {task_id}: stored {what} differs: {told}"


def _by_kind(found: list[Mutation]) -> dict[str, MutationFigures]:
    kinds = dict.fromkeys(kind for mutation in found for kind in mutation.by_kind)
    return {kind: all_mutants(mutation.by_kind[kind] for mutation in found if kind in mutation.by_kind) for kind in kinds}


def _ways_by_kind(found: list[Fairness]) -> dict[str, FairnessFigures]:
    kinds = dict.fromkeys(kind for fairness in found for kind in fairness.by_kind)
    return {kind: all_ways(fairness.by_kind[kind] for fairness in found if kind in fairness.by_kind) for kind in kinds}
