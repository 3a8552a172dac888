"""The page about the tables, made from the tables themselves: `python -m artifacts.manifest_page > docs/manifests.md`."""

from __future__ import annotations

import sys

from artifacts.tables import TABLES, Column, Table

_HEAD = """# The manifests

The tables are a store's memory: what was run, what each model call cost and drew, what every gate said, and the worlds, tasks and
tools themselves. They are Parquet files under `tables/`, listed by snapshots (see [the format](format.md), section 9); no reader needs
this package. This page is made from the schemas: `python -m artifacts.manifest_page`. The same words stand in each file's Arrow schema,
under `meaning`, `unit` and `type` of each field.

Three doors lead to them:

```sh
worldloom query "SELECT stage, avg(accepted::INT) AS first_pass FROM attempts WHERE number = 1 GROUP BY stage" --format csv
worldloom snapshots
```

```python
import artifacts

store = artifacts.open_store("./loom")
store.scan("agent_tasks").filter(kind="write").select("task_id", "difficulty").collect()  # a polars LazyFrame, as of now
store.as_of("1").duckdb().sql("SELECT count(*) FROM worlds").fetchone()  # a DuckDB connection, as of snapshot 1
```

A column that is null where the page allows it says *unknown*, never zero. Times are UTC, to the microsecond. `json` is text that
holds JSON. Where a table's version grew, older parts are read with nulls in the columns that came later; [migrations](migrations.md) says
how a table changes. What row groups and compression were tried stands in [decision 13](decisions/0013-the-layout-of-the-parts.md).

A store of 1,000 worlds, 10,000 agent tasks and 5 million attempts opens in under a millisecond, tells the first-pass yield by stage and
model in 0.1 s, gives one world by its id in 12 ms, and takes a commit of 100 attempts in 0.3 s, on two quiet cores (`python -m
benchmarks.manifests`). Eight writers that are killed one after another lose nothing and show nothing half (`python -m
benchmarks.writers`). A commit looks into every part of its tables, so many small parts make it slow: `worldloom maintain` puts them
together. On an object store writers do not see each other's turn; who comes second tries again, and two of them need a store whose puts
are whole or not there, as those of S3 and its like are.
"""


def manifests_page() -> str:
    """The page, in Markdown."""
    listing = [f"| [`{table.name}`](#{table.name}) | {table.meaning} |" for table in TABLES.values()]
    return "\n".join([_HEAD, "| table | holds |", "| --- | --- |", *listing, "", *(section(table) for table in TABLES.values())])


def section(table: Table) -> str:
    """One table: what it holds, what tells its rows apart, and every column."""
    key = ", ".join(f"`{name}`" for name in table.key)
    head = f"## {table.name}\n\n{table.meaning[0].upper()}{table.meaning[1:]}. Key: {key}. Schema version {table.version}."
    groups = f"Row groups of {table.row_group:,} rows."
    return "\n".join(
        [head, groups, "", "| column | type | unit | null | means |", "| --- | --- | --- | --- | --- |", *map(line, table.columns), ""]
    )


def line(column: Column) -> str:
    """One column as a line of a table."""
    meaning = column.meaning.replace("|", "\\|") + (f" (since version {column.since})" if column.since > 1 else "")
    return f"| `{column.name}` | {column.type} | {column.unit} | {'yes' if column.nullable else ''} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(manifests_page())
