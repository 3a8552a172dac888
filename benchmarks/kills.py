"""Kills at random instants of a run, each resumed: in the end the store holds what an undisturbed run makes, each thing once.

`python -m benchmarks.kills --worlds 60 --kills 30` does half of the kills to the command and half to a deployment with its worker.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl
from rich.console import Console
from rich.table import Table

from artifacts.fsck import check
from artifacts.retention import leftovers, sweep
from artifacts.store import MARK, Store, open_store
from benchmarks.ways import Command, Deployment, Way, strays

Moment = Literal["anytime", "begin", "bundles", "tables"]

EARLY: tuple[Moment, ...] = ("anytime", "begin", "anytime")
LATE: tuple[Moment, ...] = ("bundles", "anytime", "tables")
"""In turn: anywhere in the first seconds of a run and in the commit that begins it; then among its bundles and among its parts too.

The later ones wait until something is published, and little of a run is left after them: they come in the last third of the kills.
"""

AFTERWARDS: dict[Moment, float] = {"begin": 0.01, "bundles": 0.5, "tables": 0.01, "anytime": 0.0}
"""How long after a sign of its moment a kill comes at most, in seconds: about as long as the moment lasts."""

LONGEST_WAIT = 120.0
LOOK_SECONDS = 0.5
POLL_SECONDS = 0.001
PROJECT = Path(__file__).resolve().parents[1]


class Kill(NamedTuple):
    """Who is killed and when: `after` is a share of the longest time, and of the wait after what is waited for."""

    victim: str
    moment: Moment
    after: float


class Outcome(NamedTuple):
    """What was found when all was done; everything but `kills`, `runs` and `snapshots` is to be empty or 0."""

    kills: tuple[str, ...]
    runs: int
    snapshots: int
    other_worlds: tuple[str, ...]
    paid_twice: int
    other_answers: int
    half_visible: tuple[str, ...]
    faults: tuple[str, ...]
    left_over: tuple[str, ...]
    swept_by_hand: int
    strays: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled, half visible or left."""
        wrong = (self.other_worlds, self.half_visible, self.faults, self.left_over, self.strays)
        return not (any(wrong) or self.paid_twice or self.other_answers)


class Campaign(NamedTuple):
    """How many strikes at a run of how many worlds; one at any time comes at most `longest` seconds after the one before."""

    strikes: int
    worlds: int
    seed: int
    longest: float

    def kills(self, victims: Sequence[str]) -> Iterator[Kill]:
        """Every victim and the moments in turn, at instants drawn from the seed; without end."""
        drawn = random.Random(self.seed)  # noqa: S311 (not for secrets)
        for number in count():
            moments = EARLY if number < self.strikes * 2 // 3 else LATE
            yield Kill(victims[number % len(victims)], moments[number % len(moments)], drawn.random())


def campaign(way: Way, store: Path, planned: Campaign, tell: Callable[[str], None]) -> tuple[tuple[str, ...], int]:
    """Run, kill, resume, so many times; then run until all is done. Gives what was killed, and how many runs it took."""
    done: list[str] = []
    runs = 0
    for kill in planned.kills(way.victims):
        if len(done) == planned.strikes or worlds_of(store) == planned.worlds:
            break
        runs += way.ensure()
        if wait_for(kill, store, way, planned.longest) and (struck := way.kill(kill.victim)):
            done.append(f"{kill.victim}, {kill.moment}")
            tell(f"{len(done)}: {done[-1]} ({struck} processes); {worlds_of(store)} worlds published")
    for _ in range(4):
        runs += way.ensure()
        if way.finish(LONGEST_WAIT * 4):
            break
    return tuple(done), runs


def wait_for(kill: Kill, store: Path, way: Way, longest: float) -> bool:
    """Returns at the kill's instant; gives False when the run ends before that."""
    began, seen = time.monotonic(), signs(store, kill.moment)
    instant = began + (kill.after * longest if kill.moment == "anytime" else LONGEST_WAIT)
    looked = began
    while time.monotonic() < instant:
        if signs(store, kill.moment) - seen:
            time.sleep(kill.after * AFTERWARDS[kill.moment])
            return True
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            if not way.running():
                return False
        time.sleep(POLL_SECONDS)
    return kill.moment == "anytime" and way.running()


