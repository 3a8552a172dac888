"""What an agent may do in one turn, and how its JSON is read."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from artifacts.trajectory import Call

MOST_CALLS = 32
"""So many calls one message may hold."""

MOST_DEPTH = 64


class Asked(NamedTuple):
    """One thing that an agent asks of its tools: a call, or with `tool` None the list of all."""

    tool: str | None
    arguments: dict[str, Any]
    id: str = ""


class Calls(NamedTuple):
    """The agent uses tools, in this order."""

    asked: tuple[Asked, ...]


class Answer(NamedTuple):
    """The agent is done; `text` is None where it says nothing."""

    text: str | None


class Violation(NamedTuple):
    """The agent broke the form, which ends the episode."""

    reason: str


Turn = Calls | Answer | Violation
Message = dict[str, Any]
Listing = tuple[dict[str, Any], ...]
"""Name, description and inputSchema of every tool."""


def in_order(tools: Listing) -> Listing:
    """The listing with the keys of each schema in one order: on its way over MCP some versions of the protocol change it."""
    return tuple({**tool, "inputSchema": dict(sorted(tool["inputSchema"].items(), key=_rank))} for tool in tools)


def _rank(item: tuple[str, Any]) -> tuple[int, str]:
    first = ("type", "properties", "required")
    return (first.index(item[0]) if item[0] in first else len(first), item[0])


class View(NamedTuple):
    """What a policy sees when its turn comes, the `turn`th of the episode, from 0; with a window not all messages are shown.

    `calls` are all that were made so far, for policies that follow a rule; a model is sent the messages alone.
    """

    messages: tuple[Message, ...]
    tools: Listing
    calls: tuple[Call, ...]
    turn: int


class Malformed(ValueError):
    """A call that cannot be read; the message says why in a few words."""


def answer_of(text: str) -> Answer:
    """The answer that a text is."""
    return Answer(text.strip() or None)


def read_object(text: str) -> dict[str, Any]:
    """The JSON object that a text is; raises Malformed, also for what JSON or UTF-8 cannot carry on."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as problem:
        raise Malformed("it is not JSON") from problem
    if not isinstance(value, dict):
        raise Malformed("it is not a JSON object")
    if not _within(value, MOST_DEPTH):
        raise Malformed("it is nested too deeply")
    return value


def _within(value: Any, depth: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_within(part, depth - 1) for part in parts)


def compact(value: Any) -> str:
    """JSON on one line, as agents see it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
