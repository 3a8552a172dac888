"""The levels of the agent tasks on record in a store."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from artifacts.store import Store

if TYPE_CHECKING:
    import polars as pl


def levels_by_world(store: Store) -> dict[str, Counter[int]]:
    """For each world of a store, how many of its agent tasks have each level of difficulty; those not measured are not counted."""
    rows: pl.DataFrame = store.scan("agent_tasks").select("world_id", "difficulty").drop_nulls().collect()
    found: dict[str, Counter[int]] = {}
    for world_id, level in rows.iter_rows():
        found.setdefault(world_id, Counter())[level] += 1
    return found
