"""What a run tells the workflow server's automations: worlds that were sealed, and too many drafts rejected."""

from __future__ import annotations

from collections.abc import Iterable

from prefect.events import emit_event

from artifacts.identity import digest_of_bytes, short
from tasks.job.tally import Tally

SEALED = "worldloom.worlds.sealed"
REJECTIONS = "worldloom.run.rejections"
STOPPED = "worldloom.run.stopped"

FEWEST_DRAFTS = 5
"""Of fewer drafts than this no rate is made."""

MOST_IDS = 100
"""The most worlds that one event names."""


def store_resource(store: str) -> dict[str, str]:
    """A store as events name it: by a digest of its address, which may hold what no event should."""
    return {"prefect.resource.id": f"worldloom.store.{short(digest_of_bytes(store.encode()))}", "prefect.resource.role": "store"}


def tell_sealed(store: str, run_id: str, world_ids: Iterable[str]) -> None:
    """Tell of worlds that a snapshot holds now, in as many events as it takes."""
    ids = list(world_ids)
    for start in range(0, len(ids), MOST_IDS):
        payload = {"world_ids": ids[start : start + MOST_IDS], "run_id": run_id, "store": store}
        emit_event(SEALED, resource=store_resource(store), payload=payload)


def tell_stopped(store: str, run_id: str, tally: Tally) -> bool:
    """Tell of it, and say so, when a run ended because its budget was spent."""
    if not tally.budget_spent:
        return False
    figures = {"sealed": tally.sealed, "rejected": tally.rejected, "unfinished": tally.unfinished, "why": tally.faults[0]}
    emit_event(STOPPED, resource=store_resource(store), payload={**figures, "run_id": run_id, "store": store})
    return True


def tell_rejections(store: str, run_id: str, tally: Tally, bar: float) -> bool:
    """Tell of it, and say so, when a larger share of a run's drafts was rejected than its bar allows."""
    drafts = tally.sealed + tally.rejected
    if drafts < FEWEST_DRAFTS or tally.rejected / drafts <= bar:
        return False
    figures = {"rejected": tally.rejected, "drafts": drafts, "rate": round(tally.rejected / drafts, 4), "bar": bar}
    by_gate = dict(tally.rejections)
    emit_event(REJECTIONS, resource=store_resource(store), payload={**figures, "by": by_gate, "run_id": run_id, "store": store})
    return True
