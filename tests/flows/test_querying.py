"""Asking the manifests: SQL over the present and the past, in every form, and clear words for what cannot be asked."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import artifacts
from artifacts.attempt import Attempt
from artifacts.errors import InvalidInput, UnknownName
from artifacts.querying import query
from artifacts.rows import row_of_attempt
from artifacts.store import Store, open_store
from artifacts.tables import TABLES

Command = Callable[..., subprocess.CompletedProcess[str]]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def attempt(number: int) -> Attempt:
    return Attempt(
        attempt_id=f"a{number}", draft_id="d", stage="schema", number=number, model="test/none", request_digest="0", accepted=number == 2
    )


def filled(url: str | Path) -> Store:
    store = open_store(url)
    for number in (1, 2):
        store.commit({"attempts": [row_of_attempt(attempt(number), "run-1", NOON)]}, NOON + timedelta(days=number))
    return store


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_every_table_is_a_view_with_its_columns(kind: str, tmp_path: Path) -> None:
    store = filled(tmp_path / "loom" if kind == "local" else f"memory://query-{tmp_path.name}")
    with store.duckdb() as connection:
        for name, table in TABLES.items():
            assert [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()] == [column.name for column in table.columns]
        assert connection.execute("SELECT count(*), bool_or(accepted) FROM attempts").fetchone() == (2, True)


def test_the_python_door_gives_frames_and_connections(tmp_path: Path) -> None:
    filled(tmp_path / "loom")
    store = artifacts.open_store(tmp_path / "loom")
    frame = store.scan("attempts")
    assert isinstance(frame, pl.LazyFrame)
    assert frame.filter(pl.col("number") > 1).select("stage").collect().to_dicts() == [{"stage": "schema"}]
    assert store.as_of("1").duckdb().execute("SELECT count(*) FROM attempts").fetchone() == (1,)


def test_only_what_a_query_needs_is_read(tmp_path: Path) -> None:
    store = filled(tmp_path / "loom")
    with store.duckdb() as connection:
        plan = str(connection.execute("EXPLAIN SELECT stage FROM attempts WHERE number = 2").fetchall())
    assert "number=2" in plan.replace(" ", "")
    assert "diagnostics" not in plan


def test_the_past_can_be_asked(tmp_path: Path, worldloom: Command) -> None:
    filled(tmp_path / "loom")
    for when, count in (("1", "1"), ("2026-03-03T23:00", "1"), ("2", "2")):
        done = worldloom("query", "SELECT count(*) AS n FROM attempts", "--as-of", when, "--format", "csv")
        assert done.stdout.splitlines()[-1] == count, done.stderr


def test_a_result_in_every_form(tmp_path: Path, worldloom: Command) -> None:
    filled(tmp_path / "loom")
    sql = "SELECT number, accepted, cost_usd, diagnostic_codes FROM attempts ORDER BY number"
    shown = worldloom("query", sql).stdout
    assert "diagnostic_codes" in shown
    assert "2 rows" in shown
    assert json.loads(worldloom("query", sql, "--format", "json").stdout)[0] == {
        "number": 1,
        "accepted": False,
        "cost_usd": None,
        "diagnostic_codes": [],
    }
    rows = list(csv.DictReader(io.StringIO(worldloom("query", sql, "--format", "csv").stdout)))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert worldloom("query", sql, "--format", "parquet", "--output", "out.parquet").returncode == 0
    assert pl.read_parquet(tmp_path / "out.parquet")["number"].to_list() == [1, 2]
    assert worldloom("query", sql, "--output", "out.csv").returncode == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("1,")


def test_what_other_programs_read_is_what_they_understand(tmp_path: Path, worldloom: Command) -> None:
    filled(tmp_path / "loom")
    sql = "SELECT sum(number) AS total, sum(0.5) AS half, 1 / 0.0 AS endless, 'ab'::BLOB AS bytes, [1::HUGEINT] AS many FROM attempts"
    (row,) = json.loads(worldloom("query", sql, "--format", "json").stdout, parse_constant=pytest.fail)
    assert row == {"total": 3, "half": 1, "endless": None, "bytes": "YWI=", "many": [1]}
    (line,) = csv.DictReader(io.StringIO(worldloom("query", sql, "--format", "csv").stdout))
    assert (line["total"], line["bytes"], line["many"]) == ("3", "YWI=", "[1]")


def test_a_scan_reads_only_the_columns_and_rows_that_are_asked_for(tmp_path: Path) -> None:
    filled(tmp_path / "loom")
    plan = artifacts.open_store(tmp_path / "loom").scan("attempts").filter(pl.col("number") > 1).select("stage").explain()
    assert f"PROJECT 2/{len(TABLES['attempts'].columns)} COLUMNS" in plan
    assert 'SELECTION: col("number") > 1' in plan


def test_a_query_gives_an_arrow_table(tmp_path: Path) -> None:
    store = filled(tmp_path / "loom")
    assert query(store, "SELECT number FROM attempts ORDER BY number").to_pylist() == [{"number": 1}, {"number": 2}]
    assert query(store, "DESCRIBE attempts").num_rows == len(TABLES["attempts"].columns)


@pytest.mark.parametrize(
    ("sql", "kind", "words"),
    [
        ("SELECT * FROM world", UnknownName, "Did you mean worlds"),
        ("SELECT nmae FROM worlds", UnknownName, "Did you mean name"),
        ("SELEC 1", InvalidInput, "syntax error"),
        ("SELECT 1; SELECT 2", InvalidInput, "there are 2"),
        ("", InvalidInput, "there are 0"),
        ("SELECT 1/'x'", InvalidInput, "Could not convert"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(tmp_path: Path, sql: str, kind: Any, words: str) -> None:
    store = filled(tmp_path / "loom")
    with pytest.raises(kind) as told:
        query(store, sql)
    assert words in str(told.value)
    assert "\n" not in told.value.message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("query", "SELECT 1", "--store", "nowhere"), "There is no store"),
        (("query", "SELECT 1", "--as-of", "77"), "There is no snapshot 77"),
        (("query", "SELECT * FROM tool"), "Did you mean tools"),
        (("snapshots", "--store", "nowhere"), "There is no store"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, worldloom: Command, arguments: tuple[str, ...], words: str) -> None:
    filled(tmp_path / "loom")
    done = worldloom(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_snapshots_are_listed_and_a_store_is_checked(tmp_path: Path, worldloom: Command) -> None:
    store = filled(tmp_path / "loom")
    assert [row["number"] for row in json.loads(worldloom("snapshots", "--json").stdout)] == [2, 1]
    assert store.snapshot().id[:12] in worldloom("snapshots").stdout
    found = worldloom("fsck")  # the attempts name a run that nobody recorded
    assert (found.returncode, "attempts.run_id" in found.stdout) == (1, True)
    store.files.write("worlds/.tmp-x/world.json", b"{}")
    repaired = json.loads(worldloom("fsck", "--repair", "--json").stdout)
    assert [fault["kind"] for fault in repaired["left"]] == ["reference"]
