"""What an environment answers: the result of one call, and the score of an episode."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field

from artifacts.noun import Noun

Outcome = Literal["completed", "partial", "agent_error", "environment_error"]

REWARDS: dict[Outcome, float] = {"completed": 1.0, "partial": 0.1, "agent_error": 0.0, "environment_error": 0.0}


class Observation(NamedTuple):
    """The answer to one tool call: a JSON result, or a short structured error with state unchanged.

    `error` is None on success; else one of the tool's own codes, or `unknown_tool`, `invalid_arguments`, `constraint`,
    `too_large`, `too_many_calls`, `environment_error`.
    """

    result: Any = None
    error: str | None = None
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.error is None

    def payload(self) -> dict[str, Any]:
        """The JSON form that agents see."""
        return {"result": self.result} if self.error is None else {"error": self.error, "message": self.message}


class RowChange(Noun):
    """One row that differs between two states, by primary key; `before` is None for an insert, `after` for a delete."""

    table: str
    key: tuple[Any, ...]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class CheckResult(Noun):
    """Whether one check held; `error` tells why it could not be evaluated."""

    name: str
    held: bool
    error: str = ""


class Score(Noun):
    """The judgement of an end state and an answer.

    `collateral` are rows whose end content gold does not share; `missing` are rows that gold changed and the agent did not.
    """

    outcome: Outcome
    reward: float
    checks: tuple[CheckResult, ...] = ()
    answer_matched: bool | None = None
    collateral: tuple[RowChange, ...] = ()
    missing: tuple[RowChange, ...] = ()
    detail: str = Field(default="", description="one line, for people")
