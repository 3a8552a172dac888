"""Fan-out: a few drafts in hand at a time, each outcome given as it comes; after a wish to stop, those in hand have a short grace."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

from prefect.futures import PrefectFuture

from artifacts.errors import TerminalError
from artifacts.world import Draft
from tasks.job.publishing import monotonic
from tasks.job.stopping import Stop
from tasks.job.tally import Woven
from tasks.job.weaving import faulted

GRACE_SECONDS = 5.0
"""How long drafts in hand may go on after a wish to stop; their paid answers are kept whether they end in time or not."""

TICK_SECONDS = 0.2

FAULTS_IN_A_ROW = 5
"""So many drafts left unfinished one after another, beyond those in hand, and no more are begun: the trouble is not theirs."""

Hand = dict[UUID, Draft]
"""The drafts that are being woven, by their task run."""

Begin = Callable[[Draft], PrefectFuture[Any]]


def fan_out(begin: Begin, drafts: Iterable[Draft], width: int, hand: Hand, stop: Stop) -> Iterator[Woven]:
    """Weave the drafts, `width` at a time, and give each as it ends; after a wish to stop none is begun.

    What is left in `hand` when this ends did not end within the grace.
    """
    done: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    rest = iter(drafts)

    def start(count: int) -> None:
        for draft in islice(rest, 0 if stop.wanted else count):
            future = begin(draft)
            hand[future.task_run_id] = draft
            future.add_done_callback(done.put)

    start(width)
    in_a_row = 0
    while hand and (future := next_done(done, stop)) is not None:
        woven = outcome_of(future, hand.pop(future.task_run_id))
        in_a_row = in_a_row + 1 if woven.fault else 0
        if woven.hopeless or in_a_row >= FAULTS_IN_A_ROW + width:
            stop.ask()
        start(1)
        yield woven


def next_done(done: SimpleQueue[PrefectFuture[Any]], stop: Stop) -> PrefectFuture[Any] | None:
    """The next draft that ends; None when the job is to stop and none ends within the grace."""
    deadline: float | None = None
    while deadline is None or monotonic() < deadline:
        try:
            return done.get(timeout=TICK_SECONDS)
        except Empty:
            deadline = deadline or (monotonic() + GRACE_SECONDS if stop.wanted else None)
    return None


def outcome_of(future: PrefectFuture[Any], draft: Draft) -> Woven:
    """What came of a draft, also when its task run failed or its process was killed."""
    lost = Woven(draft_id=draft.draft_id, name=draft.scenario.name, category=draft.scenario.category, task_runs=0)
    try:
        outcome = future.result(raise_on_failure=False)
    except BrokenProcessPool:
        killed = TerminalError("A process that wove drafts was killed.", "Is there memory enough? Run the same command again to resume.")
        return faulted(lost, killed).model_copy(update={"hopeless": True})
    except CancelledError:
        return lost.model_copy(update={"fault": "the run was interrupted"})
    except engine_errors() as error:
        return faulted(lost, error)
    return outcome if isinstance(outcome, Woven) else faulted(lost, outcome)


def engine_errors() -> tuple[type[BaseException], ...]:
    """How the engines in use tell that a process of theirs, or the whole cluster, was lost."""
    found: list[type[BaseException]] = []
    if "distributed" in sys.modules:
        distributed: Any = sys.modules["distributed"]
        found += [distributed.KilledWorker, distributed.client.FutureCancelledError, distributed.comm.CommClosedError]
    if "ray" in sys.modules:
        ray: Any = sys.modules["ray"]
        found += [ray.exceptions.RayError]
    return tuple(found)
