"""Flow runs whose process was killed together with all who could have told: after a power cut they would stay `Running` for good.

While they do, they hold their place in the deployment's concurrency limit, and the next run waits for it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from uuid import UUID

import psutil
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Crashed

UNDER_WAY = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
RUN_ID = "PREFECT__FLOW_RUN_ID"
"""In the environment of every process that a worker starts for a run, and of the processes that this one starts."""

MOST_RUNS = 200


def bury(pool: str, worker_alive: bool) -> tuple[str, ...]:
    """Marks as crashed the runs of a work pool that say they are under way and have no process; gives their names.

    Nothing is done where workers of other machines serve the pool, whose processes cannot be seen. With a worker of ours alive, a
    run that is pending may be about to get its process, and is left.
    """
    with get_client(sync_client=True) as client:
        if any(not worker.name.endswith(f"@{socket.gethostname()}") for worker in client.read_workers_for_work_pool(pool)):
            return ()
        alive = set(runs_with_processes())
        dead = [
            run for run in under_way(client, pool) if run.id not in alive and not (worker_alive and run.state_type is StateType.PENDING)
        ]
        for run in dead:
            crashed: State[None] = Crashed(message="Its process was killed, and so was whoever could have told. Run it again to resume.")
            client.set_flow_run_state(run.id, crashed, force=True)
    return tuple(run.name for run in dead)


def under_way(client: SyncPrefectClient, pool: str) -> list[FlowRun]:
    """The runs of a work pool that say that they are under way."""
    states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNDER_WAY))))
    return client.read_flow_runs(
        flow_run_filter=states, work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])), limit=MOST_RUNS
    )


def runs_with_processes() -> Iterator[UUID]:
    """The flow runs that a process of this machine belongs to."""
    for process in psutil.process_iter():
        try:
            found = process.environ().get(RUN_ID)
        except psutil.Error:  # it has ended, or is not ours to look at
            continue
        if found:
            yield UUID(found)
