"""A store kept in good order: by the command, and by the flow with its card."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import State
from pydantic import ValidationError

from artifacts.locking import writing
from artifacts.retention import leftovers
from artifacts.rows import row_of_run
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from artifacts.tables import TABLES
from flows.maintain import DAMAGED, maintain
from tasks.job import upkeep
from tasks.job.upkeep import MaintainOrder
from tasks.job.workflow_server import LocalServer, settings_in_force

pytestmark = pytest.mark.xdist_group("server")

Command = Callable[..., subprocess.CompletedProcess[str]]
LONG_AGO = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with five small commits of long ago, and what a killed writer left."""
    found = open_store(tmp_path / "loom")
    for number in range(5):
        when = LONG_AGO + timedelta(days=number)
        record = RunRecord(run_id=f"run-{number}", flow="synthesize", state="started", model="none", started_at=when)
        found.commit({"runs": [row_of_run(record, when)]}, when)
    found.files.write("tables/runs/date=2026-03-02/part-0000.parquet", b"left")
    return found


@pytest.fixture
def recorded(server: LocalServer) -> Iterator[str]:
    """The address of the workflow server, in force."""
    with settings_in_force({"PREFECT_API_URL": server.url, "DO_NOT_TRACK": "1"}):
        yield server.url


def test_the_command_does_every_chore(store: Store, worldloom: Command) -> None:
    done = worldloom("maintain", "--store", store.url, "--keep-least", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["chore"] for one in json.loads(done.stdout)] == ["compact", "expire", "sweep", "check"]
    assert len(store.snapshot().parts) == 1
    assert store.scan("runs").collect().height == 5
    assert store.files.names("snapshots") == ("0000000006.json",)
    assert leftovers(store) == ()


def test_a_chore_that_is_not_wanted_is_not_done(store: Store, worldloom: Command) -> None:
    before = store.snapshot()
    done = worldloom("maintain", "--store", store.url, "--no-compact", "--no-expire", "--no-sweep")
    assert done.returncode == 0, done.stderr
    assert store.snapshot() == before
    assert len(leftovers(store)) == 1


def test_the_flow_posts_what_was_done(store: Store, recorded: str) -> None:
    state: State[Any] = maintain(MaintainOrder(keep_least=2), store.url, return_state=True)
    assert state.is_completed(), state
    wanted = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    (card,) = httpx.post(f"{recorded}/artifacts/filter", json=wanted).json()
    assert card["key"] == "worldloom-maintenance"
    assert "| compact | snapshot 6: runs: 5 parts are 1 |" in card["data"]
    assert "| expire | 4 snapshots and 1 files (4 bytes) taken away" in card["data"]
    assert "| check | every hash, key and reference is right |" in card["data"]


def test_a_damaged_store_is_the_end_state(store: Store, recorded: str) -> None:
    part = store.snapshot().parts[0]
    store.files.write(part.path, b"x" * part.bytes)
    state: State[Any] = maintain(MaintainOrder(compact=False, expire=False, sweep=False), store.url, return_state=True)
    assert (state.name, state.is_failed()) == (DAMAGED, True)
    assert "fsck --repair" in (state.message or "")
    assert part.path in (state.message or "")


def test_while_others_write_a_clean_up_is_put_off(store: Store, worldloom: Command) -> None:
    with writing(store.home):
        done = worldloom("maintain", "--store", store.url, "--no-compact", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["put_off"] for one in json.loads(done.stdout)] == [True, True, False]
    assert len(leftovers(store)) == 1


def test_snapshots_that_checkpoints_were_trained_on_are_kept(store: Store) -> None:
    empty = {"text": "", "integer": 0, "real": 0.0, "boolean": False, "json": "{}", "texts": [], "time": LONG_AGO, "bytes": b""}
    row = {column.name: None if column.nullable else empty[column.type] for column in TABLES["checkpoints"].columns}
    store.commit({"checkpoints": [{**row, "checkpoint_id": "sft-0", "snapshot_id": store.as_of("1").snapshot().id}]}, LONG_AGO)
    done = upkeep.expire_snapshots(MaintainOrder(keep_least=1), store.url)
    assert done.line.endswith("1 are held by checkpoints")
    assert store.files.names("snapshots") == ("0000000001.json", "0000000006.json")


def test_a_new_run_takes_away_what_killed_writers_left(store: Store) -> None:
    with writing(store.home):
        upkeep.tidy(store)
        assert len(leftovers(store)) == 1
    upkeep.tidy(store)
    assert leftovers(store) == ()


@pytest.mark.parametrize("nonsense", [{"keep_days": -1}, {"keep_least": 0}, {"compactly": True}])
def test_nonsense_is_refused(nonsense: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MaintainOrder.model_validate(nonsense)
