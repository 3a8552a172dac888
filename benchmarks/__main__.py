"""`make bench`: weave in a folder that is thrown away, measure, and print one table."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.environments import crowd, single, typical, worlds_of
from benchmarks.grpo import grpo_rows
from benchmarks.images import image_rows
from benchmarks.manifests import grown, manifest_rows
from benchmarks.pool import pool_rows
from benchmarks.quality import deeply_audited, quality_rows
from benchmarks.rollout import rollout_rows
from benchmarks.serving import serving_rows
from benchmarks.stream import stream_rows
from benchmarks.weaving import Row, pace, tokens, under_faults, woven

A_PAST = 1_000_000
"""Synthetic attempts on top of the worlds woven here; `python -m benchmarks.manifests` measures more of them."""


def measured(folder: Path, worlds: int, runs: int) -> list[Row]:
    """Every figure."""
    cores = len(os.sched_getaffinity(0))
    clean = [(folder / f"run-{number}", woven(folder / f"run-{number}", "--worlds", str(worlds))) for number in range(runs)]
    store, last = clean[-1]
    faulty = woven(folder / "faulty", "--worlds", str(worlds), "--fault-rate", "0.3")
    return [
        *pace(clean, cores),
        *single(typical(worlds_of(store))),
        *crowd(store),
        *pool_rows(worlds_of(store)),
        *rollout_rows(worlds_of(store)),
        *serving_rows(folder / "serving"),
        *image_rows(store),
        *manifest_rows(grown(store, folder / "manifests", A_PAST)),
        *stream_rows(store, folder / "stream"),
        *grpo_rows(store, folder / "grpo"),
        *tokens(store, last["sealed"]),
        *under_faults(folder / "faulty", faulty),
        *quality_rows(deeply_audited([store, folder / "faulty"])),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--worlds", type=int, default=100, help="worlds a run")
    parser.add_argument("--runs", type=int, default=3, help="runs whose median is told")
    options = parser.parse_args()
    table = Table(title=f"Worldloom on {len(os.sched_getaffinity(0))} cores, medians", title_justify="left")
    table.add_column("measured", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    table.add_column("aim")
    with tempfile.TemporaryDirectory() as folder:
        for row in measured(Path(folder), options.worlds, options.runs):
            table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
