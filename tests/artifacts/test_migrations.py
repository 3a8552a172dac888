"""Every version of every table is read: parts that older versions wrote are kept here, and stay as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from artifacts.commits import following, publish
from artifacts.compaction import compact
from artifacts.errors import UnsupportedFormat
from artifacts.files import Files
from artifacts.fsck import check
from artifacts.identity import digest_of_bytes
from artifacts.mending import mend
from artifacts.rows import row_of_attempt
from artifacts.snapshots import Part, Snapshot, part_table
from artifacts.store import Store, open_store
from artifacts.tables import TABLES, arrow_schema, columns_of

pq: Any = import_module("pyarrow.parquet")
KEPT = Path(__file__).with_name("old_parts")
VERSIONS = [(name, version) for name, table in TABLES.items() for version in range(1, table.version + 1)]


def placed(store: Store, name: str, version: int, told: int | None = None, table: str = "") -> Part:
    """An old part in a store, listed by its newest snapshot, perhaps as something else than it is."""
    data = (KEPT / f"{name}-{version}.parquet").read_bytes()
    path = f"tables/{name}/date=2026-03-02/part-{version}.parquet"
    store.files.write(path, data)
    rows = pq.read_metadata(KEPT / f"{name}-{version}.parquet").num_rows
    part = Part(table=table or name, path=path, sha256=digest_of_bytes(data), rows=rows, bytes=len(data), schema_version=told or version)

    def change(_: Files, current: Snapshot) -> Snapshot:
        return following(current, (*current.parts, part), datetime(2026, 3, 2, tzinfo=UTC))

    publish(store.files, change)
    return part


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_a_part_of_every_version_is_read_through_every_door(store: Store, name: str, version: int) -> None:
    part = placed(store, name, version)
    table = TABLES[name]
    before = {column.name for column in columns_of(table, version)}
    held = pq.read_table(KEPT / f"{name}-{version}.parquet").to_pylist()
    expected = [{column.name: row.get(column.name) for column in table.columns} for row in held]
    assert held
    assert set(held[0]) == before
    assert store.scan(name).collect().to_dicts() == expected
    assert part_table(store.files, part).to_pylist() == expected
    with store.duckdb() as connection:
        asked = connection.sql(f"SELECT * EXCLUDE created_at FROM {name}").pl().to_dicts()
    assert asked == [{key: value for key, value in row.items() if key != "created_at"} for row in expected]
    assert not [fault for fault in check(store) if fault.kind == "part"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_what_its_version_says(name: str) -> None:
    schema = arrow_schema(TABLES[name])
    kept = pq.read_schema(KEPT / f"{name}-{TABLES[name].version}.parquet")
    assert kept.equals(schema), "a column changed: raise the table's version and keep a part, as docs/migrations.md says"


@pytest.mark.parametrize("name", TABLES)
def test_columns_that_came_later_may_be_unknown(name: str) -> None:
    later = [column for column in TABLES[name].columns if column.since > 1]
    assert all(column.nullable and column.since <= TABLES[name].version for column in later)


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.version > 1])
def test_old_parts_become_new_ones_when_they_are_compacted(store: Store, name: str) -> None:
    for version in range(1, TABLES[name].version + 1):
        placed(store, name, version)
    before = store.scan(name).collect().to_dicts()
    after, _ = compact(store.files)
    assert [part.schema_version for part in after.parts_of(name)] == [TABLES[name].version]
    assert store.scan(name).collect().to_dicts() == before


def test_a_part_of_a_newer_version_is_refused_in_one_line(tmp_path: Path) -> None:
    store = open_store(tmp_path / "loom")
    placed(store, "runs", 1, told=9)
    for door in (lambda: store.scan("runs"), store.duckdb):
        with pytest.raises(UnsupportedFormat, match="has version 9 of the table 'runs'; this version of Worldloom reads up to 1"):
            door()


def test_what_a_newer_version_wrote_is_left_as_it_is(tmp_path: Path, make_attempt: Any, noon: datetime) -> None:
    store = open_store(tmp_path / "loom")
    stranger = placed(store, "runs", 1, table="novelties")
    for number in (1, 2):
        store.commit({"attempts": [row_of_attempt(make_attempt(number), "run-1", noon)]}, noon)
    after, (done,) = compact(store.files)
    assert (done.table, done.parts_after) == ("attempts", 1)
    assert after.parts_of("novelties") == (stranger,)
    (fault,) = (fault for fault in check(store) if fault.kind == "part")
    assert (fault.place, fault.mendable) == (stranger.path, False)
    mend(store, check(store))
    assert store.snapshot() == after
