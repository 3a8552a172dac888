"""What an agent is shown when its turn comes: everything so far, or a window that slides over the turns.

Whoever plays an episode and whoever trains on it calls the same function, so that a policy is trained on what it saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Message = dict[str, Any]

LISTING = '"list_tools"'
"""What stands in the message by which an agent asks for the list of tools (form `awm`)."""


def seen(messages: Sequence[Message], turn: int, window: int | None = None) -> tuple[Message, ...]:
    """The messages that an agent is shown before it speaks for the `turn`th time, from 0.

    With a window these are the opening, the turn in which the tools were listed, and the last `window` turns; a turn is what the
    agent said with all that came back. None shows everything (arXiv 2602.10090 trains with a window of 3). Raises IndexError where
    the episode has no such turn and has not come to it.
    """
    opening, turns = parted(messages)
    if not 0 <= turn <= len(turns):
        raise IndexError(turn)
    before = turns[:turn]
    listed = 1 if before and lists_tools(before[0][0]) else 0
    first = listed if window is None else max(listed, turn - window)
    kept = (*before[:listed], *before[first:])
    return (*opening, *(message for block in kept for message in block))


def parted(messages: Sequence[Message]) -> tuple[tuple[Message, ...], tuple[tuple[Message, ...], ...]]:
    """The opening, and each turn: what the agent said and what came back."""
    spoken = [place for place, message in enumerate(messages) if message.get("role") == "assistant"]
    turns = tuple(tuple(messages[start:end]) for start, end in pairwise([*spoken, len(messages)]))
    return tuple(messages[: spoken[0]] if spoken else messages), turns


def lists_tools(message: Message) -> bool:
    """Whether an agent asks for the list of tools in a message."""
    content = message.get("content")
    return isinstance(content, str) and "<tool_call>" in content and LISTING in content
