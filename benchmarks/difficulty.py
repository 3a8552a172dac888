"""Levels of difficulty, measured: how they spread, what a scripted solver makes of them, and which weights its success would give.

`python -m benchmarks.difficulty STORE… [--runs N]` reads sealed worlds. Half of them, told apart by their scenarios, may be looked at
to choose weights and cut points (`tasks/difficulty/levels.py`); the other half only tests what was chosen.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev, quantiles

from rich.console import Console
from rich.table import Table

from artifacts.measures import Difficulty
from artifacts.store import open_store
from artifacts.world import Draft
from tasks.difficulty.check import Check, Tried, check_of, is_held_out, tried_tasks
from tasks.difficulty.levels import DOUBLING, WEIGHTS, effort_of

DESCENT_STEPS, DESCENT_RATE = 4_000, 0.05


def drafts_of(stores: Sequence[Path]) -> list[Draft]:
    """The worlds of some stores."""
    shelves = [open_store(path, create=False) for path in stores]
    return [shelf.world(summary.world_id).draft() for shelf in shelves for summary in shelf.worlds()]


def fitted(tried: Sequence[Tried]) -> dict[str, float]:
    """The weights, none below 0, with which the effort best tells success (logistic regression), scaled so that a step weighs 1."""
    rows = [[_size(name, one.figures) for name in WEIGHTS] for one in tried]
    means = [fmean(column) for column in zip(*rows, strict=True)]
    spans = [pstdev(column) or 1.0 for column in zip(*rows, strict=True)]
    plain = [[(x - m) / s for x, m, s in zip(row, means, spans, strict=True)] for row in rows]
    weights, level = [0.0] * len(means), 0.0
    for _ in range(DESCENT_STEPS):
        wrong = [1 / (1 + math.exp(_dot(weights, row) - level)) - one.rate for row, one in zip(plain, tried, strict=True)]
        level -= DESCENT_RATE * sum(wrong) / len(wrong)
        slopes = (_dot(wrong, column) / len(wrong) for column in zip(*plain, strict=True))
        weights = [max(0.0, weight + DESCENT_RATE * slope) for weight, slope in zip(weights, slopes, strict=True)]
    found = {name: weight / span for name, weight, span in zip(WEIGHTS, weights, spans, strict=True)}
    return {name: weight / (found["steps"] or 1.0) for name, weight in found.items()}


def _size(name: str, figures: Difficulty) -> float:
    value = float(getattr(figures, name))
    return math.log2(1 + value) if name in DOUBLING else value


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def level_table(checks: dict[str, Check]) -> Table:
    """Each half's tasks and success, level by level, and the rank correlations."""
    table = Table(title="Success of the scripted solver", title_justify="left")
    table.add_column("worlds", no_wrap=True)
    for level in range(1, 6):
        table.add_column(f"level {level}", justify="right")
    table.add_column("rho, level")
    table.add_column("rho, effort")
    for name, check in checks.items():
        rates = ("-" if one.rate is None else f"{one.rate:.0%} of {one.tasks}" for one in check.levels)
        table.add_row(name, *rates, *("-" if rho is None else f"{rho:.2f}" for rho in (check.rho_level, check.rho_effort)))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.difficulty", description=__doc__)
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=2, help="runs of the solver at each task")
    options = parser.parse_args()
    halves: dict[str, list[Tried]] = {"to choose by": [], "held out": []}
    for draft in drafts_of(options.stores):
        halves["held out" if is_held_out(draft) else "to choose by"] += tried_tasks(draft, range(options.runs))
    console = Console()
    console.print(level_table({name: check_of(tried) for name, tried in halves.items()}))
    chosen_by = halves["to choose by"]
    if len(chosen_by) < 2:
        console.print("No worlds of the half to choose by: no fifths and no weights.")
        return
    fifths = ", ".join(f"{cut:.2f}" for cut in quantiles((effort_of(one.figures) for one in chosen_by), n=5))
    weights = ", ".join(f"{name} {weight:.2f} (set: {WEIGHTS[name]:g})" for name, weight in fitted(chosen_by).items())
    console.print(f"Effort in fifths, half to choose by: {fifths}\nWeights fitted there, a step being 1: {weights}")


if __name__ == "__main__":
    main()
