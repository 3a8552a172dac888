"""What a training run is asked for. The job itself stands in `training`, which no other room imports: its settings go over as a file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from artifacts.noun import Noun
from artifacts.rows import Split

SHAPE = ("vocabulary", "hidden", "layers", "heads", "context")
SELECTION = ("split", "category", "kind", "difficulty", "policy", "least_reward")
LAUNCH = ("job", "ranks", "hostfile", "device", "out")


class TrainOrder(Noun):
    """Supervised fine-tuning of a policy on the trajectories of a store, by DeepSpeed."""

    job: Literal["sft"] = Field(default="sft", description="What is done: supervised fine-tuning.")
    out: str | None = Field(default=None, description="Folder for checkpoints and metrics; one of this machine's own if left out.")
    base: str | None = Field(default=None, description="Folder of a Hugging Face model to begin with; a new small decoder if left out.")
    ranks: int = Field(default=1, ge=1, le=4_096, description="Processes that train together on each machine.")
    hostfile: str | None = Field(default=None, description="DeepSpeed's list of machines; this one alone if left out.")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="Where it is computed.")
    zero: Literal[0, 1, 2, 3] = Field(default=1, description="ZeRO stage: what the ranks share instead of each holding all.")
    bf16: bool = Field(default=False, description="Compute in bfloat16.")
    steps: int = Field(default=100, ge=1, le=10_000_000, description="Optimizer steps in all.")
    batch: int = Field(default=16, ge=1, le=1_000_000, description="Trajectories in a step, of all ranks together.")
    length: int = Field(default=4_096, ge=16, le=1_000_000, description="Tokens of a row; turns with more are left out and counted.")
    micro: int = Field(default=1, ge=1, le=4_096, description="Rows that a rank computes at once.")
    learning_rate: float = Field(default=3e-4, gt=0, description="The learning rate.")
    warmup: int = Field(default=0, ge=0, description="Steps until the learning rate is reached.")
    decay: float = Field(default=0.0, ge=0, description="Weight decay.")
    clip: float = Field(default=1.0, gt=0, description="The gradient's greatest norm.")
    seed: int = Field(default=0, description="Seed of the order of the samples and of a new decoder.")
    workers: int = Field(default=0, ge=0, le=256, description="Loader processes of each rank.")
    save_every: int = Field(default=50, ge=1, description="Steps between checkpoints.")
    newer: bool = Field(default=False, description="Take up the store's newest snapshot whenever an epoch ends.")
    resume: bool = Field(default=False, description="Go on from the last checkpoint in the folder.")
    split: tuple[Split, ...] = Field(default=("train",), description="Splits of the tasks: train, validation, test.")
    category: tuple[str, ...] = Field(default=(), description="Categories of the worlds; all if empty.")
    kind: tuple[Literal["read", "write", "mixed"], ...] = Field(default=(), description="Kinds of the tasks; all if empty.")
    difficulty: tuple[int, ...] = Field(default=(), description="Levels of the tasks, 1 to 5; all if empty.")
    policy: tuple[str, ...] = Field(default=(), description="Who played; anyone if empty.")
    least_reward: float | None = Field(default=1.0, le=1, description="The least reward of an episode to learn from.")
    vocabulary: int = Field(default=4_096, ge=300, le=1_000_000, description="Tokens of a new decoder's tokenizer.")
    hidden: int = Field(default=256, ge=8, le=65_536, description="Width of a new decoder.")
    layers: int = Field(default=4, ge=1, le=1_024, description="Layers of a new decoder.")
    heads: int = Field(default=4, ge=1, le=1_024, description="Attention heads of a new decoder.")
    context: int = Field(default=4_096, ge=64, le=10_000_000, description="The most tokens that a new decoder attends to.")


def settings_of(order: TrainOrder, store: str, out: str, run_id: str) -> dict[str, Any]:
    """The settings of the job, as its program reads them."""
    plain = order.canonical()
    apart = {*SHAPE, *SELECTION, *LAUNCH}
    return {
        "store": store,
        "out": out,
        "run_id": run_id,
        "shape": {name: plain[name] for name in SHAPE},
        "selection": {**{name: plain[name] for name in SELECTION}, "masked": False},
        **{name: value for name, value in plain.items() if name not in apart},
    }
