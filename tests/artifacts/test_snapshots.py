"""Commits: all or nothing, once, whoever is killed and whoever races."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from artifacts import commits, snapshots
from artifacts.attempt import Attempt
from artifacts.commits import commit
from artifacts.errors import CommitConflict, InvalidInput, UnknownName, UnsupportedFormat, Unwritable
from artifacts.files import LocalFiles, files_at
from artifacts.fsck import check
from artifacts.identity import digest_of_bytes
from artifacts.rows import merged, row_of_attempt, rows_of_draft
from artifacts.snapshots import EMPTY, Snapshot, current_snapshot
from artifacts.store import Store, open_store
from artifacts.tables import TABLES, arrow_schema
from artifacts.verdict import Reject
from artifacts.world import World

MakeWorld = Callable[..., World]
MakeAttempt = Callable[..., Attempt]
parquet: Any = import_module("pyarrow.parquet")  # it carries no types
SCRIPT = Path(__file__).with_name("rival_writers.py")


def run_script(*arguments: str | Path) -> Any:
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def attempts(make_attempt: MakeAttempt, noon: datetime, *numbers: int, draft_id: str = "tea-shop-0") -> list[dict[str, Any]]:
    return [row_of_attempt(make_attempt(number, draft_id), "run-1", noon) for number in numbers]


def test_a_new_store_has_every_table_empty(store: Store) -> None:
    assert store.snapshot() == EMPTY
    for name, table in TABLES.items():
        frame = store.scan(name).collect()
        assert frame.height == 0
        assert frame.columns == [column.name for column in table.columns]


def test_rows_come_back_as_they_were_committed(store: Store, world: World, make_attempt: MakeAttempt, noon: datetime) -> None:
    rows = rows_of_draft(
        "tea-shop-0", world.report, [make_attempt(1), make_attempt(2, accepted=True)], world, run_id="run-1", created_at=noon
    )
    snapshot = store.commit(rows, noon)
    assert snapshot == store.snapshot()
    for name, expected in rows.items():
        assert store.scan(name).collect().to_dicts() == [dict(row) for row in expected]
    assert store.scan("attempts").collect().schema == pl.DataFrame(arrow_schema(TABLES["attempts"]).empty_table()).schema


def test_snapshots_are_numbered_and_linked(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    first = store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon)
    second = store.commit({"attempts": attempts(make_attempt, noon, 2)}, noon + timedelta(days=1))
    assert (first.number, first.parent) == (1, None)
    assert (second.number, second.parent) == (2, first.id)
    assert first.id == digest_of_bytes(store.files.read("snapshots/0000000001.json"))
    assert second.parts[:1] == first.parts
    assert [part.path.split("/")[2] for part in second.parts] == ["date=2026-03-02", "date=2026-03-03"]


def test_every_part_is_listed_with_its_hash_and_rows(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    (part,) = store.commit({"attempts": attempts(make_attempt, noon, 1, 2)}, noon).parts
    data = store.files.read(part.path)
    assert (part.sha256, part.bytes, part.rows, part.schema_version) == (digest_of_bytes(data), len(data), 2, 1)
    assert not part.path.startswith("/")


def test_the_same_rows_are_added_once(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    first = store.commit({"attempts": attempts(make_attempt, noon, 1, 1, 2)}, noon)
    assert store.commit({"attempts": attempts(make_attempt, noon, 1, 2)}, noon + timedelta(days=9)) == first
    store.commit({"attempts": attempts(make_attempt, noon, 2, 3)}, noon)
    assert store.scan("attempts").collect()["number"].to_list() == [1, 2, 3]
    assert open_store(store.url).commit({"attempts": attempts(make_attempt, noon, 3, 1)}, noon).number == 2


def test_nothing_to_add_publishes_nothing(store: Store) -> None:
    assert store.commit({}) == EMPTY
    assert store.commit({"attempts": []}) == EMPTY
    assert store.files.names("snapshots") == ()


def test_the_first_commit_of_a_draft_stands(store: Store, make_world: MakeWorld, make_attempt: MakeAttempt, noon: datetime) -> None:
    first, second = make_world(), make_world(seed=7)
    store.commit(rows_of_draft("draft", first.report, [make_attempt(1)], first, run_id="run-1", created_at=noon), noon)
    late = rows_of_draft("draft", second.report, [make_attempt(2)], second, run_id="run-2", created_at=noon)
    other = rows_of_draft("other", (Reject(gate="novel", reason="too near"),), [], None, run_id="run-2", created_at=noon)
    store.commit(merged([late, other]), noon)
    assert [summary.world_id for summary in store.worlds()] == [first.id]
    for name in ("agent_tasks", "tools"):
        assert set(store.scan(name).collect()["world_id"]) == {first.id}
    assert second.id not in set(store.scan("lineage").collect()["child_id"]) | set(store.scan("lineage").collect()["parent_id"])
    assert store.finished_drafts() == {"draft", "other"}
    assert store.scan("attempts").collect()["number"].to_list() == [1, 2]


def test_a_rejected_draft_is_finished_too(store: Store, noon: datetime) -> None:
    verdict = Reject(gate="novel", reason="too near", figures={"similarity": 0.97})
    store.commit(rows_of_draft("draft", (verdict,), [], None, run_id="run-1", created_at=noon), noon)
    assert store.finished_drafts() == {"draft"}
    (row,) = store.scan("verdicts").collect().to_dicts()
    assert (row["world_id"], row["verdict"], row["reason"], json.loads(row["figures"])) == (
        None,
        "reject",
        "too near",
        {"similarity": 0.97},
    )


def test_a_writer_that_lost_looks_again_and_succeeds(
    store: Store, make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = commits.following
    lost: list[int] = []
    monkeypatch.setattr(LocalFiles, "in_turn", lambda _: nullcontext())  # the rival is on another machine

    def lose_twice(*args: Any) -> Snapshot:
        if len(lost) < 2:
            lost.append(1)
            with monkeypatch.context() as rival:
                rival.setattr(commits, "following", following)
                open_store(store.url).commit({"attempts": attempts(make_attempt, noon, 100 + len(lost))}, noon)
        return following(*args)

    monkeypatch.setattr(commits, "following", lose_twice)
    assert store.commit({"attempts": attempts(make_attempt, noon, 1, 101)}, noon).number == 3
    assert sorted(store.scan("attempts").collect()["number"]) == [1, 101, 102]


def test_a_writer_that_always_loses_says_so(
    store: Store, make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "ATTEMPTS", 2)

    def taken(*_: Any) -> Snapshot:
        raise FileExistsError

    monkeypatch.setattr(commits, "following", taken)
    with pytest.raises(CommitConflict, match="published snapshot 1 first"):
        commit(store.files, {"attempts": attempts(make_attempt, noon, 1)}, noon)


def test_readers_take_a_snapshot_never_a_glob(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    (part,) = store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon).parts
    store.files.write(part.path.replace("part-", "part-stray"), store.files.read(part.path))
    store.files.write("snapshots/.tmp-0000000002.json-abc", b"{")
    store.files.write("snapshots/notes.json", b"{")
    assert store.scan("attempts").collect().height == 1
    assert len(store.parts("attempts")) == 1


def test_an_older_snapshot_stays_readable(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    first = store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon)
    store.commit({"attempts": attempts(make_attempt, noon, 2)}, noon)
    assert snapshots.scan(store.files, first, "attempts").collect()["number"].to_list() == [1]


def test_parts_carry_the_meaning_of_every_column(tmp_path: Path, make_attempt: MakeAttempt, noon: datetime) -> None:
    store = open_store(tmp_path / "loom")
    store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon)
    schema: Any = parquet.read_schema(store.parts("attempts")[0])
    assert schema.metadata[b"schema_version"] == b"1"
    assert schema.field("latency_seconds").metadata[b"unit"] == b"seconds"
    assert all(schema.field(name).metadata[b"meaning"] for name in schema.names)


def test_first_pass_yield_is_a_simple_query(tmp_path: Path, make_attempt: MakeAttempt, noon: datetime) -> None:
    store = open_store(tmp_path / "loom")
    drafts = [("a", [False, True]), ("b", [True]), ("c", [False, False])]
    made = [make_attempt(n, draft, accepted) for draft, outcomes in drafts for n, accepted in enumerate(outcomes, 1)]
    store.commit({"attempts": [row_of_attempt(attempt, "run-1", noon) for attempt in made]}, noon)
    first = store.scan("attempts").filter(pl.col("number") == 1)
    (row,) = first.group_by("stage", "mistake").agg(pl.col("accepted").mean()).filter(pl.col("mistake").is_not_null()).collect().to_dicts()
    assert row == {"stage": "schema", "mistake": "misspelt_column", "accepted": 0.0}
    query = f"SELECT stage, avg(accepted::INT) FROM read_parquet({list(store.parts('attempts'))}) WHERE number = 1 GROUP BY stage"
    assert duckdb.connect().execute(query).fetchall() == [("schema", pytest.approx(1 / 3))]
    codes = store.scan("attempts").explode("diagnostic_codes").collect()["diagnostic_codes"].drop_nulls().to_list()
    assert codes == ["sql.unknown_column"] * 3


def seen_by_a_reader(url: Path) -> dict[str, Any]:
    store = open_store(url)
    return {
        "snapshot": store.snapshot().number,
        "finished": store.finished_drafts(),
        "rows": {name: store.scan(name).select(pl.len()).collect().item() for name in TABLES},
        "worlds": [store.world(summary.world_id).digest for summary in store.worlds()],
    }


def test_a_killed_writer_leaves_nothing_and_the_next_one_everything(tmp_path: Path, world: World) -> None:
    bundle = open_store(tmp_path / "source").publish(world)
    codes = run_script("kill", tmp_path / "stores", bundle)
    assert codes == [[-9, 0]] * (len(codes) - 1) + [[0, 0]]
    assert len(codes) > 40
    nothing = {"snapshot": 0, "finished": set(), "rows": dict.fromkeys(TABLES, 0), "worlds": []}
    whole = seen_by_a_reader(tmp_path / f"stores/{len(codes)}")
    assert whole["finished"] == {"draft-1"}
    assert whole["rows"] == dict.fromkeys(TABLES, 0) | {"verdicts": 2, "worlds": 1, "agent_tasks": 2, "tools": 1, "lineage": 4}
    left = [seen_by_a_reader(tmp_path / f"stores/{step}-killed") for step in range(1, len(codes))]
    assert left == sorted(left, key=lambda state: state["snapshot"])
    assert all(state in (nothing, whole) for state in left)
    assert nothing in left
    assert all(seen_by_a_reader(tmp_path / f"stores/{step}") == whole for step in range(1, len(codes)))


def test_rival_writers_lose_nothing_and_double_nothing(tmp_path: Path, world: World) -> None:
    bundle = open_store(tmp_path / "source").publish(world)
    open_store(tmp_path / "loom")
    assert run_script("race", tmp_path / "loom", bundle, "4") == [0, 0, 0, 0]
    store = open_store(tmp_path / "loom", create=False)
    assert store.finished_drafts() == {f"draft-{number}" for number in range(8)}
    counts = {name: store.scan(name).collect().height for name in TABLES}
    assert counts == dict.fromkeys(TABLES, 0) | {"verdicts": 16, "worlds": 8, "agent_tasks": 16, "tools": 8, "lineage": 32}
    assert len({store.world(summary.world_id).digest for summary in store.worlds()}) == 8
    parent = None
    for name in store.files.names("snapshots"):
        snapshot = Snapshot.model_validate_json(store.files.read(f"snapshots/{name}"))
        assert (snapshot.parent, name) == (parent, f"{snapshot.number:010d}.json")
        parent = snapshot.id


def test_a_store_can_be_moved(tmp_path: Path, world: World, noon: datetime) -> None:
    store = open_store(tmp_path / "loom")
    store.publish(world)
    store.commit(rows_of_draft("draft", world.report, [], world, run_id="run-1", created_at=noon), noon)
    shutil.move(tmp_path / "loom", tmp_path / "else [1] where")
    moved = open_store(tmp_path / "else [1] where", create=False)
    assert moved.world(world.id) == world
    assert moved.scan("agent_tasks").collect().height == 2
    assert moved.commit(rows_of_draft("next", (), [], None, run_id="r", created_at=noon)).number == 1


@pytest.mark.parametrize("way", ["zipped", "to an object store", "from an object store"])
def test_a_store_can_be_copied(tmp_path: Path, make_world: MakeWorld, make_attempt: MakeAttempt, noon: datetime, way: str) -> None:
    source, target = str(tmp_path / "loom"), str(tmp_path / "copy")
    memory = f"memory://copied-{tmp_path.name}"
    store = open_store(memory if way == "from an object store" else source)
    for seed in (1, 2):
        world = make_world(seed=seed)
        store.publish(world)
        rows = rows_of_draft(f"d{seed}", world.report, [make_attempt(seed)], world, run_id="run-1", created_at=noon)
        store.commit(rows, noon + timedelta(days=seed))
    if way == "zipped":
        shutil.unpack_archive(shutil.make_archive(f"{source}-packed", "zip", source), target)
    else:
        copied_to = memory if way == "to an object store" else target
        for entry in [entry for top in ("tables", "worlds", "snapshots") for entry in store.files.entries(top)]:
            files_at(copied_to).write(entry.path, store.files.read(entry.path))
        files_at(copied_to).write("store.json", store.files.read("store.json"))
        target = copied_to
    copy = open_store(target, create=False)
    assert copy.snapshot() == store.snapshot()
    assert {name: copy.scan(name).collect().to_dicts() for name in TABLES} == {
        name: store.scan(name).collect().to_dicts() for name in TABLES
    }
    assert [copy.world(summary.world_id) for summary in copy.worlds()] == [make_world(seed=seed) for seed in (1, 2)]
    assert check(copy) == check(store)
    assert copy.commit({"attempts": attempts(make_attempt, noon, 9)}, noon).number == 3
    assert copy.as_of("1").scan("worlds").collect().height == 1


def test_damage_is_said_and_named(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    (part,) = store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon).parts
    whole = store.files.read(part.path)
    store.files.write(part.path, whole[:-1])
    with pytest.raises(InvalidInput, match=part.path):
        store.scan("attempts").collect()
    store.files.write(part.path, whole)
    file = "snapshots/0000000001.json"
    listed = store.files.read(file)
    for damaged in (b"", b"{}", b"[]", listed[:-2], listed.replace(b'"rows": 1', b'"rows": 1.0'), listed.replace(b": ", b":", 1)):
        store.files.write(file, damaged)
        with pytest.raises(InvalidInput, match=file):
            store.scan("attempts")


def test_a_snapshot_of_a_newer_format_asks_for_an_upgrade(store: Store) -> None:
    store.files.write("snapshots/0000000001.json", b'{"format": 2, "layout": "new"}')
    with pytest.raises(UnsupportedFormat, match="Upgrade"):
        current_snapshot(store.files)


def test_rows_that_do_not_fit_are_refused_before_anything_is_written(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    (row,) = attempts(make_attempt, noon, 1)
    wrong = {
        "other columns.*colour": {**row, "colour": "red"},
        "other columns.*stage": {key: value for key, value in row.items() if key != "stage"},
        "has no stage": {**row, "stage": None},
        "does not fit": {**row, "number": "one"},
        "does not fit its": {**row, "stage": "\ud800"},
    }
    for reason, bad in wrong.items():
        with pytest.raises(InvalidInput, match=reason):
            store.commit({"attempts": [bad]}, noon)
    with pytest.raises(UnknownName, match="There is no table 'atempts'"):
        store.commit({"atempts": [row]}, noon)
    with pytest.raises(UnknownName, match="no table"):
        store.scan("atempts")
    assert store.snapshot() == EMPTY


def test_a_full_disk_is_one_clear_line(tmp_path: Path, make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "loom")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(Unwritable, match="No space left on device"):
            store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon)
    assert store.snapshot() == EMPTY
    assert not [path for path in (tmp_path / "loom").rglob("*") if path.name.startswith(".tmp-")]
    assert store.commit({"attempts": attempts(make_attempt, noon, 1)}, noon).number == 1


def test_the_time_of_a_commit_is_now_unless_given(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    before = datetime.now(UTC)
    snapshot = store.commit({"attempts": attempts(make_attempt, noon, 1)})
    assert datetime.fromisoformat(snapshot.created_at) >= before
