"""The flow that trains: DeepSpeed's ranks as a process of their own, their figures as cards."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled

from artifacts.store import open_store
from flows.states import ending
from tasks.job.stopping import Stop, signals_ask
from tasks.teaching.cards import TrainBoard
from tasks.teaching.launching import launch
from tasks.teaching.order import TrainOrder, settings_of

RESUME = "Interrupted. Run the same again with `resume` to go on from the last checkpoint."


@ending
def train_policy(order: TrainOrder, store: str = "./loom") -> dict[str, Any] | State[Any]:
    """Train a policy on the trajectories of a store; gives the last step's figures, or a cancelled state when it was interrupted.

    Raises UserError for what cannot be used, TerminalError for a job that failed: its own words, in one line.
    """
    shelf, run_id, stop = open_store(store, create=False), str(flow_run.id), Stop()
    if (flow_run.run_count or 0) > 1:  # a second try of the same run goes on where the first stopped
        order = order.model_copy(update={"resume": True})
    out = order.out or str(shelf.home / "training" / run_id)
    board = TrainBoard(order, out)
    try:
        with signals_ask(stop):
            taught = launch(order, settings_of(order, shelf.url, out, run_id), board.listen, lambda: stop.wanted)
    finally:
        board.close()
    return Cancelled(message=RESUME) if taught.interrupted else {"out": out, **taught.last}


# Made by a call, as in flows/synthesize.py.
train = flow(name="train", flow_run_name="train {order.job} for {order.steps} steps", persist_result=False)(train_policy)
