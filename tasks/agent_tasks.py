"""The agent tasks stage: instructions with their reference solutions, answers and checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import dspy
from pydantic import BaseModel, ValidationError, field_validator

from artifacts.agent_task import AgentTask
from artifacts.errors import StatementFailed
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from containers.environment import Blueprint, Environment
from containers.reference import UnresolvedReference, replay, resolve
from tasks.correction import Ask, Built, Made, Problems, Reply, Stage, correct, without_size
from tasks.gates import diagnose
from tasks.models.adapter import with_rules
from tasks.scenario import scenario_text
from tasks.stage import StageResult, stage_task
from tasks.task_view import data_text, tables_behind, tool_lines
from tasks.tools import form_problems

BATCH = 12
"""The most tasks asked for in one call."""

_CLOCK_SHIFT = 97
"""Calls by which the clock is ahead in a second replay: enough to change seconds and minutes."""


class CallDraft(BaseModel):
    """One call of a reference solution."""

    tool: str
    arguments: dict[str, Any] = {}


class CheckDraft(BaseModel):
    """One named predicate."""

    name: str
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

    @field_validator("answer", mode="before")
    @classmethod
    def _one_value_is_a_list(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list) else [value]

    @field_validator("checks", "free_columns", mode="before")
    @classmethod
    def _null_is_none_at_all(cls, value: Any) -> Any:
        return [] if value is None else value

    @field_validator("id", "kind", mode="before")
    @classmethod
    def _plain_word(cls, value: Any) -> Any:
        return str(value).strip().lower() if isinstance(value, str | int) else ""


RULES = """
`tools`: name(parameters) -> result: what it does; `?` marks optional, [{…}] by x a list in that order (NULL first); `writes` tells the
columns it updates, +table rows it adds, -table rows it deletes. `data`: the rows at the start, as table(columns): rows; values are
separated by |, - is NULL. The signed-in user is row 1 of the people's table. The clock says 2026-03-02 09:00.

A task is {"instruction","kind","solution","answer","checks","free_columns"}; one line of JSON each. The agent gets the instruction
and the tools, nothing else.

instruction: what the signed-in user writes to an assistant: first person, natural, one to five sentences, in varied voices. It
holds all that is needed and leaves one right result only: which record (by name, title, date, amount, status), every value to set,
the exact words of any text to store, and, where several records fit, the rule that picks one. Never an id or a key that a person
would not know, never a tool, table or column name, never the steps to take. It does not reveal what the agent has to find out.
kind: read (nothing changes, an answer is asked), write (records change, "answer":null), mixed (records change and an answer is asked).
solution: the calls in order, at most 12, seldom one, each succeeding on `data`. An id is found by an earlier call, never written down:
{"tool":"cancel_order","arguments":{"order_id":{"$ref":"0[2].id"}}} takes `id` of the third element of call 0's list; "1.order.total_cents"
goes into objects, "0.lines[1].price" into lists in them, "0" is a whole result; a list argument: [{"$ref":"0[0].id"},{"$ref":"0[2].id"}].
Literals come from the instruction. Mind sorting, ties and filters: the reference must be what the instruction says on this very
data; ask for nothing that hangs on a tie. No call changes what the instruction did not ask for.
answer: a flat array of the values asked for, in order: literals or {"$ref":"2.total_cents"}; names, dates, amounts, counts; no ids.
Each stands in the results of the solution's calls, or is one count, sum or difference of what stands there. Money is asked for in cents.
checks: for write and mixed, one to four {"name","sql"}; the SQL gives one value, 1 or 0, from final.<table> (after) and
initial.<table> (before). Every check is 0 on the untouched data and 1 after the solution, and together they cover every change:
{"name":"the kettle order is cancelled","sql":"SELECT status='cancelled' FROM final.orders WHERE id=17"}. Existing rows by their key
in `data`; new rows by content: SELECT EXISTS(SELECT 1 FROM final.notes WHERE order_id=17 AND body='Call first'). NULL counts as 0:
compare with IS or COALESCE. All other rows are compared anyway: no check that nothing else changed. For read: [].
free_columns: ["table.column"] whose text is left to the agent, mostly []; columns filled from the clock are found by themselves.""".strip()


Drafts = tuple[TaskDraft, ...]


@with_rules(RULES)
class WriteTasks(dspy.Signature):
    """Write `count` tasks that test whether an assistant can get things done in this application with its tools.

    {rules}

    About 3 of 10 read, 4 write, 3 mixed. Half of them take 4 or more calls: choices among several records, totals to compute from
    what was read, several dependent changes, a condition to check first. Take up the intentions; no two tasks about the same record
    and change, none like one in `existing`; use many different tools.

    tasks: a JSON array of tasks.
    """

    scenario: str = dspy.InputField()
    intentions: list[str] = dspy.InputField()
    tools: list[str] = dspy.InputField()
    data: str = dspy.InputField()
    existing: list[str] = dspy.InputField()
    count: int = dspy.InputField()
    tasks: list[TaskDraft] = dspy.OutputField()


@with_rules(RULES)
class RepairTasks(dspy.Signature):
    """Mend the tasks in `failing`, which test whether an assistant can get things done with these tools on this data: every
    problem listed must be gone. A task keeps its id, and its idea where that can be saved.

    {rules}

    tasks: a JSON array of the mended tasks, whole, each with its "id", and of no others; where a problem says that tasks are missing,
    write new ones too, without an id.
    """

    scenario: str = dspy.InputField()
    tools: list[str] = dspy.InputField()
    data: str = dspy.InputField()
    failing: list[TaskDraft] = dspy.InputField()
    problems: list[str] = dspy.InputField()
    tasks: list[TaskDraft] = dspy.OutputField()


_TASK_PLACE = re.compile(r"task:(t\d+)")


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the draft's agent tasks."""
    return correct(STAGE, draft, model)


