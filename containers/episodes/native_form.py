"""Native tool calls of chat completions: the world's tools stand in the request, results come back as `tool` messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artifacts.trajectory import FormName
from containers.episodes.awm_form import spoken
from containers.episodes.turns import (
    MOST_CALLS,
    Answer,
    Asked,
    Calls,
    Listing,
    Malformed,
    Message,
    Turn,
    Violation,
    answer_of,
    compact,
    read_object,
)

SYSTEM = """\
You carry out tasks for the person who is signed in to an application, with the application's tools. A tool that fails changes nothing and
says why. Look things up rather than guess them, change only what the task asks for, and ask no questions: nobody answers.
When the task is done, reply without calling a tool. That reply ends the task; state in it every value that was asked for."""


class NativeForm:
    """Encodes and decodes turns as chat completions with tools do."""

    name: FormName = "native"
    lists = False
    """The tools stand in every request."""

    def opening(self, instruction: str) -> tuple[Message, ...]:
        """The first messages of an episode."""
        return ({"role": "system", "content": SYSTEM}, {"role": "user", "content": instruction})

    def options(self, tools: Listing) -> dict[str, Any]:
        """What a request holds besides the messages."""
        return {"tools": [{"type": "function", "function": _function(tool)} for tool in tools]}

    def decode(self, message: Message) -> Turn:
        """What the agent does in a message."""
        calls = message.get("tool_calls") or []
        if not calls:
            return answer_of(spoken(message) or str(message.get("refusal") or ""))
        if len(calls) > MOST_CALLS:
            return Violation(f"{len(calls)} tool calls in one message; {MOST_CALLS} are the most")
        try:
            return Calls(tuple(map(_asked, calls)))
        except Malformed as problem:
            return Violation(str(problem))

    def encode(self, turn: Calls | Answer, number: int) -> Message:
        """The message in which an agent does this, the `number`th of an episode."""
        if isinstance(turn, Answer):
            return {"role": "assistant", "content": turn.text or ""}
        calls = [_written(asked, f"call_{number}_{place}") for place, asked in enumerate(turn.asked)]
        return {"role": "assistant", "content": None, "tool_calls": calls}

    def results(self, results: Sequence[tuple[Asked, Any]]) -> tuple[Message, ...]:
        """What the tools gave, as the agent is told: a message each."""
        return tuple({"role": "tool", "tool_call_id": asked.id, "content": compact(result)} for asked, result in results)


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    return {"name": tool["name"], "description": tool["description"], "parameters": tool["inputSchema"]}


def _asked(call: dict[str, Any]) -> Asked:
    function = call["function"]
    if not function["name"]:
        raise Malformed("a tool call names no tool")
    try:
        arguments = read_object(function["arguments"]) if function["arguments"].strip() else {}
    except Malformed as problem:
        raise Malformed(f"the arguments for {function['name'][:60]} cannot be read: {problem}") from problem
    return Asked(function["name"], arguments, call["id"])


def _written(asked: Asked, call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": asked.tool or "", "arguments": compact(asked.arguments)}}
