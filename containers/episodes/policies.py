"""Policies that need no model: the reference solution, doing nothing, and flailing about."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from artifacts.agent_task import AgentTask
from containers.episodes.episode import Form, Reply
from containers.episodes.turns import Answer, Asked, Calls, View
from containers.reference import UnresolvedReference, resolve

Act = Callable[[View], Calls | Answer]

SCRIPTED = ("reference", "idle", "random")
"""The names of these policies."""


class Scripted:
    """A policy made of a rule; it writes in the form of the episode, and costs nothing."""

    def __init__(self, name: str, form: Form, act: Act, seed: int | None = None) -> None:
        self.name = name
        self.seed = seed
        self._form = form
        self._act = act

    async def reply(self, view: View) -> Reply:
        """What the rule says, as a message."""
        return self.say(view)

    def say(self, view: View) -> Reply:
        """What the rule says, as a message; where the form asks for it, the tools are listed first."""
        listing = self._form.lists and view.turn == 0 and self.name != "idle"
        act = Calls((Asked(None, {}),)) if listing else self._act(view)
        return Reply(self._form.encode(act, view.turn), 0, 0)


def scripted_policy(name: str, form: Form, task: AgentTask, seed: int = 0) -> Scripted:
    """One of `SCRIPTED`; only `random` takes the seed."""
    if name == "reference":
        return Scripted(name, form, lambda view: reference_act(task, view))
    if name == "idle":
        return Scripted(name, form, lambda view: Answer(None))
    return Scripted(name, form, lambda view: random_act(drawn(seed, task, view.turn), view), seed)


def drawn(seed: int, task: AgentTask, turn: int) -> Random:
    """The random policy's draws of one turn, the same on every machine."""
    return Random(f"random policy/{seed}/{task.id}/{task.instruction}/{turn}")  # noqa: S311  # variety, not secrecy


def reference_act(task: AgentTask, view: View) -> Calls | Answer:
    """The next call of the reference solution, in the end the reference answer; it gives up where a call fails."""
    done = len(view.calls)
    if any("result" not in call.observation for call in view.calls):
        return Answer(None)
    if done == len(task.solution):
        return Answer(None if task.answer is None else json.dumps(list(task.answer), ensure_ascii=False))
    step = task.solution[done]
    try:
        arguments = resolve(step.arguments, [call.observation["result"] for call in view.calls])
    except UnresolvedReference:
        return Answer(None)
    return Calls((Asked(step.tool, arguments),))


def random_act(rng: Random, view: View) -> Calls | Answer:
    """Any tool with any arguments, mostly of the right type, now and then with a value that was seen; some day an answer."""
    seen = [value for call in view.calls[-4:] for value in _scalars(call.observation)]
    if not view.tools or rng.random() < 0.08:
        return Answer(str(rng.choice(seen)) if seen else None)
    tool = rng.choice(view.tools)
    return Calls((Asked(tool["name"], random_arguments(rng, tool["inputSchema"], seen)),))


def random_arguments(rng: Random, schema: dict[str, Any], seen: Sequence[Any]) -> dict[str, Any]:
    """Arguments by a schema: optional ones half the time, and one in twenty not what the schema asks for."""
    required = schema.get("required", ())
    chosen = {name: part for name, part in schema.get("properties", {}).items() if name in required or rng.random() < 0.5}
    return {name: _odd(rng) if rng.random() < 0.05 else _value(rng, part, seen) for name, part in chosen.items()}


def _value(rng: Random, schema: dict[str, Any], seen: Sequence[Any], depth: int = 0) -> Any:
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    kind = schema.get("type", "string")
    kind = rng.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        return random_arguments(rng, schema, seen) if depth < 4 else {}
    if kind == "array":
        return [_value(rng, schema.get("items", {}), seen, depth + 1) for _ in range(rng.randint(0, 3))] if depth < 4 else []
    known = [value for value in seen if type(value) is _TYPES.get(kind)]
    return rng.choice(known) if known and rng.random() < 0.6 else _fresh(rng, kind, schema.get("format", ""))


_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool}


def _fresh(rng: Random, kind: str, form: str) -> Any:
    if kind == "string":
        days = {"date": f"2026-03-0{rng.randint(1, 9)}", "date-time": f"2026-03-02 1{rng.randint(0, 9)}:00:00"}
        return days.get(form, rng.choice(_WORDS))
    return {"integer": rng.randint(1, 30), "number": rng.randint(0, 400) / 4, "boolean": rng.random() < 0.5}.get(kind)


def _odd(rng: Random) -> Any:
    return rng.choice((None, "", -1, 2**70, 1.5, True, [], {}, "x" * 200, "'; DROP TABLE users; --"))


_WORDS = ("tea", "Ann", "blue", "pending", "2026-03-05", "a@example.org", "north", "%", "17")


def _scalars(value: Any) -> list[Any]:
    """The scalars in a result, the first few dozen of them."""
    found: list[Any] = []
    waiting = [value]
    while waiting and len(found) < 40:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part[:10])
        elif part is not None:
            found.append(part)
    return found
