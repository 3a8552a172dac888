"""The gates of the words: instructions that a person would write, and conditions that fit the entities of the reference only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from artifacts.agent_task import AgentTask
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.plain_text import plain_text
from tasks.gates.gate import verdict
from tasks.gates.references import bench_for
from tasks.instructions.completeness import unsaid_problems
from tasks.instructions.conditions import condition_problems
from tasks.instructions.lints import instruction_problems
from tasks.trials.workbench import Workbench


def instructions_clear(draft: Draft) -> Pass | Reject:
    """Every instruction is in a person's words, complete, and gives neither keys nor steps nor its answer away."""
    bench = bench_for(draft)
    problems = [d for task in draft.tasks for d in _word_problems(task, bench)]
    return verdict("instructions_clear", (*_twice(draft.tasks), *problems), {"instructions": len(draft.tasks)})


def _word_problems(task: AgentTask, bench: Workbench) -> Iterator[Diagnostic]:
    yield from instruction_problems(task, bench.usages, bench.catalog)
    if all(call.tool in bench.usages for call in task.solution):
        yield from unsaid_problems(task, bench)


def _twice(tasks: tuple[AgentTask, ...]) -> Iterator[Diagnostic]:
    """The same words for two tasks, case, spacing and punctuation apart."""
    said = Counter(plain_text(task.instruction) for task in tasks)
    seen: set[str] = set()
    for task in tasks:
        text = plain_text(task.instruction)
        if said[text] > 1 and text in seen:
            place = f"task:{task.id}/instruction"
            message = "Another task has the very same instruction."
            yield Diagnostic(code="task.instruction_twice", place=place, message=message, hint="Ask for something else.")
        seen.add(text)


def conditions_select(draft: Draft) -> Pass | Reject:
    """What is said of the data fits exactly the entities that the reference touches, on every task."""
    bench = bench_for(draft)
    problems = [d for task in draft.tasks for d in condition_problems(task, bench)]
    figures = {"tasks": len(draft.tasks), "conditions": sum(len(task.conditions) for task in draft.tasks)}
    return verdict("conditions_select", problems, figures)
