"""What a gate is: a name and a function from a draft to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft

MAX_EVIDENCE = 40
"""The most diagnostics that a rejection carries; the figure `problems` counts them all."""


class Gate(NamedTuple):
    """One condition of quality.

    `version` goes up whenever the gate comes to reject what it let through before: worlds that an older version judged are then
    judged again. A verdict says the version from 2 on.
    """

    name: str
    judge: Callable[[Draft], Pass | Reject]
    version: int = 1


def verdict(gate: str, problems: Iterable[Diagnostic], figures: dict[str, Any]) -> Pass | Reject:
    """A pass when there are no problems, else a rejection with the problems as evidence."""
    found = tuple(dict.fromkeys(problems))
    if not found:
        return Pass(gate=gate, figures=figures)
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Reject(
        gate=gate,
        reason=f"{first.place}: {first.message}{more}",
        evidence=found[:MAX_EVIDENCE],
        figures={**figures, "problems": len(found)},
    )
