"""A walk while it is being made: what was called and found so far, on an environment that moves along."""

from __future__ import annotations

import re
from random import Random
from typing import Any, NamedTuple

from artifacts.agent_task import ToolCall
from artifacts.toolset import Tool
from containers.reference import resolve
from tasks.walks.terrain import Terrain
from tasks.walks.walk import Asked, Selector, Setting, WalkStep


class LostWay(Exception):
    """A walk cannot go on from here; another is begun."""


class Found(NamedTuple):
    """Where a row's key was found: a path into the results so far, and the selector that names the row."""

    path: str
    selector: int


class Mark(NamedTuple):
    """How far a trail had come: how much of everything there was, and what was found, held and planned."""

    lengths: tuple[int, int, int, int]
    found: dict[tuple[str, Any], Found]
    held: set[int]
    planned: set[str]


class Trail:
    """The calls made so far, with their results, and all that an instruction will have to say."""

    def __init__(self, terrain: Terrain, rng: Random) -> None:
        self.terrain = terrain
        self.rng = rng
        self.environment = terrain.walking
        self.environment.reset()
        self.steps: list[WalkStep] = []
        self.results: list[Any] = []
        self.selectors: list[Selector] = []
        self.settings: list[Setting] = []
        self.asked: list[Asked] = []
        self.found: dict[tuple[str, Any], Found] = {}
        self.held: set[int] = set()
        self.planned: set[str] = set()
        self.hurdles = 0

    def call(self, tool: Tool, arguments: dict[str, Any], selectors: tuple[int, ...] = ()) -> int | None:
        """The index of the step that this call becomes, or of the same reading call before; None when it fails."""
        writes = not self.terrain.bench.usages[tool.name].only_reads
        for index, step in enumerate(self.steps):
            if not writes and step.tool == tool.name and step.arguments == arguments:
                return index
        observation = self.environment.call_tool(tool.name, resolve(arguments, self.results))
        if not observation.ok:
            return None
        about = tuple(dict.fromkeys(selectors))
        step = WalkStep(tool=tool.name, does=tool.description, arguments=arguments, writes=writes, selectors=about)
        self.steps.append(step)
        self.results.append(observation.result)
        return len(self.steps) - 1

    def mark(self) -> Mark:
        """Where the trail stands, to come back to before anything is changed."""
        lengths = (len(self.steps), len(self.selectors), len(self.settings), len(self.asked))
        return Mark(lengths, dict(self.found), set(self.held), set(self.planned))

    def back_to(self, mark: Mark) -> None:
        """Forgets what came after a mark: reading calls that led nowhere."""
        steps, selectors, settings, asked = mark.lengths
        del self.steps[steps:], self.results[steps:], self.selectors[selectors:], self.settings[settings:], self.asked[asked:]
        self.found, self.held, self.planned = dict(mark.found), set(mark.held), set(mark.planned)

    def uses(self, step: int) -> bool:
        """Whether a row was found in this step's result, so that the result must stay as it is."""
        return step in self.held or any(step_of(found.path) == step for found in self.found.values())

    def mark_hurdle(self, step: int) -> None:
        """Says of a step that it puts right what would stop a later one."""
        self.steps[step] = self.steps[step].model_copy(update={"hurdle": True})
        self.hurdles += 1

    def undo(self) -> None:
        """Forgets the last call, which changed nothing."""
        self.steps.pop()
        self.results.pop()

    def name(self, selector: Selector) -> int:
        """The index of a selector, added where it is new."""
        if selector not in self.selectors:
            self.selectors.append(selector)
        return self.selectors.index(selector)

    @property
    def solution(self) -> tuple[ToolCall, ...]:
        """The calls so far."""
        return tuple(ToolCall(tool=step.tool, arguments=step.arguments) for step in self.steps)

    @property
    def has_written(self) -> bool:
        """Whether rows may differ from the start."""
        return any(step.writes for step in self.steps)


def step_of(path: str) -> int:
    """The index of the step that a path leads into."""
    return int(re.split(r"[.\[]", path, maxsplit=1)[0])
