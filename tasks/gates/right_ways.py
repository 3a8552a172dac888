"""The gate of fairness: other right ways of every task earn 1, and every column that a solution writes has one policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from artifacts.agent_task import AgentTask
from artifacts.measures import FairnessFigures
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from tasks.fairness.engine import Refused, fairness_of
from tasks.fairness.policies import written_columns
from tasks.gates.gate import verdict
from tasks.gates.references import bench_for, sound_tasks


def right_ways_pass(draft: Draft) -> Pass | Reject:
    """Every other right way of a task earns 1; what a task says was measured is what is measured."""
    bench = bench_for(draft)
    counts: Counter[str] = Counter(ways=0, accepted=0)
    problems: list[Diagnostic] = []
    for task, _, changes in sound_tasks(draft, bench):
        found = fairness_of(task, bench)
        counts.update({"ways": found.figures.ways, "accepted": found.figures.accepted})
        counts.update({f"{kind}, accepted": part.accepted for kind, part in found.by_kind.items()})
        problems.extend(_refused(task, one) for one in found.refused)
        problems.extend(_stored(task, found.figures))
        problems.extend(_policy_problems(task, written_columns(changes)))
    return verdict("right_ways_pass", problems, dict(counts))


_HINTS = {
    "another order": "Free a column whose value depends on the order, or say in the instruction which comes first.",
    "extra reads": "A read must change nothing, and no check may count calls.",
    "failed call first": "A call that fails must change nothing; free columns that the clock fills.",
    "other words": "Let no check ask for words that the instruction leaves open, or give the exact words in the instruction.",
    "fuzzy text": "Let the checks compare this text without regard to case, spacing and closing punctuation, or make its column exact.",
    "answer worded otherwise": "Ask for plain values, each with one reading; let no check compare :answer to the letter.",
}


def _refused(task: AgentTask, way: Refused) -> Diagnostic:
    message = f"A right way of doing this is refused ({way.kind}; {way.detail}): {way.said}."
    return Diagnostic(code="task.right_way_refused", place=f"task:{task.id}", message=message, hint=_HINTS[way.kind])


def _stored(task: AgentTask, measured: FairnessFigures) -> Iterator[Diagnostic]:
    stored = task.measures.fairness
    if stored is not None and stored != measured:
        message = f"The task says {stored.accepted} of {stored.ways} right ways, and {measured.accepted} of {measured.ways} are measured."
        hint = "Measure it again; figures are not written by hand."
        yield Diagnostic(code="task.measures", place=f"task:{task.id}/measures/fairness", message=message, hint=hint)


def _policy_problems(task: AgentTask, written: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Columns with two policies; and, where a task gives policies at all, written columns without one."""
    given = Counter(name.lower() for name in (*task.exact_columns, *task.fuzzy_columns, *task.free_columns))
    place = f"task:{task.id}"
    for name, times in given.items():
        if times > 1:
            message = f"{name} has more than one policy."
            hint = "Name it in one of exact_columns, fuzzy_columns, free_columns."
            yield Diagnostic(code="task.policy", place=place, message=message, hint=hint)
    for name in written if task.exact_columns else ():
        if name.lower() not in given:
            message = f"The solution writes {name}, which has no policy."
            yield Diagnostic(code="task.policy", place=place, message=message, hint="Add it to exact_columns.")
