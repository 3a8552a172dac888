"""What a training job was asked for; a file of it is all that its ranks are given."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from artifacts.errors import InvalidInput
from artifacts.noun import Noun
from training.decoder import Shape
from training.selection import Selection

LEARNED = Selection(split=("train",), outcome=("completed",), masked=False)
"""What a policy learns from where nothing else is asked: successes on tasks of the training split."""


class SftSettings(Noun):
    """A job of supervised fine-tuning on trajectories."""

    store: str = Field(description="Folder or URL of the store.")
    out: str = Field(description="Folder for checkpoints, metrics and the policy.")
    run_id: str = Field(description="The run that the job belongs to.")
    base: str | None = Field(default=None, description="Folder of a Hugging Face model to begin with; a new small decoder if left out.")
    shape: Shape = Shape()
    selection: Selection = LEARNED
    steps: int = Field(default=100, ge=1, description="Optimizer steps in all.")
    batch: int = Field(default=16, ge=1, description="Trajectories in a step, of all ranks together.")
    length: int = Field(default=4096, ge=16, description="Tokens of a row; turns with more are left out and counted.")
    micro: int = Field(default=1, ge=1, description="Rows that a rank computes at once.")
    learning_rate: float = Field(default=3e-4, gt=0)
    warmup: int = Field(default=0, ge=0, description="Steps until the learning rate is reached.")
    decay: float = Field(default=0.0, ge=0, description="Weight decay.")
    clip: float = Field(default=1.0, gt=0, description="The gradient's greatest norm.")
    zero: Literal[0, 1, 2, 3] = Field(default=1, description="ZeRO stage.")
    bf16: bool = False
    seed: int = 0
    workers: int = Field(default=0, ge=0, description="Loader processes of a rank.")
    save_every: int = Field(default=50, ge=1, description="Steps between checkpoints.")
    newer: bool = Field(default=False, description="Take up the store's newest snapshot at an epoch's end.")
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where the job writes."""
        return Path(self.out)


def settings_in(path: Path) -> SftSettings:
    """The settings in a file; raises InvalidInput."""
    try:
        return SftSettings.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise InvalidInput(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from problem


def config_of(settings: SftSettings, universal: bool = False) -> dict[str, object]:
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
