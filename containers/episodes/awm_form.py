"""The form of the Agent World Model paper (arXiv 2602.10090): two meta tools, calls in `<tool_call>`, results in `<tool_response>`.

The tools of a world are not in the prompt: the agent lists them. Arguments of `call_tool` may be an object or, as the
published agents write them, JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from artifacts.trajectory import FormName
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
You carry out tasks for the person who is signed in to an application. You reach it through two tools:

list_tools: tells every tool of the application, with its description and the JSON Schema of its arguments. It takes no arguments.
call_tool: uses one tool of the application. Its arguments are `tool_name`, a name that list_tools told, and `arguments`, a JSON object
for that tool ({} where it needs none).

To use one, write its name and arguments as JSON between tags:

<tool_call>
{"name": "list_tools", "arguments": {}}
</tool_call>

<tool_call>
{"name": "call_tool", "arguments": {"tool_name": "find_book", "arguments": {"title": "Middlemarch"}}}
</tool_call>

What a tool gives comes back between <tool_response> tags. A tool that fails changes nothing and says why.
List the tools first. Look things up rather than guess them, change only what the task asks for, and ask no questions: nobody answers.
When the task is done, reply without a tag. That reply ends the task; state in it every value that was asked for."""

_BLOCK = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)


class AwmForm:
    """Encodes and decodes turns as the paper's agents write them."""

    name: FormName = "awm"
    lists = True
    """The agent has to ask for the list of tools."""

    def opening(self, instruction: str) -> tuple[Message, ...]:
        """The first messages of an episode."""
        return ({"role": "system", "content": SYSTEM}, {"role": "user", "content": instruction})

    def options(self, tools: Listing) -> dict[str, Any]:
        """What a request holds besides the messages: nothing, the prompt says it all."""
        return {}

    def decode(self, message: Message) -> Turn:
        """What the agent does in a message."""
        text = spoken(message)
        blocks = _BLOCK.findall(text)
        if not blocks and "<tool_call>" not in text and "</tool_call>" not in text:
            return answer_of(text or str(message.get("refusal") or ""))
        if text.count("<tool_call>") != len(blocks) or text.count("</tool_call>") != len(blocks):
            return Violation("a <tool_call> tag is not closed or not opened")
        if len(blocks) > MOST_CALLS:
            return Violation(f"{len(blocks)} tool calls in one message; {MOST_CALLS} are the most")
        try:
            return Calls(tuple(map(_asked, blocks)))
        except Malformed as problem:
            return Violation(str(problem))

    def encode(self, turn: Calls | Answer, number: int) -> Message:
        """The message in which an agent does this."""
        if isinstance(turn, Answer):
            return {"role": "assistant", "content": turn.text or ""}
        blocks = (f"<tool_call>\n{_guarded(compact(_written(asked)))}\n</tool_call>" for asked in turn.asked)
        return {"role": "assistant", "content": "\n".join(blocks)}

    def results(self, results: Sequence[tuple[Asked, Any]]) -> tuple[Message, ...]:
        """What the tools gave, as the agent is told: one message."""
        blocks = (f"<tool_response>\n{_guarded(compact(result))}\n</tool_response>" for _, result in results)
        return ({"role": "user", "content": "\n".join(blocks)},)


def spoken(message: Message) -> str:
    """A message's text without the thoughts that some models write into it."""
    text = str(message.get("content") or "").rpartition("</think>")[2]
    return text.partition("<think>")[0]


def _asked(block: str) -> Asked:
    try:
        call = read_object(block)
        name, arguments = call.get("name"), _object(call.get("arguments"))
        if name == "list_tools":
            return Asked(None, {})
        if name == "call_tool":
            return Asked(_tool_name(arguments), _object(arguments.get("arguments")))
    except Malformed as problem:
        raise Malformed(f"a tool call cannot be read: {problem}") from problem
    raise Malformed(f"a tool call names {compact(name)[:60]}; there are list_tools and call_tool")


def _tool_name(arguments: dict[str, Any]) -> str:
    name = arguments.get("tool_name")
    if not isinstance(name, str) or not name:
        raise Malformed("call_tool needs a tool_name")
    return name


def _object(value: Any) -> dict[str, Any]:
    """Arguments as an object: nothing and empty text mean none, other text is JSON."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        return read_object(value)
    if not isinstance(value, dict):
        raise Malformed("its arguments are not a JSON object")
    return value


def _written(asked: Asked) -> dict[str, Any]:
    if asked.tool is None:
        return {"name": "list_tools", "arguments": {}}
    return {"name": "call_tool", "arguments": {"tool_name": asked.tool, "arguments": asked.arguments}}


def _guarded(text: str) -> str:
    """JSON in which no text of the world can close a tag."""
    return text.replace("</", "<\\/")
