"""Near misses of a task, carried out and scored: each must earn less than 1, or end where the reference ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from artifacts.agent_task import AgentTask, Scalar
from artifacts.measures import Measures, MutationFigures
from tasks.mutation.acting import dropped, extra, swapped, twice, undone
from tasks.mutation.answering import every_candidate, misread, missing_answer, partial_answer, without_work, wrong_answer
from tasks.mutation.changing import another_entity, another_value, boundary_value, neighbour_value
from tasks.mutation.ends import Difference
from tasks.mutation.judging import Fate, Judge, Verdict
from tasks.mutation.mutant import Mutant, Subject, subject_of
from tasks.trials.workbench import Workbench


class Operator(NamedTuple):
    """One kind of near miss, and how many of it are carried out at most in a quick pass."""

    of: Callable[[Subject], Iterator[Mutant]]
    quick: int


OPERATORS: tuple[Operator, ...] = (
    Operator(dropped, 6),
    Operator(swapped, 2),
    Operator(another_value, 4),
    Operator(neighbour_value, 2),
    Operator(boundary_value, 2),
    Operator(another_entity, 2),
    Operator(twice, 2),
    Operator(undone, 2),
    Operator(extra, 2),
    Operator(misread, 2),
    Operator(without_work, 2),
    Operator(missing_answer, 2),
    Operator(wrong_answer, 4),
    Operator(partial_answer, 2),
    Operator(every_candidate, 2),
)
"""All kinds of near misses; those that only answer stand together, since they share one end state."""

THOROUGH = 80
"""The most of one kind that a thorough pass carries out."""

PATIENCE = 3
"""How many times as many may be tried, where tools refuse what is wrong about them."""


class Survivor(NamedTuple):
    """A near miss that is paid as right; `differences` are the columns in which its end is another one."""

    mutant: Mutant
    differences: tuple[Difference, ...] = ()


class Mutation(NamedTuple):
    """What became of a task's near misses, altogether and by kind, and those that are paid as right.

    `twice` are values of the answer that no near miss can be made of, since its other values tell them too.
    """

    figures: MutationFigures
    by_kind: dict[str, MutationFigures]
    survivors: tuple[Survivor, ...]
    twice: tuple[Scalar, ...] = ()


def mutation_of(task: AgentTask, bench: Workbench, thorough: bool = False) -> Mutation:
    """Carries out a task's near misses: a few of each kind, or all of them (at most THOROUGH of a kind).

    Those that cannot be done, since a tool refuses what is wrong about them, are not counted. A reference that fails has none.
    Remembered on the workbench: a stage measures what its gates have just judged, and sealing judges it again.
    """
    key, plain = f"mutation of {task.id}, {thorough=}", task.model_copy(update={"measures": Measures()})
    known = bench.probed.get(key)
    if not isinstance(known, _Known) or known.task != plain:
        known = bench.probed[key] = _Known(plain, _mutation(plain, bench, thorough))
    return known.mutation


class _Known(NamedTuple):
    """What a workbench remembers of a task, whatever was measured of it."""

    task: AgentTask
    mutation: Mutation


def _mutation(task: AgentTask, bench: Workbench, thorough: bool) -> Mutation:
    subject = subject_of(task, bench)
    fates: dict[str, Counter[Fate]] = {}
    survivors: list[Survivor] = []
    for mutant, found in _judged(subject, thorough) if subject else ():
        fates.setdefault(mutant.kind, Counter())[found.fate] += 1
        if found.fate == "survives":
            survivors.append(Survivor(mutant, found.differences))
    by_kind = {kind: _figures(counts) for kind, counts in fates.items()}
    return Mutation(_figures(sum(fates.values(), Counter())), by_kind, tuple(survivors), subject.twice if subject else ())


def _judged(subject: Subject, thorough: bool) -> Iterator[tuple[Mutant, Verdict]]:
    judge = Judge(subject, thorough)
    for operator in OPERATORS:
        most = THOROUGH if thorough else operator.quick
        verdicts = ((mutant, judge.verdict(mutant)) for mutant in islice(operator.of(subject), PATIENCE * most))
        yield from islice(((mutant, found) for mutant, found in verdicts if found.fate != "moot"), most)


def _figures(counts: Counter[Fate]) -> MutationFigures:
    return MutationFigures(mutants=counts.total(), rejected=counts["rejected"], equivalent=counts["equivalent"], free=counts["free"])
