"""What one collection of episodes was asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from artifacts.agent_task import Kind
from artifacts.noun import Noun
from artifacts.trajectory import FormName
from artifacts.trajectory_rows import Setting
from containers.episodes.policies import SCRIPTED

WIDTH_OF_RULES, WIDTH_OF_MODELS = 512, 32
"""How many episodes are under way at once where nobody says: with a policy that costs nothing, and with a model."""


class CollectOrder(Noun):
    """Episodes of one policy: on which agent tasks, how many of each, and how they are played."""

    policy: str = Field(
        min_length=1,
        max_length=500,
        description="reference, idle, random, openai/NAME, any model's name with api_base, a checkpoint's folder or its id.",
        examples=["reference", "openai/gpt-5-mini"],
    )
    api_base: str | None = Field(
        default=None, description="Where an OpenAI-compatible server of yours answers.", examples=["http://127.0.0.1:8000/v1"]
    )
    worlds: tuple[str, ...] = Field(default=(), max_length=10_000, description="World ids, or enough of their beginnings; all if left out.")
    split: Literal["train", "validation", "test", "all"] = Field(default="train", description="Which split the tasks come from.")
    kind: Kind | None = Field(default=None, description="Only tasks of this kind: read, write or mixed.")
    difficulty: tuple[int, ...] = Field(default=(), max_length=5, description="Only tasks of these levels, 1 to 5.", examples=[[3, 4]])
    episodes_per_task: int = Field(default=1, ge=1, le=10_000, description="Episodes of each task, with seeds that follow one another.")
    form: FormName = Field(default="awm", description="How tool calls are written: as text in tags, or natively.")
    turns: int = Field(default=30, ge=1, le=1_000, description="The agent speaks at most so often.")
    history: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="The agent is shown so many of its last turns, the task and the tools always; all if left out.",
    )
    concurrency: int | None = Field(default=None, ge=1, le=8_192, description="Episodes under way at once.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="The seed of each task's first episode.")
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, description="Sampling temperature; the model's own if left out.")
    reply: int | None = Field(default=None, ge=1, le=1_000_000, description="Tokens of a reply at most; the model's own limit if left out.")

    @field_validator("difficulty")
    @classmethod
    def _are_levels(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= level <= 5 for level in levels):
            raise ValueError("levels are 1 to 5")
        return tuple(sorted(set(levels)))

    @property
    def scripted(self) -> bool:
        """Whether the policy is a rule that costs nothing."""
        return self.policy in SCRIPTED

    @property
    def width(self) -> int:
        """How many episodes are under way at once."""
        return self.concurrency or (WIDTH_OF_RULES if self.scripted else WIDTH_OF_MODELS)

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """The seeds of a task's episodes; a policy that leaves nothing to chance plays each task once, with none."""
        if self.policy in ("reference", "idle"):
            return (None,)
        return tuple(range(self.seed, self.seed + self.episodes_per_task))

    def setting(self, policy: str) -> Setting:
        """What the episodes are played under, their seeds apart, by a policy of this name."""
        heat, reply = (None, None) if self.scripted else (self.temperature, self.reply)
        return Setting(policy, self.form, None, self.turns, self.history, heat, reply)
