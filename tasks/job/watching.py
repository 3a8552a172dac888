"""Who watches a run that the command started, and how it may be stopped and left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from tasks.job.ending import leave_worker
from tasks.job.stopping import Stop
from tasks.job.tally import Listener, Tally
from tasks.models.trouble import troubles_told


class Watch(NamedTuple):
    """Who is told the figures; the wish to stop; what to do when drafts in hand do not end."""

    listener: Listener
    stop: Stop
    leave: Callable[[Tally], None]


@contextmanager
def with_troubles(listener: Listener, home: Path, run_id: str) -> Iterator[Listener]:
    """While the body runs, a listener that is also told of what the run waits for, as soon as that changes."""
    last, turn, trouble = [Tally()], threading.Lock(), [""]

    def listen(tally: Tally) -> None:
        with turn:
            last[0] = tally
            listener(tally._replace(trouble=trouble[0]))

    def tell(now: str) -> None:
        trouble[0] = now
        listen(last[0])

    with troubles_told(home, run_id, tell):
        yield listen


WATCH: ContextVar[Watch | None] = ContextVar("worldloom_watch", default=None)
"""Set by the command; a run that a worker picked up has none."""


def watch_of_run() -> Watch:
    """The watch that the command set, or that of a run on its own."""
    return WATCH.get() or Watch(lambda _tally: None, Stop(), leave_worker)
