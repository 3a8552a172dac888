"""A thousand worlds through the deployment and its worker: how long, how much memory, and whether all that is claimed of them holds.

`python -m benchmarks.thousand --worlds 60` runs small. The store is thrown away afterwards, unless `--keep FOLDER` names one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from benchmarks.ways import Deployment, processes, strays, told
from tasks.job.workflow_server import recorded_task_runs
from tasks.scenarios.novelty import LEXICAL_THRESHOLD, LexicalEmbedder
from tasks.scenarios.pool import even_quotas, shipped_scenarios

AIM_MINUTES = 12.0
MARKS = 4
"""Memory is looked at after each quarter of the worlds."""

POLL_SECONDS = 0.5
MEGABYTE = 1_000_000


class Memory(NamedTuple):
    """Resident memory of the run's processes and of the server's, in megabytes, when so many worlds were published."""

    worlds: int
    seconds: float
    flow: float
    pool: float
    server: float
    worker: float


class Found(NamedTuple):
    """What a run showed: task runs as the server and as the flow counted them, and the nearest pair of scenarios."""

    worlds: int
    seconds: float
    memory: tuple[Memory, ...]
    recorded: int
    counted: int
    nearest: float
    categories: Mapping[str, int]
    quotas: Mapping[str, int]
    strays: tuple[str, ...]

    def holds(self, wanted: int) -> Mapping[str, bool]:
        """Each claim, and whether it holds."""
        return {
            "as many worlds as were ordered": self.worlds == wanted,
            "all task runs recorded": self.recorded == self.counted > 0,
            "every pair of scenarios under the threshold": self.nearest < LEXICAL_THRESHOLD,
            "category quotas hold": dict(self.categories) == dict(self.quotas),
            "no process left": not self.strays,
        }


def memory(way: Deployment, worlds: int, seconds: float) -> Memory:
    """What the processes hold now, by their roles."""
    held: Counter[str] = Counter()
    for process in processes(way.token):
        line = told(process)
        for role, mark in way.marks.items():
            if mark in line:
                held[role] += resident(process)
    return Memory(worlds, seconds, *(held[role] / MEGABYTE for role in ("flow", "pool", "server", "worker")))


def resident(process: psutil.Process) -> int:
    """The bytes of memory that a process holds; 0 when it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def published(store: Store) -> int:
    """How many worlds the newest snapshot lists."""
    return sum(part.rows for part in store.snapshot().parts_of("worlds"))


def watched(way: Deployment, wanted: int, tell: Callable[[Memory], None]) -> tuple[float, list[Memory]]:
    """Wait for the end of the run, and look at its memory on the way; gives its seconds."""
    store, began, seen = open_store(way.store), time.monotonic(), list[Memory]()
    marks = [wanted * mark // MARKS for mark in range(1, MARKS + 1)]
    while way.running():
        now = published(store)
        if len(seen) < MARKS and now >= marks[len(seen)]:
            seen.append(memory(way, now, time.monotonic() - began))
            tell(seen[-1])
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began, seen


def scenarios_of(store: Store) -> list[Scenario]:
    """The scenarios of all worlds."""
    rows = store.scan("worlds").select("scenario").collect()["scenario"]
    return [Scenario.model_validate_json(row) if isinstance(row, str) else Scenario.model_validate(row) for row in rows]


def nearest_pair(scenarios: Sequence[Scenario]) -> float:
    """The highest similarity of any two: each is compared with all before it."""
    embedder = LexicalEmbedder()
    index, highest = embedder.index(), 0.0
    for vector in embedder.embed([scenario.text for scenario in scenarios]):
        found = index.nearest(vector, highest)
        highest = max(highest, found.similarity if found is not None else 0.0)
        index.add(vector)
    return highest


def counted_by_flow(way: Deployment) -> int:
    """The task runs that the flow says it made, on its summary card."""
    body = {"artifacts": {"key": {"any_": ["worldloom-summary"]}, "flow_run_id": {"any_": [way.run_id]}}}
    answer = httpx.post(f"{way.url}/artifacts/filter", content=json.dumps(body), timeout=60)
    answer.raise_for_status()
    found = re.search(r"([\d,]+) task runs", answer.json()[0]["data"])
    return int(found.group(1).replace(",", "")) if found else 0


def quotas_of(wanted: int) -> dict[str, int]:
    """How many scenarios of each category there should be."""
    return even_quotas(wanted, Counter(scenario.category for scenario in shipped_scenarios()))


def run(folder: Path, wanted: int, tell: Callable[[Memory], None]) -> Found:
    """Bring the factory up, have it weave, and look at what it made; everything is brought down again."""
    way = Deployment(folder, {"worlds": wanted})
    try:
        way.ensure()
        seconds, seen = watched(way, wanted, tell)
        recorded, counted = recorded_task_runs(way.url, str(way.run_id)), counted_by_flow(way)
    finally:
        way.close()
    scenarios = scenarios_of(open_store(way.store, create=False))
    categories = Counter(scenario.category for scenario in scenarios)
    return Found(
        worlds=len(scenarios),
        seconds=seconds,
        memory=tuple(seen),
        recorded=recorded,
        counted=counted,
        nearest=nearest_pair(scenarios),
        categories=categories,
        quotas={category: quota for category, quota in quotas_of(wanted).items() if quota},
        strays=strays(way.token),
    )


def shown(found: Found, wanted: int) -> Table:
    """The figures as a table."""
    table = Table(title=f"{wanted} worlds on {len(os.sched_getaffinity(0))} cores", title_justify="left", show_header=False)
    table.add_row("minutes", f"{found.seconds / 60:.1f}", f"{AIM_MINUTES * wanted / 1_000:.1f}")
    table.add_row("worlds a minute", f"{60 * found.worlds / found.seconds:.0f}", f"{1_000 / AIM_MINUTES:.0f}")
    table.add_row("task runs on record, and counted by the flow", f"{found.recorded:,} and {found.counted:,}", "the same")
    table.add_row("the nearest pair of scenarios", f"{found.nearest:.3f}", f"under {LEXICAL_THRESHOLD}")
    table.add_row("categories", f"{len(found.categories)} with {min(found.categories.values())} to {max(found.categories.values())}", "")
    for claim, holds in found.holds(wanted).items():
        table.add_row(claim, "yes" if holds else "NO", "yes")
    return table


def line_of(seen: Memory) -> str:
    """Memory in one line."""
    return (
        f"{seen.worlds:>5} worlds, {seen.seconds:4.0f} s: flow {seen.flow:.0f} MB, pool {seen.pool:.0f} MB, "
        f"server {seen.server:.0f} MB, worker {seen.worker:.0f} MB"
    )


def main() -> None:
    """Run and print; exits with 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=1_000)
    parser.add_argument("--keep", type=Path, default=None, help="a folder for the store, which is then kept")
    options = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        found = run(options.keep or Path(folder) / "loom", options.worlds, lambda seen: console.print(line_of(seen)))
    console.print(shown(found, options.worlds))
    raise SystemExit(0 if all(found.holds(options.worlds).values()) else 1)


if __name__ == "__main__":
    main()
