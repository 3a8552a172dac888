"""The learning curve: what a small decoder learns from a store of worlds on two cores, and how often it then solves what it never saw.

`python -m benchmarks.learning STORE OUT` copies the store to OUT and, there: plays the reference on the training split, makes a
tokenizer and an untrained decoder, drills it and lets it read the episodes (every token counts), teaches it the agent's words (SFT),
lets it practise (GRPO), and tries each of these policies on held-out worlds and on held-out tasks of worlds that it knows, with the idle
and the random policy beside them. Every stage that is done is skipped, so the same command goes on after it was stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from artifacts.store import Store, open_store
from benchmarks.drawing import curve
from benchmarks.reading_policy import begun, read
from tasks.agent.attempts import attempts_of
from tasks.agent.collect_order import CollectOrder
from tasks.agent.evaluation import Attempt, Estimate, comparison, estimate, tried
from tasks.teaching.launching import launch
from tasks.teaching.order import TrainOrder, settings_of
from training.selection import Selection

FIRST_TASKS = 8
"""Tasks of each training world that are trained on; the rest are held out."""

READ, PRACTISED = (1, 2, 3), (1, 2)
"""Levels of difficulty of the tasks whose solutions are read, and of those that are practised and tried: too few of the others succeed."""

LENGTH, REPLY = 1_536, 96
"""Tokens of an episode and of a reply: longer ones are more than two cores can learn from within the hour."""

CHOSEN = Selection(
    split=("train",), outcome=("completed",), form=("native",), difficulty=READ, first_tasks=FIRST_TASKS, policy=("reference",)
)
"""The episodes that are read."""


class Budget(NamedTuple):
    """How much is spent: minutes of reading, steps of the jobs, worlds of each split and attempts at a task."""

    minutes: float
    sft: int
    grpo: int
    worlds: int
    attempts: int


class Result(NamedTuple):
    """A policy's share of solved attempts on tasks of one kind, or what one gained on another; None where there was none."""

    policy: str
    tasks: str
    solved: Estimate | None


SECONDS = "seconds.json"


class Stages:
    """What is done, and the seconds that it took, in a file: what is in it is not done again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def once(self, name: str, work: Callable[[], object]) -> None:
        """Does it, unless it was done before."""
        if name not in self.seconds:
            began = time.monotonic()
            work()
            self.seconds[name] = round(time.monotonic() - began, 1)
            self._path.write_text(json.dumps(self.seconds, indent=1) + "\n")


UNTAUGHT = ("idle", "random")
"""Policies that are tried beside those that learn."""


class Curve(NamedTuple):
    """The rates of all policies, and what each that learns gained on the one before, on the same tasks."""

    rates: list[Result]
    gains: list[Result]


def learned(source: Path, out: Path, budget: Budget) -> Curve:
    """Carries out every stage that is not done."""
    store = _copied(source, out / "store")
    stages = Stages(out / SECONDS)
    stages.once("play the reference", lambda: _collect("reference", "train", READ, store))
    policies: dict[str, str] = {name: name for name in UNTAUGHT}
    for name, make in _lessons(store, out, budget):
        stages.once(name, partial(make, out / name))
        policies[name] = str(_policy(out / name))
    tries = {}
    for name, policy in policies.items():
        stages.once(f"try {name}", partial(_try, policy, store, budget))
        tries[name] = _tries(policy, store, budget)
    rates = [Result(name, part, _rate(of)) for name, parts in tries.items() for part, of in parts.items()]
    steps = pairwise(list(tries)[len(UNTAUGHT) :])
    return Curve(rates, [gain for before, name in steps for gain in gains(name, tries[name], before, tries[before])])


def _lessons(store: Store, out: Path, budget: Budget) -> list[tuple[str, Callable[[Path], object]]]:
    """The policies in the order in which each comes out of the one before."""
    common: dict[str, Any] = {"zero": 0, "bf16": True, "length": LENGTH, "micro": 4, "save_every": 100}
    sft = TrainOrder(
        job="sft", base=str(out / "read"), steps=budget.sft, policy=("reference",), difficulty=READ, learning_rate=2e-4, warmup=10, **common
    )  # fmt: skip
    grpo = TrainOrder(
        job="grpo", base=str(out / "sft"), steps=budget.grpo, learning_rate=3e-5, warmup=3, environments=64, group=8, refills=1,
        form="native", window=None, reply=REPLY, max_turns=10, temperature=0.7, difficulty=PRACTISED, **common,
    )  # fmt: skip
    return [
        ("untrained", lambda folder: begun(store, folder, CHOSEN)),
        ("read", lambda folder: read(store, out / "untrained", folder, CHOSEN, minutes=budget.minutes, length=LENGTH)),
        ("sft", lambda folder: _taught(sft, store, folder)),
        ("grpo", lambda folder: _taught(grpo.model_copy(update={"base": str(_policy(out / "sft"))}), store, folder)),
    ]


def _taught(order: TrainOrder, store: Store, folder: Path) -> None:
    """A job of DeepSpeed, which goes on where it was stopped."""
    settings = settings_of(order, store.url, str(folder), f"train-{uuid4().hex}")
    settings["selection"]["first_tasks"] = FIRST_TASKS
    settings["resume"] = (folder / "checkpoints").exists()
    launch(order, settings, lambda figures: print(json.dumps(figures), flush=True))


def _policy(folder: Path) -> Path:
    """The policy of a stage: its newest checkpoint's, or the folder itself."""
    return max((folder / "checkpoints").glob("step-*/policy"), default=folder)


