"""The flow that collects episodes: a policy plays agent tasks in the environment pool, and what it did is kept in `trajectories`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled

from artifacts.errors import WorldloomError
from artifacts.store import open_store
from flows.states import ending, raise_error_of
from tasks.agent.collect_order import CollectOrder
from tasks.agent.collecting import Collection
from tasks.agent.figures import Figures, Listener, summary
from tasks.agent.keeping import CollectBoard, keep_episodes, record_collection
from tasks.job.publishing import utc_now
from tasks.job.stopping import Stop, signals_ask
from tasks.job.workflow_server import wait_until_recorded, workflow_server

RESUME = "Interrupted. What was finished is kept; run the same again to resume."


class Watch(NamedTuple):
    """Who is told the figures and the trouble that ended a collection early; the wish to stop."""

    listener: Listener
    stop: Stop
    troubled: Callable[[WorldloomError], None] = lambda _trouble: None


WATCH: ContextVar[Watch | None] = ContextVar("worldloom_collect_watch", default=None)
"""Set by the command; a run that a worker picked up has none."""


@ending
def collect_episodes(order: CollectOrder, store: str = "./loom") -> dict[str, Any] | State[Any]:
    """Play the episodes of an order that are not in the table yet; gives the figures, or a cancelled state when it was interrupted.

    Raises UserError for what cannot be used, and, once what is finished is kept, what ended the collection early: ModelUnavailable …
    """
    watch = WATCH.get() or Watch(lambda _figures: None, Stop())
    shelf, run_id, started = open_store(store, create=False), str(flow_run.id), utc_now()
    board = CollectBoard(shelf.url)
    collection = Collection(order, shelf, both(watch.listener, board.listen))
    collection.choose()
    record_collection(shelf, order, collection.figures, run_id=run_id, started=started)
    with signals_ask(watch.stop):
        figures = collection.run(lambda batch: _kept(keep_episodes(shelf.url, batch, run_id)), lambda: watch.stop.wanted)
        record_collection(shelf, order, figures, run_id=run_id, started=started, ended=utc_now())
    board.close(figures)
    if collection.trouble is not None:
        watch.troubled(collection.trouble)
        raise collection.trouble
    return Cancelled(message=RESUME) if figures.interrupted else summary(figures)


def run_name() -> str:
    """What the flow run is called in the UI."""
    order = flow_run.parameters["order"]
    asked = order if isinstance(order, CollectOrder) else CollectOrder.model_validate(order)
    return f"collect from {asked.policy[:60]}"


collect = flow(name="collect", flow_run_name=run_name, persist_result=False)(collect_episodes)


def _kept(_number: int) -> None:
    """A batch is committed; its snapshot's number is for the UI."""


def both(one: Listener, other: Listener) -> Listener:
    """A listener that tells two."""

    def listen(figures: Figures) -> None:
        one(figures)
        other(figures)

    return listen


def run(order: CollectOrder, store: str, listener: Listener) -> tuple[Figures, WorldloomError | None]:
    """Run the flow with a workflow server at hand; gives the last figures, and the trouble that ended the collection early.

    Raises UserError before anything is started, ServerUnavailable, and what else the flow raises.
    """
    shelf, stop = open_store(store, create=False), Stop()
    Collection(order, shelf).choose()
    last, troubles = [Figures()], list[WorldloomError]()

    def listen(figures: Figures) -> None:
        last[0] = figures
        listener(figures)

    listen(Figures(doing="starting the workflow server"))
    with workflow_server(shelf.home) as server, signals_ask(stop):
        token = WATCH.set(Watch(listen, stop, troubles.append))
        state: State[Any] = collect(order, store, return_state=True)
        WATCH.reset(token)
        if not troubles:
            raise_error_of(state)
        wait_until_recorded(server, str(state.state_details.flow_run_id), last[0].commits)
    return last[0], next(iter(troubles), None)
