"""Judging an episode from its record alone: the calls are done again on a fresh environment, and the end state is scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.errors import InvalidInput
from artifacts.identity import canonical_bytes
from artifacts.observation import REWARDS, Score
from artifacts.trajectory import FORMAT_VIOLATION_REWARD, Call, FormName, Trajectory
from artifacts.world import World
from containers.environment import Blueprint, Environment
from containers.episodes.episode import FORMS, Episode
from containers.episodes.turns import Answer, Calls, Message, Turn, Violation

BROKEN = Score(outcome="environment_error", reward=REWARDS["environment_error"], detail="The environment failed; not the agent's fault.")
"""What an episode earns that ended because its environment failed."""


class Judged(NamedTuple):
    """A score, and whether each call gave again what is on record."""

    score: Score
    agreements: tuple[bool, ...]


class Rescored(NamedTuple):
    """A trajectory judged again; it `holds` when every observation agrees and the score is the one on record."""

    trajectory: Trajectory
    score: Score
    agreements: tuple[bool, ...]

    @property
    def holds(self) -> bool:
        """Whether the record is true."""
        return all(self.agreements) and self.score == self.trajectory.score


def judge(blueprint: Blueprint, task: AgentTask, episode: Episode, form: FormName) -> Judged:
    """The score of an episode that was played anywhere.

    An observation that the world does not give makes it an environment error: whatever answered was not a fresh
    environment of this world, and that is not the agent's fault.
    """
    with Environment.fork(blueprint) as fresh:
        agreements = tuple(_agrees(fresh, call) for call in episode.calls)
        if not all(agreements):
            return Judged(_strange(episode.calls, agreements.index(False)), agreements)
        if episode.ended == "environment_error":  # a fault of the world's own, which it has again
            return Judged(BROKEN, agreements)
        if episode.ended == "format_violation":
            broken = Score(outcome="agent_error", reward=FORMAT_VIOLATION_REWARD, detail=_violation(form, episode.messages))
            return Judged(broken, agreements)
        return Judged(fresh.score(task, episode.answer), agreements)


def rescore(trajectory: Trajectory, world: World) -> Rescored:
    """The trajectory judged again; raises InvalidInput for a record of another world or one that contradicts itself, UnknownName."""
    if world.digest != trajectory.world_digest:
        raise InvalidInput(f"{trajectory.trajectory_id} was played in another world than {world.id}.", "Fetch the world that it names.")
    blueprint = Blueprint.of(world)
    task = blueprint.task(trajectory.task_id)
    episode = Episode(trajectory.messages, trajectory.calls, trajectory.ended, trajectory.answer)
    _expect_consistent(trajectory)
    judged = judge(blueprint, task, episode, trajectory.form)
    return Rescored(trajectory, judged.score, judged.agreements)


def _violation(form: FormName, messages: Sequence[Message]) -> str:
    """How the last message breaks the form."""
    last = FORMS[form].decode(messages[-1])
    return f"format violation: {last.reason if isinstance(last, Violation) else 'none'}"[:500]


def _agrees(fresh: Environment, call: Call) -> bool:
    given = fresh.call_tool(call.tool, call.arguments).payload()
    return canonical_bytes(given) == canonical_bytes(call.observation)


def _strange(calls: Sequence[Call], index: int) -> Score:
    detail = f"call {index} ({calls[index].tool[:60]}): the record has another result than this world gives"
    return Score(outcome="environment_error", reward=0.0, detail=detail)


def _expect_consistent(trajectory: Trajectory) -> None:
    """The calls and the end are those that the messages speak of."""
    form = FORMS[trajectory.form]
    turns = [form.decode(message) for message in trajectory.messages if message.get("role") == "assistant"]
    asked = [(ask.tool, ask.arguments) for turn in turns if isinstance(turn, Calls) for ask in turn.asked if ask.tool is not None]
    if asked != [(call.tool, call.arguments) for call in trajectory.calls]:
        raise InvalidInput(f"{trajectory.trajectory_id} contradicts itself: its calls are not those of its messages.", _FORGED)
    if not _ends(trajectory, turns):
        raise InvalidInput(f"{trajectory.trajectory_id} contradicts itself: its messages do not end as it says.", _FORGED)


def _ends(trajectory: Trajectory, turns: Sequence[Turn]) -> bool:
    """Whether only the last turn ends the episode, and in the way that is on record."""
    if not turns or len(turns) > trajectory.max_turns or any(not isinstance(turn, Calls) for turn in turns[:-1]):
        return False
    last = turns[-1]
    if isinstance(last, Answer):
        return (trajectory.ended, trajectory.answer) == ("answered", last.text)
    ended = ("format_violation",) if isinstance(last, Violation) else ("turn_limit", "environment_error")
    return trajectory.ended in ended and trajectory.answer is None


_FORGED = "It was not written by `worldloom play`; play the episode again."
