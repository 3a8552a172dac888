"""Groups of episodes, played in this rank's environments: what GRPO learns from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from artifacts.errors import TerminalError, UserError, WorldloomError
from artifacts.identity import seed_of
from artifacts.trajectory_rows import Setting
from artifacts.world import World
from containers.episodes.conversations import BatchDesk, Conversation
from containers.episodes.episode import Reply
from containers.episodes.rollout import Ended, Rollout, Wanted
from containers.pool import Assignment, EnvironmentPool
from training.advantages import advantages
from training.generating import LocalPolicy, Turn
from training.lessons import Lesson
from training.settings import GrpoSettings
from training.worlds import Charge

POLICY = "training"
"""What the policy is called in the episodes of a job."""


class Episode(NamedTuple):
    """One episode: its reward, None where it is masked; whether it was a success; and its turns as they were shown and said."""

    reward: float | None
    completed: bool
    turns: tuple[Turn, ...]


class Group(NamedTuple):
    """The episodes of one task."""

    charge: Charge
    episodes: tuple[Episode, ...]

    @property
    def advantages(self) -> tuple[float | None, ...] | None:
        """The advantage of each episode; None where the group teaches nothing."""
        return advantages([episode.reward for episode in self.episodes])

    def lessons(self) -> list[list[Lesson]]:
        """The turns of each episode that is not masked, with its advantage; none where the group teaches nothing."""
        paired = zip(self.episodes, self.advantages or (), strict=False)
        return [
            [Lesson(turn.prompt, *turn.said, advantage) for turn in episode.turns] for episode, advantage in paired if advantage is not None
        ]


class Clock(NamedTuple):
    """Seconds that went into the policy's words, and into environments."""

    speaking: float = 0.0
    environments: float = 0.0

    def plus(self, other: Clock) -> Clock:
        """Both together."""
        return Clock(self.speaking + other.speaking, self.environments + other.environments)


class Roller:
    """This rank's environments, and who plays in them. `clock` tells where the time of the last rounds went."""

    def __init__(self, settings: GrpoSettings, policy: LocalPolicy, width: int) -> None:
        self.clock = Clock()
        self._settings = settings
        self._policy = _Timed(policy)
        self._kept = policy.turns
        self._width = width
        self._pool = EnvironmentPool(width, settings.pool_workers, call_seconds=settings.call_seconds)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._prepared: Future[None] | None = None

    def prepare(self, charges: Sequence[Charge]) -> None:
        """Starts to make environments ready for tasks that are played next, and comes back at once."""
        self._prepared = self._thread.submit(self._prepare, tuple(charges))

    def play(self, charges: Sequence[Charge], draw: tuple[int, int]) -> list[Group]:
        """A group of episodes for each task; `draw` tells one time that a task is played from another. Raises what the policy does."""
        began, spoke = time.monotonic(), self._policy.seconds
        if self._prepared is not None:
            self._prepared.result()
            self._prepared = None
        worlds = {charge.world.id: charge.world for charge in charges}
        names = [[f"{place}-{member}" for member in range(self._settings.group)] for place in range(len(charges))]
        wanted = [
            Wanted(name, charge.world.id, charge.task, self._seed(draw, charge, member))
            for charge, own in zip(charges, names, strict=True)
            for member, name in enumerate(own)
        ]
        ended = self._played(wanted, worlds.__getitem__)
        groups = [Group(charge, tuple(ended[name] for name in own)) for charge, own in zip(charges, names, strict=True)]
        spoke = self._policy.seconds - spoke
        self.clock = self.clock.plus(Clock(spoke, time.monotonic() - began - spoke))
        return groups

    def close(self) -> None:
        """Ends the environments."""
        self._thread.shutdown()
        self._pool.close()

    def _prepare(self, charges: Sequence[Charge]) -> None:
        self._pool.add(*{charge.world.id: charge.world for charge in charges}.values())
        self._pool.prepare([Assignment(charge.world.id) for charge in charges for _ in range(self._settings.group)])

    def _seed(self, draw: tuple[int, int], charge: Charge, member: int) -> int:
        """An episode's seed: the same whichever rank plays it."""
        return seed_of("rollout", self._settings.seed, *draw, charge.task_id, member) % 2**63

    def _played(self, wanted: Sequence[Wanted], world_of: Callable[[str], World]) -> dict[str, Episode]:
        asked = self._settings
        setting = Setting(POLICY, asked.form, None, asked.max_turns, asked.window, asked.temperature, asked.reply)
        self._kept.clear()
        rollout = Rollout(self._pool, BatchDesk(self._policy), setting, world_of, self._width)
        found = {one.wanted.episode: self._episode(one) for one in rollout.play(wanted)}
        self._kept.clear()
        return found

    def _episode(self, ended: Ended) -> Episode:
        """What came of an episode; a world that cannot be used masks it, a policy that fails ends the job."""
        if ended.trajectory is None:
            return _masked(ended.trouble)
        played = ended.trajectory
        turns = tuple(self._kept[ended.wanted.episode, turn] for turn in range(played.turns))
        if not all(math.isfinite(sum(turn.said.logprobs)) for turn in turns):
            raise TerminalError("The policy's words have chances that are no numbers: training stopped.", _BROKEN)
        masked = played.outcome == "environment_error"
        return Episode(None if masked else played.reward, played.outcome == "completed", turns)


_BROKEN = "Its weights are broken: lower --learning-rate, and begin again or resume from an earlier checkpoint."


def _masked(trouble: WorldloomError | None) -> Episode:
    if not isinstance(trouble, UserError):
        raise trouble or TerminalError("An episode ended without a trace.")
    return Episode(None, False, ())


class _Timed:
    """A policy that tells how long it spoke."""

    def __init__(self, policy: LocalPolicy) -> None:
        self.seconds = 0.0
        self._policy = policy

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """What the policy says."""
        began = time.monotonic()
        replies = self._policy.reply(conversations)
        self.seconds += time.monotonic() - began
        return replies

    def close(self) -> None:
        """Frees the policy."""
        self._policy.close()
