"""Quality, measured: near misses, right ways, idleness, tools and levels over many worlds, half of them made by a model that errs.

    python -m benchmarks.quality --worlds 200

weaves so many worlds of ten tasks each with the embedded model, audits all of them deeply, and prints one table and all that is wrong.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from artifacts.quality import totals_of
from artifacts.store import open_store
from benchmarks.weaving import Row, woven
from flows.quality_pages import deep_page
from tasks.job.auditing import Depth, Judged, audit_worlds

SOLVER_RUNS = 5
"""Runs of the scripted solver on each task."""


def halves(folder: Path, worlds: int) -> list[Path]:
    """Two stores of worlds, half of them woven without faults, half with three answers in ten spoilt."""
    clean, faulty = folder / "clean", folder / "faulty"
    woven(clean, "--worlds", str(worlds - worlds // 2))
    woven(faulty, "--worlds", str(worlds // 2), "--fault-rate", "0.3", "--seed", "1")
    return [clean, faulty]


def deeply_audited(stores: Sequence[Path], solver_runs: int = SOLVER_RUNS) -> list[Judged]:
    """Every world of the stores, audited deeply on all cores."""
    found: list[Judged] = []
    for path in stores:
        store = open_store(path, create=False)
        found += audit_worlds(store, [summary.world_id for summary in store.worlds()], Depth(True, solver_runs))
    return found


def quality_rows(found: Sequence[Judged]) -> list[Row]:
    """The lines of the table: what was found, and what to aim at; a figure that nothing was measured for is unknown."""
    measured = [judged.quality for judged in found if judged.quality is not None]
    totals = totals_of(measured)
    mutation, fairness = totals.mutation, totals.fairness
    refused = fairness.ways - fairness.accepted
    mean = f"{totals.seconds / totals.worlds:.2f}; {totals.slowest:.2f}" if totals.worlds else "unknown"
    return [
        Row("quality: worlds; agent tasks audited deeply", f"{len(found)}; {totals.tasks:,}"),
        Row("  worlds that hold", f"{sum(judged.holds for judged in found)} of {len(found)}", "all"),
        Row("  false acceptances, of near misses carried out", f"{totals.false_acceptances} of {mutation.mutants:,}", "0"),
        Row("  false rejections, of other right ways", f"{refused} of {fairness.ways:,} ({share(totals.false_rejections)})", "under 0.5%"),
        Row("  reward of doing nothing", "unknown" if totals.idle_reward is None else f"{totals.idle_reward:.3f}", "0.0"),
        Row("  tools called with success", f"{totals.called:,} of {totals.tools:,}", "all"),
        Row("  mutation score", share(totals.mutation_score), "100%"),
        Row("  seconds of one core a deep audit: mean; slowest", mean, "2"),
        Row("  tasks by level", ", ".join(f"{level}: {count}" for level, count in totals.levels.items()) or "unknown"),
        Row("  scripted solver's success by level", by_level(totals.solved), "falling"),
    ]


def share(value: float | None) -> str:
    """A share in percent."""
    return "unknown" if value is None else f"{value:.2%}"


def by_level(solved: Mapping[int, tuple[int, int]]) -> str:
    """The success of the solver at each level at which it ran."""
    return ", ".join(f"{level}: {done / runs:.0%}" for level, (done, runs) in solved.items() if runs) or "unknown"


def main() -> None:
    """Weave, audit, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--solver-runs", type=int, default=SOLVER_RUNS)
    parser.add_argument("--stores", type=Path, nargs="*", help="audit these instead of weaving")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = options.stores or halves(Path(folder), options.worlds)
        found = deeply_audited(stores, options.solver_runs)
    table = Table(title="Quality", title_justify="left")
    table.add_column("measured", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    table.add_column("aim")
    for row in quality_rows(found):
        table.add_row(*row)
    Console().print(deep_page(found), table)


if __name__ == "__main__":
    main()