def _write(draft: Draft, ask: Ask) -> Made[Drafts]:
    """As many calls as the tasks need, each told of the instructions so far."""
    inputs = {
        "scenario": scenario_text(draft.scenario),
        "intentions": list(draft.intentions),
        "tools": tool_lines(draft),
        "data": data_text(draft),
    }
    parts: Drafts = ()
    replies: tuple[Reply, ...] = ()
    wanted = draft.recipe.size.tasks
    for _ in range(-(-wanted // BATCH)):
        existing = [part.instruction for part in parts]
        reply = ask(WriteTasks, {**inputs, "existing": existing, "count": min(BATCH, wanted - len(parts))})
        known = frozenset(part.id for part in parts)
        parts = merged(parts, reply.values["tasks"], frozenset())
        replies += (reply._replace(wrote=frozenset(part.id for part in parts) - known),)
    return Made(parts, replies)


def _repair(draft: Draft, parts: Drafts, problems: Problems, ask: Ask) -> Made[Drafts]:
    named = failing_ids(problems)
    failing = [part for part in parts if part.id in named]
    inputs = {
        "scenario": scenario_text(draft.scenario),
        "tools": tool_lines(draft),
        "data": data_text(draft, _tables_concerned(draft, failing) if all(map(_names_task, problems)) else None),
        "failing": failing,
        "problems": [problem.line() for problem in problems],
    }
    reply = ask(RepairTasks, inputs)
    return Made(merged(parts, reply.values["tasks"], named), (reply,))


def _names_task(problem: Diagnostic) -> bool:
    return _TASK_PLACE.match(problem.place) is not None


def _tables_concerned(draft: Draft, failing: Iterable[TaskDraft]) -> frozenset[str]:
    """What a failing task's calls and checks are about; a repair needs no other rows."""
    tools = {call.tool for part in failing for call in part.solution}
    return tables_behind(draft, tools, (check.sql for part in failing for check in part.checks))


def failing_ids(problems: Problems) -> frozenset[str]:
    """The tasks that diagnostics name by their place."""
    return frozenset(match.group(1) for problem in problems if (match := _TASK_PLACE.match(problem.place)))


def merged(current: Drafts, answered: Iterable[TaskDraft], replace: frozenset[str]) -> Drafts:
    """The tasks with the answer in them: one that names a task of `replace` takes its place, one that names none takes the
    first such place that is still open, or a new number; sound tasks are not touched.
    """
    by_id = {part.id: part for part in current}
    nameless = []
    open_places = {key: None for key in by_id if key in replace}
    for part in answered:
        if part.id in open_places:
            by_id[part.id] = part
            del open_places[part.id]
        elif part.id not in replace:
            nameless.append(part)
    for part in nameless:
        place = next(iter(open_places), None) or f"t{len(by_id) + 1:02d}"
        open_places.pop(place, None)
        by_id[place] = part.model_copy(update={"id": place})
    return tuple(by_id.values())


def _build(draft: Draft, parts: Drafts) -> Built:
    tasks, unformed = formed(draft, parts[: draft.recipe.size.tasks])
    built = draft.model_copy(update={"tasks": tasks})
    problems = diagnose(built, "agent_tasks") if tasks else ()
    none = () if parts else (Diagnostic(code="task.none", place="tasks", message="There are no tasks."),)
    return Built(built, (*none, *unformed, *without_size(problems, len(parts), draft.recipe.size.tasks)))


def formed(draft: Draft, parts: Drafts) -> tuple[tuple[AgentTask, ...], Problems]:
    """The drafts as agent tasks, answers taken from a replay and clock columns freed, and why some are none."""
    try:
        blueprint = Blueprint.of(draft.model_copy(update={"tasks": ()}))
    except StatementFailed as error:
        return (), (Diagnostic(code="seed.statement", place="seed", message=error.message),)
    tasks: list[AgentTask] = []
    problems: list[Diagnostic] = []
    with Environment.fork(blueprint) as environment:
        for part in parts:
            try:
                tasks.append(_task_of(part, environment))
            except ValidationError as error:
                problems.extend(_misformed(part.id, error))
            except UnresolvedReference as error:
                place = f"task:{part.id}/answer"
                problems.append(Diagnostic(code="task.answer", place=place, message=f"{error}.", hint="Name a value by its path."))
    return tuple(tasks), tuple(problems)


def _task_of(part: TaskDraft, environment: Environment) -> AgentTask:
    """Raises ValidationError, UnresolvedReference."""
    plain = part.model_dump(mode="json")
    plain["answer"] = None
    task = AgentTask.model_validate(plain)
    environment.reset()
    replayed = replay(environment, task.solution)
    if replayed.failed_at is not None:
        # The gate that replays tells of the failure; an answer cannot be had before it is mended.
        return task.model_copy(update={"answer": _literals(part.answer)})
    free = tuple(dict.fromkeys((*task.free_columns, *_clock_columns(task, environment))))
    answer = _answer(part.answer, [observation.result for observation in replayed.observations])
    return AgentTask.model_validate({**plain, "answer": answer, "free_columns": free})


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


def _clock_columns(task: AgentTask, environment: Environment) -> tuple[str, ...]:
    """Columns whose end values depend on when the calls were made, found by a second replay with the clock ahead."""
    first = _end_values(environment)
    environment.reset()
    for _ in range(_CLOCK_SHIFT):
        environment.call_tool("")  # an unknown tool changes nothing but the clock
    if replay(environment, task.solution).failed_at is not None:
        return ()
    second = _end_values(environment)
    return tuple(sorted(f"{table}.{column}" for (table, key, column), value in first.items() if second.get((table, key, column)) != value))


def _end_values(environment: Environment) -> dict[tuple[str, tuple[Any, ...], str], Any]:
    changes = environment.difference()
    return {(c.table, c.key, column): value for c in changes for column, value in (c.after or {}).items()}


def _misformed(task_id: str, error: ValidationError) -> list[Diagnostic]:
    return [
        Diagnostic(code="task.form", place="/".join((f"task:{task_id}", *place)), message=message)
        for place, message in form_problems(error)
    ]


STAGE: Stage[Drafts] = Stage("agent_tasks", _write, _repair, _build)
write_agent_tasks = stage_task("write_agent_tasks", run)
