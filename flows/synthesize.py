"""The flow that weaves worlds: plan the drafts, take each through the stages, publish what is finished."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from uuid import UUID

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from artifacts.errors import TerminalError
from artifacts.store import Store, open_store
from artifacts.world import Draft
from tasks.job.order import Order, targeted
from tasks.job.planning import Plan, given_scenarios, plan, settings_of
from tasks.job.posting import Board, both, current_targets
from tasks.job.publishing import Batch, monotonic, publish, record_run, rejected_drafts, utc_now
from tasks.job.tally import Listener, Tally, Woven, counted
from tasks.job.weaving import STOPPING, faulted, prepare_process, weave
from tasks.job.workflow_server import log_file, wait_until_recorded, workflow_server
from tasks.models.language_model import check_model

GRACE_SECONDS = 10.0
"""How long drafts in hand may go on after Ctrl-C; their paid answers are kept whether they end in time or not."""

TICK_SECONDS = 0.2

FAULTS_IN_A_ROW = 5
"""So many drafts left unfinished one after another, beyond those in hand, and no more are begun: the trouble is not theirs."""

Hand = dict[UUID, Draft]
"""The drafts that are being woven, by their task run."""

Begin = Callable[[Draft], PrefectFuture[Any]]


class Watch(NamedTuple):
    """Who is told the figures; the event that ends the job early; whether it was Ctrl-C; what to do when drafts in hand go on."""

    listener: Listener
    stop: threading.Event
    interrupted: Callable[[], bool] = lambda: False
    leave: Callable[[Tally], None] = lambda _tally: None


WATCH: ContextVar[Watch | None] = ContextVar("worldloom_watch", default=None)


def weave_worlds(order: Order, store: str = "./loom") -> dict[str, int]:
    """Weave the worlds of an order into a store; gives the counts. Raises UserError for what cannot be used, TerminalError."""
    watch = WATCH.get() or Watch(lambda _tally: None, threading.Event())
    shelf, run_id, started = open_store(store), str(flow_run.id), utc_now()
    board = Board(shelf.url)
    watch = watch._replace(listener=both(watch.listener, board.listen))
    order = targeted(order, current_targets())
    planned = plan(order, shelf.home)
    tally, waiting = resumed(shelf, planned)
    watch.listener(tally)
    record_run(shelf, order, tally, run_id=run_id, started=started)
    batch, hand, began = Batch(), Hand(), monotonic()
    with runner_for(order, shelf.home) as runner:
        STOPPING.set(watch.stop)
        for woven in fan_out(submitting(runner, order, shelf.home), waiting, in_hand(order), hand, watch.stop):
            tally, batch = counted(tally, woven), batch.with_(woven, monotonic())
            watch.listener(tally)
            if batch.due(monotonic()):
                tally, batch = published(tally, batch, shelf.url, run_id)
        tally = published(tally, batch, shelf.url, run_id)[0]
        tally = tally._replace(interrupted=watch.interrupted(), doing="recording", weaving_seconds=monotonic() - began)
        record_run(shelf, order, tally, run_id=run_id, started=started, ended=utc_now())
        watch.listener(tally)
        board.close(tally)
        if hand:
            watch.leave(tally)
    return {name: getattr(tally, name) for name in ("planned", "known", "sealed", "rejected", "unfinished")}


# Made by a call, not a decorator: the function keeps its own name in the module, so worker processes can be sent it by that name.
synthesize = flow(name="synthesize", flow_run_name="synthesize with {order.model}", persist_result=False)(weave_worlds)


def resumed(shelf: Store, planned: Plan) -> tuple[Tally, list[Draft]]:
    """The figures at the start, and the drafts that no earlier run has finished."""
    finished, rejected = shelf.finished_drafts(), rejected_drafts(shelf)
    waiting = [draft for draft in planned.drafts if draft.draft_id not in finished]
    tally = Tally(
        planned=len(planned.drafts),
        known=len(planned.drafts) - len(waiting),
        known_rejected=sum(draft.draft_id in rejected for draft in planned.drafts),
        attempts=planned.attempts,
        left_out=planned.left_out,
        doing="weaving",
        task_runs=1,
    )
    return tally, waiting


def published(tally: Tally, batch: Batch, store: str, run_id: str) -> tuple[Tally, Batch]:
    """Publish a batch, if there is anything in it; gives the figures with the task run counted, and an empty batch."""
    if not batch.drafts:
        return tally, batch
    publish(store, batch.drafts, run_id, utc_now())
    return tally._replace(task_runs=tally.task_runs + 1), Batch()


def runner_for(order: Order, home: Path) -> TaskRunner[Any]:
    """Processes for a model that computes here, since the gates compute too; threads for one that is waited for."""
    if order.embedded:
        return ProcessPoolTaskRunner(max_workers=order.width, initializer=prepare_process, initargs=(str(log_file(home)),))
    return ThreadPoolTaskRunner(max_workers=order.width)


def in_hand(order: Order) -> int:
    """How many drafts are begun at once: for processes one more than there are, so that none waits for the next."""
    return order.width + order.embedded


def submitting(runner: TaskRunner[Any], order: Order, home: Path) -> Begin:
    """How a draft is begun."""
    settings = settings_of(order)
    return lambda draft: runner.submit(weave, {"draft": draft, "settings": settings, "home": home})


def fan_out(begin: Begin, drafts: Iterable[Draft], width: int, hand: Hand, stop: threading.Event) -> Iterator[Woven]:
    """Weave the drafts, `width` at a time, and give each as it ends; after `stop` none is begun.

    What is left in `hand` when this ends did not end within the grace.
    """
    done: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    rest = iter(drafts)

    def start(count: int) -> None:
        for draft in islice(rest, 0 if stop.is_set() else count):
            future = begin(draft)
            hand[future.task_run_id] = draft
            future.add_done_callback(done.put)

    start(width)
    in_a_row = 0
    while hand and (future := next_done(done, stop)) is not None:
        woven = outcome_of(future, hand.pop(future.task_run_id))
        in_a_row = in_a_row + 1 if woven.fault else 0
        if woven.hopeless or in_a_row >= FAULTS_IN_A_ROW + width:
            stop.set()
        start(1)
        yield woven


def next_done(done: SimpleQueue[PrefectFuture[Any]], stop: threading.Event) -> PrefectFuture[Any] | None:
    """The next draft that ends; None when the job is to stop and none ends within the grace."""
    deadline: float | None = None
    while deadline is None or monotonic() < deadline:
        try:
            return done.get(timeout=TICK_SECONDS)
        except Empty:
            deadline = deadline or (monotonic() + GRACE_SECONDS if stop.is_set() else None)
    return None


def outcome_of(future: PrefectFuture[Any], draft: Draft) -> Woven:
    """What came of a draft, also when its task run failed or its process was killed."""
    lost = Woven(draft_id=draft.draft_id, name=draft.scenario.name, category=draft.scenario.category, task_runs=0)
    try:
        outcome = future.result(raise_on_failure=False)
    except BrokenProcessPool:
        killed = TerminalError("A process that wove drafts was killed.", "Is there memory enough? Run the same command again to resume.")
        return faulted(lost, killed).model_copy(update={"hopeless": True})
    return outcome if isinstance(outcome, Woven) else faulted(lost, outcome)


def run(order: Order, store: str, listener: Listener, leave: Callable[[Tally], None]) -> Tally:
    """Run the flow with a workflow server at hand, wait until every task run is on record, and give the last figures.

    Raises UserError before anything is started, ServerUnavailable, and what the flow raises.
    """
    check_model(settings_of(order))
    given_scenarios(order)
    shelf = open_store(store)
    last = [Tally()]

    def listen(tally: Tally) -> None:
        last[0] = tally
        listener(tally)

    listen(Tally(doing="starting the workflow server"))
    with workflow_server(shelf.home) as server, interruptible() as (stop, interrupted):
        token = WATCH.set(Watch(listen, stop, interrupted.is_set, leave))
        state = synthesize(order, store, return_state=True)
        WATCH.reset(token)
        state.result()
        run_id = str(state.state_details.flow_run_id)
        wait_until_recorded(
            server, run_id, last[0].task_runs, lambda done, of: listen(last[0]._replace(doing=f"recording {done} of {of} task runs"))
        )
    return last[0]


@contextmanager
def interruptible() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Two events that the first Ctrl-C sets: that the job is to stop, and that it is why.

    The second Ctrl-C ends the process at once; its server and its workers end with it.
    """
    stop, interrupted = threading.Event(), threading.Event()

    def on_interrupt(_signal: int, _frame: Any) -> None:
        if interrupted.is_set():
            os._exit(130)
        interrupted.set()
        stop.set()

    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stop, interrupted
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop, interrupted
    finally:
        signal.signal(signal.SIGINT, before)
