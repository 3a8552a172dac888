"""Agent tasks as a model writes them, and as the factory keeps them: answers taken from a replay."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError, field_validator

from artifacts.agent_task import AgentTask
from artifacts.errors import StatementFailed
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from containers.environment import Environment
from containers.reference import UnresolvedReference, replay, resolve
from tasks.acceptance import finished
from tasks.tools import form_problems
from tasks.trials.workbench import workbench_of


class CallDraft(BaseModel):
    """One call of a reference solution."""

    tool: str
    arguments: dict[str, Any] = {}


class CheckDraft(BaseModel):
    """One named predicate."""

    name: str
    sql: str


class ConditionDraft(BaseModel):
    """How the instruction tells which rows of a table are meant."""

    name: str
    table: str
    sql: str


class TaskDraft(BaseModel):
    """An agent task as a model writes it; `answer` may hold {"$ref": …}."""

    id: str = ""
    instruction: str
    kind: str
    solution: list[CallDraft]
    answer: list[Any] | None = None
    checks: list[CheckDraft] = []
    free_columns: list[str] = []
    conditions: list[ConditionDraft] = []

    @field_validator("answer", mode="before")
    @classmethod
    def _one_value_is_a_list(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list) else [value]

    @field_validator("checks", "free_columns", "conditions", mode="before")
    @classmethod
    def _null_is_none_at_all(cls, value: Any) -> Any:
        return [] if value is None else value

    @field_validator("id", "kind", mode="before")
    @classmethod
    def _plain_word(cls, value: Any) -> Any:
        return str(value).strip().lower() if isinstance(value, str | int) else ""


Drafts = tuple[TaskDraft, ...]
Problems = tuple[Diagnostic, ...]


def formed(draft: Draft, parts: Drafts) -> tuple[tuple[AgentTask, ...], Problems]:
    """The drafts as agent tasks, answers taken from a replay and clock columns freed, and why some are none."""
    try:
        bench = workbench_of(draft)
    except StatementFailed as error:
        return (), (Diagnostic(code="seed.statement", place="seed", message=error.message),)
    tasks: list[AgentTask] = []
    problems: list[Diagnostic] = []
    for part in parts:
        try:
            tasks.append(finished(_task_of(part, bench.environment), bench))
        except ValidationError as error:
            problems.extend(_misformed(part.id, error))
        except UnresolvedReference as error:
            place = f"task:{part.id}/answer"
            problems.append(Diagnostic(code="task.answer", place=place, message=f"{error}.", hint="Name a value by its path."))
    return tuple(tasks), tuple(problems)


def _task_of(part: TaskDraft, environment: Environment) -> AgentTask:
    """Raises ValidationError, UnresolvedReference."""
    plain = part.model_dump(mode="json")
    plain |= {"answer": None, "origin": "intention"}
    task = AgentTask.model_validate(plain)
    environment.reset()
    replayed = replay(environment, task.solution)
    if replayed.failed_at is not None:
        # The gate that replays tells of the failure; an answer cannot be had before it is mended.
        return task.model_copy(update={"answer": _literals(part.answer)})
    answer = _answer(part.answer, [observation.result for observation in replayed.observations])
    return AgentTask.model_validate({**plain, "answer": answer})


def _literals(answer: list[Any] | None) -> tuple[Any, ...] | None:
    kept = tuple(value for value in answer or () if not isinstance(value, dict | list))
    return None if answer is None else kept


def _answer(answer: list[Any] | None, results: list[Any]) -> list[Any] | None:
    """The values that a right answer must hold; a reference to a list of values stands for all of them."""
    if answer is None:
        return None
    values: list[Any] = []
    for value in resolve(answer, results):
        if isinstance(value, dict):
            raise UnresolvedReference(f"the answer is to hold plain values, not {str(value)[:80]}")
        values.extend(value if isinstance(value, list) else [value])
    return values


def _misformed(task_id: str, error: ValidationError) -> list[Diagnostic]:
    return [
        Diagnostic(code="task.form", place="/".join((f"task:{task_id}", *place)), message=message)
        for place, message in form_problems(error)
    ]
