"""Reinforcement learning in environments: the program that DeepSpeed launches, once for each rank.

    deepspeed --num_gpus 2 --module training.grpo SETTINGS.json

A step plays groups of episodes, drops those whose rewards are all equal and takes further tasks for them, and learns from every turn
in the very context that it was said in (GRPO, arXiv 2402.03300; DAPO, 2503.14476; GSPO, 2507.18071; turns as in 2602.10090). While
the gradient is computed, the environments of the next step are made ready.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
import torch.distributed as dist

from artifacts.errors import InvalidInput, TerminalError, UnknownName
from training import crew
from training.checkpoints import JobName
from training.decoder import load_policy
from training.descent import Descent, descend
from training.generating import LocalPolicy
from training.job import Job, rank_of
from training.lessons import Strand, bins, logprobs_of, sheet_of, strands_of, within
from training.objective import Clip, terms
from training.playing import speaker
from training.rolling import Clock, Group, Roller
from training.settings import GrpoSettings
from training.stream import Stream
from training.worlds import Charge, Worlds


class Played(NamedTuple):
    """What a step played, on this rank or on all: figures that add up over ranks.

    `groups` were played, `dropped` of them taught nothing; `reward` and `completed` are sums over the `episodes`, of which `masked`
    had no reward; `turns` and `tokens` are those that count, `read` all that go through the model, `too_long` the turns left out.
    """

    groups: float
    dropped: float
    episodes: float
    masked: float
    reward: float
    completed: float
    turns: float
    tokens: float
    read: float
    too_long: float


class Sums(NamedTuple):
    """Sums over the turns of an update: importance weights, how many were clipped, distances to the start."""

    weight: float = 0.0
    clipped: float = 0.0
    distance: float = 0.0


class Seconds(NamedTuple):
    """Where the time of a step went: all of it, generating, in environments, and learning."""

    seconds: float
    generating: float
    environments: float
    learning: float


class Grpo(Job[GrpoSettings, Charge]):
    """A rank's part of the job."""

    name: ClassVar[JobName] = "grpo"

    def __init__(self, settings: GrpoSettings) -> None:
        if settings.environments % settings.group:
            raise InvalidInput(f"{settings.environments} environments cannot be dealt in groups of {settings.group}.", "Choose a multiple.")
        self._worlds: tuple[int, Worlds] | None = None
        super().__init__(settings)
        say, self._refresh = speaker(settings, self.engine, self.start, self.tokenizer)
        policy = LocalPolicy(None, self.tokenizer, form=settings.form, keep=True, say=say)
        per_rank = -(-settings.environments // settings.group // dist.get_world_size()) * settings.group
        self._roller = Roller(settings, policy, per_rank)
        weights = next(self.engine.module.parameters())
        self._first = load_policy(self.start).eval().to(self.device, weights.dtype) if settings.beta else None
        self._refresh()
        self._next: list[Charge] | None = None

    def run(self) -> None:
        """Trains until the last step."""
        try:
            super().run()
        finally:
            self._roller.close()

    def _begin(self, place: Path) -> None:
        raise InvalidInput(
            "GRPO goes on from a policy that can already do something.", "Give one with --base, as `worldloom train sft` makes it."
        )

    def _stream(self) -> Stream:
        rank, ranks = dist.get_rank(), dist.get_world_size()
        stream = Stream(
            self.pinned, "agent_tasks", self.settings.selection, seed=self.settings.seed, rank=rank, ranks=ranks, make=self._charge
        )
        if crew.first():
            stream.check()
        if not stream.samples:
            wanted = ", ".join(f"{name} {value}" for name, value in self.settings.selection.asked().items())
            raise UnknownName(f"{self.store.url} holds no tasks to practise on ({wanted}).", "Weave some: `worldloom synthesize`.")
        return stream

    def _charge(self, row: dict[str, Any]) -> Charge:
        """A task with its world, from the snapshot that the stream reads."""
        number = self.stream.store.snapshot().number
        if self._worlds is None or self._worlds[0] != number:
            self._worlds = number, Worlds(self.stream.store)
        return self._worlds[1].charge(row)

    def _step(self) -> dict[str, Any]:
        began, self._roller.clock = time.monotonic(), Clock()
        played, kept = self._played()
        epoch = self.stream.epoch  # that of this step's last tasks, before those of the next are drawn
        held = [within(lessons, self.settings.length) for group in kept for lessons in group.lessons()]
        strands = [strand for lessons, _ in held for strand in strands_of(lessons)]
        total = self._total(played, strands, sum(left_out for _, left_out in held))
        if not self.saves(self.step + 1):  # a checkpoint's position must not have drawn the tasks of the step after it
            self._next = self.take(self._goal)
            self._roller.prepare(self._next)
        learning = time.monotonic()
        descent, sums = self._learn(strands)
        self._refresh()
        self.step, self.samples = self.step + 1, self.samples + int(total.episodes)
        self.worlds.update(group.charge.world.id for group in played)
        now = time.monotonic()
        seconds = Seconds(*(round(value, 4) for value in (now - began, *self._roller.clock, now - learning)))
        return {
            "step": self.step,
            "epoch": epoch,
            "samples": self.samples,
            **_figures(total, descent, sums),
            **seconds._asdict(),
        }

    @property
    def _goal(self) -> int:
        """Groups of a step, of all ranks together."""
        return self.settings.environments // self.settings.group

    def _played(self) -> tuple[list[Group], list[Group]]:
        """This rank's groups, and those of them that teach something; for the others further tasks are taken, so often as was asked."""
        charges, self._next = self.take(self._goal) if self._next is None else self._next, None
        played: list[Group] = []
        for again in range(self.settings.refills + 1):
            played += self._roller.play(charges, (self.step + 1, again))
            kept = [group for group in played if group.advantages]
            lacking = self._goal - int(crew.agreed([float(len(kept))], "sum", self.device)[0])
            if not lacking or again == self.settings.refills:
                break
            charges = self.take(lacking)
        return played, kept

    def _total(self, played: Sequence[Group], strands: Sequence[Strand], too_long: int) -> Played:
        """What all ranks played; raises TerminalError where no environment at all held."""
        own = played_of(played, strands, too_long)
        total = Played(*crew.agreed([float(value) for value in own], "sum", self.device))
        if total.masked == total.episodes:
            raise TerminalError(
                f"No episode of step {self.step + 1} could be played: every environment failed.", "`worldloom audit` judges the worlds."
            )
        return total

    def _learn(self, strands: Sequence[Strand]) -> tuple[Descent | None, Sums]:
        """The updates of a step, each on its share of the strands; gives the last one. Without anything to learn the policy stays."""
        descent, self._sums = None, Sums()
        for number in range(self.settings.updates):
            share = strands[number :: self.settings.updates]
            turns = int(crew.agreed([float(sum(len(one.lessons) for one in share))], "sum", self.device)[0])
            if turns:
                portions = bins(share, self.settings.length, self.settings.micro)
                descent = descend(self.engine, portions, self._loss, turns, self.step + 1)
        return descent, Sums(*crew.agreed([float(value) for value in self._sums], "sum", self.device))

    def _loss(self, rows: Sequence[Sequence[Strand]] | None) -> torch.Tensor:
        """The sum of the losses of the turns in some rows; without any, a zero that depends on the policy."""
        sheet, asked = sheet_of(rows or (), self.tokenizer.pad_token_id or 0, self.device), self.settings
        new = logprobs_of(self.engine, sheet, asked.temperature)
        if not sheet.lessons:
            return new.sum()
        with torch.no_grad():
            start = None if self._first is None else logprobs_of(self._first, sheet, asked.temperature)
        clip = Clip(asked.clip_low, asked.clip_high)
        found = terms(new, sheet.old, start, sheet.lesson, sheet.advantage, clip=clip, beta=asked.beta)
        own = (float(part.detach().sum()) for part in (found.weight, found.clipped, found.distance))
        self._sums = Sums(*(before + value for before, value in zip(self._sums, own, strict=True)))
        return found.loss.sum()


def played_of(played: Sequence[Group], strands: Sequence[Strand], too_long: int) -> Played:
    """A rank's figures of what was played, and of what is learned from it."""
    episodes = [episode for group in played for episode in group.episodes]
    rewards = [episode.reward for episode in episodes if episode.reward is not None]
    lessons = [lesson for strand in strands for _, lesson in strand.lessons]
    return Played(
        groups=len(played),
        dropped=sum(group.advantages is None for group in played),
        episodes=len(episodes),
        masked=len(episodes) - len(rewards),
        reward=math.fsum(rewards),
        completed=sum(episode.completed for episode in episodes),
        turns=len(lessons),
        tokens=sum(len(lesson.said) for lesson in lessons),
        read=sum(len(strand.tokens) for strand in strands),
        too_long=too_long,
    )


def _figures(total: Played, descent: Descent | None, sums: Sums) -> dict[str, Any]:
    """A step's figures but its seconds; unknown is None."""
    scored = total.episodes - total.masked
    counts = {name: int(value) for name, value in total._asdict().items() if name not in ("episodes", "reward", "completed")}
    loss = descent._asdict() if descent else dict.fromkeys(Descent._fields)
    means = {name: value / total.turns if descent else None for name, value in sums._asdict().items()}
    return {**loss, "reward": total.reward / scored, "success": total.completed / scored, **counts, **means}


if __name__ == "__main__":
    sys.exit(rank_of(GrpoSettings, Grpo))
