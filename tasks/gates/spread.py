"""The gate of difficulty: each task's level is what was measured, and the levels are spread as they were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from artifacts.agent_task import AgentTask
from artifacts.measures import Difficulty
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from tasks.difficulty.levels import LEVELS
from tasks.difficulty.measures import difficulty_of
from tasks.difficulty.spread import Spread, spread_of, written
from tasks.gates.gate import verdict
from tasks.gates.toolset import sound_tools
from tasks.trials.workbench import workbench_of

LEAST_SLACK = 1
SLACK_PERCENT = 5
"""By how many tasks a level may miss its number: one, or so many in a hundred of the world's tasks where that is more."""


def spread_met(draft: Draft) -> Pass | Reject:
    """Compares the tasks' levels with the shares of the recipe, where it has any; gives the levels in any case."""
    bench = workbench_of(draft, sound_tools(draft))
    measured = [difficulty_of(task, bench) for task in draft.tasks]
    spread = spread_of([figures.level for figures in measured], draft.recipe.difficulty)
    figures: dict[str, object] = {"levels": [spread.found[level] for level in LEVELS]}
    if draft.recipe.difficulty is not None:
        figures |= {"asked": [spread.wanted[level] for level in LEVELS], "misplaced": spread.misplaced, "farthest_off": spread.off}
    problems = [*_claims(draft.tasks, measured), *_missed(spread, draft)]
    return verdict("spread_met", problems, figures)


def slack_of(count: int) -> int:
    """By how many tasks a level of a world of so many tasks may be off."""
    return max(LEAST_SLACK, count * SLACK_PERCENT // 100)


def _missed(spread: Spread, draft: Draft) -> Iterator[Diagnostic]:
    """Each level that is too far off, and which tasks to replace by which."""
    shares, slack = draft.recipe.difficulty, slack_of(len(draft.tasks))
    over = {level: spread.found[level] - spread.wanted[level] for level in LEVELS}
    many, few = max(LEVELS, key=lambda level: over[level]), min(LEVELS, key=lambda level: over[level])
    chains = "longer chains with more rows to choose among" if few > many else "shorter chains with fewer rows to choose among"
    for level in LEVELS if shares is not None else ():
        if abs(over[level]) > slack:
            asked = f"the spread {written(shares or ())} asks for {spread.wanted[level]}"
            message = f"{spread.found[level]} tasks have level {level}; {asked}."
            hint = f"Replace tasks of level {many} by tasks of level {few}: {chains}."
            yield Diagnostic(code="spread.off", place="tasks", message=message, hint=hint)


def _claims(tasks: Sequence[AgentTask], measured: Sequence[Difficulty]) -> Iterator[Diagnostic]:
    for task, figures in zip(tasks, measured, strict=True):
        claimed = task.measures.difficulty
        if claimed is not None and claimed != figures:
            wrong = [name for name in type(figures).model_fields if getattr(claimed, name) != getattr(figures, name)]
            parts = ", ".join(f"{name} {getattr(claimed, name)}, measured {getattr(figures, name)}" for name in wrong)
            message = f"The difficulty on record is not what is measured: {parts}."
            yield Diagnostic(code="task.measures", place=f"task:{task.id}/measures/difficulty", message=message, hint="Measure it again.")
