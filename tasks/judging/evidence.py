"""What a judge is shown of an episode: what was asked, what code found, what changed, what was said, what was done.

All of it is made again from the record: the calls are done on a fresh environment, so a record that lies is never judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.observation import RowChange, Score
from artifacts.trajectory import Call
from containers.environment import Blueprint, Environment
from containers.reference import replay
from tasks.judging.fence import compact, fenced

MOST_ROWS = 40
MOST_CALLS = 40
MOST_RESULT = 300


class Evidence(NamedTuple):
    """The inputs of the judge by name, and the score that code gave."""

    inputs: dict[str, Any]
    score: Score


def evidence_of(blueprint: Blueprint, task: AgentTask, calls: Sequence[Call], answer: object) -> Evidence:
    """The evidence of an episode of these calls and this answer; a call may give another result than its record says."""
    with Environment.fork(blueprint) as environment:
        idle = [check.held for check in environment.score(task, None).checks]
        for call in calls:
            environment.call_tool(call.tool, call.arguments)
        score, changes = environment.score(task, answer), environment.difference()
        environment.reset()
        replay(environment, task.solution)
        gold = environment.difference()
    inputs = {
        "instruction": task.instruction,
        "reference": [compact({"tool": call.tool, **call.arguments}) for call in task.solution],
        "expected": expected_text(task),
        "checks": check_lines(score, idle),
        "rows": fenced("\n".join(row_lines(task, score, changes, gold))),
        "answer": fenced(answer if isinstance(answer, str) else "" if answer is None else compact(answer)),
        "episode": fenced("\n".join(call_lines(calls))),
    }
    return Evidence(inputs, score)


def expected_text(task: AgentTask) -> str:
    """What the answer has to tell, and what it may not list beside it."""
    if task.answer is None:
        return "no answer is asked for"
    beside = {"not_beside": list(task.decoys)} if task.decoys else {}
    return compact({"values": list(task.answer), **beside}, 2_000)


def check_lines(score: Score, idle: Sequence[bool]) -> list[str]:
    """Each check with what it gives at the end, and at the start where that was true too."""
    before = [*idle, *[False] * len(score.checks)]
    return [
        f"{'true' if check.held else 'false'}{' (and already true at the start)' if then else ''}: {check.name}"
        for check, then in zip(score.checks, before, strict=False)
    ]


def row_lines(task: AgentTask, score: Score, changes: Sequence[RowChange], gold: Sequence[RowChange]) -> list[str]:
    """The rows that changed, as the reference would have it or not, and those that it changes and the agent did not."""
    wrong = {(change.table, change.key) for change in score.collateral}
    wanted = {(change.table, change.key): change for change in gold}
    lines = []
    for change in changes:
        off = (change.table, change.key) in wrong
        meant = wanted.get((change.table, change.key)) if off else None
        lines.append(f"{'wrong' if off else 'right'}: {_change(change)}" + (f"; the reference: {_change(meant)}" if meant else ""))
    lines += [f"missing: {_change(change)}" for change in score.missing]
    free = [f"left to the agent: {', '.join(task.free_columns)}"] if task.free_columns else []
    kept = lines[:MOST_ROWS] + ([f"… and {len(lines) - MOST_ROWS} rows more"] if len(lines) > MOST_ROWS else [])
    return [*(kept or ["nothing changed"]), *free]


def _change(change: RowChange) -> str:
    """`orders 17: status "pending" -> "cancelled"`; a new row whole, a deleted one by its key."""
    key = ", ".join(compact(part, 60) for part in change.key)
    if change.after is None:
        return f"{change.table} {key}: deleted"
    if change.before is None:
        return f"{change.table} {key}: new {compact(change.after)}"
    moved = [(name, was, change.after.get(name)) for name, was in change.before.items() if change.after.get(name) != was]
    return f"{change.table} {key}: " + "; ".join(f"{name} {compact(was, 120)} -> {compact(now, 120)}" for name, was, now in moved)


def call_lines(calls: Sequence[Call]) -> list[str]:
    """Each call with what came back, the first and the last of them where they are many."""
    lines = [
        f"{number}. {call.tool[:60]} {compact(call.arguments, 240)} => {compact(call.observation, MOST_RESULT)}"
        for number, call in enumerate(calls)
    ]
    if len(lines) <= MOST_CALLS:
        return lines or ["no call"]
    half = MOST_CALLS // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} calls more …", *lines[-half:]]
