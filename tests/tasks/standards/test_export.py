"""An export, read by the programs that it is for: the Hub's own library, and Croissant's validator and loader."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlcroissant
import polars as pl
import pytest
import yaml
from datasets import get_dataset_config_names, load_dataset

from artifacts.errors import InvalidInput, UnknownName
from artifacts.identity import digest_of_bytes
from artifacts.rows import rows_of_draft, world_of_rows
from artifacts.store import Store, open_store
from artifacts.tables import TABLES
from tasks.standards.export import USUAL, Exported, ExportOrder, export

OF_ITS_OWN = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated", "ignore:The inplace keyword")
"""What the validator's code draws from the libraries that it uses, whatever it is given."""

Filling = Callable[[Store, tuple[str, ...], str], None]


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """An export of the five toy worlds."""
    export(store, ExportOrder(name="toys", url="https://example.org/toys"), tmp_path / "toys")
    return tmp_path / "toys"


def loaded(folder: Path, table: str, cache: Path) -> Any:
    """A table as the Hub's own library loads it."""
    return load_dataset(str(folder), table, cache_dir=str(cache))


def test_the_hubs_library_loads_every_table_and_a_world_comes_out_whole(store: Store, folder: Path, tmp_path: Path) -> None:
    assert set(get_dataset_config_names(str(folder))) == {"agent_tasks", "worlds", "tools"}
    worlds, tasks = loaded(folder, "worlds", tmp_path / "cache"), loaded(folder, "agent_tasks", tmp_path / "cache")
    for split, held in worlds.items():
        for row in held:
            mine = [task for task in tasks[split] if task["world_id"] == row["world_id"]]
            assert world_of_rows(row, mine).id == row["world_id"]
    assert sum(map(len, worlds.values())) == 5


def test_without_a_name_the_tasks_are_loaded(folder: Path, tmp_path: Path) -> None:
    found = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert sum(len(split) for split in found.values()) == 10
    assert {task["split"] for task in found["train"]} == {"train"}


def test_the_card_says_what_the_viewer_needs(folder: Path) -> None:
    head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert head["license"] == "apache-2.0"
    assert head["size_categories"] == ["n<1K"]
    tasks = head["configs"][0]
    assert (tasks["config_name"], tasks["default"]) == ("agent_tasks", True)
    for config in head["configs"]:
        for files in config["data_files"]:
            assert list(folder.glob(files["path"])), files


@OF_ITS_OWN
def test_croissants_validator_has_nothing_to_say(folder: Path) -> None:
    described = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    issues = described.metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])


@OF_ITS_OWN
@pytest.mark.parametrize("table", ["agent_tasks", "worlds", "tools"])
def test_croissants_loader_reads_the_same_rows(folder: Path, table: str) -> None:
    records = list(mlcroissant.Dataset(jsonld=folder / "croissant.json").records(table))
    files = sorted((folder / "data" / table).glob("*.parquet"))
    held = [row for file in files for row in pl.read_parquet(file).to_dicts()]
    assert len(records) == len(held)
    key = TABLES[table].key[-1]
    assert sorted(text(record[f"{table}/{key}"]) for record in records) == sorted(row[key] for row in held)
    assert {text(record[f"{table}/split"]) for record in records} == {file.name.partition("-")[0] for file in files}


