"""Where in a program a call was stopped, told from what it said; the language keeps that from agents, authors need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from artifacts.observation import Observation
from artifacts.toolset import Each, Refuse, Require, Step, Tool

_NAME = re.compile(r"\{[A-Za-z_]\w*\}")


class Stop(NamedTuple):
    """A step that ends calls, ordered as calls reach them: bad arguments first, a violated constraint last."""

    rank: int
    place: str
    said: str


def stop_of(tool: Tool, observation: Observation) -> Stop:
    """The guard whose error and message an observation shows; a message without values where it is a guard's."""
    guards = tuple(_guards(tool.program, "program"))
    for rank, (place, step) in enumerate(guards):
        if step.error == observation.error and _pattern(step.message).fullmatch(observation.message):
            kind = "require" if isinstance(step, Require) else "refuse"
            return Stop(rank, place, f"{kind} {step.error}: {step.message}")
    rank = -1 if observation.error == "invalid_arguments" else len(guards)
    return Stop(rank, "", f"{observation.error}: {observation.message}")


def _guards(steps: tuple[Step, ...], place: str) -> Iterator[tuple[str, Require | Refuse]]:
    for index, step in enumerate(steps):
        if isinstance(step, Each):
            yield from _guards(step.do, f"{place}/{index}/do")
        elif isinstance(step, Require | Refuse):
            yield f"{place}/{index}", step


@lru_cache(maxsize=500)
def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, _NAME.split(message))), re.DOTALL)
