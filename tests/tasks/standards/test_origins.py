"""The lineage of columns: what is said of it is a query that runs, and what real rows show."""

from __future__ import annotations

import pytest

from artifacts import querying
from artifacts.store import Store
from artifacts.tables import TABLES
from tasks.standards.jobs import JOBS, SCENARIOS, job_of
from tasks.standards.naming import DatasetName, name_below, table_name
from tasks.standards.origins import Origin, origins

QUERIES = [(flow, table, sql) for flow, job in JOBS.items() for table, sql in job.origins.items() if SCENARIOS not in job.reads]


@pytest.mark.parametrize(("flow", "table", "sql"), QUERIES)
def test_what_is_said_of_a_tables_columns_is_a_query_that_runs(store: Store, flow: str, table: str, sql: str) -> None:
    found = querying.query(store, sql)
    assert set(found.column_names) <= {column.name for column in TABLES[table].columns}
    assert set(found.column_names) == set(origins(sql).columns)


@pytest.mark.parametrize("flow", [flow for flow, job in JOBS.items() if job.query])
def test_the_query_by_which_a_flow_chooses_runs(store: Store, flow: str) -> None:
    querying.query(store, JOBS[flow].query)


@pytest.mark.parametrize("flow", list(JOBS))
def test_origins_lie_in_what_the_flow_reads_or_writes(flow: str) -> None:
    job = JOBS[flow]
    assert set(job.origins) <= set(job.writes)
    for sql in job.origins.values():
        assert {origin.table for behind in origins(sql).columns.values() for origin in behind} <= set(job.reads)


def test_columns_are_followed_through_expressions_joins_and_filters() -> None:
    found = origins(
        "SELECT t.kind, upper(w.name) AS name, count(t.task_id) AS calls FROM agent_tasks AS t JOIN worlds AS w USING (world_id)"
        " WHERE w.world_id NOT IN (SELECT world_id FROM images)"
    )
    assert found.columns == {
        "kind": (Origin("agent_tasks", "kind", "IDENTITY"),),
        "name": (Origin("worlds", "name", "TRANSFORMATION"),),
        "calls": (Origin("agent_tasks", "task_id", "AGGREGATION"),),
    }
    assert set(found.rows) == {
        Origin("worlds", "world_id", "FILTER"),
        Origin("images", "world_id", "FILTER"),
        Origin("agent_tasks", "world_id", "JOIN"),
        Origin("worlds", "world_id", "JOIN"),
    }


def test_an_unknown_flow_is_told_without_reads_and_writes() -> None:
    assert job_of("something else") == ("something else", (), (), "", {})
    assert job_of("train", "grpo").reads != job_of("train", "sft").reads


@pytest.mark.parametrize(
    ("store", "named"),
    [
        ("/data/loom", ("file", "/data/loom/tables/worlds")),
        ("file:///data/loom/", ("file", "/data/loom/tables/worlds")),
        ("s3://bucket/a/loom", ("s3://bucket", "a/loom/tables/worlds")),
        ("s3://user:secret@bucket/loom", ("s3://bucket", "loom/tables/worlds")),
        ("simplecache::s3://bucket/loom", ("s3://bucket", "loom/tables/worlds")),
    ],
)
def test_a_table_is_named_as_the_standard_names_files_and_never_with_a_secret(store: str, named: tuple[str, str]) -> None:
    assert table_name(store, "worlds") == DatasetName(*named)
    assert "secret" not in "".join(name_below(store))
