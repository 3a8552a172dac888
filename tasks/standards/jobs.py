"""What each flow reads and writes, and where the columns that it writes come from, said in DuckDB's SQL.

Other tools learn the lineage of columns from these queries. Each can be run with `worldloom query` (the scenarios of a synthesis
apart, which are no table). `hash(…)` stands for "some function of": of these columns, and of nothing else in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from artifacts.tables import TABLES

SCENARIOS = "scenarios"
SCENARIO_COLUMNS = ("name", "description", "category")

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {SCENARIOS: SCENARIO_COLUMNS, **{table.name: tuple(column.name for column in table.columns) for table in TABLES.values()}}
)
"""The columns of everything that a flow can read."""


class Job(NamedTuple):
    """One flow: what it is for, the tables it reads and writes, the query by which it chooses its rows, and its columns' origins.

    `query` is empty where a flow reads no table by a query. `origins` has a query for each table written whose columns come from
    columns read: its result has columns of that table.
    """

    about: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    query: str = ""
    origins: Mapping[str, str] = MappingProxyType({})


WOVEN = ("attempts", "verdicts", "worlds", "agent_tasks", "tools", "lineage", "runs")

SYNTHESIZE = Job(
    "weave worlds from scenarios",
    (SCENARIOS,),
    WOVEN,
    origins={
        "worlds": "SELECT name, category, hash(name, description, category) AS scenario,"
        " hash(name, description, category) AS scenario_digest FROM scenarios",
        "agent_tasks": "SELECT hash(name) AS split FROM scenarios",
    },
)

REGENERATE = Job(
    "make the worlds again that are out of date",
    ("worlds",),
    WOVEN,
    "SELECT * FROM worlds WHERE world_id NOT IN (SELECT parent_world_id FROM worlds WHERE parent_world_id IS NOT NULL)",
    {
        "worlds": "SELECT world_id AS parent_world_id, name, category, scenario, scenario_digest FROM worlds",
        "agent_tasks": "SELECT hash(name) AS split FROM worlds",
    },
)

COLLECT = Job(
    "play agent tasks and keep the episodes",
    ("agent_tasks", "worlds"),
    ("trajectories", "lineage", "runs"),
    "SELECT t.task, w.* FROM agent_tasks AS t JOIN worlds AS w ON t.world_id = w.world_id",
    {
        "trajectories": "SELECT t.task_id, t.world_id, t.split, t.kind, t.difficulty, hash(w.tools) AS tools,"
        " hash(t.instruction, w.schema_sql, w.seed_sql, w.tools) AS messages, hash(t.task, w.schema_sql, w.seed_sql, w.tools) AS outcome,"
        " hash(t.task, w.schema_sql, w.seed_sql, w.tools) AS reward FROM agent_tasks AS t JOIN worlds AS w ON t.world_id = w.world_id",
    },
)

TRAIN = Job(
    "train a policy on trajectories",
    ("trajectories",),
    ("checkpoints", "lineage", "runs"),
    "SELECT messages, seen, tools FROM trajectories WHERE NOT masked",
    {"checkpoints": "SELECT hash(list(messages), list(seen), list(tools)) AS checkpoint_id FROM trajectories WHERE NOT masked"},
)

REINFORCE = Job(
    "train a policy by playing agent tasks",
    ("agent_tasks", "worlds"),
    ("checkpoints", "lineage", "runs"),
    COLLECT.query,
    {
        "checkpoints": "SELECT hash(list(t.task), list(w.schema_sql), list(w.seed_sql), list(w.tools)) AS checkpoint_id"
        " FROM agent_tasks AS t JOIN worlds AS w ON t.world_id = w.world_id"
    },
)

PACKAGE = Job(
    "make container images of worlds",
    ("worlds",),
    ("images",),
    "SELECT world_id, digest FROM worlds WHERE world_id NOT IN (SELECT world_id FROM images)",
    {"images": "SELECT world_id, hash(digest) AS layer_digest, run_id FROM worlds"},
)

EXPORT = Job("write tables as plain files for other tools", ("agent_tasks", "worlds", "tools", "trajectories"))

MAINTAIN = Job("compact tables, let old snapshots go, check what is left", tuple(TABLES), tuple(TABLES))

JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "synthesize": SYNTHESIZE,
        "regenerate": REGENERATE,
        "collect": COLLECT,
        "train": TRAIN,
        "train grpo": REINFORCE,
        "package": PACKAGE,
        "export": EXPORT,
        "maintain": MAINTAIN,
    }
)


def job_of(flow: str, kind: str = "") -> Job:
    """What a flow does; `kind` tells two of one flow apart. One that is not known here writes what is found to be written."""
    return JOBS.get(f"{flow} {kind}") or JOBS.get(flow) or Job(flow)
