"""What a training job was asked for; a file of it is all that its ranks are given."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from artifacts.errors import InvalidInput
from artifacts.noun import Noun
from artifacts.trajectory import FormName
from training.decoder import Shape
from training.selection import Selection

LEARNED = Selection(split=("train",), outcome=("completed",), masked=False)
"""What a policy learns from where nothing else is asked: successes on tasks of the training split."""

PRACTISED = Selection(split=("train",))
"""The tasks that a policy practises on where nothing else is asked."""


class JobSettings(Noun):
    """What every job is asked for."""

    store: str = Field(description="Folder or URL of the store.")
    out: str = Field(description="Folder for checkpoints, metrics and the policy.")
    run_id: str = Field(description="The run that the job belongs to.")
    base: str | None = Field(default=None, description="Folder of a Hugging Face model, or of a checkpoint, to begin with.")
    selection: Selection = Selection()
    steps: int = Field(default=100, ge=1, description="Steps in all.")
    length: int = Field(default=4096, ge=16, description="Tokens of a row; turns with more are left out and counted.")
    micro: int = Field(default=1, ge=1, description="Rows that a rank computes at once.")
    learning_rate: float = Field(default=3e-4, gt=0)
    warmup: int = Field(default=0, ge=0, description="Steps until the learning rate is reached.")
    decay: float = Field(default=0.0, ge=0, description="Weight decay.")
    clip: float = Field(default=1.0, gt=0, description="The gradient's greatest norm.")
    zero: Literal[0, 1, 2, 3] = Field(default=1, description="ZeRO stage.")
    bf16: bool = False
    seed: int = 0
    save_every: int = Field(default=50, ge=1, description="Steps between checkpoints.")
    keep: int | None = Field(default=None, ge=1, description="Checkpoints to go on from; of older ones only the policy stays. All if null.")
    newer: bool = Field(default=False, description="Take up the store's newest snapshot at an epoch's end.")
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where the job writes."""
        return Path(self.out)


Asked = TypeVar("Asked", bound=JobSettings)


class SftSettings(JobSettings):
    """A job of supervised fine-tuning on trajectories; without a base it begins with a new small decoder."""

    shape: Shape = Shape()
    selection: Selection = LEARNED
    batch: int = Field(default=16, ge=1, description="Trajectories in a step, of all ranks together.")
    workers: int = Field(default=0, ge=0, description="Loader processes of a rank.")


class GrpoSettings(JobSettings):
    """A job of reinforcement learning in environments: group-relative policy optimisation over turns."""

    selection: Selection = PRACTISED
    learning_rate: float = Field(default=1e-5, gt=0)
    environments: int = Field(default=1024, ge=2, description="Episodes of a step, of all ranks together.")
    group: int = Field(default=16, ge=2, description="Episodes of one task.")
    refills: int = Field(default=2, ge=0, description="How often a step takes further tasks for those that taught nothing.")
    updates: int = Field(default=1, ge=1, description="Optimizer steps on what a step played.")
    clip_low: float = Field(default=0.2, gt=0, lt=1, description="How far below 1 a turn's weight counts.")
    clip_high: float = Field(default=0.28, gt=0, description="How far above 1 a turn's weight counts.")
    beta: float = Field(default=0.001, ge=0, description="Weight of the distance to the policy that the job began with.")
    form: FormName = Field(default="awm", description="How tool calls are written.")
    max_turns: int = Field(default=30, ge=1, description="Turns of an episode.")
    window: int | None = Field(default=3, ge=1, description="Turns that the policy is shown; all if null.")
    temperature: float = Field(default=1.0, gt=0, description="How freely the policy draws its words.")
    reply: int = Field(default=512, ge=1, description="Tokens of a reply at most.")
    speaking: int = Field(default=64, ge=1, description="Replies that a rank generates at once.")
    pool_workers: int = Field(default=1, ge=1, description="Processes of a rank that hold its environments.")
    call_seconds: float = Field(default=30.0, gt=0, description="Seconds that a tool call may take.")
    endpoint: str | None = Field(default=None, description="URL of a vLLM server that generates; the ranks themselves if left out.")


def settings_in(path: Path, kind: type[Asked]) -> Asked:
    """The settings in a file; raises InvalidInput."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise InvalidInput(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from problem


def config_of(settings: JobSettings, universal: bool = False) -> dict[str, object]:
    """The DeepSpeed configuration; `universal` to load what another number of ranks saved.

    It names no optimizer: DeepSpeed would compile one for a minute; torch's is handed over.
    """
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": settings.clip,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": settings.bf16},
        "zero_optimization": {"stage": settings.zero, "overlap_comm": False, "contiguous_gradients": True},
        "checkpoint": {"load_universal": universal},
        "steps_per_print": 10**9,
    }
