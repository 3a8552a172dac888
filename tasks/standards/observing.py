"""A run seen from outside: told when it starts and when it ends, with what it wrote in between."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from openlineage.client.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent

from artifacts.errors import UserError
from artifacts.files import Files
from artifacts.snapshots import Snapshot
from artifacts.store import Store, open_store
from tasks.standards.events import End, Ending, RunFacts, ended, started
from tasks.standards.sending import OURS, PATIENCE_SECONDS, Attempt, Mail, StoreTransport, path_of
from tasks.standards.written import every_row, rows_of_run, written

REWRITES = ("maintain",)
"""The flows that write the rows of others anew."""


class Observer:
    """Tells of one run: into its store, and to a receiver where one is configured."""

    def __init__(self, facts: RunFacts, attempt: Attempt) -> None:
        self._facts = facts
        self._file = OpenLineageClient(transport=StoreTransport(self._files, path_of(facts.run_id, facts.began)), config=OURS)
        self._mail = Mail(attempt)
        self._before = snapshot_of(self._store())
        self._tell(started(facts, self._before))

    def end(self, end: End, error: str = "", patience: float | None = None) -> str:
        """Tell how the run ended; gives why the receiver could not be told, or nothing. Raises OSError for its file."""
        try:
            self._tell(ended(self._facts, self._ending(end, error)))
        finally:
            trouble = self._mail.close(PATIENCE_SECONDS if patience is None else patience)
        return f"The run's lineage could not be sent: {trouble}. It is kept in the store." if trouble else ""

    def _ending(self, end: End, error: str) -> Ending:
        store, facts, now = self._store(), self._facts, datetime.now(UTC)
        if store is None:
            return Ending(end, now, error=error)
        counted = every_row if facts.flow in REWRITES else rows_of_run(store, facts.mark, facts.began)
        before = self._before or Snapshot(number=0)
        return Ending(end, now, before, store.snapshot(), written(store, before, counted), error)

    def _tell(self, event: RunEvent) -> None:
        self._mail.post(event)
        self._file.emit(event)

    def _store(self) -> Store | None:
        return store_at(self._facts.store)

    def _files(self) -> Files | None:
        store = self._store()
        return store.files if store is not None else None


def store_at(url: str) -> Store | None:
    """The store, where there is one that can be read."""
    with suppress(UserError):
        return open_store(url, create=False)
    return None


def snapshot_of(store: Store | None) -> Snapshot | None:
    """The newest snapshot of a store that is there and whose snapshot can be read."""
    with suppress(UserError):
        return store.snapshot() if store is not None else None
    return None
