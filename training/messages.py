"""From what a model said, token by token, to the message that it is: its text, and in native form its calls of tools.

A model of ours writes a call after the mark `<|call|>`, its name and its arguments; a foreign one as its tokenizer's own
`response_template` tells, or in `<tool_call>` tags, as Hermes and Qwen do. What cannot be read becomes a call without a name, which
breaks the form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from training.tokens import CALL, call_of

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)


def message_of(tokenizer: Any, prompt: Sequence[int], said: Sequence[int], tools: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """The message of an assistant; without tools in the request it is all text."""
    if not tools:
        return {"role": "assistant", "content": _text(tokenizer, said)}
    mark = tokenizer.convert_tokens_to_ids(CALL)
    if mark is not None and mark != tokenizer.unk_token_id:
        first, *calls = _parted(said, mark)
        return _message(_text(tokenizer, first), [call_of(_text(tokenizer, call)) for call in calls])
    if getattr(tokenizer, "response_template", None):
        return _parsed(tokenizer, prompt, said, tools)
    text = _text(tokenizer, said)
    return _message(_BLOCK.sub("", text).strip(), [_read(call) for call in _BLOCK.findall(text)])


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    return str(tokenizer.decode([token for token in tokens if token != tokenizer.eos_token_id], skip_special_tokens=True))


def _parted(said: Sequence[int], mark: int) -> list[list[int]]:
    """The tokens before the first mark, and those after each."""
    parts: list[list[int]] = [[]]
    for token in said:
        if token == mark:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _message(text: str, calls: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if not calls:
        return {"role": "assistant", "content": text}
    written = [_call(place, *call) for place, call in enumerate(calls)]
    return {"role": "assistant", "content": text or None, "tool_calls": written}


def _read(call: str) -> tuple[str, Any]:
    """The name and arguments of a call between tags; no name where there is none."""
    try:
        value = json.loads(call)
        return str(value["name"]), value.get("arguments", {})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", call


def _call(place: int, name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": text}}


def _parsed(tokenizer: Any, prompt: Sequence[int], said: Sequence[int], tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the tokenizer's own template reads; a text where it reads nothing."""
    try:
        found = tokenizer.parse_response(list(said), prefix=list(prompt), tools=list(tools))
        functions = [call["function"] for call in found.get("tool_calls") or ()]
        calls = [_call(place, str(one["name"]), one.get("arguments", {})) for place, one in enumerate(functions)]
    except (ValueError, LookupError, TypeError, AttributeError):
        return _message(_text(tokenizer, said), [])
    message = {"role": "assistant", "content": found.get("content") or (None if calls else "")}
    return {**message, "tool_calls": calls} if calls else message