def text(value: Any) -> str:
    """A value of the loader's, which gives text as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def test_the_description_holds_the_digest_of_every_file(folder: Path) -> None:
    described = json.loads((folder / "croissant.json").read_text())
    files = {one["contentUrl"]: one for one in described["distribution"] if one["@type"] == "cr:FileObject"}
    assert set(files) == {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}
    for path, one in files.items():
        assert one["sha256"] == digest_of_bytes((folder / path).read_bytes())


def test_the_same_snapshot_gives_the_same_bytes(store: Store, folder: Path, tmp_path: Path) -> None:
    export(store, ExportOrder(name="toys", url="https://example.org/toys"), tmp_path / "again")
    mine, other = ({p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()} for d in (folder, tmp_path / "again"))
    assert mine == other


def test_an_older_snapshot_is_exported_as_it_was(store: Store, filling: Filling, tmp_path: Path) -> None:
    then = str(store.snapshot().number)
    filling(store, ("Toy mill",), "later")
    assert rows(export(store, ExportOrder(), tmp_path / "now"), "worlds") == 6
    assert rows(export(store.as_of(then), ExportOrder(), tmp_path / "then"), "worlds") == 5


def rows(done: Exported, table: str) -> int:
    return sum(file.rows for file in done.files if file.table == table)


def test_every_table_can_be_exported_and_those_of_no_world_have_no_training_split(store: Store, tmp_path: Path) -> None:
    done = export(store, ExportOrder(tables=tuple(TABLES)), tmp_path / "all")
    assert {file.split for file in done.files if file.table in ("runs", "lineage")} == {"unsplit"}
    assert {file.split for file in done.files if file.table == "tools"} == {"train", "validation", "test"}
    found = loaded(tmp_path / "all", "lineage", tmp_path / "cache")
    assert len(found["unsplit"]) == rows(done, "lineage")


def test_an_export_shows_the_split_that_the_rows_have(filling: Filling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = open_store(tmp_path / "other")
    with monkeypatch.context() as once:
        once.setattr("artifacts.rows.split_of", lambda _scenario: "test")
        filling(other, ("Toy lending",), "run")
    done = export(other, ExportOrder(), tmp_path / "out")
    assert {file.split for file in done.files if file.table in ("worlds", "agent_tasks")} == {"test"}


def test_a_store_on_an_object_store_is_exported_as_a_local_one(filling: Filling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLDLOOM_HOME", str(tmp_path / "home"))
    remote = open_store(f"memory://{tmp_path.name}/loom")
    filling(remote, ("Toy mill", "Toy dock"), "run")
    done = export(remote, ExportOrder(), tmp_path / "out")
    assert (rows(done, "worlds"), rows(done, "agent_tasks")) == (2, 4)


def test_worlds_of_other_models_have_no_licence_until_it_is_stated(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.standards.origin.EMBEDDED_MODEL", "another/model")
    assert export(store, ExportOrder(), tmp_path / "one").made.licence == "other"
    assert "Not stated." in (tmp_path / "one" / "README.md").read_text()
    stated = export(store, ExportOrder(licence="cc-by-4.0"), tmp_path / "two").made
    assert (stated.licence, stated.licence_url) == ("cc-by-4.0", "https://spdx.org/licenses/CC-BY-4.0.html")


def test_what_cannot_be_exported_is_said_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InvalidInput, match="not empty"):
        export(store, ExportOrder(), tmp_path / "full")
    with pytest.raises(UnknownName, match="no table 'wrlds'"):
        export(store, ExportOrder(tables=("wrlds",)), tmp_path / "out")
    with pytest.raises(InvalidInput, match="no worlds"):
        export(open_store(tmp_path / "empty"), ExportOrder(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_the_usual_tables_are_tables() -> None:
    assert set(USUAL) <= set(TABLES)


def test_a_world_that_another_took_the_place_of_is_left_out_and_counted(store: Store, tmp_path: Path) -> None:
    old = store.world(store.worlds()[0].world_id)
    new = old.model_copy(update={"recipe": old.recipe.model_copy(update={"seed": 1, "parent": old.id})})
    store.commit(rows_of_draft("renewed", (), (), new, run_id="later", created_at=datetime.now(UTC)))
    done = export(store, ExportOrder(), tmp_path / "out")
    held = pl.read_parquet(tmp_path / "out" / "data" / "worlds" / "*.parquet")["world_id"]
    assert (done.made.worlds, done.made.superseded, rows(done, "agent_tasks")) == (5, 1, 10)
    assert new.id in held
    assert old.id not in held
