"""The figures of several runs that share one plan, gathered from the rows that they committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from artifacts.attempt import Attempt
from artifacts.store import Store
from tasks.job.tally import MOST_REMEMBERED, MadeWorld, Rejected, Tally

ATTEMPT_COLUMNS = tuple(name for name in Attempt.model_fields if name != "diagnostics")


def gathered(base: Tally, shelf: Store, run_ids: Collection[str], names: Mapping[str, str]) -> Tally:
    """The figures at the start with what these runs committed so far; `names` gives each draft's scenario."""
    mine = pl.col("run_id").is_in(list(run_ids))
    attempts = shelf.scan("attempts").filter(mine).select(ATTEMPT_COLUMNS).collect().to_dicts()
    rejected = shelf.scan("verdicts").filter(mine & (pl.col("verdict") == "reject") & pl.col("world_id").is_null())
    rejects = rejected.select("draft_id", "gate", "reason").unique("draft_id", keep="first", maintain_order=True).collect().to_dicts()
    worlds = shelf.scan("worlds").filter(mine).select("world_id", "category", "tables_count", "tools_count", "tasks_count").collect()
    levels = levels_of_worlds(shelf, mine)
    return base._replace(
        sealed=worlds.height,
        rejected=len(rejects),
        attempts=(*base.attempts, *(Attempt(**row) for row in attempts)),
        rejections=Counter(row["gate"] for row in rejects),
        rejects=tuple(Rejected(row["draft_id"], names.get(row["draft_id"], ""), row["gate"], row["reason"]) for row in rejects)[
            :MOST_REMEMBERED
        ],
        made=tuple(made_world(row, levels) for row in worlds.to_dicts())[:MOST_REMEMBERED],
        levels=sum(levels.values(), Counter()),
    )


def levels_of_worlds(shelf: Store, mine: pl.Expr) -> dict[str, Counter[int]]:
    """How many measured tasks of each level the worlds have."""
    found: dict[str, Counter[int]] = {}
    rows = shelf.scan("agent_tasks").filter(mine & pl.col("difficulty").is_not_null()).select("world_id", "difficulty").collect()
    for world_id, level in rows.iter_rows():
        found.setdefault(world_id, Counter())[level] += 1
    return found


def made_world(row: Mapping[str, Any], levels: Mapping[str, Counter[int]]) -> MadeWorld:
    """A world in figures, from its row."""
    by_level = ", ".join(f"{level}: {count}" for level, count in sorted(levels.get(row["world_id"], Counter()).items()))
    return MadeWorld(row["world_id"], row["category"], row["tables_count"], row["tools_count"], row["tasks_count"], by_level)
