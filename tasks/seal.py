"""The seal stage: all gates, then an immutable world."""

from __future__ import annotations

from prefect import task

from artifacts.verdict import Reject
from artifacts.world import Draft, World
from tasks.gates.sealing import seal


def run(draft: Draft) -> World | Reject:
    """The sealed world with the verdict of every gate, or the first rejection."""
    return seal(draft)


@task(name="seal_world", task_run_name="seal_world {draft.draft_id}", persist_result=False)
def seal_world(draft: Draft) -> World | Reject:
    """`run` as a Prefect task; it calls no model, so there is nothing to retry, and doing it again costs less than keeping it."""
    return run(draft)
