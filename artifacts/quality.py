"""The figures of a deep audit: of one task, of one world, of many worlds together. A share of nothing is None."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from artifacts.measures import Difficulty, FairnessFigures, MutationFigures

NO_MUTANTS = MutationFigures(mutants=0, rejected=0, equivalent=0)
NO_WAYS = FairnessFigures(ways=0, accepted=0)


class TaskQuality(NamedTuple):
    """What a deep audit measured of one agent task; `solved` are runs of the scripted solver that completed it, of `runs`."""

    task_id: str
    kind: str
    origin: str
    difficulty: Difficulty
    mutation: MutationFigures
    fairness: FairnessFigures
    idle_reward: float
    solved: int = 0
    runs: int = 0


class Quality(NamedTuple):
    """What a deep audit found about one world.

    `called` of `tools` were called with success; `mutants` and `ways` are by kind; `problems` are lines for people, all that is wrong;
    `differences` are among them those in which a stored measure is not what was measured; `seconds` of one core were used.
    """

    tools: int = 0
    called: int = 0
    tasks: tuple[TaskQuality, ...] = ()
    mutants: Mapping[str, MutationFigures] = {}
    ways: Mapping[str, FairnessFigures] = {}
    problems: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.problems and not self.differences


class Totals(NamedTuple):
    """The figures of any number of worlds."""

    worlds: int
    tools: int
    called: int
    tasks: int
    mutation: MutationFigures
    fairness: FairnessFigures
    idle: float
    seconds: float
    slowest: float
    levels: Mapping[int, int]
    solved: Mapping[int, tuple[int, int]]

    @property
    def false_acceptances(self) -> int:
        """Near misses that are paid as right."""
        return survivors(self.mutation)

    @property
    def mutation_score(self) -> float | None:
        """The share of near misses that are wrong, and rejected."""
        wrong = self.mutation.mutants - self.mutation.equivalent - self.mutation.free
        return self.mutation.rejected / wrong if wrong else None

    @property
    def false_rejections(self) -> float | None:
        """The share of other right ways that are not paid as right."""
        return 1 - self.fairness.accepted / self.fairness.ways if self.fairness.ways else None

    @property
    def idle_reward(self) -> float | None:
        """What doing nothing earns on average, at best of all that was said."""
        return self.idle / self.tasks if self.tasks else None

    def figures(self) -> dict[str, Any]:
        """All of it for machines."""
        return {
            **{name: getattr(self, name) for name in ("worlds", "tools", "called", "tasks")},
            "mutation": self.mutation.canonical(),
            "fairness": self.fairness.canonical(),
            **{name: getattr(self, name) for name in ("false_acceptances", "mutation_score", "false_rejections", "idle_reward")},
            "tasks_by_level": {str(level): count for level, count in self.levels.items()},
            "solver_success_by_level": {str(level): round(done / runs, 4) if runs else None for level, (done, runs) in self.solved.items()},
            "seconds_a_world": self.seconds / self.worlds if self.worlds else None,
            "seconds_slowest": self.slowest,
        }


def survivors(figures: MutationFigures) -> int:
    """Near misses that are neither rejected nor harmless."""
    return figures.mutants - figures.rejected - figures.equivalent - figures.free


def all_mutants(found: Iterable[MutationFigures]) -> MutationFigures:
    """The sum of mutation figures."""
    parts = list(found)
    names = ("mutants", "rejected", "equivalent", "free")
    return MutationFigures(**{name: sum(getattr(part, name) for part in parts) for name in names})


def all_ways(found: Iterable[FairnessFigures]) -> FairnessFigures:
    """The sum of fairness figures."""
    parts = list(found)
    return FairnessFigures(ways=sum(part.ways for part in parts), accepted=sum(part.accepted for part in parts))


def totals_of(found: Sequence[Quality]) -> Totals:
    """The figures of several worlds together."""
    tasks = [task for quality in found for task in quality.tasks]
    levels = Counter(task.difficulty.level for task in tasks)
    return Totals(
        worlds=len(found),
        tools=sum(quality.tools for quality in found),
        called=sum(quality.called for quality in found),
        tasks=len(tasks),
        mutation=all_mutants(task.mutation for task in tasks),
        fairness=all_ways(task.fairness for task in tasks),
        idle=sum(task.idle_reward for task in tasks),
        seconds=sum(quality.seconds for quality in found),
        slowest=max((quality.seconds for quality in found), default=0.0),
        levels=dict(sorted(levels.items())),
        solved={level: _solved(tasks, level) for level in sorted(levels)},
    )


def _solved(tasks: Sequence[TaskQuality], level: int) -> tuple[int, int]:
    mine = [task for task in tasks if task.difficulty.level == level]
    return sum(task.solved for task in mine), sum(task.runs for task in mine)


def by_kind(found: Sequence[Quality]) -> tuple[dict[str, MutationFigures], dict[str, FairnessFigures]]:
    """Near misses and right ways of several worlds, by kind."""
    mutants = {kind: all_mutants(q.mutants.get(kind, NO_MUTANTS) for q in found) for kind in _kinds(q.mutants for q in found)}
    ways = {kind: all_ways(q.ways.get(kind, NO_WAYS) for q in found) for kind in _kinds(q.ways for q in found)}
    return mutants, ways


def _kinds(found: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(kind for kinds in found for kind in kinds))
