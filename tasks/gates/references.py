"""The gates of the agent tasks: references replay, idleness earns nothing, references earn everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from artifacts.agent_task import AgentTask
from artifacts.observation import RowChange
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.reference import Replay
from tasks.gates.gate import verdict
from tasks.gates.lucky_defaults import lucky_defaults
from tasks.gates.task_problems import answer_problems, kind_problems, static_problems
from tasks.gates.toolset import sound_tools
from tasks.sql.statements import statement_problems
from tasks.trials.workbench import Workbench, workbench_of

Replayed = tuple[Replay, tuple[RowChange, ...]]
IDLE_ANSWERS: tuple[object, ...] = (None, "", "done", "I have taken care of it.")


def check_statements_safe(draft: Draft) -> Pass | Reject:
    """The checks' statements only."""
    places = [(check.sql, f"task:{task.id}/checks/{i}") for task in draft.tasks for i, check in enumerate(task.checks)]
    return verdict(
        "statements_safe", (d for sql, place in places for d in statement_problems(sql, "check", place)), {"checks": len(places)}
    )


def bench_for(draft: Draft) -> Workbench:
    """The workbench with the tools that can be called."""
    return workbench_of(draft, sound_tools(draft))


def references_replay(draft: Draft) -> Pass | Reject:
    """Every task is well formed, and its solution gives the same results and the same state twice, every call a success."""
    bench = bench_for(draft)
    known = [task for task in draft.tasks if not any(d.code == "task.unknown_tool" for d in _static(task, bench))]
    first = {task.id: bench.reference(task) for task in known}
    with bench.environment.reading_backwards():
        again = {task.id: bench.replay(task) for task in known if first[task.id][0].failed_at is None}
    problems = [d for task in draft.tasks for d in _replay_problems(task, bench, first, again)]
    ids = Counter(task.id for task in draft.tasks)
    twice = [_same_id(name) for name, count in ids.items() if count > 1]
    return verdict(
        "references_replay", (*twice, *problems), {"tasks": len(draft.tasks), "calls": sum(len(t.solution) for t in draft.tasks)}
    )


def _same_id(name: str) -> Diagnostic:
    hint = "Give each task an id of its own, such as the next free number."
    return Diagnostic(code="task.duplicate_id", place=f"task:{name}", message=f"Two of the tasks are called {name}.", hint=hint)


def _replay_problems(task: AgentTask, bench: Workbench, first: dict[str, Replayed], again: dict[str, Replayed]) -> Iterator[Diagnostic]:
    yield from (d for d in _static(task, bench) if not _told_by_whitelist(d))
    if task.id not in first:
        return
    done, changes = first[task.id]
    if done.failed_at is not None:
        bench.replay(task)  # for the faults of the environment, if any
        yield _failed_call(task, done, bench)
        return
    if (done, changes) != again[task.id]:
        message = "Replayed with tables read in another order, the solution gives other results or another state."
        hint = "A tool that it calls takes the first of several rows; order them without ties, or name the row by its key."
        yield Diagnostic(code="task.nondeterministic", place=f"task:{task.id}", message=message, hint=hint)
    yield from kind_problems(task, changes)
    yield from answer_problems(task, [observation.result for observation in done.observations])
    yield from lucky_defaults(task, bench)


def _static(task: AgentTask, bench: Workbench) -> tuple[Diagnostic, ...]:
    known = bench.read.get(task.id)
    if known is None or known[0] is not task:
        known = bench.read[task.id] = (task, tuple(static_problems(task, bench.usages, bench.draft.schema_sql)))
    return known[1]


def _told_by_whitelist(problem: Diagnostic) -> bool:
    return "/checks/" in problem.place and problem.code in ("sql.syntax", "sql.kind", "sql.function", "sql.positional", "sql.too_long")


def _failed_call(task: AgentTask, done: Replay, bench: Workbench) -> Diagnostic:
    index = done.failed_at or 0
    fault = f" ({bench.environment.faults[-1]})" if bench.environment.faults else ""
    earlier = ", ".join(f"{i}: {call.tool}" for i, call in enumerate(task.solution[:index]))
    hint = f"Calls before it: {earlier}." if earlier else ""
    shown = repr(done.observations[index - 1].result)[:300] if "names no value" in done.problem and index else ""
    return Diagnostic(
        code="task.solution_fails",
        place=f"task:{task.id}/solution/{index}",
        message=f"Call {index} fails: {done.problem.rstrip('.')}{fault}.",
        hint=f"{hint} Call {index - 1} gave {shown}" if shown else hint,
    )


def sound_tasks(draft: Draft, bench: Workbench) -> Iterator[tuple[AgentTask, Replay, tuple[RowChange, ...]]]:
    """The tasks that can be scored, with what their reference gives."""
    for task in draft.tasks:
        static = _static(task, bench)
        if not any("/checks/" in d.place or d.code == "task.unknown_tool" for d in static):
            done, changes = bench.reference(task)
            if done.failed_at is None:
                yield task, done, changes


def idle_scores_zero(draft: Draft) -> Pass | Reject:
    """Doing nothing earns nothing, whatever is said; and no check holds before anything is done."""
    bench = bench_for(draft)
    sound = [task for task, _, _ in sound_tasks(draft, bench)]
    bench.environment.reset()
    problems = [d for task in sound for d in _idle(task, bench)]
    return verdict("idle_scores_zero", problems, {"tasks": len(sound), "answers": len(IDLE_ANSWERS) + 1})


def _idle(task: AgentTask, bench: Workbench) -> Iterator[Diagnostic]:
    answers = (*IDLE_ANSWERS, task.instruction)
    scores = [bench.environment.score(task, answer) for answer in answers]
    for index, check in enumerate(scores[0].checks):
        if check.held:
            message = f"The check '{check.name}' already holds before anything is done, so it judges nothing."
            hint = "Delete it (other rows are compared anyway), or make it look at what the task changes."
            yield Diagnostic(code="task.check_already_true", place=f"task:{task.id}/checks/{index}", message=message, hint=hint)
    for answer, score in zip(answers, scores, strict=True):
        if score.reward > 0:
            said = "repeating the instruction" if answer == task.instruction else f"saying {answer!r}" if answer else "saying nothing"
            message = f"Doing nothing and {said} is scored {score.outcome} ({score.reward})."
            hint = "Ask for a value that must be looked up, or for a change; give checks that are false at first."
            yield Diagnostic(code="task.idle_scores", place=f"task:{task.id}", message=message, hint=hint)
            return


def reference_scores_one(draft: Draft) -> Pass | Reject:
    """The reference solution with the reference answer earns 1 on every task."""
    bench = bench_for(draft)
    problems: list[Diagnostic] = []
    for task, _, _ in sound_tasks(draft, bench):
        bench.replay(task)
        score = bench.environment.score(task, None if task.answer is None else list(task.answer))
        if score.reward < 1:
            problems.extend(_reference_problems(task, score.detail, [i for i, c in enumerate(score.checks) if not c.held]))
    return verdict("reference_scores_one", problems, {"tasks": len(draft.tasks)})


def _reference_problems(task: AgentTask, detail: str, failed: list[int]) -> Iterator[Diagnostic]:
    for index in failed:
        message = f"The check '{task.checks[index].name}' is false after the reference solution."
        hint = "Correct the check, or the solution if it misses a step."
        yield Diagnostic(code="task.check_false", place=f"task:{task.id}/checks/{index}", message=message, hint=hint)
    if not failed:
        message = f"The reference solution is not scored 1: {detail}."
        yield Diagnostic(code="task.reference_fails", place=f"task:{task.id}", message=message)
