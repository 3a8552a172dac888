"""One plan, several runs: every nth draft to a run of the deployment `synthesize/shard`, on whichever worker takes it up.

Prefect hands the runs to workers; here they are only begun, looked after, and added up from the rows that they commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from artifacts.errors import UserError
from artifacts.identity import unique
from artifacts.store import Store
from flows.states import NAMES
from tasks.job.gathering import gathered
from tasks.job.order import Order
from tasks.job.stopping import Stop
from tasks.job.tally import Tally
from tasks.job.watching import Watch
from tasks.job.workflow_server import configured_url

DEPLOYMENT = "synthesize/shard"
POLL_SECONDS = 1.0
STOP_PATIENCE_SECONDS = 20.0
"""How long shards may take to publish what they have after a wish to stop."""

Clock = Callable[[], float]


def weave_in_shards(order: Order, shelf: Store, names: Mapping[str, str], base: Tally, watch: Watch) -> Tally:
    """Weave an order's drafts in runs of their own and give the figures of all; one that fails is told, and the rest goes on.

    `names` gives the scenario of each planned draft. Raises UserError where the deployment is not there.
    """
    runs = begun(order, shelf.url)
    number, figures = -1, base

    def look(states: Mapping[UUID, State[Any] | None]) -> Tally:
        nonlocal number, figures
        newest = shelf.snapshot().number
        if newest != number:
            number, figures = newest, gathered(base, shelf, [str(run) for run in runs], names)
        ended = sum(state is not None and state.is_final() for state in states.values())
        tally = figures._replace(doing=f"{ended} of {len(runs)} shards have ended")
        watch.listener(tally)
        return tally

    states = looked_after(runs, watch.stop, look)
    tally = look(states)
    missing = tally.planned - tally.known - tally.sealed - tally.rejected
    return tally._replace(unfinished=max(missing, 0), faults=(*tally.faults, *troubles(runs, states)), causes=causes(states), latest="")


def check_shards(order: Order) -> None:
    """Refuse to split an order where no worker could take up a share; raises UserError."""
    if order.shards and configured_url() is None:
        raise UserError(
            "Shards are taken up by workers, and there is no factory.",
            "`worldloom up`, and set PREFECT_API_URL to the address it prints + /api.",
        )


def begun(order: Order, store: str) -> list[UUID]:
    """The runs, one for each share, in the shares' order, as sub-flows of this one."""
    plain = {name: value for name, value in order.canonical().items() if name != "shards"}
    shares = [{"number": number, "of": order.shards} for number in range(1, (order.shards or 1) + 1)]
    try:
        return [_begun({**plain, "share": share}, store) for share in shares]
    except ObjectNotFound as problem:
        raise UserError(
            f"There is no deployment {DEPLOYMENT}.", "`worldloom up` makes it, and starts workers that take up shards."
        ) from problem


def _begun(order: Mapping[str, Any], store: str) -> UUID:
    run: FlowRun = run_deployment(DEPLOYMENT, parameters={"order": dict(order), "store": store}, timeout=0)  # type: ignore[assignment]  # in a flow that is not async it is a run
    return run.id


def looked_after(
    runs: Sequence[UUID], stop: Stop, look: Callable[[Mapping[UUID, State[Any] | None]], object], clock: Clock = time.monotonic
) -> dict[UUID, State[Any] | None]:
    """Wait until every run has ended, and give their states; after a wish to stop they are cancelled, and have a while to end."""
    deadline: float | None = None
    states = states_of(runs)
    while not all(state is not None and state.is_final() for state in states.values()):
        if stop.wanted and deadline is None:
            cancel(states)
            deadline = clock() + STOP_PATIENCE_SECONDS
        if deadline is not None and clock() > deadline:
            break
        look(states)
        time.sleep(POLL_SECONDS)
        states = states_of(runs)
    return states


def states_of(runs: Sequence[UUID]) -> dict[UUID, State[Any] | None]:
    """The states of these runs; None for one that the server holds no more."""
    with get_client(sync_client=True) as client:
        held = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(runs))), limit=len(runs))
    found = {run.id: run.state for run in held}
    return {run: found[run] if run in found else Cancelled(message="deleted from the server") for run in runs}


def cancel(states: Mapping[UUID, State[Any] | None]) -> None:
    """Ask the workers to cancel what runs; what no worker has taken up yet is cancelled at once."""
    with get_client(sync_client=True) as client:
        for run, state in states.items():
            if state is None or not state.is_final():
                waiting = state is None or state.is_scheduled()
                said = "Its parent was cancelled."
                client.set_flow_run_state(run, Cancelled(message=said) if waiting else Cancelling(message=said))


def troubles(runs: Sequence[UUID], states: Mapping[UUID, State[Any] | None]) -> list[str]:
    """A line for each shard that did not end well."""
    found = [(number, states[run]) for number, run in enumerate(runs, 1)]
    return [
        f"shard {number} of {len(runs)}: {state.name}: {state.message or 'it gave no reason'}" if state else f"shard {number}: unknown"
        for number, state in found
        if state is None or state.name != "Completed"
    ]


def causes(states: Mapping[UUID, State[Any] | None]) -> tuple[str, ...]:
    """The classes of the errors behind shards that did not end well, by the names of their states; any other name stands for itself."""
    names = [state.name or "" for state in states.values() if state is not None and state.name != "Completed"]
    classes = {name: kind.__name__ for kind, name in NAMES}
    return unique(classes.get(name, name) for name in names)
