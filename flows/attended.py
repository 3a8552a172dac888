"""A run from the command: a workflow server at hand, signals heeded, the figures listened to until every task run is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State

from artifacts.store import Store
from flows.states import raise_error_of
from tasks.job.stopping import Stop, signals_ask
from tasks.job.tally import Listener, Tally
from tasks.job.watching import WATCH, Watch
from tasks.job.workflow_server import wait_until_recorded, workflow_server


def attended(shelf: Store, begin: Callable[[], State[Any]], listener: Listener, leave: Callable[[Tally], None]) -> Tally:
    """The last figures of a flow, which `begin` runs to its end; raises ServerUnavailable, and what the flow raises."""
    stop, last = Stop(), [Tally()]

    def listen(tally: Tally) -> None:
        last[0] = tally
        listener(tally)

    listen(Tally(doing="starting the workflow server"))
    with workflow_server(shelf.home) as server, signals_ask(stop):
        token = WATCH.set(Watch(listen, stop, leave))
        state = begin()
        WATCH.reset(token)
        raise_error_of(state)
        record(server, last[0], str(state.state_details.flow_run_id), listen)
    return last[0]


def record(server: str, tally: Tally, run_id: str, listener: Listener) -> None:
    """Wait until the workflow server has every task run on record, and say how far it is."""
    wait_until_recorded(
        server, run_id, tally.task_runs, lambda done, of: listener(tally._replace(doing=f"recording {done} of {of} task runs"))
    )
