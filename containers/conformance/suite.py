"""Cases as data, and what running one against a backend tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from artifacts.observation import Observation, Outcome, Score


class Backend(Protocol):
    """An environment of the shop, wherever it runs."""

    def reset(self) -> None:
        """Back to the initial state."""

    def list_tools(self) -> list[dict[str, Any]]:
        """What an agent sees of the tools."""

    def call_tool(self, name: str, arguments: object) -> Observation:
        """One call."""

    def score(self, task: str, answer: object = None) -> Score:
        """The judgement of the present state and an answer."""

    def state_digest(self) -> str:
        """A digest of all rows."""


class _Anything:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "anything"


ANYTHING: Any = _Anything()


class Expect(NamedTuple):
    """One call and what it must give: a result, or an error code and a part of its message."""

    tool: str
    arguments: object
    result: Any = ANYTHING
    error: str | None = None
    says: str = ""


class Judged(NamedTuple):
    """The score that the end of a case must get; `counts` are the numbers of collateral and of missing rows."""

    task: str
    answer: object
    outcome: Outcome
    counts: tuple[int, int] = ANYTHING


class Case(NamedTuple):
    """A fresh environment, calls in order, perhaps a score; `over_json` is false where JSON cannot carry the arguments."""

    name: str
    calls: tuple[Expect, ...] = ()
    judged: Judged | None = None
    over_json: bool = True


def problems_of(backend: Backend, case: Case) -> tuple[str, ...]:
    """Where the backend departs from the case; empty when it conforms. Leaves the backend reset."""
    backend.reset()
    found = [*_call_problems(backend, case.calls), *_score_problems(backend, case.judged)]
    backend.reset()
    return tuple(found)


def _call_problems(backend: Backend, calls: tuple[Expect, ...]) -> Iterator[str]:
    for number, expect in enumerate(calls):
        before = backend.state_digest()
        given = backend.call_tool(expect.tool, expect.arguments)
        yield from (f"call {number} ({expect.tool}): {problem}" for problem in _observation_problems(expect, given))
        if expect.error is not None and backend.state_digest() != before:
            yield f"call {number} ({expect.tool}): it failed, and changed the state"


def _observation_problems(expect: Expect, given: Observation) -> Iterator[str]:
    if given.error != expect.error:
        yield f"gave {given.error or 'a result'} ({given.message[:200]}), not {expect.error or 'a result'}"
    elif expect.error is None and not _same(expect.result, given.result):
        yield f"gave {given.result!r}, not {expect.result!r}"
    if expect.says not in given.message:
        yield f"says '{given.message[:200]}', not '{expect.says}'"
    if given.error is not None and _leaks(given.message):
        yield f"leaks SQL: '{given.message[:200]}'"
    try:
        json.dumps(given.payload(), allow_nan=False).encode()
    except ValueError as trouble:
        yield f"gave what JSON cannot hold: {trouble}"


def _same(wanted: Any, given: Any) -> bool:
    """Equal in value and in JSON type: true is not 1, and 1 is not 1.0."""
    if isinstance(wanted, dict):
        return type(given) is dict and list(wanted) == list(given) and all(_same(wanted[key], given[key]) for key in wanted)
    if isinstance(wanted, list):
        return type(given) is list and len(wanted) == len(given) and all(map(_same, wanted, given))
    return bool(wanted == given) and (wanted is ANYTHING or type(wanted) is type(given))


def _leaks(message: str) -> bool:
    return any(word in message for word in ("SELECT", "INSERT ", "UPDATE ", "sqlite", "SQLite", "Traceback", "json_each", ":me"))


def _score_problems(backend: Backend, judged: Judged | None) -> Iterator[str]:
    if judged is None:
        return
    score = backend.score(judged.task, judged.answer)
    if score.outcome != judged.outcome:
        yield f"{judged.task} scored {score.outcome} ({score.detail}), not {judged.outcome}"
    counts = (len(score.collateral), len(score.missing))
    if counts != judged.counts:
        yield f"{judged.task} has {counts} collateral and missing rows, not {judged.counts}"
