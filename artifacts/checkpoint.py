"""A checkpoint of a training job, as the `checkpoints` table keeps it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from artifacts.noun import Noun


class Checkpoint(Noun):
    """A policy at one step of a job, with what it came from.

    `path` is its folder, from which the job resumes; the policy as a Hugging Face folder is `policy/` below it.
    `worlds` are all that the job had seen until then.
    """

    checkpoint_id: str
    job: Literal["sft", "grpo"]
    step: int = Field(ge=0)
    snapshot: int
    snapshot_id: str
    path: str
    base_model: str
    world_size: int = Field(ge=1)
    zero_stage: int = Field(ge=0, le=3)
    samples: int = Field(ge=0)
    metrics: dict[str, Any] = Field(default_factory=dict)
    parent_checkpoint_id: str | None = None
    worlds: tuple[str, ...] = ()
