"""Compaction: the same rows, in the same order, in fewer parts, whoever writes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest

from artifacts import commits, compaction
from artifacts.attempt import Attempt
from artifacts.compaction import compact
from artifacts.files import LocalFiles
from artifacts.fsck import check
from artifacts.rows import row_of_attempt, rows_of_draft
from artifacts.snapshots import Snapshot
from artifacts.store import Store, open_store
from artifacts.tables import TABLES, arrow_table
from artifacts.world import World

MakeAttempt = Callable[..., Attempt]


def fill(store: Store, make_attempt: MakeAttempt, noon: datetime, *numbers: int) -> None:
    for number in numbers:
        store.commit({"attempts": [row_of_attempt(make_attempt(number), "run-1", noon)]}, noon + timedelta(hours=number))


def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    return {name: store.scan(name).collect().to_dicts() for name in TABLES}


def test_the_rows_stay_and_the_parts_grow_fewer(store: Store, world: World, make_attempt: MakeAttempt, noon: datetime) -> None:
    fill(store, make_attempt, noon, 1, 2, 3, 4)
    store.commit(rows_of_draft("draft", world.report, [], world, run_id="run-1", created_at=noon), noon)
    before, rows = store.snapshot(), everything(store)
    after, done = compact(store.files, noon)
    assert everything(store) == rows
    assert [(one.table, one.parts_before, one.parts_after) for one in done] == [("attempts", 4, 1)]
    assert (after.number, after.parent, after.operation) == (before.number + 1, before.id, "compact")
    assert after.parts_of("worlds") == before.parts_of("worlds")
    assert everything(store.as_of(str(before.number))) == rows
    assert compact(store.files, noon) == (after, ())


def test_large_parts_are_left_alone(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    fill(store, make_attempt, noon, 1, 2, 3, 4, 5)
    sizes = [part.bytes for part in store.snapshot().parts]
    after, _ = compact(store.files, noon, target=sum(sizes[:2]))
    assert [part.rows for part in after.parts] == [2, 2, 1]
    assert [row["number"] for row in everything(store)["attempts"]] == [1, 2, 3, 4, 5]
    assert compact(store.files, noon, target=1)[1] == ()


def test_a_commit_in_between_is_kept(store: Store, make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, make_attempt, noon, 1, 2)
    following = commits.following
    lost: list[int] = []
    monkeypatch.setattr(LocalFiles, "in_turn", lambda _: nullcontext())  # the rival is on another machine

    def lose_once(*args: Any) -> Snapshot:
        if not lost:
            lost.append(1)
            with monkeypatch.context() as rival:
                rival.setattr(compaction, "following", following)
                fill(open_store(store.url), make_attempt, noon, 3)
        return following(*args)

    monkeypatch.setattr(compaction, "following", lose_once)
    after, _ = compact(store.files, noon)
    assert (after.number, [row["number"] for row in everything(store)["attempts"]]) == (4, [1, 2, 3])


def test_parts_of_an_older_schema_get_the_new_columns(tmp_path: Any, world: World, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "loom")
    table = TABLES["agent_tasks"]
    older = table._replace(version=1, columns=tuple(column for column in table.columns if column.name not in ("origin", "difficulty")))
    with monkeypatch.context() as past:
        past.setitem(TABLES, "agent_tasks", older)
        rows = rows_of_draft("draft", world.report, [], world, run_id="run-1", created_at=noon)
        kept = {column.name for column in older.columns}
        tasks = [{key: value for key, value in row.items() if key in kept} for row in rows["agent_tasks"]]
        store.commit({"agent_tasks": tasks[:1]}, noon)
        store.commit({"agent_tasks": tasks[1:]}, noon + timedelta(days=1))
    assert store.scan("agent_tasks").collect()["difficulty"].to_list() == [None, None]
    after, _ = compact(store.files, noon)
    assert [(part.rows, part.schema_version) for part in after.parts] == [(2, 2)]
    assert not [fault for fault in check(store) if fault.kind == "part"]


def test_parquet_that_is_made_again_has_the_same_bytes(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    fill(store, make_attempt, noon, 1, 2)
    (first,) = compact(store.files, noon)[0].parts
    table = TABLES["attempts"]
    assert commits.put_part(store.files, table, arrow_table(table, everything(store)["attempts"]), noon) == first
