"""A job's rows in the store: its run, and each checkpoint with its lineage."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from artifacts.checkpoint import Checkpoint
from artifacts.rows import row_of_run, rows_of_checkpoint
from artifacts.run_record import RunRecord
from artifacts.store import Store
from training.checkpoints import FOLDER, JobName, Whole, tag_of
from training.settings import JobSettings

OWN_DECODER = "worldloom/decoder"
"""The base model of a policy that began as a new small decoder."""

DECIDING = ("worldloom", "torch", "deepspeed", "transformers", "tokenizers")


def record_run(store: Store, settings: JobSettings, started: datetime, ended: datetime | None = None) -> None:
    """Puts the start or the end of a job into `runs`."""
    run = RunRecord(
        run_id=settings.run_id,
        flow="train",
        state="started" if ended is None else "completed",
        model=settings.base or OWN_DECODER,
        seed=settings.seed,
        arguments=settings.canonical(),
        versions={name: version(name) for name in DECIDING},
        started_at=started,
        ended_at=ended,
    )
    store.commit({"runs": [row_of_run(run, datetime.now(UTC))]})


def record_checkpoint(store: Store, job: JobName, settings: JobSettings, whole: Whole, figures: dict[str, Any]) -> None:
    """Puts a checkpoint and its lineage into the store."""
    checkpoint = Checkpoint(
        checkpoint_id=whole.checkpoint_id,
        job=job,
        step=whole.step,
        snapshot=whole.position.snapshot,
        snapshot_id=whole.position.snapshot_id,
        path=str((settings.folder / FOLDER / tag_of(whole.step)).absolute()),
        base_model=settings.base or OWN_DECODER,
        world_size=whole.position.ranks,
        zero_stage=settings.zero,
        samples=whole.samples,
        metrics=figures,
        parent_checkpoint_id=whole.parent_checkpoint_id,
        worlds=whole.worlds,
    )
    store.commit(rows_of_checkpoint(checkpoint, settings.run_id, datetime.now(UTC)))
