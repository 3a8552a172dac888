"""What a call has to pass before it is made: room to record its answer, the run's budget, the model's rates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from dspy.lm15 import Request

from artifacts.errors import BudgetSpent, DiskFull, InvalidInput
from tasks.models.journal import Answer, Journal, Spent
from tasks.models.pace import Pace

RESERVE = 24 << 20
"""Bytes that have to be free before a model is asked: for its answer, and for publishing what is finished."""


class Budget(NamedTuple):
    """The most that one run may spend; None is no bound."""

    usd: float | None = None
    tokens: int | None = None


class Meter:
    """The account of one run with one model, shared by its processes through the journal."""

    def __init__(self, journal: Journal, budget: Budget, run_id: str, pace: Pace | None) -> None:
        self._journal = journal
        self._budget = budget
        self._run_id = run_id
        self._pace = pace

    def admit(self, request: Request) -> None:
        """Return when the call may be made; raises DiskFull, BudgetSpent, InvalidInput where a budget cannot be counted."""
        require_room(self._journal.path.parent)
        if self._pace is not None:
            self._pace.wait(request)
        if any(bound is not None for bound in self._budget):
            check(self._budget, self._journal.spent(self._run_id))

    def settle(self, answer: Answer) -> None:
        """Tell the pace how many tokens an answer took."""
        if self._pace is not None:
            self._pace.settle(answer)

    def failed(self, error: Exception) -> None:
        """Tell the pace that the service thinks us too quick, if that is why it failed."""
        if self._pace is not None:
            self._pace.failed(error)


def require_room(folder: Path) -> None:
    """Raise DiskFull where an answer might not be recorded: one that is paid for must not be lost."""
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < RESERVE:
        raise DiskFull(
            f"The disk of {folder} is full: the last {RESERVE >> 20} MiB are kept for what is finished.",
            "Make room, then run the same again to resume.",
        )


def check(budget: Budget, spent: Spent) -> None:
    """Raise BudgetSpent when a run has spent what it may, InvalidInput when what it spends is not known."""
    if budget.usd is not None:
        if spent.cost_unknown:
            raise InvalidInput("An answer's cost is not known, so --budget-usd cannot be kept.", "Give --budget-tokens instead.")
        if spent.cost_usd >= budget.usd:
            raise _stop(f"${budget.usd:,.2f}")
    if budget.tokens is not None:
        if spent.tokens_unknown:
            raise InvalidInput(
                "The model's server does not say how many tokens an answer takes, so --budget-tokens cannot be kept.",
                "Leave the budget out, or use a server that reports usage.",
            )
        if spent.tokens >= budget.tokens:
            raise _stop(f"{budget.tokens:,} tokens")


def _stop(spent: str) -> BudgetSpent:
    return BudgetSpent(f"The run's budget of {spent} is spent.", "Run the same with a larger budget to go on.")
