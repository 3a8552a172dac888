"""Judging the end of an episode: checks, answer and row-level comparison with the gold state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from artifacts.agent_task import AgentTask, Check
from artifacts.errors import InvalidInput
from artifacts.observation import REWARDS, CheckResult, Observation, Outcome, RowChange, Score
from containers.answers import matches
from containers.comparison import Comparison, compare
from containers.difference import Table
from containers.reference import replay

MAX_ANSWER = 20_000


class Judged(Protocol):
    """What scoring needs of an environment."""

    faults: list[str]

    @property
    def today(self) -> str:
        """The world's day, by which days without a year are understood."""

    def call_tool(self, name: str, arguments: object) -> Observation:
        """One call."""

    def difference(self) -> tuple[RowChange, ...]:
        """The rows that changed."""

    def read_check(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a check."""


class Gold(NamedTuple):
    """The end of the reference solution; `problem` is empty unless it could not be reached."""

    changes: tuple[RowChange, ...]
    idle_checks: tuple[CheckResult, ...]
    problem: str


def score(environment: Judged, gold: Gold, task: AgentTask, answer: object, tables: Mapping[str, Table]) -> Score:
    """The score of the present state and an answer."""
    broken = gold.problem or next(iter(environment.faults), "")
    if broken:
        return _judged("environment_error", detail=broken[:300])
    checks = judge_checks(environment, task.checks, answer)
    failed = next((check for check in checks if check.error), None)
    if failed is not None:
        return _judged("environment_error", checks=checks, detail=f"The check '{failed.name}' cannot be evaluated: {failed.error}"[:300])
    answered = None if task.answer is None else matches(task.answer, answer, task.decoys, environment.today)
    comparison = compare(environment.difference(), gold.changes, tables, task.free_columns, task.fuzzy_columns)
    outcome = _outcome(checks, gold.idle_checks, answered, comparison)
    return _judged(outcome, checks, answered, comparison, _detail(checks, answered, comparison))


def _judged(
    outcome: Outcome,
    checks: tuple[CheckResult, ...] = (),
    answered: bool | None = None,
    comparison: Comparison | None = None,
    detail: str = "",
) -> Score:
    collateral, missing = (comparison.collateral, comparison.missing) if comparison else ((), ())
    return Score(
        outcome=outcome,
        reward=REWARDS[outcome],
        checks=checks,
        answer_matched=answered,
        collateral=collateral,
        missing=missing,
        detail=detail,
    )


def _outcome(checks: Sequence[CheckResult], idle: Sequence[CheckResult], answered: bool | None, comparison: Comparison) -> Outcome:
    if all(check.held for check in checks) and answered is not False and not comparison.collateral and not comparison.missing:
        return "completed"
    gained = any(now.held and not then.held for now, then in zip(checks, idle, strict=True))
    return "partial" if gained or answered or comparison.right else "agent_error"


def _detail(checks: Sequence[CheckResult], answered: bool | None, comparison: Comparison) -> str:
    parts = [f"check not held: {check.name}" for check in checks if not check.held]
    if answered is False:
        parts.append("the answer does not match")
    if comparison.collateral:
        parts.append(f"{len(comparison.collateral)} rows changed that should not have, or wrongly")
    if comparison.missing:
        parts.append(f"{len(comparison.missing)} rows not changed that should have been")
    return "; ".join(parts)[:500]


def judge_checks(environment: Judged, checks: Sequence[Check], answer: object) -> tuple[CheckResult, ...]:
    """Whether each check holds; a check that cannot be evaluated says why."""
    parameters = {"answer": bound_answer(answer)}
    return tuple(_judge(environment, check, parameters) for check in checks)


def _judge(environment: Judged, check: Check, parameters: dict[str, Any]) -> CheckResult:
    try:
        rows = environment.read_check(check.sql, dict(parameters))
    except InvalidInput as trouble:
        # A check that reads the answer fails on an answer of the wrong form; that is the agent's doing, not ours.
        return CheckResult(name=check.name, held=False, error="" if ":answer" in check.sql else trouble.message)
    if len(rows) > 1 or (rows and len(rows[0]) != 1):
        return CheckResult(name=check.name, held=False, error="it gives more than one value")
    return CheckResult(name=check.name, held=bool(rows) and _true(rows[0][0]))


def _true(value: object) -> bool:
    """SQLite's truth: a number other than zero."""
    return isinstance(value, int | float) and value != 0


def bound_answer(answer: object) -> str | int | float | None:
    """What `:answer` binds: text and numbers as they are, the rest as JSON text; NULL for what cannot be bound."""
    if type(answer) is float or (type(answer) is int and -(2**63) <= answer < 2**63):
        return answer
    try:
        text = answer if type(answer) is str else json.dumps(answer, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return None
    return None if answer is None or len(text) > MAX_ANSWER else text


def gold_of(environment: Judged, task: AgentTask) -> Gold:
    """The gold of a task, made on a fresh environment."""
    idle = judge_checks(environment, task.checks, None)
    done = replay(environment, task.solution)
    if done.failed_at is not None:
        return Gold((), idle, f"The reference solution fails at call {done.failed_at}: {done.problem}")
    return Gold(environment.difference(), idle, "")
