"""A notice that a model cannot be reached at the moment: written by whichever process met it, read by the one that shows the run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

from artifacts.errors import TransientError

LOOK_SECONDS = 0.5
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds before each transport retry; Prefect adds jitter."""


def notice_of(home: Path, run_id: str) -> Path:
    """The file that holds what a run is waiting for."""
    return home / "troubles" / (run_id or "none")


def note_trouble(home: Path, run_id: str, error: TransientError, tries: int) -> None:
    """Say that a call failed and when it is tried again."""
    if not run_id:
        return
    path = notice_of(home, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_text(said(error, tries))
    draft.replace(path)


def said(error: TransientError, tries: int) -> str:
    """The notice: what is wrong, and when the next try is."""
    if tries > len(WAITS) or getattr(error, "hopeless", False):
        return f"{error.message} Gave up after {tries} tries."
    wait = max(WAITS[tries - 1], error.retry_after or 0.0)
    return f"{error.message} Try {tries} of {len(WAITS) + 1}; the next is in about {wait:.0f} s."


def clear_trouble(home: Path, run_id: str) -> None:
    """The model answers again."""
    notice_of(home, run_id).unlink(missing_ok=True)


def trouble_of(home: Path, run_id: str) -> str:
    """What a run is waiting for; empty where nothing is wrong."""
    try:
        return notice_of(home, run_id).read_text()
    except OSError:
        return ""


@contextmanager
def troubles_told(home: Path, run_id: str, tell: Callable[[str], None]) -> Iterator[None]:
    """While the body runs, tell of every change of what the run is waiting for."""
    over = threading.Event()
    before = ""

    def look() -> None:
        nonlocal before
        while not over.wait(LOOK_SECONDS):
            now = trouble_of(home, run_id)
            if now != before:
                before = now
                tell(now)

    watcher = threading.Thread(target=copy_context().run, args=(look,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        clear_trouble(home, run_id)
