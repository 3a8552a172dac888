"""Publishing: sealed worlds as bundles, and the rows of finished drafts in few, large commits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal, NamedTuple

from prefect import task

from artifacts.rows import merged, row_of_attempt, row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from tasks.job.order import Order
from tasks.job.tally import Tally, Woven, cost, total, whole

BATCH_DRAFTS = 64
BATCH_SECONDS = 60.0


class Batch(NamedTuple):
    """Finished drafts that wait to be committed, and since when (monotonic seconds)."""

    drafts: tuple[Woven, ...] = ()
    since: float = 0.0

    def with_(self, woven: Woven, now: float) -> Batch:
        """The batch with one more draft."""
        return Batch((*self.drafts, woven), self.since if self.drafts else now)

    def due(self, now: float) -> bool:
        """Whether it is time to commit: enough drafts, or the first has waited long enough."""
        return len(self.drafts) >= BATCH_DRAFTS or (bool(self.drafts) and now - self.since >= BATCH_SECONDS)


@task(name="publish", task_run_name="publish {run_id}", persist_result=False)
def publish(store: str, drafts: Sequence[Woven], run_id: str, when: datetime) -> int:
    """Write the bundles of the sealed drafts, then commit the rows of all; gives the snapshot's number."""
    shelf = open_store(store)
    with shelf.writing():
        for woven in drafts:
            if woven.world is not None:
                shelf.publish(woven.world)
        return shelf.commit(merged(rows_of(woven, run_id, when) for woven in drafts), when).number


def rows_of(woven: Woven, run_id: str, when: datetime) -> dict[str, list[dict[str, object]]]:
    """The rows of a draft; an unfinished one has only those of its attempts, so that the next run takes it up again."""
    if woven.fault:
        return {"attempts": [row_of_attempt(attempt, run_id, when) for attempt in woven.attempts]}
    verdicts = woven.world.report if woven.world is not None else (woven.rejection,) if woven.rejection is not None else ()
    return rows_of_draft(woven.draft_id, verdicts, woven.attempts, woven.world, run_id=run_id, created_at=when)


def rejected_drafts(store: Store) -> set[str]:
    """The drafts that were rejected, by this run or an earlier one."""
    import polars as pl

    rejects = store.scan("verdicts").filter((pl.col("verdict") == "reject") & pl.col("world_id").is_null())
    return set(rejects.select("draft_id").collect()["draft_id"])


def record_run(store: Store, order: Order, tally: Tally, *, run_id: str, started: datetime, ended: datetime | None = None) -> None:
    """Record the start of a synthesis (`ended` is None), or its end with the figures."""
    asked = Asked("synthesize" if order.share is None else "shard", order.model, order.seed, order.canonical())
    record(store, asked, tally, run_id=run_id, started=started, ended=ended)


class Asked(NamedTuple):
    """What a run was asked for: its flow, the model and the seed, and all its arguments."""

    flow: str
    model: str
    seed: int
    arguments: dict[str, Any]


def record(store: Store, asked: Asked, tally: Tally, *, run_id: str, started: datetime, ended: datetime | None = None) -> None:
    """Record the start of a run (`ended` is None), or its end with the figures."""
    state: Literal["started", "completed", "failed"] = "started"
    if ended is not None:
        state = "failed" if tally.interrupted or (tally.unfinished and not tally.budget_spent) else "completed"
    ran = RunRecord(
        run_id=run_id,
        state=state,
        **asked._asdict(),
        versions=versions(),
        started_at=started,
        ended_at=ended,
        drafts=tally.planned,
        sealed=None if ended is None else tally.sealed,
        rejected=None if ended is None else tally.rejected,
        input_tokens=None if ended is None else whole(total(attempt.input_tokens for attempt in tally.paid)),
        output_tokens=None if ended is None else whole(total(attempt.output_tokens for attempt in tally.paid)),
        cost_usd=None if ended is None else cost(tally.paid),
    )
    store.commit({"runs": [row_of_run(ran, ended or started)]}, ended or started)


def versions() -> dict[str, str]:
    """Versions of what decides the outcome."""
    import apsw

    named = {name: version(name) for name in ("worldloom", "dspy", "sqlglot", "prefect")}
    return {**named, "python": sys.version.split()[0], "sqlite": apsw.sqlite_lib_version()}


def utc_now() -> datetime:
    """The time, for rows."""
    return datetime.now(UTC)


Clock = Callable[[], float]
monotonic: Clock = time.monotonic
