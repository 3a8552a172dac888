"""Weaving, measured: worlds per minute, whose time it takes, tokens, and what becomes of drafts when the model errs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from artifacts.store import open_store
from tasks.job.auditing import audit_worlds
from tasks.job.tally import STAGES


class Row(NamedTuple):
    """One line of the table: what was measured, the figure, and what to aim at."""

    what: str
    figure: str
    aim: str = ""


def woven(store: Path, *options: str) -> dict[str, Any]:
    """Run the command as a user would, and give its own summary."""
    worldloom = Path(sys.executable).with_name("worldloom")
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run(
        [worldloom, "synthesize", "--json", "--store", store, *options], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"worldloom synthesize failed: {done.stderr}")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def attempts(store: Path) -> list[dict[str, Any]]:
    """The attempts on record in a store."""
    rows: list[dict[str, Any]] = open_store(store, create=False).scan("attempts").collect().to_dicts()
    return rows


def pace(store_of_run: list[tuple[Path, dict[str, Any]]], cores: int) -> list[Row]:
    """Worlds per minute, with and without the server's start and the last recording, and the share that is ours."""
    whole = [60 * run["sealed"] / run["seconds"] for _, run in store_of_run]
    steady = [60 * run["sealed"] / run["weaving_seconds"] for _, run in store_of_run]
    ours = [1 - sum(a["latency_seconds"] or 0 for a in attempts(store)) / (cores * run["weaving_seconds"]) for store, run in store_of_run]
    return [
        Row("worlds a minute, while weaving", f"{median(steady):,.0f}", "120"),
        Row("worlds a minute, from start to end", f"{median(whole):,.0f}"),
        Row("share of the time that is ours", f"{median(ours):.0%}"),
    ]


def tokens(store: Path, sealed: int) -> list[Row]:
    """Tokens in and out for each sealed world, by stage."""
    made = attempts(store)
    lines = []
    totals = [0.0, 0.0]
    for stage in STAGES:
        mine = [attempt for attempt in made if attempt["stage"] == stage]
        if not mine:
            continue
        sides = [sum(attempt[side] or 0 for attempt in mine) / sealed for side in ("input_tokens", "output_tokens")]
        totals = [total + side for total, side in zip(totals, sides, strict=True)]
        lines.append(Row(f"tokens a world, {stage}", f"{sides[0]:,.0f} in, {sides[1]:,.0f} out"))
    return [*lines, Row("tokens a world, all stages", f"{totals[0]:,.0f} in, {totals[1]:,.0f} out", "28,750 in, 12,500 out")]


def under_faults(store: Path, run: dict[str, Any]) -> list[Row]:
    """With a model that errs: the share of drafts that become worlds, first-pass yield, and what slipped through."""
    shelf = open_store(store, create=False)
    judged = audit_worlds(shelf, [summary.world_id for summary in shelf.worlds()])
    slipped = sum(not world.holds for world in judged)
    yields = [Row(f"  first-pass yield, {stage}", f"{f['first_pass'] / f['drafts']:.0%}") for stage, f in run["stages"].items()]
    return [
        Row("fault rate 0.3: drafts that become worlds", f"{run['sealed'] / run['planned']:.1%} of {run['planned']}", "95%"),
        Row("fault rate 0.3: worlds that an audit rejects", str(slipped), "0"),
        *yields,
    ]
