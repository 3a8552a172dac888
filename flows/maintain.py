"""The flow that keeps a store in good order: compaction, retention, sweeping, checking; and the command that does it at once."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Failed

from artifacts.errors import CommitConflict
from artifacts.store import open_store
from flows.observing import observed_command
from flows.states import ending
from tasks.job.upkeep import CHORES, TASKS, Done, MaintainOrder, card, chores_of, put_off

DAMAGED = "Store damaged"
"""The state of a run that found faults: what is wrong is with the store, not with the run."""


@ending
def keep_up(order: MaintainOrder, store: str = "./loom") -> dict[str, str] | State[Any]:
    """Do the chores of an order, one after another; gives a line for each, or the state that says what is damaged."""
    shelf = open_store(store, create=False)
    done = tuple(with_task(name, order, shelf.url) for name in chores_of(order))
    create_markdown_artifact(card(done, shelf.url), key="worldloom-maintenance", description="What was done to the store")
    faults = [fault for one in done for fault in one.faults]
    if faults:
        return Failed(name=DAMAGED, message=f"{len(faults)} faults, such as: {faults[0]}. `worldloom fsck --repair` mends what can be.")
    return {one.chore: one.line for one in done}


maintain = flow(name="maintain", flow_run_name="maintain {store}", persist_result=False)(keep_up)


def with_task(name: str, order: MaintainOrder, url: str) -> Done:
    """One chore as a task run; one that others' writing kept from its turn is put off."""
    try:
        return TASKS[name](order, url)
    except CommitConflict as conflict:
        return put_off(name, conflict)


def run(order: MaintainOrder, store: str) -> tuple[Done, ...]:
    """The same at once, without the workflow server; raises UserError, TerminalError."""
    url = open_store(store, create=False).url
    with observed_command("maintain", order, url) as tell:
        done = tuple(at_once(name, order, url) for name in chores_of(order))
        tell(done)
    return done


def at_once(name: str, order: MaintainOrder, url: str) -> Done:
    """One chore; see `with_task`."""
    try:
        return CHORES[name](order, url)
    except CommitConflict as conflict:
        return put_off(name, conflict)
