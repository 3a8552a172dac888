"""Keeping a store in good order: few large parts, no snapshots older than anyone needs, nothing that killed writers left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import polars as pl
from prefect import Task, task
from pydantic import Field

from artifacts.compaction import compact
from artifacts.errors import CommitConflict, UserError
from artifacts.files import LocalFiles
from artifacts.fsck import check
from artifacts.noun import Noun
from artifacts.retention import expire, sweep
from artifacts.store import Store, open_store
from artifacts.tables import TABLES

CHECKPOINTS = "checkpoints"

Chore = Callable[["MaintainOrder", str], "Done"]


class MaintainOrder(Noun):
    """What is done to a store, and how much of its past is kept."""

    compact: bool = Field(default=True, title="Compact", description="Put many small parts of a table together into few large ones.")
    keep_days: int = Field(
        default=30, ge=0, le=36_500, title="Keep, days", description="Snapshots younger than this are kept, and the parts they list."
    )
    keep_least: int = Field(
        default=10, ge=1, le=100_000, title="Keep at least", description="So many of the newest snapshots are kept, whatever their age."
    )
    expire: bool = Field(default=True, title="Expire", description="Take away snapshots that are older, and parts that only they list.")
    sweep: bool = Field(default=True, title="Sweep", description="Take away what killed writers left.")
    check: bool = Field(default=True, title="Check", description="Check every hash, key and reference afterwards.")


class Done(Noun):
    """What one chore did, in a line; the faults that it found; whether it had to be put off because somebody else was writing."""

    chore: str
    line: str
    faults: tuple[str, ...] = ()
    put_off: bool = False


def compact_tables(_order: MaintainOrder, url: str) -> Done:
    """Put the small parts together."""
    snapshot, done = compact(open_store(url, create=False).files)
    tables = "; ".join(f"{one.table}: {one.parts_before} parts are {one.parts_after}" for one in done)
    return Done(chore="compact", line=f"snapshot {snapshot.number}: {tables}" if done else "nothing to put together")


def expire_snapshots(order: MaintainOrder, url: str) -> Done:
    """Take the old snapshots away, but for those that checkpoints were trained on; raises CommitConflict while others write."""
    store = open_store(url, create=False)
    held = pinned(store)
    gone = expire(store, timedelta(days=order.keep_days), order.keep_least, held)
    because = f"; {len(held)} are held by checkpoints" if held else ""
    return Done(chore="expire", line=f"{gone.snapshots} snapshots and {gone.files} files ({gone.bytes:,} bytes) taken away{because}")


def sweep_leftovers(_order: MaintainOrder, url: str) -> Done:
    """Take away what belongs to nothing; raises CommitConflict while others write."""
    gone = sweep(open_store(url, create=False))
    return Done(chore="sweep", line=f"{gone.files} files ({gone.bytes:,} bytes) taken away")


def check_store(_order: MaintainOrder, url: str) -> Done:
    """Check all of it; what no snapshot lists yet may be a writer's of this moment, and is no fault here."""
    found = [fault for fault in check(open_store(url, create=False)) if fault.kind != "leftover"]
    line = f"{len(found)} faults: `worldloom fsck --repair` mends what can be mended" if found else "every hash, key and reference is right"
    return Done(chore="check", line=line, faults=tuple(f"{fault.place} {fault.problem}" for fault in found))


CHORES: Mapping[str, Chore] = {"compact": compact_tables, "expire": expire_snapshots, "sweep": sweep_leftovers, "check": check_store}
"""The chores in their order, by the field of the order that wants them."""


def _task(name: str, chore: Chore) -> Task[[MaintainOrder, str], Done]:
    """A chore as a Prefect task: it is done again, after a little while, when somebody was writing."""
    return task(
        name=name,
        persist_result=False,
        retries=3,
        retry_delay_seconds=5.0,
        retry_condition_fn=lambda _task, _run, state: isinstance(state.result(raise_on_failure=False), CommitConflict),
    )(chore)


TASKS: Mapping[str, Task[[MaintainOrder, str], Done]] = {name: _task(name, chore) for name, chore in CHORES.items()}


def chores_of(order: MaintainOrder) -> tuple[str, ...]:
    """The chores that an order wants, in their order."""
    return tuple(name for name in CHORES if getattr(order, name))


def put_off(chore: str, conflict: CommitConflict) -> Done:
    """A chore that waits for the next time."""
    return Done(chore=chore, line=f"put off: {conflict.message}", put_off=True)


def pinned(store: Store) -> set[str]:
    """The ids of the snapshots that checkpoints were trained on."""
    if CHECKPOINTS not in TABLES:
        return set()
    return set(store.scan(CHECKPOINTS).select(pl.col("snapshot_id")).drop_nulls().collect()["snapshot_id"])


def tidy(store: Store) -> None:
    """Take away what killed writers of this machine left, unless somebody is writing now; what is damaged is left to `fsck`.

    Elsewhere than in a local folder nothing is done: there writers of other machines cannot be told from killed ones.
    """
    if isinstance(store.files, LocalFiles):
        with suppress(CommitConflict, UserError):
            sweep(store)


def card(done: tuple[Done, ...], url: str, when: datetime | None = None) -> str:
    """What was done, as Markdown."""
    at = (when or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    rows = [f"| {one.chore} | {one.line} |" for one in done]
    faults = [f"- {fault}" for one in done for fault in one.faults]
    return "\n".join(["# Maintenance", "", f"Store: `{url}`, {at}.", "", "| chore | what was done |", "| --- | --- |", *rows, "", *faults])
