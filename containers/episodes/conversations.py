"""Many conversations at once: what a policy is given, and who carries the questions to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from artifacts.agent_task import AgentTask
from artifacts.errors import WorldloomError
from containers.episodes.episode import Form, Reply
from containers.episodes.policies import scripted_policy
from containers.episodes.turns import View


class Conversation(NamedTuple):
    """One episode at the moment when the policy has to speak.

    `episode` names it, `seed` is None where the policy takes none. `task` is for policies that follow a rule: a model sees the view alone.
    """

    episode: str
    task: AgentTask
    seed: int | None
    view: View


class BatchPolicy(Protocol):
    """A policy that goes on with many conversations in one step."""

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """The next message of each, in order; raises ModelUnavailable when there will be no more."""

    def close(self) -> None:
        """Frees what it holds."""


class Rule:
    """One of the policies that need no model, for all conversations."""

    def __init__(self, name: str, form: Form) -> None:
        self._name = name
        self._form = form

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """What the rule says to each."""
        return [scripted_policy(self._name, self._form, one.task, one.seed or 0).say(one.view) for one in conversations]

    def close(self) -> None:
        """Holds nothing."""


Key = int
"""What an episode under way goes by."""

Heard = tuple[Key, Reply | WorldloomError]
"""A policy's message in an episode, or why there is none."""


class Desk(Protocol):
    """Where questions are put, and answers come in, in any order."""

    def ask(self, asked: Sequence[tuple[Key, Conversation]]) -> None:
        """Puts questions; comes back at once."""

    def take(self, seconds: float) -> list[Heard]:
        """What has come in; waits for the first answer, but not longer than `seconds`."""

    def close(self) -> None:
        """Ends what is under way."""


class BatchDesk:
    """Asks a batch policy about everything that waits, in one step."""

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self._waiting: list[tuple[Key, Conversation]] = []

    def ask(self, asked: Sequence[tuple[Key, Conversation]]) -> None:
        """Puts questions."""
        self._waiting.extend(asked)

    def take(self, seconds: float) -> list[Heard]:
        """An answer to every question."""
        waiting, self._waiting = self._waiting, []
        try:
            replies = self._policy.reply([conversation for _, conversation in waiting]) if waiting else []
        except WorldloomError as trouble:
            return [(key, trouble) for key, _ in waiting]
        return [(key, reply) for (key, _), reply in zip(waiting, replies, strict=True)]

    def close(self) -> None:
        """Frees the policy."""
        self._policy.close()
