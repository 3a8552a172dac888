"""Keeps a small part of each table as this version writes it: `python tests/artifacts/keep_parts.py`.

What is there already is left as it is: parts of older versions can never be written again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from artifacts.checkpoint import Checkpoint
from artifacts.commits import parquet_bytes
from artifacts.observation import Score
from artifacts.rows import merged, row_of_image, row_of_run, rows_of_checkpoint, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.tables import TABLES, Row, arrow_table
from artifacts.trajectory import Trajectory
from artifacts.trajectory_rows import Played, rows_of_episodes

FOLDER = Path(__file__).with_name("old_parts")


def some_rows(small: Any) -> Mapping[str, Sequence[Row]]:
    """Rows of every table; `small` is the module with the small world of the tests."""
    world, noon = small.a_world(), small.NOON
    attempts = [small.an_attempt(1), small.an_attempt(2, accepted=True)]
    run = RunRecord(run_id="run-1", flow="synthesize", state="started", model="test/none", started_at=noon, arguments={"worlds": 1})
    image = {
        **{f"{what}_digest": f"sha256:{what}" for what in ("image", "layer", "base")},
        "world_id": world.id,
        "architecture": "amd64",
        "tags": ("w:1",),
        "layer_bytes": 20,
        "size_bytes": 100,
        "seconds": 0.25,
    }
    return merged([
        {"runs": [row_of_run(run, noon)], "images": [row_of_image(image, "run-1", None, noon)]},
        rows_of_draft("draft-1", world.report, attempts, world, run_id="run-1", created_at=noon),
        rows_of_checkpoint(_checkpoint(world.id), "run-1", noon),
        rows_of_episodes([Played(_episode(world.id, world.digest), "train", "read")], 1, "run-1", noon),
    ])  # fmt: skip


def _checkpoint(world_id: str) -> Checkpoint:
    figures: dict[str, Any] = {"world_size": 2, "zero_stage": 1, "samples": 24, "metrics": {"loss": 1.5}, "worlds": (world_id,)}
    named = {"checkpoint_id": "sft-1", "job": "sft", "path": "sft/1", "base_model": "worldloom/decoder"}
    return Checkpoint.model_validate({**named, **figures, "step": 3, "snapshot": 1, "snapshot_id": "ab" * 32, "parent_checkpoint_id": None})


def _episode(world_id: str, digest: str) -> Trajectory:
    said: dict[str, Any] = {"messages": ({"role": "assistant", "content": "é"},), "calls": (), "ended": "answered", "answer": "é"}
    named: dict[str, Any] = {"world_id": world_id, "world_digest": digest, "task_id": "t01", "policy": "idle", "form": "awm", "seed": None}
    return Trajectory(**named, **said, max_turns=3, score=Score(outcome="agent_error", reward=0.0))


def main() -> None:
    """Write the parts that are not there yet."""
    sys.path.insert(0, str(Path(__file__).parent))
    FOLDER.mkdir(exist_ok=True)
    for name, rows in some_rows(import_module("conftest")).items():
        file = FOLDER / f"{name}-{TABLES[name].version}.parquet"
        if not file.exists():
            file.write_bytes(parquet_bytes(TABLES[name], arrow_table(TABLES[name], rows)))


if __name__ == "__main__":
    main()
