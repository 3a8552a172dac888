"""Another right way of doing a task: its steps, its answer, and how it is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from artifacts.agent_task import AgentTask, ToolCall
from containers.reference import UnresolvedReference, resolve
from tasks.trials.workbench import Workbench

Kind = Literal["another order", "extra reads", "failed call first", "other words", "fuzzy text", "answer worded otherwise"]


class Step(NamedTuple):
    """One call: `of` says which call of the reference it is, None for a call on top; one that `fails` must be refused."""

    call: ToolCall
    of: int | None
    fails: bool = False


class Way(NamedTuple):
    """Another way of doing a task; `steps` is None where only the answer differs."""

    kind: Kind
    detail: str
    steps: tuple[Step, ...] | None
    answer: object


class Walked(NamedTuple):
    """What the reference's calls gave on another way, by their index, or why that way cannot be gone."""

    results: tuple[Any, ...]
    problem: str


def given_answer(task: AgentTask) -> list[Any] | None:
    """The reference's answer, as plain values."""
    return None if task.answer is None else list(task.answer)


def steps_of(task: AgentTask) -> tuple[Step, ...]:
    """The reference's own steps."""
    return tuple(Step(call, index) for index, call in enumerate(task.solution))


def walk(steps: Sequence[Step], length: int, bench: Workbench) -> Walked:
    """Does the steps from the initial state; `length` is how many calls the reference has.

    A way on which a call of the reference fails, or one succeeds that should not, is none.
    """
    bench.environment.reset()
    results: list[Any] = [None] * length
    for step in steps:
        try:
            arguments = resolve(step.call.arguments, results)
        except UnresolvedReference as trouble:
            return Walked(tuple(results), str(trouble))
        observation = bench.environment.call_tool(step.call.tool, arguments)
        if step.of is None:
            if step.fails and observation.ok and not bench.usages[step.call.tool].only_reads:
                return Walked(tuple(results), f"{step.call.tool} was expected to fail")
        elif not observation.ok:
            return Walked(tuple(results), f"{step.call.tool}: {observation.error}: {observation.message}")
        else:
            results[step.of] = observation.result
    return Walked(tuple(results), "")
