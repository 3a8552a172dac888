"""What is worked out about accepted agent tasks: policies, decoys and conditions before the gates, figures after them."""

from __future__ import annotations

from collections.abc import Callable

from artifacts.agent_task import AgentTask
from artifacts.measures import Measures
from artifacts.world import Draft
from tasks.difficulty.measures import difficulty_of
from tasks.fairness.decoys import with_decoys
from tasks.fairness.engine import fairness_of
from tasks.fairness.policies import with_policies
from tasks.instructions.conditions import with_conditions
from tasks.mutation.engine import mutation_of
from tasks.trials.workbench import Workbench, workbench_of

Finish = Callable[[AgentTask, Workbench], AgentTask]

FINISHES: tuple[Finish, ...] = (with_policies, with_decoys, with_conditions)
"""What every task is given before it is judged, in this order."""


def finished(task: AgentTask, bench: Workbench) -> AgentTask:
    """The task with all that follows from its reference and its words."""
    for finish in FINISHES:
        task = finish(task, bench)
    return task


def accept_tasks(draft: Draft) -> Draft:
    """The draft with the figures of each task; its tasks have passed the gates. Raises StatementFailed where the seed does not load."""
    bench = workbench_of(draft)
    return draft.model_copy(update={"tasks": tuple(measured(task, bench) for task in draft.tasks)})


def measured(task: AgentTask, bench: Workbench) -> AgentTask:
    """The task with what was measured of it."""
    measures = Measures(
        difficulty=difficulty_of(task, bench), mutation=mutation_of(task, bench).figures, fairness=fairness_of(task, bench).figures
    )
    return task.model_copy(update={"measures": measures})
