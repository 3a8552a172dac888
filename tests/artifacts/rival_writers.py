"""A script for the tests of commits: writers that are killed at every step, and writers that race.

rival_writers.py kill STORES BUNDLE     prints the exit codes of each killed writer and of the next one
rival_writers.py race STORE BUNDLE N    N processes commit the same drafts in different orders; prints their exit codes
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import Any

from artifacts.bundle import read_bundle
from artifacts.rows import rows_of_draft
from artifacts.store import open_store
from artifacts.world import World

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
import_module("pyarrow.parquet")  # once here, not in every child

STEPS = ("fsync", "link", "replace", "rename", "unlink", "mkdir")
"""The calls that change a disk."""


def finish_draft(url: str, world: World, number: int, run_id: str) -> None:
    """Publishes one world and commits its rows, unless that draft is finished."""
    store = open_store(url)
    draft_id = f"draft-{number}"
    if draft_id in store.finished_drafts():
        return
    mine = world.model_copy(update={"recipe": world.recipe.model_copy(update={"seed": number})})
    store.publish(mine)
    store.commit(rows_of_draft(draft_id, mine.report, [], mine, run_id=run_id, created_at=NOON), NOON)


def in_a_child(work: Callable[[], None]) -> int:
    """Runs work in a forked process; gives its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 - a forked child must never return into its parent's code
            sys.stderr.write(f"{problem!r}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before(step: int) -> None:
    """Makes the process kill itself just before its nth change of the disk."""
    count = 0

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call

    for name in STEPS:
        setattr(os, name, guarded(getattr(os, name)))


def killed_writer(url: str, world: World, step: int) -> None:
    """A writer that does not live to see its nth step."""
    die_before(step)
    finish_draft(url, world, 1, "run-1")


def kill(stores: str, bundle: str) -> list[list[int]]:
    """Kills writers one step later each, until one survives; gives the exit codes of each and of the writer after it.

    `<stores>/<step>-killed` is what the killed writer left, `<stores>/<step>` what the next one made of it. This process
    itself reads no table: threads do not survive a fork.
    """
    world = read_bundle(bundle)
    codes: list[list[int]] = []
    while not codes or codes[-1][0] == -signal.SIGKILL:
        step = len(codes) + 1
        url = f"{stores}/{step}"
        killed = in_a_child(partial(killed_writer, url, world, step))
        if os.path.exists(url):
            shutil.copytree(url, f"{url}-killed")
        codes.append([killed, in_a_child(partial(finish_draft, url, world, 1, "run-2"))])
    return codes


def race(url: str, bundle: str, rivals: int, drafts: int = 8) -> list[int]:
    """Several processes commit the same drafts, each beginning elsewhere."""
    world = read_bundle(bundle)
    children = []
    for rival in range(rivals):
        child = os.fork()
        if child == 0:
            for number in range(drafts):
                finish_draft(url, world, (number + rival * 3) % drafts, f"run-{rival}")
            os._exit(0)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


if __name__ == "__main__":
    mode, place, source, *rest = sys.argv[1:]
    answer: Any = kill(place, source) if mode == "kill" else race(place, source, int(rest[0]))
    sys.stdout.write(json.dumps(answer))
