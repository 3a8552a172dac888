"""How a flow run ends: every kind of trouble as a state whose name says who can mend it. The one place that knows the names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from artifacts import errors
from artifacts.errors import WorldloomError
from flows.boundary import attempted
from flows.observing import observed
from tasks.job.recognition import recognized
from tasks.job.tally import Tally

P = ParamSpec("P")
R = TypeVar("R")

BUDGET = "Stopped by the budget"
INNER = "Inner fault"
CUT_SHORT = "Cut short"
"""A run whose share was cancelled, or lost its process."""

ENDED_FROM_OUTSIDE = ("Cancelled", "Cancelling", "Crashed")
RESUME = "What was finished is published. Run the same again to resume: no answer is paid for twice."

NAMES: tuple[tuple[type[WorldloomError], str], ...] = (
    (errors.BudgetSpent, BUDGET),
    (errors.DiskFull, "Disk full"),
    (errors.Unwritable, "Store not writable"),
    (errors.ModelRejected, "Refused by the model's service"),
    (errors.ModelUnavailable, "Model unreachable"),
    (errors.ServerUnavailable, "Workflow server unreachable"),
    (errors.CommitConflict, "Store in contention"),
    (errors.UserError, "Input not usable"),
)
"""The states' names by the error's class, the more particular first; for any other error it is our own fault."""


def name_for(error: BaseException) -> str:
    """The name of the state that an error of ours ends a run in."""
    return next((name for kind, name in NAMES if isinstance(error, kind)), INNER)


def name_for_causes(causes: Iterable[str]) -> str:
    """The name for drafts that were left unfinished: the gravest of their errors' classes, in the order of NAMES.

    A share's run that was cancelled or killed counts by the name of its state. A spent budget is the lightest: nothing failed.
    """
    names = {_name_for_cause(cause) for cause in causes}
    ranked = (*(name for _, name in NAMES if name != BUDGET), CUT_SHORT, INNER, BUDGET)
    return next((name for name in ranked if name in names), INNER)


def _name_for_cause(cause: str) -> str:
    if cause in ENDED_FROM_OUTSIDE:
        return CUT_SHORT
    found = getattr(errors, cause, None)
    return next((name for kind, name in NAMES if isinstance(found, type) and issubclass(found, kind)), INNER)


def failed(error: BaseException, home: Path | None = None) -> State[Any]:
    """The end of a run that raised; the caller in this process still gets the error itself from the state."""
    known = recognized(error, home)
    if isinstance(known, errors.BudgetSpent):
        return Completed(name=BUDGET, message=f"{known} {RESUME}", data=known)
    name = INNER if known is None else name_for(known)
    said = f"{type(error).__name__}: {error}" if known is None else str(known)
    return Failed(name=name, message=said, data=error if known is None else known)


def end_of(tally: Tally) -> State[Any] | None:
    """The state of a run that ended by itself; None where all of its drafts were finished."""
    if tally.interrupted:
        return Cancelled(message=f"Interrupted. {RESUME}")
    if not tally.unfinished:
        return None
    said = " ".join((*tally.faults[:1], RESUME))
    name = name_for_causes(tally.causes)
    return Completed(name=name, message=said) if name == BUDGET else Failed(name=name, message=said)


def ending(function: Callable[P, R]) -> Callable[P, R | State[Any]]:
    """A decorator for what a flow does: whatever it raises becomes a state that says whose fault it is, and other tools are told.

    It stands on the function, not on the flow, so that processes can still be sent the function by its name.
    """

    signature = inspect.signature(function, eval_str=True)

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R | State[Any]:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        with observed(given.arguments["order"], given.arguments["store"]) as tell:
            value, error = attempted(lambda: function(*args, **kwargs))
            end = value if error is None else failed(error)
            tell(end)
        return end  # type: ignore[return-value]  # without an error there is a value

    inner.__signature__ = signature  # type: ignore[attr-defined]  # its names mean nothing here
    inner.__annotations__ = inspect.get_annotations(function, eval_str=True)
    return inner


def raise_error_of(state: State[Any]) -> None:
    """Raise the error that ended a run in this process, if one did; a run that merely left drafts unfinished raises nothing."""
    held = getattr(state.data, "result", state.data)
    if isinstance(held, Exception):
        raise held
    if state.is_crashed() or (state.is_failed() and state.name == "Failed"):  # ended by Prefect, not by us
        state.result()