def _tries(policy: str, store: Store, budget: Budget) -> dict[str, list[Attempt]]:
    """A policy's attempts at tasks of held-out worlds, at held-out tasks of training worlds, and at the tasks that were trained on."""
    tests, knowns = (attempts_of(_order(policy, store, split, budget), _fresh(store)) for split in ("test", "train"))
    trained = {f"t{number:02}" for number in range(1, FIRST_TASKS + 1)}
    return {
        "held-out worlds": list(tests),
        "held-out tasks": [one for one in knowns if one.task_id.rpartition("-")[2] not in trained],
        "trained tasks": [one for one in knowns if one.task_id.rpartition("-")[2] in trained],
    }


def gains(name: str, mine: Mapping[str, list[Attempt]], before: str, theirs: Mapping[str, list[Attempt]]) -> list[Result]:
    """What a policy gained on another on the same tasks of each kind, and on all of them."""
    pairs = {part: (mine[part], theirs[part]) for part in mine}
    pairs["all of them"] = (list(chain.from_iterable(mine.values())), list(chain.from_iterable(theirs.values())))
    return [Result(f"{name} less {before}", part, comparison(*pair).difference) for part, pair in pairs.items()]


def _rate(attempts: Sequence[Attempt]) -> Estimate | None:
    return estimate([(one.world_id, one.solved / one.made) for one in tried(attempts)], rate=True)


def _try(policy: str, store: Store, budget: Budget) -> None:
    """Makes a policy's attempts at the tasks of the first worlds of two splits."""
    for split in ("test", "train"):
        order = _order(policy, store, split, budget)
        worlds = [word for world in order.worlds for word in ("--worlds", world)]
        _collect(policy, split, PRACTISED, store, "--episodes-per-task", str(order.episodes_per_task), *TRIAL, *worlds)


TURNS, AT_ONCE, TEMPERATURE = 10, 64, 0.3
TRIAL = ("--turns", str(TURNS), "--concurrency", str(AT_ONCE), "--temperature", str(TEMPERATURE), "--reply", str(REPLY))
"""How a policy is tried."""


def _order(policy: str, store: Store, split: str, budget: Budget) -> CollectOrder:
    return CollectOrder(
        policy=policy, worlds=tuple(_worlds(store, split, budget.worlds)), split=split, difficulty=PRACTISED, form="native",
        episodes_per_task=1 if policy == "idle" else budget.attempts, turns=TURNS, concurrency=AT_ONCE, temperature=TEMPERATURE,
        reply=REPLY,
    )  # fmt: skip


def _worlds(store: Store, split: str, count: int) -> list[str]:
    frame = store.scan("agent_tasks").select("world_id", "split").unique().collect().sort("world_id")
    return list(islice((row["world_id"] for row in frame.to_dicts() if row["split"] == split), count))


def _collect(policy: str, split: str, difficulty: Sequence[int], store: Store, *more: str) -> None:
    """The command that plays, in a process of its own."""
    command = Path(sys.executable).with_name("worldloom")
    levels = [word for level in difficulty for word in ("--difficulty", str(level))]
    words = ("collect", "--policy", policy, "--split", split, "--form", "native", *levels, *more, "--store", store.url, "--quiet")
    if subprocess.run([command, *words], check=False).returncode:
        raise SystemExit("worldloom collect failed")


def _fresh(store: Store) -> Store:
    """The store with what has been committed since it was opened."""
    return Store(store.url, store.files, store.home)


def _copied(source: Path, place: Path) -> Store:
    if not place.exists():
        shutil.copytree(source, place)
    return open_store(str(place), create=False)


def table(results: Sequence[Result]) -> str:
    """The rates as a Markdown table."""
    parts = list(dict.fromkeys(one.tasks for one in results))
    lines = ["| policy | " + " | ".join(parts) + " |", "| --- |" + " --- |" * len(parts)]
    for policy in dict.fromkeys(one.policy for one in results):
        mine = {one.tasks: one.solved for one in results if one.policy == policy}
        lines.append(f"| {policy} | " + " | ".join(_said(mine.get(part)) for part in parts) + " |")
    return "\n".join(lines) + "\n"


def spent(seconds: Mapping[str, float]) -> str:
    """The time of every stage as a Markdown table, in minutes."""
    rows = [*seconds.items(), ("in all", sum(seconds.values()))]
    return "\n".join(["| stage | minutes |", "| --- | --- |", *(f"| {name} | {took / 60:.1f} |" for name, took in rows)]) + "\n"


def _said(found: Estimate | None) -> str:
    if found is None:
        return "-"
    doubt = "" if found.low is None or found.high is None else f" ({100 * found.low:.1f} to {100 * found.high:.1f})"
    return f"{100 * found.value:.1f} %{doubt}, {found.tasks} tasks"


def main() -> None:
    """Learn, print the table, and leave it with the plot in OUT."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("store", type=Path, help="a store of worlds")
    parser.add_argument("out", type=Path, help="a folder of its own, made if need be")
    parser.add_argument("--minutes", type=float, default=25, help="minutes of drills and reading")
    parser.add_argument("--sft", type=int, default=40, help="steps of SFT")
    parser.add_argument("--grpo", type=int, default=40, help="steps of GRPO")
    parser.add_argument("--worlds", type=int, default=60, help="worlds of each split that are tried")
    parser.add_argument("--attempts", type=int, default=1, help="attempts at each task")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    found = learned(given.store, given.out, Budget(given.minutes, given.sft, given.grpo, given.worlds, given.attempts))
    told = f"{table(found.rates)}\n{table(found.gains)}\n{spent(Stages(given.out / SECONDS).seconds)}"
    (given.out / "learning.md").write_text(told, encoding="utf-8")
    (given.out / "learning.svg").write_text(curve(found.rates), encoding="utf-8")
    print(told)


if __name__ == "__main__":
    main()
