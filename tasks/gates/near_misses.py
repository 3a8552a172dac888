"""The gate of near misses: what is almost right earns less than what is right, or ends in the very same state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from artifacts.agent_task import AgentTask
from artifacts.measures import MutationFigures
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from tasks.gates.gate import verdict
from tasks.gates.references import bench_for, sound_tasks
from tasks.mutation.ends import Difference
from tasks.mutation.engine import Survivor, mutation_of

MAX_TOLD = 4
"""The most near misses of one task that are told of; one mended fault often takes all of its kind with it."""


def mutants_rejected(draft: Draft) -> Pass | Reject:
    """Every near miss of a reference earns less than 1; those that end in the very same state and answer are counted.

    `by_kind` gives the mutants, the rejected, the equivalent and the free of each kind, in that order; `told_twice` counts the values
    of answers that other values of the same answer hold, of which no wrong answer can be told apart.
    """
    bench = bench_for(draft)
    counts: Counter[str] = Counter(mutants=0, rejected=0, equivalent=0, free=0, told_twice=0)
    kinds: dict[str, Counter[str]] = {}
    problems: list[Diagnostic] = []
    for task, _, _ in sound_tasks(draft, bench):
        found = mutation_of(task, bench)
        counts.update(found.figures.model_dump())
        for kind, part in found.by_kind.items():
            kinds.setdefault(kind, Counter(mutants=0, rejected=0, equivalent=0, free=0)).update(part.model_dump())
        problems.extend(_survivor(one, task) for one in found.survivors[:MAX_TOLD])
        counts["told_twice"] += len(found.twice)
        problems.extend(_stored(task, found.figures))
    by_kind = {kind: list(part.values()) for kind, part in kinds.items()}
    return verdict("mutants_rejected", problems, {**counts, "by_kind": by_kind})


_HINTS = {
    "write dropped": "Let the solution hold only calls that change something that the instruction asks for.",
    "writes swapped": "Say in the instruction which comes first, or free the column that only the order decides.",
    "misread": "Ask for a value that the wrong row does not hold.",
    "answer without work": "Ask for a change, or for a value that the instruction does not hold.",
    "missing answer": "Ask for values that only a tool's result can tell.",
    "wrong answer": "Ask for a value that no other answer holds: a full name, an exact amount, a date.",
    "partial answer": "Ask for the whole value only, or for fewer values.",
    "every candidate": "Give the values that stood beside the right one as decoys, or ask for one that is not in a list.",
}


def _survivor(survivor: Survivor, task: AgentTask) -> Diagnostic:
    mutant, place = survivor.mutant, f"task:{task.id}"
    if survivor.differences:
        told = "; ".join(map(_told, survivor.differences[:2]))
        message = f"A wrong course ({mutant.kind}: {mutant.detail}) is scored 1, though {told}."
        hint = "Free no column that the instruction decides: make it exact, or fuzzy for words that are given, or let a check look at it."
        return Diagnostic(code="task.mutant_survives", place=place, message=message, hint=hint)
    hint = _HINTS.get(mutant.kind, "Check what the instruction asks for, and free no column that it decides.")
    return Diagnostic(
        code="task.mutant_survives", place=place, message=f"A wrong course ({mutant.kind}: {mutant.detail}) is scored 1.", hint=hint
    )


def _told(difference: Difference) -> str:
    return f"{difference.column} holds {difference.given!r:.80} instead of {difference.gold!r:.80}"


def _stored(task: AgentTask, measured: MutationFigures) -> Iterator[Diagnostic]:
    stored = task.measures.mutation
    if stored is not None and stored != measured:
        claimed, found = (f"{figures.rejected} of {figures.mutants}" for figures in (stored, measured))
        message = f"The task says that {claimed} near misses are rejected, and {found} are."
        hint = "Measure it again; figures are not written by hand."
        yield Diagnostic(code="task.measures", place=f"task:{task.id}/measures/mutation", message=message, hint=hint)
