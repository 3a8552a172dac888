"""Levels held against the scripted solver: how often it succeeds at each, and how well the ranks agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import StatisticsError, correlation, fmean
from typing import NamedTuple

from artifacts.identity import seed_of
from artifacts.measures import Difficulty
from artifacts.world import Draft
from tasks.difficulty.levels import LEVELS, effort_of
from tasks.difficulty.measures import difficulty_of
from tasks.difficulty.solver import Limits, LookaheadSolver
from tasks.trials.workbench import Workbench

SEEDS = range(2)


class Tried(NamedTuple):
    """One task: what was measured of it, and how often the solver succeeded."""

    figures: Difficulty
    rate: float


class LevelCheck(NamedTuple):
    """The tasks of one level, and the solver's mean success at them (None where there are none)."""

    level: int
    tasks: int
    rate: float | None


class Check(NamedTuple):
    """All levels, and Spearman's rank correlation of success with the level and with the effort behind it (None where undefined)."""

    levels: tuple[LevelCheck, ...]
    rho_level: float | None
    rho_effort: float | None

    @property
    def falls(self) -> bool:
        """Whether success falls from each level that has tasks to the next."""
        rates = [one.rate for one in self.levels if one.rate is not None]
        return all(higher < lower for lower, higher in pairwise(rates))


def tried_tasks(draft: Draft, seeds: Iterable[int] = SEEDS, limits: Limits | None = None) -> tuple[Tried, ...]:
    """The tasks of a world, measured and tried; about 20 ms a task and seed. Raises StatementFailed where it does not load."""
    bench = Workbench(draft, draft.tools)
    wanted = tuple(seeds)
    try:
        solver = LookaheadSolver(bench, limits)
        return tuple(Tried(difficulty_of(task, bench), solver.success_rate(task, wanted)) for task in draft.tasks)
    finally:
        bench.close()


def check_of(tried: Sequence[Tried]) -> Check:
    """The tasks by level, with the correlations."""
    rates = [one.rate for one in tried]
    levels = tuple(_level(level, [one.rate for one in tried if one.figures.level == level]) for level in LEVELS)
    return Check(levels, spearman([one.figures.level for one in tried], rates), spearman([effort_of(one.figures) for one in tried], rates))


def _level(level: int, rates: Sequence[float]) -> LevelCheck:
    return LevelCheck(level, len(rates), fmean(rates) if rates else None)


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; None where one side does not vary or there are fewer than two pairs."""
    try:
        return correlation(_ranks(one), _ranks(other))
    except StatisticsError:
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    """Mean ranks: `statistics.correlation` ranks ties that way too, but only from Python 3.12 on."""
    ordered = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(ordered)))}
    last = {value: place for place, value in enumerate(ordered)}
    return [(first[value] + last[value]) / 2 for value in values]


def is_held_out(draft: Draft) -> bool:
    """Whether a world belongs to the half on which weights and cut points are only tested, never chosen; by its scenario."""
    return seed_of("difficulty", draft.scenario.name) % 2 == 1
