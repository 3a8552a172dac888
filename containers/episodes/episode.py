"""One episode: the policy and the tools take turns until an answer, a broken form or the turn limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from artifacts.history import seen
from artifacts.trajectory import Call, Ending, FormName
from containers.episodes.awm_form import AwmForm
from containers.episodes.native_form import NativeForm
from containers.episodes.toolbox import ToolBox
from containers.episodes.turns import Answer, Asked, Calls, Listing, Message, Turn, View, Violation, in_order

MOST_TURNS = 30
"""The turn limit where none is given."""


class Form(Protocol):
    """How turns are written."""

    name: FormName
    lists: bool

    def opening(self, instruction: str) -> tuple[Message, ...]:
        """The first messages of an episode."""

    def options(self, tools: Listing) -> dict[str, Any]:
        """What a request holds besides the messages."""

    def decode(self, message: Message) -> Turn:
        """What the agent does in a message."""

    def encode(self, turn: Calls | Answer, number: int) -> Message:
        """The message in which an agent does this."""

    def results(self, results: Sequence[tuple[Asked, Any]]) -> tuple[Message, ...]:
        """What the tools gave, as the agent is told."""


FORMS: dict[FormName, Form] = {"awm": AwmForm(), "native": NativeForm()}


class Reply(NamedTuple):
    """A policy's message, and what it cost; None is unknown. `recalled` tells that it was paid for earlier."""

    message: Message
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_seconds: float | None = None
    recalled: bool = False


class Policy(Protocol):
    """Whoever plays. `seed` is None where it takes none."""

    name: str
    seed: int | None

    async def reply(self, view: View) -> Reply:
        """The next message of the agent."""


class Episode(NamedTuple):
    """What happened in an episode, not yet judged."""

    messages: tuple[Message, ...]
    calls: tuple[Call, ...]
    ended: Ending
    answer: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


Told = Callable[[Message], None]


async def play(
    policy: Policy,
    form: Form,
    tools: ToolBox,
    instruction: str,
    *,
    max_turns: int = MOST_TURNS,
    window: int | None = None,
    told: Told = lambda message: None,
) -> Episode:
    """Plays one episode; `told` hears every message as it comes; with a `window` the policy is shown only so many of the last turns.

    Raises what the policy and the tools raise.
    """
    listing = in_order(await tools.list_tools())
    messages = list(form.opening(instruction))
    calls: list[Call] = []
    spent = Tokens()
    for message in messages:
        told(message)
    for turn_number in range(max_turns):
        reply = await policy.reply(View(seen(messages, turn_number, window), listing, tuple(calls), turn_number))
        spent.add(reply)
        messages.append(reply.message)
        told(reply.message)
        turn = form.decode(reply.message)
        if isinstance(turn, Answer):
            return Episode(tuple(messages), tuple(calls), "answered", turn.text, *spent.total())
        if isinstance(turn, Violation):
            return Episode(tuple(messages), tuple(calls), "format_violation", None, *spent.total())
        for message in form.results([(asked, await _done(asked, tools, listing, calls)) for asked in turn.asked]):
            messages.append(message)
            told(message)
    return Episode(tuple(messages), tuple(calls), "turn_limit", None, *spent.total())


async def _done(asked: Asked, tools: ToolBox, listing: Listing, calls: list[Call]) -> Any:
    """What one request gives; a call is put on record."""
    if asked.tool is None:
        return {"result": list(listing)}  # as a server with the two meta tools gives it
    observation = await tools.call_tool(asked.tool, asked.arguments)
    calls.append(Call(tool=asked.tool, arguments=asked.arguments, observation=observation))
    return observation


class Tokens:
    """Sums that are unknown as soon as one part is."""

    def __init__(self) -> None:
        self.spent: tuple[list[int | None], list[int | None]] = ([], [])

    def add(self, reply: Reply) -> None:
        """Counts a reply."""
        self.spent[0].append(reply.input_tokens)
        self.spent[1].append(reply.output_tokens)

    def total(self) -> tuple[int | None, int | None]:
        """Tokens read and written."""
        return _sum(self.spent[0]), _sum(self.spent[1])


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
