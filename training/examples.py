"""From trajectories to what a model is trained on: tokens, which of them count, and rows that hold several without mixing them.

A policy is trained on what it saw: each turn's context is the prompt of that turn, to the token. Turns whose contexts continue one
another share a sequence; where the window moved on, a sequence of its own begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from training.tokens import turn_tokens

IGNORED = -100
"""The target of a token that does not count."""


class Example(NamedTuple):
    """A sequence of tokens; `mask` is true where the agent wrote the token."""

    tokens: tuple[int, ...]
    mask: tuple[bool, ...]


class Examples(NamedTuple):
    """What a trajectory gives: its examples, and how many turns were left out because they are too long."""

    examples: tuple[Example, ...]
    too_long: int


class Row(NamedTuple):
    """Examples side by side: for each token its example's number in the row, its place in it, and the token that should follow.

    `targets` is IGNORED where what follows is not the agent's, or another example's.
    """

    tokens: tuple[int, ...]
    segments: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[int, ...]


def examples_of(
    tokenizer: Any,
    messages: Sequence[dict[str, Any]],
    seen: Sequence[Sequence[int]],
    *,
    most: int,
    tools: Sequence[dict[str, Any]] | None = None,
) -> Examples:
    """The examples of an episode, each of at most `most` tokens; every turn's reply counts exactly once, or is told as too long.

    `seen` holds for each turn the places in `messages` of what the policy was shown, as the table `trajectories` keeps it.
    """
    found: list[Example] = []
    too_long = 0
    for reply_message, places in zip((one for one in messages if one.get("role") == "assistant"), seen, strict=True):
        shown = [messages[place] for place in places]
        prompt, reply = turn_tokens(tokenizer, shown, reply_message, tools)
        if len(prompt) + len(reply) > most:
            too_long += 1
            continue
        before = found.pop() if found and _begins(found[-1], prompt) else None
        found.append(_example(before, prompt, reply))
    return Examples(tuple(found), too_long)


def _begins(example: Example, prompt: Sequence[int]) -> bool:
    return list(example.tokens) == list(prompt[: len(example.tokens)])


def _example(before: Example | None, prompt: Sequence[int], reply: Sequence[int]) -> Example:
    known = before.mask if before else ()
    return Example((*prompt, *reply), (*known, *(False,) * (len(prompt) - len(known)), *(True,) * len(reply)))


def packed(examples: Iterable[Example], length: int) -> tuple[Row, ...]:
    """The examples in as few rows of at most `length` tokens as first-fit gives, the longest first."""
    given = list(examples)
    return tuple(row_of([given[place] for place in places]) for places in first_fit([len(one.tokens) for one in given], length))


def first_fit(sizes: Sequence[int], length: int) -> list[list[int]]:
    """Places of things of these sizes in rows of at most `length`, the largest first; what is larger has a row alone."""
    rows: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        size = sizes[place]
        number = next((number for number, free in enumerate(room) if free >= size), None)
        if number is None:
            rows.append([])
            room.append(max(length, size))
            number = len(rows) - 1
        rows[number].append(place)
        room[number] -= size
    return rows


def row_of(examples: Sequence[Example]) -> Row:
    """Examples side by side."""
    return Row(
        tuple(token for one in examples for token in one.tokens),
        tuple(number for number, one in enumerate(examples) for _ in one.tokens),
        tuple(place for one in examples for place in range(len(one.tokens))),
        tuple(target for one in examples for target in _targets(one)),
    )


def _targets(example: Example) -> tuple[int, ...]:
    following = zip(example.tokens[1:], example.mask[1:], strict=True)
    return (*(token if counts else IGNORED for token, counts in following), IGNORED)


def counted(rows: Iterable[Row]) -> int:
    """Tokens that count."""
    return sum(target != IGNORED for row in rows for target in row.targets)
