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


def places(messages: Sequence[Message], window: int | None = None) -> tuple[tuple[int, ...], ...]:
    """For each turn that the agent spoke, the places in `messages` of what it was shown then: those of `seen`."""
    spoken = [place for place, message in enumerate(messages) if message.get("role") == "assistant"]
    return tuple(shown(spoken, turn, window, bool(spoken) and lists_tools(messages[spoken[0]])) for turn in range(len(spoken)))


def shown(spoken: Sequence[int], turn: int, window: int | None, lists: bool) -> tuple[int, ...]:
    """The places of what is shown at a turn, from where the agent spoke; `lists` tells whether the first turn listed the tools.

    `spoken` holds the place of this turn's message too, which for a turn to come is the number of messages so far.
    """
    if window is None or turn <= window:
        return tuple(range(spoken[turn]))
    opening, listed = spoken[0], spoken[1] if lists else spoken[0]
    return (*range(opening), *range(opening, listed), *range(max(listed, spoken[turn - window]), spoken[turn]))
