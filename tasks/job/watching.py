"""Who watches a run that the command started, and how it may be stopped and left."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple

from tasks.job.ending import leave_worker
from tasks.job.stopping import Stop
from tasks.job.tally import Listener, Tally


class Watch(NamedTuple):
    """Who is told the figures; the wish to stop; what to do when drafts in hand do not end."""

    listener: Listener
    stop: Stop
    leave: Callable[[Tally], None]


WATCH: ContextVar[Watch | None] = ContextVar("worldloom_watch", default=None)
"""Set by the command; a run that a worker picked up has none."""


def watch_of_run() -> Watch:
    """The watch that the command set, or that of a run on its own."""
    return WATCH.get() or Watch(lambda _tally: None, Stop(), leave_worker)
