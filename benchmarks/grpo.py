"""GRPO, measured: where the time of a step goes, with a decoder so small that the environments' share is as great as it gets.

`python -m benchmarks.grpo STORE --environments 1024` measures a step as large as a job's own. The decoder is taught a little first, on
the reference's episodes: one that has learned nothing breaks the form at once, and its environments do nothing.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from artifacts.store import Store, open_store
from benchmarks.weaving import Row
from tasks.teaching.launching import Figures, launch
from tasks.teaching.order import TrainOrder, settings_of

ENVIRONMENTS, GROUP, STEPS = 128, 16, 2
TAUGHT: dict[str, Any] = {"steps": 100, "batch": 8, "learning_rate": 3e-3, "hidden": 64, "layers": 2, "heads": 2, "vocabulary": 1_024}
PLAYED: dict[str, Any] = {"form": "native", "max_turns": 8, "reply": 48, "refills": 0, "beta": 0.001}
COMMON: dict[str, Any] = {
    "length": 2_048,
    "micro": 2,
    "split": ("train", "validation", "test"),
    "difficulty": (1, 2, 3),
    "save_every": 1_000,
}


def grpo_rows(source: Path, folder: Path, environments: int = ENVIRONMENTS) -> list[Row]:
    """Every figure of a step; the store is copied, since jobs put themselves on record."""
    shutil.copytree(source, folder / "loom")
    store = open_store(str(folder / "loom"), create=False)
    _worldloom("collect", "--policy", "reference", "--form", "native", "--split", "all", "--store", store.url)
    _trained(TrainOrder(job="sft", **TAUGHT, **COMMON), store, folder / "taught")
    base = str(folder / f"taught/checkpoints/step-{TAUGHT['steps']:06d}")
    job = TrainOrder(job="grpo", base=base, steps=STEPS, environments=environments, group=GROUP, pool_workers=_cores(), **PLAYED, **COMMON)
    steps = _trained(job, store, folder / "practised")
    last = steps[-1]  # the first has nothing made ready for it
    seconds, learned = last["seconds"], (last["groups"] - last["dropped"]) * GROUP
    return [
        Row(f"GRPO: share of a step of {environments:,} environments spent in them", f"{last['environments'] / seconds:.1%}", "under 5%"),
        Row("  generating; learning", f"{last['generating'] / seconds:.1%}; {last['learning'] / seconds:.1%}"),
        Row("  seconds of a step; turns of an episode", f"{seconds:,.1f}; {last['turns'] / max(learned, 1):.1f}"),
        Row("  greatest process, MiB", f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:,.0f}"),
    ]


def _trained(order: TrainOrder, store: Store, out: Path) -> list[Figures]:
    """A job's figures, step by step."""
    steps: list[Figures] = []
    launch(order, settings_of(order, store.url, str(out), f"train-{uuid4().hex}"), steps.append)
    return steps


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _worldloom(*words: str) -> None:
    command = Path(sys.executable).with_name("worldloom")
    if subprocess.run([command, *words, "--quiet"], check=False).returncode:
        raise SystemExit(f"worldloom {words[0]} failed")


def main() -> None:
    """Measure on a store, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grpo", description=__doc__)
    parser.add_argument("store", type=Path, help="a store of worlds")
    parser.add_argument("--environments", type=int, default=ENVIRONMENTS, help="episodes of a step")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for row in grpo_rows(given.store, Path(folder), given.environments):
            print(row.what, row.figure, row.aim)


if __name__ == "__main__":
    main()
