"""Small pieces that several features write: conditions, column checks, parameter types, ideas bound to their words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from tasks.embedded.feature import Desk, Idea, quoted
from tasks.embedded.steps import Step

W = TypeVar("W")

IN_CENTS = "Name the amount in cents."
"""What an instruction says where its answer is an amount, as tools return it."""


def unless(condition: str, message: str, error: str = "conflict") -> Step:
    """Fails when a condition over what is bound so far holds."""
    return {"refuse": f"SELECT 1 AS offending WHERE {condition}", "error": error, "message": message}


def value(sql: str) -> Step:
    """The result: a scalar or a JSON document."""
    return {"return": sql, "shape": "value"}


def among(column: str, values: tuple[str, ...]) -> str:
    """A CHECK that a text column holds one of these values."""
    return f"CHECK ({column} IN ({', '.join(quoted(v) for v in values)}))"


def choice(values: tuple[str, ...], optional: bool = False) -> str:
    """The parameter type of one of these values, without its description."""
    return f"one of {'|'.join(values)}{'?' if optional else ''}"


def from_start(idea: Callable[[W, Desk], dict[str, Any]], words: W) -> Idea:
    """The idea bound to its words; it always looks at the initial state, whatever was tried before."""
    return partial(_from_start, idea, words)


def _from_start(idea: Callable[[W, Desk], dict[str, Any]], words: W, desk: Desk) -> dict[str, Any]:
    desk.environment.reset()
    return idea(words, desk)
