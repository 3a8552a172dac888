"""The tables: every column documented, every noun a row, the split stable."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from artifacts.attempt import Attempt
from artifacts.checkpoint import Checkpoint
from artifacts.errors import UnknownName
from artifacts.identity import digest_of
from artifacts.observation import Score
from artifacts.rows import (
    row_of_attempt,
    row_of_image,
    row_of_run,
    row_of_world,
    rows_of_agent_tasks,
    rows_of_checkpoint,
    rows_of_draft,
    rows_of_lineage,
    rows_of_tools,
    rows_of_verdicts,
    split_of,
)
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.tables import TABLES, Table, arrow_schema, arrow_table, table_named, unique_rows
from artifacts.trajectory import Trajectory
from artifacts.trajectory_rows import Played, rows_of_episodes
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import World

IMAGE = {
    "world_id": "w-1",
    "image_digest": "sha256:1",
    "layer_digest": "sha256:2",
    "base_digest": "sha256:3",
    "architecture": "amd64",
    "tags": ("worldloom/w:1", "worldloom/w:latest"),
    "layer_bytes": 20,
    "size_bytes": 100,
    "seconds": 0.25,
}
EPISODE = Trajectory(
    world_id="w-1",
    world_digest="0" * 64,
    task_id="t01",
    policy="idle",
    form="awm",
    seed=None,
    max_turns=3,
    messages=({"role": "assistant", "content": "é"},),
    calls=(),
    ended="answered",
    answer="é",
    score=Score(outcome="agent_error", reward=0.0),
)
EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


CHECKPOINT = Checkpoint(
    checkpoint_id="sft-0123456789ab",
    job="sft",
    step=3,
    snapshot=2,
    snapshot_id="ab" * 32,
    path="/somewhere/step-000003",
    base_model="worldloom/decoder",
    world_size=2,
    zero_stage=1,
    samples=24,
    metrics={"loss": 1.5},
    parent_checkpoint_id="sft-ba9876543210",
    worlds=("tea-shop-1",),
)


def test_the_tables_are_those_of_the_design() -> None:
    assert list(TABLES) == [
        "runs",
        "attempts",
        "verdicts",
        "worlds",
        "agent_tasks",
        "tools",
        "lineage",
        "images",
        "trajectories",
        "checkpoints",
    ]
    with pytest.raises(UnknownName, match="The tables are runs, attempts"):
        table_named("world")


@EVERY_TABLE
def test_every_column_says_what_it_means(table: Table) -> None:
    schema = arrow_schema(table)
    assert schema.names == [column.name for column in table.columns]
    assert len(set(schema.names)) == len(schema.names)
    for field in schema:
        assert field.metadata[b"meaning"]
    assert schema.metadata[b"table"] == table.name.encode()
    assert schema.metadata[b"schema_version"] == str(table.version).encode()
    assert schema.metadata[b"meaning"]


@EVERY_TABLE
def test_keys_and_the_time_are_columns_of_every_table(table: Table) -> None:
    names = {column.name: column for column in table.columns}
    assert set(table.key) <= set(names)
    assert names["created_at"].type == "time"
    assert names["run_id"].type == "text"


@EVERY_TABLE
def test_quantities_have_units(table: Table) -> None:
    for column in table.columns:
        if column.name.endswith(("_tokens", "_usd", "_seconds", "_size", "_count", "_at")):
            assert column.unit, column.name


def test_every_noun_makes_rows_that_fit(world: World, make_attempt: Callable[..., Attempt], noon: datetime) -> None:
    run = RunRecord(run_id="run-1", flow="synthesize", state="started", model="m", started_at=noon, arguments={"worlds": 2})
    rows = {
        **rows_of_draft("draft", world.report, [make_attempt(1), make_attempt(2)], world, run_id="run-1", created_at=noon),
        "runs": [row_of_run(run, noon)],
        "images": [row_of_image(IMAGE, "run-1", None, noon)],
        **rows_of_checkpoint(CHECKPOINT, "run-1", noon),
        **rows_of_episodes([Played(EPISODE, "train", "read")], 3, "run-1", noon),
    }
    assert set(rows) == set(TABLES)
    for name, batch in rows.items():
        assert arrow_table(TABLES[name], batch).to_pylist() == batch


def test_a_run_has_a_row_when_it_starts_and_one_when_it_ends(noon: datetime) -> None:
    started = RunRecord(run_id="r", flow="f", state="started", model="m", started_at=noon)
    ended = started.model_copy(update={"state": "completed", "ended_at": noon + timedelta(hours=1), "sealed": 3, "cost_usd": 0.5})
    rows = [row_of_run(started, noon), row_of_run(ended, noon), row_of_run(ended, noon)]
    assert [(row["state"], row["sealed"], row["cost_usd"]) for row in unique_rows(TABLES["runs"], rows)] == [
        *(("started", None, None), ("completed", 3, 0.5))
    ]


def test_an_attempt_row_holds_what_yield_is_computed_from(make_attempt: Callable[..., Attempt], noon: datetime) -> None:
    row = row_of_attempt(make_attempt(1), "run-1", noon)
    assert (row["stage"], row["number"], row["accepted"], row["mistake"]) == ("schema", 1, False, "misspelt_column")
    assert row["diagnostic_codes"] == ["sql.unknown_column"]
    assert json.loads(row["diagnostics"])[0]["hint"] == "name?"
    assert (row["input_tokens"], row["cost_usd"], row["latency_seconds"]) == (None, None, None)


def test_verdict_rows_carry_evidence_and_figures(noon: datetime) -> None:
    evidence = (Diagnostic(code="a.b", place="schema", message="é"),)
    (row,) = rows_of_verdicts("d", None, [Reject(gate="g", reason="why", evidence=evidence, figures={"n": 1})], "run-1", noon)
    assert json.loads(row["evidence"]) == [{"code": "a.b", "place": "schema", "message": "é", "hint": ""}]
    assert json.loads(row["figures"]) == {"n": 1}


def test_a_world_row_holds_the_whole_content(world: World, noon: datetime) -> None:
    row = row_of_world(world, "draft", "run-1", noon)
    assert (row["digest"], row["schema_sql"], row["seed_size"]) == (world.digest, world.schema_sql, len(world.seed_sql.encode()))
    assert (row["tables_count"], row["rows_count"], row["tools_count"], row["tasks_count"]) == (2, 5, 1, 2)
    assert row["parent_world_id"] is None
    renewed = world.model_copy(update={"recipe": world.recipe.model_copy(update={"parent": "tea-shop-0"})})
    assert row_of_world(renewed, "draft", "run-1", noon)["parent_world_id"] == "tea-shop-0"


def test_tool_rows_hold_the_toolset(world: World, noon: datetime) -> None:
    (row,) = rows_of_tools(world, "run-1", noon)
    assert (row["name"], row["position"], json.loads(row["example"])) == ("cancel_order", 0, {"order_id": 1})
    assert json.loads(row["program"]) == world.tools[0].canonical()["program"]


def test_task_rows_hold_every_task(world: World, noon: datetime) -> None:
    rows = rows_of_agent_tasks(world, "run-1", noon)
    assert [row["task_id"] for row in rows] == [f"{world.id}-t01", f"{world.id}-t02"]
    assert [json.loads(row["task"]) for row in rows] == [task.canonical() for task in world.tasks]
    assert {row["split"] for row in rows} == {split_of(world.scenario)}


def test_lineage_leads_from_a_task_to_everything_that_made_it(world: World, noon: datetime) -> None:
    edges = {(row["child_id"], row["parent_id"]): row["relation"] for row in rows_of_lineage(world, ["a/1"], "run-1", noon)}
    scenario = f"tea-shop-{world.scenario.digest[:12]}"
    assert edges == {
        (world.id, scenario): "world<-scenario",
        (world.id, "run-1"): "world<-run",
        (world.id, "a/1"): "world<-attempt",
        (f"{world.id}-t01", world.id): "agent_task<-world",
        (f"{world.id}-t02", world.id): "agent_task<-world",
    }


def test_the_split_is_stable_and_near_80_10_10() -> None:
    scenarios = [Scenario(name=f"Scenario {number}") for number in range(2_000)]
    splits = [split_of(scenario) for scenario in scenarios]
    shares = Counter(splits)
    assert 0.77 < shares["train"] / 2_000 < 0.83
    assert 0.08 < shares["validation"] / 2_000 < 0.12
    assert 0.08 < shares["test"] / 2_000 < 0.12
    assert digest_of(splits) == "75cd79d89b6008b4bb5a9da90652ac52abe4ecc0793f0045c8a71b54c9709b59"


FAMILY = ("Veterinary clinic", "Veterinary Clinics", "The vétérinary clinic", "Clinic, veterinary", "veterinary  clinic's")


def test_no_family_of_scenarios_stands_in_two_splits(make_world: Callable[..., World], noon: datetime) -> None:
    for name in FAMILY:
        assert Scenario(name=name).family == "clinic veterinar"
    worlds = [
        make_world(seed=seed).model_copy(update={"scenario": Scenario(name=name, description=told, category=category)})
        for seed in range(3)
        for name in FAMILY
        for told, category in (("", ""), ("Pets are treated.", "health"), ("Owners book visits.", "animals"))
    ]
    assert len({row["split"] for world in worlds for row in rows_of_agent_tasks(world, "run-1", noon)}) == 1
    others = ("Clinic", "Veterinary clinic 2", "Dental clinic", "The", "動物病院", "診療所")
    assert len({Scenario(name=name).family for name in (*FAMILY, *others)}) == 1 + len(others)


def test_worlds_of_one_scenario_share_a_split(make_world: Callable[..., World], noon: datetime) -> None:
    rows = [row for seed in range(5) for row in rows_of_agent_tasks(make_world(seed=seed), "run-1", noon)]
    assert len({row["split"] for row in rows}) == 1
    assert len({row["task_id"] for row in rows}) == 10


def test_times_are_utc(make_attempt: Callable[..., Attempt]) -> None:
    moment = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
    table = arrow_table(TABLES["attempts"], [row_of_attempt(make_attempt(1), "r", moment)])
    assert table.column("created_at").to_pylist() == [moment]
