"""How well a policy does, from its attempts at tasks: pass@1, pass@k, pass^k with their intervals, its failures; two policies compared.

pass@k is the chance that one of k attempts solves a task (the unbiased estimator of arXiv 2107.03374), pass^k the chance that all
of them do (arXiv 2406.12045). Attempts in which the environment failed are masked: they count neither way. Pure functions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from math import comb
from typing import Any, NamedTuple

import numpy as np

RESAMPLES = 2_000
CONFIDENCE = 0.95
SEED = 0
"""Of the resampling: the same attempts have the same intervals."""


class Attempt(NamedTuple):
    """One episode of a task under a seed; `solved` is None where the environment failed."""

    task_id: str
    world_id: str
    kind: str
    difficulty: int | None
    seed: int
    solved: bool | None
    outcome: str
    ended: str


class Tried(NamedTuple):
    """A task with the number of its attempts that count, and of those that solved it."""

    task_id: str
    world_id: str
    kind: str
    difficulty: int | None
    made: int
    solved: int


class Estimate(NamedTuple):
    """A mean over tasks and its 95 % interval; without the interval where the tasks are of one world."""

    value: float
    low: float | None
    high: float | None
    tasks: int


class Line(NamedTuple):
    """The figures of some tasks; None where no task has attempts enough."""

    name: str
    tasks: int
    once: Estimate | None
    any: Estimate | None
    all: Estimate | None


class Comparison(NamedTuple):
    """One policy less another on the tasks that both played: the difference in pass@1, and what became of equal tasks and seeds."""

    difference: Estimate | None
    both: int
    only_one: int
    only_other: int
    neither: int


class Evaluation(NamedTuple):
    """All figures of a policy; `failures` count (outcome, ending); `missing` attempts were asked for and are not there."""

    policy: str
    k: int
    lines: tuple[Line, ...]
    failures: Mapping[tuple[str, str], int]
    attempts: int
    masked: int
    missing: int


def evaluation(policy: str, attempts: Sequence[Attempt], k: int, planned: int) -> Evaluation:
    """The figures of a policy of which `planned` attempts were asked for, `k` of each task."""
    found = tried(attempts)
    failed = Counter((one.outcome, one.ended) for one in attempts if not one.solved)
    masked = sum(one.solved is None for one in attempts)
    return Evaluation(policy, k, tuple(_lines(found, k)), failed, len(attempts), masked, planned - len(attempts))


def tried(attempts: Iterable[Attempt]) -> tuple[Tried, ...]:
    """The tasks with their counts, by name; those of which every attempt is masked are left out."""
    ordered = sorted((one for one in attempts if one.solved is not None), key=lambda one: one.task_id)
    groups = (list(group) for _, group in groupby(ordered, key=lambda one: one.task_id))
    return tuple(Tried(*group[0][:4], len(group), sum(bool(one.solved) for one in group)) for group in groups)


def pass_at(count: int, solved: int, k: int) -> float:
    """The chance that one of k attempts solves a task of which `solved` of `count` did; k is at most `count`."""
    return 1 - comb(count - solved, k) / comb(count, k)


def pass_all(count: int, solved: int, k: int) -> float:
    """The chance that all of k attempts solve a task of which `solved` of `count` did; k is at most `count`."""
    return comb(solved, k) / comb(count, k)


def _lines(found: Sequence[Tried], k: int) -> Iterable[Line]:
    """All tasks, then those of each kind, then those of each level."""
    yield _line("all", found, k)
    for kind in ("read", "write", "mixed"):
        yield from _some(kind, [one for one in found if one.kind == kind], k)
    for level in (1, 2, 3, 4, 5, None):
        name = "level unknown" if level is None else f"level {level}"
        yield from _some(name, [one for one in found if one.difficulty == level], k)


def _some(name: str, found: Sequence[Tried], k: int) -> Iterable[Line]:
    return [_line(name, found, k)] if found else []


def _line(name: str, found: Sequence[Tried], k: int) -> Line:
    measures: tuple[tuple[Callable[[int, int, int], float], int], ...] = ((pass_at, 1), (pass_at, k), (pass_all, k))
    rates = ([(one.world_id, of(one.made, one.solved, size)) for one in found if one.made >= size] for of, size in measures)
    return Line(name, len(found), *(estimate(values, rate=True) for values in rates))


def estimate(values: Sequence[tuple[str, float]], *, rate: bool = False) -> Estimate | None:
    """The mean of (world, value) and its interval, by resampling whole worlds, since tasks of a world succeed or fail together.

    Where all of a `rate` are 0 or all are 1, resampling knows no doubt; the exact binomial interval over worlds stands in.
    """
    if not values:
        return None
    sums: dict[str, list[float]] = defaultdict(list)
    for world, value in values:
        sums[world].append(value)
    totals, sizes = np.array([sum(part) for part in sums.values()]), np.array([len(part) for part in sums.values()])
    mean = float(totals.sum() / sizes.sum())
    low, high = (None, None) if len(sums) < 2 else _interval(totals, sizes)
    if rate and len(sums) > 1 and mean in (0.0, 1.0):
        doubt = ((1 - CONFIDENCE) / 2) ** (1 / len(sums))
        low, high = (0.0, 1 - doubt) if mean == 0.0 else (doubt, 1.0)
    return Estimate(mean, low, high, len(values))


def _interval(totals: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The percentile interval of the cluster bootstrap."""
    chosen = np.random.default_rng(SEED).integers(len(totals), size=(RESAMPLES, len(totals)))
    means = totals[chosen].sum(1) / sizes[chosen].sum(1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def comparison(one: Sequence[Attempt], other: Sequence[Attempt]) -> Comparison:
    """One policy less another, paired by task, and by task and seed."""
    mine, yours = ({each.task_id: each for each in tried(attempts)} for attempts in (one, other))
    values = [
        (task.world_id, task.solved / task.made - yours[name].solved / yours[name].made) for name, task in mine.items() if name in yours
    ]
    solved = [{(each.task_id, each.seed): each.solved for each in attempts if each.solved is not None} for attempts in (one, other)]
    pairs = Counter((solved[0][key], solved[1][key]) for key in solved[0].keys() & solved[1].keys())
    return Comparison(estimate(values), pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False])


def summary(found: Evaluation) -> dict[str, Any]:
    """An evaluation for machines."""
    return {
        "policy": found.policy,
        "k": found.k,
        "attempts": found.attempts,
        "masked": found.masked,
        "missing": found.missing,
        "lines": [_plain_line(line, found.k) for line in found.lines],
        "failures": [{"outcome": outcome, "ended": ended, "attempts": count} for (outcome, ended), count in sorted(found.failures.items())],
    }


def _plain_line(line: Line, k: int) -> dict[str, Any]:
    rates = {"pass@1": plain(line.once), f"pass@{k}": plain(line.any), f"pass^{k}": plain(line.all)}
    return {"name": line.name, "tasks": line.tasks, **rates}


def plain(found: Estimate | None) -> dict[str, Any] | None:
    """An estimate for machines."""
    return None if found is None else found._asdict()
