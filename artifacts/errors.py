"""The one error tree of Worldloom.

    WorldloomError
    ├── UserError                 the caller's: fix the input and run again (exit code 2)
    │   ├── InvalidInput          a scenario, an option or a file that cannot be used as given
    │   ├── UnknownName           a model, world, task, table or scheme that does not exist
    │   ├── UnsupportedFormat     a bundle or a store of a format that this version cannot read
    │   ├── InvalidBundle         a bundle that is incomplete, edited or not well formed
    │   └── Unwritable            a folder or store that refuses to be written
    │       └── DiskFull          there is no room left
    ├── BudgetSpent               a run has spent what it may: what is finished is kept, the rest is taken up later (exit code 4)
    ├── TransientError            may pass if tried again (the flow retries it)
    │   ├── ModelUnavailable      rate limit, timeout, dropped connection, server error
    │   ├── CommitConflict        another writer published a snapshot first
    │   ├── StoreUnavailable      an object store does not answer, however often it is asked
    │   └── SessionLimitReached   a server has as many sessions open as it may
    └── TerminalError             will not pass by itself (exit code 1)
        ├── ModelRejected         the model's service refuses us: wrong key, no such model, no money
        ├── ServerUnavailable     the workflow server cannot be started or reached
        ├── StatementFailed       SQLite refused a statement of a schema or a seed
        └── EnvironmentFault      a running environment broke a rule of its own; never the agent's fault

A rejection of a draft is not an error: it is a `Reject` verdict, kept as a row. What an agent does wrong is not an
error either: it is an `Observation`.
"""

from __future__ import annotations


class WorldloomError(Exception):
    """What happened, where, and what to do next.

    `message` says what happened and where in one line; `hint` says what to do, or is empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UserError(WorldloomError):
    """The caller's input is at fault."""

    exit_code = 2


class InvalidInput(UserError):
    """A scenario, an option or a file cannot be used as given."""


class UnknownName(UserError):
    """A model, world, task, table or store scheme does not exist."""


class UnsupportedFormat(UserError):
    """A bundle or a store has a format that this version cannot read."""


class InvalidBundle(UserError):
    """A bundle is incomplete, was edited after sealing, or is not well formed."""


class Unwritable(UserError):
    """A folder or a store refuses to be written."""


class DiskFull(Unwritable):
    """There is no room left to write."""


class BudgetSpent(WorldloomError):
    """A run has spent what it may. Nothing is wrong: the next run goes on from there."""

    exit_code = 4


class TransientError(WorldloomError):
    """The same call may succeed later.

    `retry_after` is the wait in seconds that the other side asked for, or None.
    """

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class ModelUnavailable(TransientError):
    """A rate limit, a timeout, a dropped connection or a server error of a model's service.

    `connected` is false where nothing answered at all; `hopeless` is true where it never did in this run, so that every other draft
    would meet the same.
    """

    connected = True
    hopeless = False


class CommitConflict(TransientError):
    """Another writer published a snapshot first."""


class StoreUnavailable(TransientError):
    """An object store does not answer, however often it was asked."""


class SessionLimitReached(TransientError):
    """A server has as many sessions open as it may."""


class TerminalError(WorldloomError):
    """Trying again changes nothing."""


class ModelRejected(TerminalError):
    """The model's service refuses us: a wrong key, an unknown model, no money, or a request that it cannot take."""


class ServerUnavailable(TerminalError):
    """The workflow server cannot be started or reached."""


class StatementFailed(TerminalError):
    """SQLite refused one statement of a schema or a seed.

    `index` counts the statements of its file from 0; `statement` is its text.
    """

    def __init__(self, message: str, hint: str = "", *, index: int, statement: str) -> None:
        super().__init__(message, hint)
        self.index = index
        self.statement = statement


class EnvironmentFault(TerminalError):
    """A running environment broke a rule of its own; never scored as the agent's failure."""
