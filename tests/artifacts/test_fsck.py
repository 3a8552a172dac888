"""Every byte that changes, every file that goes, every reference that dangles is found and named; what can be mended is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifacts.attempt import Attempt
from artifacts.compaction import compact
from artifacts.errors import InvalidInput
from artifacts.fsck import Fault, check
from artifacts.mending import mend
from artifacts.querying import query
from artifacts.rows import merged, row_of_attempt, row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.snapshots import Part, part_table
from artifacts.store import Store, open_store
from artifacts.world import World

MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def filled(tmp_path: Path, make_world: Callable[..., World], make_attempt: MakeAttempt, noon: datetime) -> Store:
    """Two sealed worlds, in two commits."""
    store = open_store(tmp_path / "loom")
    run = RunRecord(run_id="run-1", flow="synthesize", state="started", model="test/none", started_at=noon)
    store.commit({"runs": [row_of_run(run, noon)]}, noon)
    for seed in (1, 2):
        world = make_world(seed=seed)
        store.publish(world)
        rows = rows_of_draft(f"d{seed}", world.report, [make_attempt(seed)], world, run_id="run-1", created_at=noon)
        store.commit(rows, noon + timedelta(days=seed))
    return store


def named(faults: tuple[Fault, ...]) -> set[tuple[str, str]]:
    return {(fault.kind, fault.place) for fault in faults}


def test_a_sound_store_has_no_faults(filled: Store, tmp_path: Path) -> None:
    assert check(filled) == ()
    assert check(open_store(tmp_path / "empty")) == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_byte_is_found_and_named(filled: Store, data: st.DataObject) -> None:
    root = Path(filled.url)
    file = data.draw(
        st.sampled_from(sorted(path for top in ("tables", "worlds", "snapshots") for path in (root / top).rglob("*.*") if path.is_file()))
    )
    whole = file.read_bytes()
    where = data.draw(st.integers(0, len(whole) - 1))
    file.write_bytes(whole[:where] + bytes([whole[where] ^ data.draw(st.integers(1, 255))]) + whole[where + 1 :])
    try:
        places = {fault.place for fault in check(filled)}
        relative = file.relative_to(root).as_posix()
        assert any(relative == place or relative.startswith(f"{place}/") for place in places), (relative, where, places)
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "swapped"])
def test_a_damaged_part_is_found_and_named(filled: Store, damage: str) -> None:
    first, other = filled.snapshot().parts_of("agent_tasks")
    data = filled.files.read(first.path)
    if damage == "missing":
        filled.files.delete(first.path)
    else:
        filled.files.write(first.path, {"truncated": data[:-9], "empty": b"", "swapped": filled.files.read(other.path)}[damage])
    assert named(check(filled)) == {("part", first.path)}  # and not every row that names one of its own


def test_a_flipped_byte_of_a_page_is_named_by_those_who_read_it(filled: Store) -> None:
    part = filled.snapshot().parts_of("verdicts")[0]
    data = filled.files.read(part.path)
    group = import_module("pyarrow.parquet").read_metadata(filled.files.locate(part.path)).row_group(0)
    last = group.column(group.num_columns - 1)
    places = range(4, last.data_page_offset + last.total_compressed_size, 7)
    whole = part_table(filled.files, part)
    told = f"{filled.files.locate(part.path)} is missing or was changed."
    read = [reading(filled, part, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]) for place in places]
    assert all(found == told or (not isinstance(found, str) and found.equals(whole)) for found in read)
    assert read.count(told) > len(read) * 3 // 4  # the others are bits of statistics, which change nothing that is read


def reading(store: Store, part: Part, data: bytes) -> Any:
    """What a reader of a part of these bytes gets, or is told."""
    store.files.write(part.path, data)
    try:
        return part_table(store.files, part)
    except InvalidInput as problem:
        return problem.message


def test_a_query_that_meets_a_damaged_file_names_it(filled: Store) -> None:
    part = filled.snapshot().parts_of("worlds")[0]
    data = filled.files.read(part.path)
    filled.files.write(part.path, data[:4] + bytes(len(data) - 12) + data[-8:])
    for sql in ("SELECT * FROM worlds", "SELECT seed_sql, tools FROM worlds"):
        with pytest.raises(InvalidInput, match=f"{part.path} is missing or was changed"):
            query(filled, sql)
    filled.files.write(part.path, data)
    with pytest.raises(InvalidInput, match="The query cannot be run"):
        query(filled, "SELEC 1")


def test_what_dangles_is_named(filled: Store, make_world: Callable[..., World], noon: datetime) -> None:
    world = make_world(seed=3)
    rows = rows_of_draft("d3", world.report, [], world, run_id="run-9", created_at=noon)
    filled.commit({name: batch for name, batch in rows.items() if name != "worlds"}, noon)
    faults = check(filled)
    assert ("reference", "agent_tasks.world_id") in named(faults)
    assert ("reference", "lineage.child_id (world<-scenario)") in named(faults)
    (runs,) = (fault for fault in faults if fault.place == "verdicts.run_id")
    assert "run-9" in runs.problem


def test_a_snapshot_that_was_edited_breaks_the_chain(filled: Store) -> None:
    path = "snapshots/0000000002.json"
    filled.files.write(path, filled.files.read(path).replace(b"2026-03-03", b"2026-03-04"))
    assert ("snapshot", path) in named(check(filled))
    filled.files.write(path, b"{")
    assert ("snapshot", path) in named(check(filled))


def test_lost_bundles_are_written_again(filled: Store) -> None:
    kept = {summary.world_id: filled.world(summary.world_id) for summary in filled.worlds()}
    first, second = kept
    shutil.rmtree(Path(filled.url) / "worlds" / first)
    (Path(filled.url) / "worlds" / second / "seed.sql").write_text("DROP TABLE users;")
    faults = check(filled)
    assert named(faults) == {("bundle", f"worlds/{first}"), ("bundle", f"worlds/{second}")}
    assert len(mend(filled, faults)) == 2
    assert check(filled) == ()
    assert {name: filled.world(name) for name in kept} == kept


@pytest.mark.parametrize("table", ["worlds", "agent_tasks", "tools"])
def test_lost_tables_are_filled_from_the_bundles(filled: Store, table: str, noon: datetime) -> None:
    before = filled.scan(table).collect().to_dicts()
    for part in filled.snapshot().parts_of(table):
        filled.files.write(part.path, b"gone")
    done = mend(filled, check(filled), noon)
    assert any("0 lost" in line for line in done), done
    assert check(filled) == ()
    assert sorted(map(repr, filled.scan(table).collect().to_dicts())) == sorted(map(repr, before))


def test_rows_that_were_compacted_come_back_from_the_past(filled: Store, noon: datetime) -> None:
    before = filled.scan("attempts").collect().to_dicts()
    compact(filled.files, noon + timedelta(days=3))
    (part,) = filled.snapshot().parts_of("attempts")
    filled.files.delete(part.path)
    assert "attempts: 2 of 2 rows brought back, 0 lost" in mend(filled, check(filled), noon)
    assert check(filled) == ()
    assert filled.scan("attempts").collect().to_dicts() == before


def test_rows_that_stand_nowhere_else_are_counted_as_lost(filled: Store, noon: datetime) -> None:
    filled.files.delete(filled.snapshot().parts_of("attempts")[0].path)
    assert "attempts: 0 of 1 rows brought back, 1 lost" in mend(filled, check(filled), noon)
    assert not [fault for fault in check(filled) if fault.kind != "reference"]


def test_keys_that_stand_twice_are_named(filled: Store, make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifacts.commits.known_keys", lambda *_: frozenset())
    filled.commit(merged([{"attempts": [row_of_attempt(make_attempt(1), "run-1", noon)]}]), noon)
    (fault,) = check(filled)
    assert (fault.kind, fault.place) == ("key", "attempts")
    assert "tea-shop-0/schema/1" in fault.problem


def test_leftovers_are_named_and_taken_away(filled: Store) -> None:
    filled.files.write("worlds/.tmp-tea-shop-1/world.json", b"{}")
    faults = check(filled)
    assert named(faults) == {("leftover", "worlds/.tmp-tea-shop-1/world.json")}
    assert mend(filled, faults) == ("1 leftover files taken away",)
    assert check(filled) == ()


def test_mending_a_sound_store_does_nothing(filled: Store) -> None:
    before: Any = filled.snapshot()
    assert mend(filled, check(filled)) == ()
    assert filled.snapshot() == before
