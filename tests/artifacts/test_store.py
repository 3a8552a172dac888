"""The store: opened or refused in one clear line, and worlds found by a few letters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from artifacts.commits import parquet_bytes
from artifacts.errors import InvalidBundle, InvalidInput, UnknownName, UnsupportedFormat, Unwritable
from artifacts.rows import merged, rows_of_draft
from artifacts.store import MARK, Store, open_store
from artifacts.tables import WORLDS, arrow_table
from artifacts.world import World


def keep(store: Store, worlds: list[World], noon: datetime) -> None:
    """Publishes worlds and commits their rows."""
    for world in worlds:
        store.publish(world)
    store.commit(merged(rows_of_draft(f"draft-{w.id}", w.report, [], w, run_id="run-1", created_at=noon) for w in worlds), noon)


def test_a_store_is_made_where_there_is_none_and_opened_again(tmp_path: Path) -> None:
    made = open_store(tmp_path / "a" / "loom")
    assert made.home == tmp_path / "a" / "loom" / ".worldloom"
    assert made.home.is_dir()
    assert json.loads((tmp_path / "a" / "loom" / MARK).read_bytes()) == {"store": "worldloom", "format": 1}
    before = (tmp_path / "a" / "loom" / MARK).stat()
    assert open_store(made.url).url == made.url
    assert (tmp_path / "a" / "loom" / MARK).stat().st_mtime_ns == before.st_mtime_ns


def test_a_remote_store_keeps_its_home_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLDLOOM_HOME", str(tmp_path / "state"))
    one, other = open_store("memory://one/loom"), open_store("memory://other/loom")
    assert one.home.parent == tmp_path / "state"
    assert len(one.home.name) == 12
    assert one.home != other.home
    assert open_store("memory://one/loom/").home == one.home
    assert one.home.is_dir()
    monkeypatch.delenv("WORLDLOOM_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert open_store("memory://one/loom").home == tmp_path / "me/.local/state/worldloom" / one.home.name


def test_a_store_that_is_not_there_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="There is no store at") as told:
        open_store(tmp_path / "nowhere", create=False)
    assert "worldloom synthesize" in told.value.hint
    assert not (tmp_path / "nowhere").exists()


def test_a_newer_store_asks_for_an_upgrade(store: Store) -> None:
    store.files.write(MARK, b'{"store": "worldloom", "format": 2}')
    for create in (True, False):
        with pytest.raises(UnsupportedFormat, match=r"format 2; this version reads format 1\. Upgrade"):
            open_store(store.url, create)


@pytest.mark.parametrize("mark", [b"", b"{", b"[]", b'{"format": 1}', b'{"store": "worldloom"}', b'{"store": "worldloom", "format": "1"}'])
def test_a_mark_of_something_else_is_refused(mark: bytes, store: Store) -> None:
    store.files.write(MARK, mark)
    with pytest.raises(InvalidInput, match=r"store\.json is not"):
        open_store(store.url)


def test_a_file_where_a_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "loom"):
        with pytest.raises(Unwritable, match="a file stands where a folder should be"):
            open_store(path)


@pytest.mark.parametrize("path", ["/proc/loom", "/sys/kernel/loom", "/dev/null/loom"])
def test_a_folder_that_cannot_be_made_is_said(path: str) -> None:
    with pytest.raises(Unwritable, match="cannot be") as told:
        open_store(path)
    assert told.value.exit_code == 2
    assert told.value.hint


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(Unwritable, match="cannot be written"):
        open_store(tmp_path)
    assert open_store(tmp_path, create=False).worlds() == []


def test_a_name_too_long_for_the_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="too long"):
        open_store(tmp_path / ("x" * 10_000))


def test_worlds_are_listed_from_the_snapshot(store: Store, make_world: Callable[..., World], noon: datetime) -> None:
    worlds = [make_world("Tea shop"), make_world("Clinic"), make_world("Clinic", seed=1)]
    keep(store, worlds, noon)
    store.publish(make_world("Never committed"))
    listed = store.worlds()
    assert [summary.world_id for summary in listed] == sorted(world.id for world in worlds)
    first = listed[-1]
    assert (first.name, first.category, first.tables, first.rows, first.tools, first.tasks) == ("Tea shop", "retail", 2, 5, 1, 2)
    assert (first.digest, first.draft_id, first.run_id, first.created_at) == (worlds[0].digest, f"draft-{worlds[0].id}", "run-1", noon)


def test_a_world_is_found_by_its_id_or_its_beginning(store: Store, make_world: Callable[..., World], noon: datetime) -> None:
    shop, clinic, other = make_world("Tea shop"), make_world("Clinic"), make_world("Clinic", seed=1)
    keep(store, [shop, clinic, other], noon)
    assert store.world(shop.id) == shop
    assert store.world("tea") == shop
    with pytest.raises(UnknownName, match="begins the ids of 2 worlds") as told:
        store.world("clinic")
    assert clinic.id in told.value.hint
    with pytest.raises(UnknownName, match="There is no world 'tee-shop'"):
        store.world("tee-shop")
    with pytest.raises(UnknownName, match="worldloom ls"):
        store.world("zzz")


def test_a_world_comes_back_from_the_tables_alone(store: Store, world: World, noon: datetime) -> None:
    keep(store, [world], noon)
    if store.url.startswith("memory:"):
        store.files.fs.rm(f"{store.files.base}/worlds", recursive=True)  # type: ignore[attr-defined]  # a remote store's own
    else:
        shutil.rmtree(Path(store.url) / "worlds")
    again = store.world(world.id)
    assert again == world
    assert again.digest == world.digest


def test_an_edited_bundle_is_not_covered_up_by_the_tables(store: Store, world: World, noon: datetime) -> None:
    keep(store, [world], noon)
    store.files.write(f"worlds/{world.id}/seed.sql", b"")
    with pytest.raises(InvalidBundle, match=r"seed\.sql was edited"):
        store.world(world.id)


@pytest.mark.parametrize(
    "change", [{"schema_sql": "CREATE TABLE x(y);"}, {"seed_sql": b"junk"}, {"seed_size": 10**12}, {"tools": "{"}, {"me": 9}]
)
def test_edited_rows_do_not_make_a_world(change: dict[str, Any], world: World, noon: datetime) -> None:
    from artifacts.rows import row_of_world, rows_of_agent_tasks, world_of_rows

    row = {**row_of_world(world, "d", "r", noon), **change}
    assert parquet_bytes(WORLDS, arrow_table(WORLDS, [row]))
    with pytest.raises(InvalidBundle, match="do not give its digest"):
        world_of_rows(row, rows_of_agent_tasks(world, "r", noon))


def test_publishing_again_is_the_same_place(store: Store, world: World) -> None:
    where = store.publish(world)
    assert where == store.files.locate(f"worlds/{world.id}")
    assert store.publish(world) == where
    assert store.files.names("worlds") == (world.id,)
    assert store.worlds() == []
