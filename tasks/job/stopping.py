"""The wish to end a job early: Ctrl-C, SIGTERM, cancellation from the UI; seen by every process that has the store's home at hand.

A mark in the home crosses to the processes that weave, whichever runner started them. Between two stages each looks for it, so a
draft in hand goes no further than the stage that it is in. Where the home is not shared (a remote store and a cluster of other
machines), a draft in hand is woven to its end and its outcome is let go; its paid answers stand in the journal of that machine.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C; and what `kill`, a worker that cancels a run, and a machine that shuts down send."""


class Stop:
    """Whether a job is to end, and whether that is because somebody interrupted it."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._mark: Path | None = None
        self.interrupted = False

    @property
    def wanted(self) -> bool:
        """Whether no more drafts are to be begun."""
        return self._wanted.is_set()

    def ask(self, interrupted: bool = False) -> None:
        """Ask the job to end; may be called from a signal's handler."""
        self.interrupted = self.interrupted or interrupted
        self._wanted.set()
        if self._mark is not None:
            self._mark.touch()

    @contextmanager
    def seen_from(self, home: Path, run_id: str) -> Iterator[None]:
        """While the body runs, every process that weaves for this run sees the wish."""
        mark = mark_of(home, run_id)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)  # of an earlier attempt at the same run
        self._mark = mark
        if self.wanted:
            mark.touch()
        try:
            yield
        finally:
            self._mark = None
            mark.unlink(missing_ok=True)


def mark_of(home: Path, run_id: str) -> Path:
    """The file that is there when a run is to end."""
    return home / "stops" / run_id


def stopping(home: Path, run_id: str) -> bool:
    """Whether the run is to end, as seen from any of its processes."""
    return mark_of(home, run_id).exists()


@contextmanager
def signals_ask(stop: Stop) -> Iterator[None]:
    """While the body runs, Ctrl-C and SIGTERM ask the job to end; a second Ctrl-C ends the process at once, and what it started with it.

    Prefect's own handler of SIGTERM, which raises wherever the flow happens to be, is back in force afterwards.
    """

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.interrupted and number == signal.SIGINT:  # SIGTERM may come twice without anybody's impatience; there is SIGKILL
            os._exit(128 + number)
        stop.ask(interrupted=True)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = {number: signal.signal(number, on_signal) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
