"""The flow that weaves worlds: plan the drafts, take each through the stages, publish what is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.states import Cancelled

from artifacts.store import Store, open_store
from artifacts.world import Draft
from flows.attended import attended, record
from flows.shards import check_shards, weave_in_shards
from flows.states import end_of, ending
from tasks.job.ending import RESUME, early_end, mark_ended
from tasks.job.fan_out import Hand, fan_out
from tasks.job.order import Order, targeted
from tasks.job.planning import Plan, given_scenarios, plan, settings_of
from tasks.job.posting import Board, both, current_targets
from tasks.job.publishing import Batch, monotonic, publish, record_run, rejected_drafts, utc_now
from tasks.job.runners import check_runner, in_hand, placed, runner_for, submitting
from tasks.job.stopping import signals_ask
from tasks.job.tally import Listener, Tally, Woven, counted
from tasks.job.telling import tell_rejections, tell_sealed, tell_stopped
from tasks.job.there import worlds_there
from tasks.job.upkeep import tidy
from tasks.job.watching import watch_of_run, with_troubles
from tasks.job.workflow_server import configured_url
from tasks.models.language_model import check_model

WAITED_FOR = ("process", "thread")
"""The runners that end only when what they run has ended; a cluster is left."""

COUNTS = ("planned", "known", "sealed", "rejected", "unfinished")


@ending
def weave_worlds(order: Order, store: str = "./loom") -> dict[str, int] | State[Any]:
    """Weave the worlds of an order into a store; gives the counts, or a cancelled state when it was interrupted.

    Raises UserError for what cannot be used, TerminalError.
    """
    watch = watch_of_run()
    shelf, run_id, started = open_store(store), str(flow_run.id), utc_now()
    tidy(shelf)
    board = Board(shelf.url)
    watch = watch._replace(listener=both(watch.listener, board.listen))
    order = targeted(order, current_targets())
    refuse_nonsense(order)
    try:
        planned = plan(order, shelf.home)
    except TerminationSignal:
        return Cancelled(message=f"Interrupted while the drafts were planned. {RESUME}")
    with signals_ask(watch.stop), watch.stop.seen_from(shelf.home, run_id), ExitStack() as engine:
        tally, waiting = resumed(shelf, planned)
        watch.listener(tally)
        watch = watch._replace(listener=engine.enter_context(with_troubles(watch.listener, shelf.home, run_id)))
        record_run(shelf, order, tally, run_id=run_id, started=started)
        began, hand = monotonic(), Hand()
        if order.shards:
            tally = weave_in_shards(order, shelf, names_of(planned), tally, watch)
        else:
            begin = submitting(engine.enter_context(runner_for(order, shelf.home)), order, shelf.home, run_id)
            engine.enter_context(signals_ask(watch.stop))  # again: an engine may bring handlers of its own, as Ray does
            tally = woven(fan_out(begin, waiting, in_hand(order), hand, watch.stop), tally, watch.listener, shelf, run_id)
        tally = tally._replace(interrupted=watch.stop.interrupted, doing="recording", weaving_seconds=monotonic() - began)
        record_run(shelf, order, tally, run_id=run_id, started=started, ended=utc_now())
        watch.listener(tally)
        close(board, order, tally, run_id)
        if hand and placed(order)[0] in WAITED_FOR:
            mark_ended(run_id, end_of(tally) or early_end(tally))
            watch.leave(tally)
    return ended(tally, run_id, watch.listener)


def run_name() -> str:
    """What the flow run is called in the UI."""
    order = flow_run.parameters["order"]
    asked = order if isinstance(order, Order) else Order.model_validate(order)
    share = f"share {asked.share.number} of {asked.share.of}, " if asked.share else ""
    return f"synthesize {share}with {asked.model}"


# Made by a call, not a decorator: the function keeps its own name in the module, so worker processes can be sent it by that name.
synthesize = flow(name="synthesize", flow_run_name=run_name, persist_result=False)(weave_worlds)


def resumed(shelf: Store, planned: Plan) -> tuple[Tally, list[Draft]]:
    """The figures at the start, and the drafts that no earlier run has finished, with these prompts or with others."""
    finished, rejected, there = shelf.finished_drafts(), rejected_drafts(shelf), worlds_there(shelf)
    waiting = [draft for draft in planned.drafts if draft.draft_id not in finished and not there(draft)]
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


def refuse_nonsense(order: Order) -> None:
    """Raise UserError for an order that cannot be carried out, before anything is started."""
    check_model(settings_of(order))
    check_runner(order)
    check_shards(order)
    given_scenarios(order)


def names_of(planned: Plan) -> dict[str, str]:
    """The scenario of each planned draft."""
    return {draft.draft_id: draft.scenario.name for draft in planned.drafts}


def woven(outcomes: Iterable[Woven], tally: Tally, listener: Listener, shelf: Store, run_id: str) -> Tally:
    """Count what comes of the drafts and publish it in batches; gives the figures of all."""
    batch = Batch()
    for outcome in outcomes:
        tally, batch = counted(tally, outcome), batch.with_(outcome, monotonic())
        listener(tally)
        if batch.due(monotonic()):
            tally, batch = published(tally, batch, shelf.url, run_id)
    return published(tally, batch, shelf.url, run_id)[0]


def published(tally: Tally, batch: Batch, store: str, run_id: str) -> tuple[Tally, Batch]:
    """Publish a batch, if there is anything in it, and tell of its worlds; gives the figures with the task run, and an empty batch."""
    if not batch.drafts:
        return tally, batch
    publish(store, batch.drafts, run_id, utc_now())
    tell_sealed(store, run_id, (outcome.world.id for outcome in batch.drafts if outcome.world is not None))
    return tally._replace(task_runs=tally.task_runs + 1), Batch()


def close(board: Board, order: Order, tally: Tally, run_id: str) -> None:
    """Post the cards, and tell of too many rejections; a share's are told by the run that it is a share of."""
    board.close(tally)
    if order.share is None:
        tell_rejections(board.store, run_id, tally, order.rejection_bar)
        tell_stopped(board.store, run_id, tally)


def ended(tally: Tally, run_id: str, listener: Listener) -> dict[str, int] | State[Any]:
    """What the flow gives: its counts, once every task run is on record; a cancelled state where it was interrupted."""
    state = end_of(tally)
    server = configured_url()
    if server is not None and not tally.interrupted:
        record(server, tally, run_id, listener)
    return state if state is not None else {name: getattr(tally, name) for name in COUNTS}


def run(order: Order, store: str, listener: Listener, leave: Callable[[Tally], None]) -> Tally:
    """Run the flow with a workflow server at hand, wait until every task run is on record, and give the last figures.

    Raises UserError before anything is started, ServerUnavailable, and what the flow raises.
    """
    refuse_nonsense(order)
    return attended(open_store(store), lambda: synthesize(order, store, return_state=True), listener, leave)
