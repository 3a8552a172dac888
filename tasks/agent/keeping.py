"""What a collection writes: its episodes in batches, its run at the start and at the end, its cards in the UI."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, create_table_artifact, update_progress_artifact

from artifacts.rows import row_of_run
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from artifacts.trajectory_rows import rows_of_episodes
from tasks.agent.collect_cards import collect_cards, percent_done
from tasks.agent.collect_order import CollectOrder
from tasks.agent.collecting import Batch
from tasks.agent.figures import Figures
from tasks.job.posting import EVERY_SECONDS
from tasks.job.publishing import utc_now, versions


@task(name="keep episodes", task_run_name="keep episodes {run_id}", persist_result=False)
def keep_episodes(store: str, batch: Batch, run_id: str) -> int:
    """Commits the rows of a batch; gives the snapshot's number."""
    when = utc_now()
    return open_store(store).commit(rows_of_episodes(batch.episodes, batch.snapshot, run_id, when), when).number


def record_collection(
    store: Store, order: CollectOrder, figures: Figures, *, run_id: str, started: datetime, ended: datetime | None = None
) -> None:
    """Records the start of a collection (`ended` is None), or its end."""
    whole = not (figures.interrupted or figures.unfinished or figures.known + figures.played < figures.planned)
    state: Literal["started", "completed", "failed"] = "started" if ended is None else "completed" if whole else "failed"
    record = RunRecord(
        run_id=run_id,
        flow="collect",
        state=state,
        model=figures.policy or order.policy,
        seed=order.seed,
        arguments=order.canonical(),
        versions=versions(),
        started_at=started,
        ended_at=ended,
        input_tokens=None if ended is None else figures.input_tokens,
        output_tokens=None if ended is None else figures.output_tokens,
    )
    store.commit({"runs": [row_of_run(record, ended or started)]}, ended or started)


class CollectBoard:
    """The cards of the flow run in hand."""

    def __init__(self, store: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._moved = float("-inf")
        self._bar: UUID | None = None

    def listen(self, figures: Figures) -> None:
        """Moves the bar, now and then."""
        now = self._clock()
        if now - self._moved >= EVERY_SECONDS:
            self._moved = now
            self._show(figures)

    def close(self, figures: Figures) -> None:
        """Moves the bar for the last time, and posts the tables and the summary."""
        self._show(figures)
        for card in collect_cards(figures, self._store):
            if isinstance(card.content, str):
                create_markdown_artifact(card.content, key=card.key, description=card.about)
            else:
                create_table_artifact(card.content, key=card.key, description=card.about)

    def _show(self, figures: Figures) -> None:
        if self._bar is None:
            self._bar = create_progress_artifact(percent_done(figures), key="worldloom-episodes", description="Episodes that are done")  # type: ignore[assignment]  # in a flow that is not async it is an id
        else:
            update_progress_artifact(self._bar, percent_done(figures))
