"""Reference solutions: taking values out of earlier results, and replaying calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from artifacts.agent_task import ToolCall
from artifacts.observation import Observation

_PATH = re.compile(r"(\d+)((?:\[\d+\]|\.[A-Za-z_]\w*)*)")
_PART = re.compile(r"\[(\d+)\]|\.([A-Za-z_]\w*)")


class Replayable(Protocol):
    """What replaying needs of an environment."""

    def call_tool(self, name: str, arguments: object) -> Observation:
        """One call."""


class Replay(NamedTuple):
    """What the calls of a solution gave; `failed_at` is the index of the call that failed, and `problem` says how."""

    observations: tuple[Observation, ...]
    failed_at: int | None
    problem: str


class UnresolvedReference(ValueError):
    """A `$ref` that names no value of the results so far."""


def resolve(value: Any, results: Sequence[Any]) -> Any:
    """The value with every `{"$ref": path}` replaced; raises UnresolvedReference."""
    if isinstance(value, dict):
        if set(value) == {"$ref"}:
            return _follow(value["$ref"], results)
        return {key: resolve(part, results) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(part, results) for part in value]
    return value


def _follow(path: Any, results: Sequence[Any]) -> Any:
    match = _PATH.fullmatch(path) if isinstance(path, str) else None
    if match is None:
        raise UnresolvedReference(f"'{str(path)[:80]}' is not a path such as 0[0].id")
    index = int(match[1])
    if index >= len(results):
        raise UnresolvedReference(f"'{path}' names call {index}, and there are {len(results)} before it")
    found = results[index]
    for position, name in _PART.findall(match[2]):
        found = _step(found, position, name, path)
    return found


def _step(value: Any, position: str, name: str, path: str) -> Any:
    if position and isinstance(value, list) and int(position) < len(value):
        return value[int(position)]
    if name and isinstance(value, dict) and name in value:
        return value[name]
    part = f"[{position}]" if position else f".{name}"
    raise UnresolvedReference(f"'{path}' names no value: there is no {part} in what that call gave")


def replay(environment: Replayable, solution: Sequence[ToolCall]) -> Replay:
    """Does the calls in order, references resolved; stops at the first that fails."""
    observations: list[Observation] = []
    results: list[Any] = []
    for index, call in enumerate(solution):
        try:
            arguments = resolve(call.arguments, results)
        except UnresolvedReference as trouble:
            return Replay(tuple(observations), index, f"{call.tool}: {trouble}")
        observation = environment.call_tool(call.tool, arguments)
        observations.append(observation)
        if not observation.ok:
            return Replay(tuple(observations), index, f"{call.tool}: {observation.error}: {observation.message}")
        results.append(observation.result)
    return Replay(tuple(observations), None, "")
