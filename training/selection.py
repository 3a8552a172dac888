"""Which samples a job trains on: by split, category, kind and difficulty of the task, by policy, outcome and reward of the episode.

Only the columns that a filter names are read; the filters are carried out where the Parquet is read, before any row is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from artifacts.errors import InvalidInput
from artifacts.files import Files
from artifacts.noun import Noun
from artifacts.rows import Split
from artifacts.snapshots import Snapshot, scan
from training.order import Numbers

if TYPE_CHECKING:
    import polars as pl

Source = Literal["agent_tasks", "trajectories", "worlds"]

OF_TASKS = ("split", "kind", "difficulty", "first_tasks")
OF_WORLDS = ("category",)
OF_EPISODES = ("policy", "outcome", "form", "least_reward", "masked")
ANSWERS: dict[Source, tuple[str, ...]] = {
    "agent_tasks": (*OF_TASKS, *OF_WORLDS),
    "trajectories": (*OF_EPISODES, *OF_TASKS, *OF_WORLDS),
    "worlds": OF_WORLDS,
}
"""What the samples of each table can be chosen by."""


class Selection(Noun):
    """The samples that are wanted; what is left empty is not asked.

    `split`, `kind`, `first_tasks` and `difficulty` are those of the agent task, `category` that of its world; `policy`, `outcome`, `form`,
    `least_reward` and `masked` those of a trajectory. Splits are drawn by the scenario's name: worlds of another split are new.
    """

    split: tuple[Split, ...] = Field(default=(), description="train, validation or test.")
    category: tuple[str, ...] = Field(default=(), description="Categories of scenarios.")
    kind: tuple[Literal["read", "write", "mixed"], ...] = Field(default=(), description="Kinds of tasks: read, write or mixed.")
    difficulty: tuple[int, ...] = Field(default=(), description="Levels of difficulty, 1 to 5.")
    policy: tuple[str, ...] = Field(default=(), description="Who played.")
    outcome: tuple[str, ...] = Field(default=(), description="How the episode ended for the task.")
    form: tuple[str, ...] = Field(default=(), description="How tool calls are written: awm or native.")
    least_reward: float | None = Field(default=None, description="The least reward of a trajectory.")
    first_tasks: int | None = Field(default=None, ge=1, description="Only so many tasks of each world, the first; the rest are held out.")
    masked: bool | None = Field(default=None, description="Only the episodes in which the environment failed, or only the others.")

    def asked(self) -> dict[str, Any]:
        """The filters that are set."""
        return {name: value for name, value in self if value not in ((), None)}


def chosen_rows(files: Files, snapshot: Snapshot, source: Source, selection: Selection, count: int) -> Numbers:
    """The numbers of the rows that a selection chooses among the `count` of a table, ascending; raises InvalidInput."""
    import polars as pl

    asked = selection.asked()
    odd = next((name for name in asked if name not in ANSWERS[source]), None)
    if odd is not None:
        raise InvalidInput(f"The samples of '{source}' have no {odd}.", f"They can be chosen by {', '.join(ANSWERS[source])}.")
    if not asked:
        return np.arange(count, dtype=np.int64)
    through = {name: value for name, value in asked.items() if name in OF_WORLDS and source != "worlds"}
    first = asked.pop("first_tasks", None)
    frame = scan(files, snapshot, source).with_row_index("row")
    frame = _filtered(frame, {name: value for name, value in asked.items() if name not in through})
    if through:
        frame = frame.join(_filtered(scan(files, snapshot, "worlds"), through), on="world_id", how="semi")
    if first is not None:
        frame = frame.join(scan(files, snapshot, "agent_tasks").filter(pl.col("position") < first), on="task_id", how="semi")
    return np.sort(frame.select("row").collect()["row"].to_numpy().astype(np.int64))


def _filtered(frame: pl.LazyFrame, asked: dict[str, Any]) -> pl.LazyFrame:
    import polars as pl

    for name, wanted in asked.items():
        if name == "least_reward":
            frame = frame.filter(pl.col("reward") >= wanted)
        else:
            frame = frame.filter(pl.col(name).is_in(list(wanted)) if isinstance(wanted, tuple) else pl.col(name) == wanted)
    return frame