def signs(store: Path, moment: Moment) -> frozenset[str]:
    """What a moment shows in the store's folders: unfinished and new files."""
    folders = {"begin": ("tables/runs", "snapshots"), "bundles": ("worlds",), "tables": ("tables/worlds", "tables/verdicts")}
    depths = ("*",) if moment == "bundles" else ("*", "*/*")  # an unfinished bundle is renamed while one looks into it
    return frozenset(str(path) for folder in folders.get(moment, ()) for depth in depths for path in (store / folder).glob(depth))


def worlds_of(store: Path) -> int:
    """How many worlds a store has published."""
    return len(open_store(store, create=False).worlds()) if (store / MARK).exists() else 0


def examined(way: Way, like: Store, done: tuple[str, ...], runs: int, watched: dict[str, Any]) -> Outcome:
    """What a store holds after the kills, beside one that was woven undisturbed."""
    shelf = open_store(way.store, create=False)
    left = leftovers(shelf)
    if left:
        sweep(shelf)
    mine, theirs = digests(shelf), digests(like)
    attempts = shelf.scan("attempts").filter(~pl.col("recalled")).group_by("request_digest").len().filter(pl.col("len") > 1).collect()
    return Outcome(
        kills=done,
        runs=runs,
        snapshots=watched["snapshots"],
        other_worlds=tuple(sorted(f"{name}: {digest[:12]}" for name, digest in mine ^ theirs)),
        paid_twice=attempts.height,
        other_answers=len(answers(shelf) ^ answers(like)),
        half_visible=tuple(watched["problems"]),
        faults=tuple(f"{fault.place} {fault.problem}" for fault in check(shelf)),
        left_over=tuple(entry.path for entry in leftovers(shelf)),
        swept_by_hand=len(left),
        strays=strays(way.token),
    )


def digests(store: Store) -> set[tuple[str, str]]:
    """Names and digests of all worlds."""
    return {(summary.name, summary.digest) for summary in store.worlds()}


def answers(store: Store) -> set[str]:
    """The requests that a store's journal holds an answer to."""
    with closing(sqlite3.connect(store.home / "journal.sqlite", timeout=60)) as connection:
        return {digest for (digest,) in connection.execute("SELECT digest FROM answers")}


def disturbed(way: Way, like: Store, planned: Campaign, tell: Callable[[str], None] = lambda _line: None) -> Outcome:
    """A whole campaign, watched by a reader all the time; the way is closed at its end."""
    store = Path(way.store)
    reader = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.reader", str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT, text=True
    )
    try:
        done, runs = campaign(way, store, planned, tell)
    finally:
        way.close()
        said = reader.communicate()[0]
    return examined(way, like, done, runs, told(said))


def told(said: str) -> dict[str, Any]:
    """The reader's report."""
    report: dict[str, Any] = json.loads(said)
    return report


def main() -> None:
    """Weave once undisturbed, then both ways with kills, and print what was found; exits with 1 where anything is unsound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--kills", type=int, default=30, help="half of them to the command, half to the deployment")
    parser.add_argument("--longest", type=float, default=14.0, help="the most seconds between a kill at any time and the one before")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--way", choices=("command", "deployment"), default=None, help="only this one")
    options = parser.parse_args()
    console = Console(highlight=False)
    order = {"worlds": options.worlds, "tasks_per_world": options.tasks}
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        calm = Command(Path(folder) / "calm", order)
        calm.ensure()
        calm.finish(1_200)
        like = open_store(calm.store, create=False)
        console.print(f"undisturbed: {len(like.worlds())} worlds in {time.monotonic() - began:.0f} s")
        outcomes = []
        ways: tuple[Way, ...] = (Command(Path(folder) / "command", order), Deployment(Path(folder) / "deployment", order))
        for way in (way for way in ways if options.way in (None, type(way).__name__.lower())):
            began = time.monotonic()
            planned = Campaign(options.kills // 2, options.worlds, options.seed, options.longest)
            outcomes.append(disturbed(way, like, planned, lambda line: console.print(f"  {line}")))
            console.print(shown(type(way).__name__.lower(), outcomes[-1], time.monotonic() - began))
    raise SystemExit(0 if all(outcome.sound for outcome in outcomes) else 1)


def shown(name: str, outcome: Outcome, seconds: float) -> Table:
    """An outcome as a table."""
    table = Table(title=f"{name}: {seconds:.0f} s", title_justify="left", show_header=False)
    for field, value in outcome._asdict().items():
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        table.add_row(field.replace("_", " "), str(len(value)) if field == "kills" else text)
    return table


if __name__ == "__main__":
    main()
