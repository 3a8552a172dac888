"""Where events go: into the store, a file of JSON lines a run; and to a receiver, where the official client's settings name one.

The client looks at OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__…, OPENLINEAGE_CONFIG and openlineage.yml; OPENLINEAGE_DISABLED
stops both. A receiver that is slow or gone costs a run a few seconds at its end and is told once; it never fails a run.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime
from queue import SimpleQueue
from typing import Any

from openlineage.client.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent
from openlineage.client.serde import Serde
from openlineage.client.transport.noop import NoopTransport
from openlineage.client.transport.transport import Transport

from artifacts.files import Files

FOLDER = "openlineage"
PATIENCE_SECONDS = 5.0

Attempt = Callable[[Callable[[], Any]], tuple[Any, Exception | None]]
"""Calls something and gives what it gave or raised: the boundary of a run, handed in."""

OURS: dict[str, Any] = {"facets": {"source_code_location": {"disabled": True}}}
"""The client would name the Git repository of the folder that it runs in, which is the user's, not the job's."""


THREAD = "openlineage"
RETRIES = "urllib3.connectionpool"


def not_of_ours(record: logging.LogRecord) -> bool:
    """Keeps what is logged of each try to reach a receiver from the terminal: what comes of them is told once."""
    return record.threadName != THREAD


class StoreTransport(Transport):
    """Writes a run's events into its store, whole each time, so that any file system will do. Kept until there is a store."""

    kind = "store"

    def __init__(self, files: Callable[[], Files | None], path: str) -> None:
        self._files = files
        self._path = path
        self._lines: list[str] = []

    def emit(self, event: Any) -> None:
        """Write the events so far; raises OSError."""
        self._lines.append(Serde.to_json(event))
        files = self._files()
        if files is not None:
            files.write(self._path, "".join(f"{line}\n" for line in self._lines).encode())


def path_of(run_id: str, began: datetime) -> str:
    """Where a run's events stand in its store."""
    return f"{FOLDER}/date={began.date().isoformat()}/{run_id}.jsonl"


def disabled() -> bool:
    """Whether the user wants no events at all."""
    return os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true"


def configured(client: OpenLineageClient) -> bool:
    """Whether the official client's settings name a receiver; without one it would print events on the terminal."""
    return bool((client.config.transport or {}).get("type") or os.environ.get("OPENLINEAGE_URL"))


def receiver() -> OpenLineageClient | None:
    """The official client with the user's settings; None where they name no receiver. Raises for settings that it refuses."""
    looking = OpenLineageClient(transport=StoreTransport(lambda: None, ""), config=OURS)
    if not configured(looking):
        return None
    client = OpenLineageClient(config=OURS)
    return None if isinstance(client.transport, NoopTransport) else client


class Mail:
    """Hands events over to a receiver in a thread of its own, in their order; after the first failure nothing more is sent."""

    def __init__(self, attempt: Attempt, connect: Callable[[], OpenLineageClient | None] = receiver) -> None:
        self._attempt = attempt
        self._connect = connect
        self._letters: SimpleQueue[RunEvent | None] = SimpleQueue()
        self._trouble: Exception | None = None
        logging.getLogger(RETRIES).addFilter(not_of_ours)
        self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        self._thread.start()

    def post(self, event: RunEvent) -> None:
        """Hand an event over; it is sent when its turn comes."""
        self._letters.put(event)

    def close(self, patience: float = PATIENCE_SECONDS) -> str:
        """Wait a while until all is sent, and give what went wrong, or nothing."""
        self._letters.put(None)
        self._thread.join(patience)
        if self._thread.is_alive():
            return f"it did not answer within {patience:g} s"
        return f"{type(self._trouble).__name__}: {self._trouble}" if self._trouble else ""

    def _work(self) -> None:
        _, self._trouble = self._attempt(self._deliver)

    def _deliver(self) -> None:
        client = self._connect()
        if client is None:
            return
        for event in iter(self._letters.get, None):
            client.emit(event)
        client.close(PATIENCE_SECONDS)
