"""How a run ends in the workflow server, also where its process has to end before the flow can."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from tasks.job.tally import Tally
from tasks.job.workflow_server import send_what_is_queued

RESUME = "What was finished is published. Run the same again to resume: no answer is paid for twice."

QUEUE_PATIENCE_SECONDS = 2.0

BEFORE_LEAVING: list[Callable[[object], None]] = []
"""Who is told the state of a run whose process may end before its flow can."""


def early_end(tally: Tally) -> State[Any]:
    """The state of a run that ends with drafts in hand."""
    if tally.interrupted:
        return Cancelled(message=f"Interrupted. {RESUME}")
    return Failed(message=" ".join((*tally.faults[-1:], RESUME)))


def mark_ended(run_id: str, state: State[Any]) -> None:
    """Tell how a run ended: the workflow server, with what this process still holds for it, and whoever else wants to know."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run_id), state, force=True)
    send_what_is_queued(QUEUE_PATIENCE_SECONDS)
    for tell in tuple(BEFORE_LEAVING):
        tell(state)


def leave_worker(_tally: Tally) -> None:
    """End a process that a worker started for this run alone: a thread that waits for a model would hold it up for minutes.

    In any other process nothing is done, and the run's end waits for its threads.
    """
    if os.environ.get("PREFECT__FLOW_RUN_ID"):
        os._exit(0)
