"""Whether an answer holds the values that a right answer must hold."""

from __future__ import annotations

from collections.abc import Sequence

from artifacts.agent_task import Scalar


def matches(expected: Sequence[Scalar], given: object) -> bool:
    """True when every expected value stands in the given answer, as a whole."""
    return given is not None and all(str(value).casefold() in str(given).casefold() for value in expected)
