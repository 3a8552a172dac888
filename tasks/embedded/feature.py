"""The interface of feature modules.

A feature is a module in `features/` with one function `build(studio: Studio) -> Part`. It writes DDL, rows and tools in the
words of the domain, and gives *ideas*: functions that look at the loaded world through a `Desk` and write one agent task
each, or raise `Unfit` where the rows do not allow it. Nothing here is random but `studio.rng`, which is seeded per feature.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from artifacts.world import Clock, TableRows
from containers.environment import Environment
from containers.reference import UnresolvedReference, resolve
from tasks.embedded.domain import Domain, Term

NOW = datetime.fromisoformat(Clock().start)
"""When every world begins; rows of the past lie before, plans after."""


class Unfit(Exception):
    """The world's rows give this idea nothing to ask for; the composer takes the next one."""


class Studio(NamedTuple):
    """What a feature may use while it writes: the domain's words, its own random stream, and the core rows that stand already."""

    domain: Domain
    rng: Random
    people: tuple[str, ...]
    """Full names; the person with id 1 is the signed-in user."""
    staff: tuple[str, ...]
    places: tuple[str, ...]
    items: tuple[tuple[str, int], ...]
    """(name, price_cents) of items, ids from 1 in this order."""
    features: frozenset[str]
    """Every feature of this world, so that one may lean on another."""

    def term(self, role: str) -> Term:
        """The domain's noun for a role."""
        return self.domain.term(role)

    def day(self, low: int, high: int) -> str:
        """A date between `low` and `high` days from the world's first day (negative: the past)."""
        return (NOW.date() + timedelta(days=self.rng.randint(low, high))).isoformat()

    def moment(self, low: int, high: int) -> str:
        """A date and time in working hours, on the quarter hour."""
        hour, minute = self.rng.randint(8, 17), self.rng.choice((0, 15, 30, 45))
        return f"{self.day(low, high)} {hour:02d}:{minute:02d}:00"


Idea = Callable[["Desk"], dict[str, Any]]
"""Writes one task draft (the prompts' TaskDraft form) or raises Unfit."""


class Part(NamedTuple):
    """What a feature contributes."""

    ddl: tuple[str, ...]
    """CREATE statements, in dependency order; core tables may be referenced."""
    rows: tuple[TableRows, ...]
    tools: tuple[dict[str, Any], ...]
    """Tool drafts in the prompts' form; those without a `run` step are reading tools."""
    ideas: tuple[Idea, ...]
    intentions: tuple[str, ...] = ()
    """What a user would want of this feature, one sentence each."""


class Handle(NamedTuple):
    """The result of one scripted call: the position of its step in the solution, and its value."""

    step: int
    value: Any

    def ref(self, path: str = "") -> dict[str, str]:
        """A reference to a part of the result, such as `ref("[0].id")` or `ref(".total_cents")`."""
        return {"$ref": f"{self.step}{path}"}

    def pick(self, field: str, **where: Any) -> dict[str, str]:
        """A reference to `field` of the one row of a list result that has these values; Unfit when none or several have."""
        found = [n for n, row in enumerate(self.value) if all(row.get(k) == v for k, v in where.items())]
        if len(found) != 1:
            raise Unfit(f"{len(found)} rows have {where}")
        return self.ref(f"[{found[0]}].{field}")


class Script:
    """Records a reference solution while running it for real, so that what is written down has happened."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._environment.reset()
        self._results: list[Any] = []
        self.steps: list[dict[str, Any]] = []

    def call(self, tool: str, **arguments: Any) -> Handle:
        """Calls a tool now; arguments may be references. Raises Unfit when the call fails."""
        try:
            observation = self._environment.call_tool(tool, {k: self._value(v) for k, v in arguments.items()})
        except UnresolvedReference as error:
            raise Unfit(f"{tool}: {error}") from error
        if not observation.ok:
            raise Unfit(f"{tool}: {observation.message}")
        self.steps.append({"tool": tool, "arguments": arguments})
        self._results.append(observation.result)
        return Handle(len(self.steps) - 1, observation.result)

    def _value(self, value: Any) -> Any:
        return resolve(value, self._results)


class Desk(NamedTuple):
    """What an idea may look at: the loaded world, the domain's words, a random stream."""

    environment: Environment
    studio: Studio
    rng: Random

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of the initial state, for choosing what a task is about."""
        return self.environment.query(sql, parameters)

    def one(self, sql: str, **parameters: Any) -> dict[str, Any]:
        """One row at random of those that the query gives; Unfit when there is none."""
        found = self.rows(sql, **parameters)
        if not found:
            raise Unfit("no row fits")
        return self.rng.choice(found)

    def script(self) -> Script:
        """A fresh script on the initial state."""
        return Script(self.environment)

    def say(self, *wordings: str) -> str:
        """One of several wordings of the same thing."""
        return self.rng.choice(wordings)


def task(
    script: Script,
    instruction: str,
    *,
    answer: list[Any] | None = None,
    checks: tuple[tuple[str, str], ...] = (),
    writes: bool = False,
) -> dict[str, Any]:
    """A task draft from a script; its kind follows from whether it writes and whether something is asked."""
    kind = ("mixed" if answer else "write") if writes else "read"
    return {
        "instruction": instruction,
        "kind": kind,
        "solution": script.steps,
        "answer": answer,
        "checks": [{"name": name, "sql": sql} for name, sql in checks],
    }


def quoted(value: str | int) -> str:
    """A value as an SQL literal, for checks."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def money(cents: int) -> str:
    """As a person writes an amount: 1234 → "12.34"."""
    return f"{cents / 100:.2f}"


def spoken_day(text: str) -> str:
    """As a person writes a date: "2026-03-12 10:15:00" → "12 March 2026"."""
    day = date.fromisoformat(text[:10])
    return f"{day.day} {day:%B %Y}"


def spoken_time(text: str) -> str:
    """As a person writes a time: "2026-03-12 10:15:00" → "10:15"."""
    return text[11:16]
