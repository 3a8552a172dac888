"""What a training run is asked for. The job itself stands in `training`, which no other room imports: its settings go over as a file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from artifacts.noun import Noun
from artifacts.rows import Split
from artifacts.trajectory import FormName

SHAPE = ("vocabulary", "hidden", "layers", "heads", "context")
OF_EPISODES = ("policy", "least_reward")
"""What trajectories are chosen by, and tasks are not."""

SELECTION = ("split", "category", "kind", "difficulty", *OF_EPISODES)
LAUNCH = ("job", "ranks", "hostfile", "device", "out")
OF_SFT = (*SHAPE, "batch", "workers")
OF_GRPO = (
    *("environments", "group", "refills", "updates", "clip_low", "clip_high", "beta", "form", "max_turns", "window"),
    *("temperature", "reply", "speaking", "pool_workers", "endpoint"),
)

RATES = {"sft": 3e-4, "grpo": 1e-5}
"""The learning rate where none is given."""


class TrainOrder(Noun):
    """Training of a policy by DeepSpeed: on the trajectories of a store (sft), or in the environments of its tasks (grpo)."""

    job: Literal["sft", "grpo"] = Field(default="sft", description="Supervised fine-tuning, or reinforcement learning in environments.")
    out: str | None = Field(default=None, description="Folder for checkpoints and metrics; one of this machine's own if left out.")
    base: str | None = Field(
        default=None, description="Folder of a Hugging Face model or a checkpoint to begin with; sft can make a decoder."
    )
    ranks: int = Field(default=1, ge=1, le=4_096, description="Processes that train together on each machine.")
    hostfile: str | None = Field(default=None, description="DeepSpeed's list of machines; this one alone if left out.")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="Where it is computed.")
    zero: Literal[0, 1, 2, 3] = Field(default=1, description="ZeRO stage: what the ranks share instead of each holding all.")
    bf16: bool = Field(default=False, description="Compute in bfloat16.")
    steps: int = Field(default=100, ge=1, le=10_000_000, description="Steps in all.")
    length: int = Field(default=4_096, ge=16, le=1_000_000, description="Tokens of a row; turns with more are left out and counted.")
    micro: int = Field(default=1, ge=1, le=4_096, description="Rows that a rank computes at once.")
    learning_rate: float | None = Field(default=None, gt=0, description="The learning rate; 0.0003 for sft, 0.00001 for grpo if left out.")
    warmup: int = Field(default=0, ge=0, description="Steps until the learning rate is reached.")
    decay: float = Field(default=0.0, ge=0, description="Weight decay.")
    clip: float = Field(default=1.0, gt=0, description="The gradient's greatest norm.")
    seed: int = Field(default=0, description="Seed of the order of the samples, of a new decoder, and of what is drawn.")
    save_every: int = Field(default=50, ge=1, description="Steps between checkpoints.")
    keep: int | None = Field(default=None, ge=1, description="Checkpoints to go on from; of older ones only the policy stays. All if null.")
    newer: bool = Field(default=False, description="Take up the store's newest snapshot whenever an epoch ends.")
    resume: bool = Field(default=False, description="Go on from the last checkpoint in the folder.")
    split: tuple[Split, ...] = Field(default=("train",), description="Splits of the tasks: train, validation, test.")
    category: tuple[str, ...] = Field(default=(), description="Categories of the worlds; all if empty.")
    kind: tuple[Literal["read", "write", "mixed"], ...] = Field(default=(), description="Kinds of the tasks; all if empty.")
    difficulty: tuple[int, ...] = Field(default=(), description="Levels of the tasks, 1 to 5; all if empty.")
    policy: tuple[str, ...] = Field(default=(), description="sft: who played; anyone if empty.")
    least_reward: float | None = Field(default=1.0, le=1, description="sft: the least reward of an episode to learn from.")
    batch: int = Field(default=16, ge=1, le=1_000_000, description="sft: trajectories in a step, of all ranks together.")
    workers: int = Field(default=0, ge=0, le=256, description="sft: loader processes of each rank.")
    vocabulary: int = Field(default=4_096, ge=300, le=1_000_000, description="sft: tokens of a new decoder's tokenizer.")
    hidden: int = Field(default=256, ge=8, le=65_536, description="sft: width of a new decoder.")
    layers: int = Field(default=4, ge=1, le=1_024, description="sft: layers of a new decoder.")
    heads: int = Field(default=4, ge=1, le=1_024, description="sft: attention heads of a new decoder.")
    context: int = Field(default=4_096, ge=64, le=10_000_000, description="sft: the most tokens that a new decoder attends to.")
    environments: int = Field(default=1_024, ge=2, le=1_000_000, description="grpo: episodes of a step, of all ranks together.")
    group: int = Field(default=16, ge=2, le=4_096, description="grpo: episodes of one task.")
    refills: int = Field(default=2, ge=0, le=100, description="grpo: how often a step takes further tasks for those that taught nothing.")
    updates: int = Field(default=1, ge=1, le=1_000, description="grpo: optimizer steps on what a step played.")
    clip_low: float = Field(default=0.2, gt=0, lt=1, description="grpo: how far below 1 a turn's importance weight counts.")
    clip_high: float = Field(default=0.28, gt=0, le=100, description="grpo: how far above 1 a turn's importance weight counts.")
    beta: float = Field(default=0.001, ge=0, description="grpo: weight of the distance to the policy that the job began with.")
    form: FormName = Field(default="awm", description="grpo: how tool calls are written, awm or native.")
    max_turns: int = Field(default=30, ge=1, le=1_000, description="grpo: turns of an episode.")
    window: int | None = Field(default=3, ge=1, description="grpo: how many of the last turns the policy is shown; all if null.")
    temperature: float = Field(default=1.0, gt=0, le=10, description="grpo: how freely the policy draws its words.")
    reply: int = Field(default=512, ge=1, le=1_000_000, description="grpo: tokens of a reply at most.")
    speaking: int = Field(default=64, ge=1, le=100_000, description="grpo: replies that a rank generates at once.")
    pool_workers: int = Field(default=1, ge=1, le=256, description="grpo: processes of each rank that hold its environments.")
    endpoint: str | None = Field(default=None, description="grpo: URL of a vLLM server that generates; the ranks themselves if left out.")

    @model_validator(mode="after")
    def _possible(self) -> TrainOrder:
        if self.job == "grpo" and self.base is None:
            raise ValueError("grpo goes on from a policy: give its folder as base, such as a checkpoint of sft")
        if self.environments % self.group:
            raise ValueError(f"{self.environments} environments cannot be dealt in groups of {self.group}")
        return self


def settings_of(order: TrainOrder, store: str, out: str, run_id: str) -> dict[str, Any]:
    """The settings of the job, as its program reads them."""
    plain = order.canonical()
    others = OF_GRPO if order.job == "sft" else OF_SFT
    apart = {*SHAPE, *SELECTION, *LAUNCH, *others}
    return {
        "store": store,
        "out": out,
        "run_id": run_id,
        **({"shape": {name: plain[name] for name in SHAPE}} if order.job == "sft" else {}),
        "selection": _selection(order.job, plain),
        **{name: value for name, value in plain.items() if name not in apart},
        "learning_rate": order.learning_rate or RATES[order.job],
    }


def _selection(job: str, plain: dict[str, Any]) -> dict[str, Any]:
    if job == "grpo":
        return {name: plain[name] for name in SELECTION if name not in OF_EPISODES}
    return {**{name: plain[name] for name in SELECTION}, "masked": False}
