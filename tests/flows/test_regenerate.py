"""Worlds made again, as a user runs it: why, from which stage on, and that the old ones stay; killed and resumed too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from artifacts.recipe import Size
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.tables import TABLES
from artifacts.verdict import Pass
from artifacts.world import World
from tasks.authoring import author, new_draft
from tasks.job.workflow_server import LocalServer
from tasks.models.language_model import EMBEDDED, ModelSettings
from tasks.recipes import program_digests
from tasks.stage import model_at

pytestmark = pytest.mark.xdist_group("server")

WHEN = datetime(2026, 3, 2, tzinfo=UTC)
LONG_ENOUGH = 240
FRESH, OF_TOOLS, SOLVED, OF_OLD_GATES = "Model railway club", "Tool lending library", "Veterinary clinic", "Night market stalls"


def woven(name: str, home: Path, **programs: str) -> World:
    """A world as an earlier version would have made it, with these programs of then."""
    draft = new_draft(Scenario(name=name), EMBEDDED, Size(tasks=3))
    recipe = draft.recipe.model_copy(update={"programs": {**program_digests(), **programs}})
    made = author(draft.model_copy(update={"recipe": recipe}), model_at(ModelSettings(), home)).outcome
    assert isinstance(made, World)
    return made


def keep(store: Store, world: World) -> World:
    store.publish(world)
    rows = rows_of_draft(f"draft-{world.id}", world.report, [], world, run_id="run-0", created_at=WHEN)
    store.commit(rows, WHEN)
    return world


def episode(world: World, number: int) -> dict[str, Any]:
    """A completed episode as a row of `trajectories`, empty but for what is looked at."""
    empty = {"text": "", "integer": 0, "real": 0.0, "boolean": False, "json": "[]", "texts": [], "time": WHEN, "bytes": b""}
    mine = {"trajectory_id": f"{world.id}/{number}", "world_id": world.id, "policy": "openai/strong", "outcome": "completed"}
    return {**{column.name: empty[column.type] for column in TABLES["trajectories"].columns}, **mine}


class Factory:
    """A store with a fresh world, one of an older program, one that is solved and one that older gates judged; and copies of it."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self.base = open_store(folder / "base")
        self.fresh = keep(self.base, woven(FRESH, folder))
        self.of_tools = keep(self.base, woven(OF_TOOLS, folder, tools="0" * 12))
        self.solved = keep(self.base, woven(SOLVED, folder))
        judged_then = woven(OF_OLD_GATES, folder).model_copy(update={"report": (Pass(gate="schema_runs"),)})
        self.of_old_gates = keep(self.base, judged_then)
        self.base.commit({"trajectories": [episode(self.solved, number) for number in range(20)]}, WHEN)
        self.said: dict[str, Any] = {}

    def copy(self, name: str) -> Store:
        shutil.copytree(self.folder / "base", self.folder / name)
        return open_store(self.folder / name, create=False)

    def command(self, store: Store, *more: str) -> list[str]:
        return [str(Path(sys.executable).with_name("worldloom")), "regenerate", "--store", store.url, "--json", *more]

    def run(self, store: Store, *more: str) -> dict[str, Any]:
        done = subprocess.run(self.command(store, *more), env=environment(self.server), capture_output=True, text=True, check=False)
        assert done.returncode in (0, 3), done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def environment(server: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    return {**kept, "PREFECT_API_URL": server, "COLUMNS": "160"}


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Factory:
    return Factory(tmp_path_factory.mktemp("regenerate"), server.url)


@pytest.fixture(scope="module")
def renewed(factory: Factory) -> Store:
    """The store after one undisturbed run."""
    store = factory.copy("renewed")
    factory.said = factory.run(store)
    return store


def test_a_dry_run_says_why_and_changes_nothing(factory: Factory) -> None:
    before = factory.base.snapshot()
    said = factory.run(factory.base, "--dry-run")
    assert {row["world"]: row["first stage"] for row in said["stale"]} == {factory.of_tools.id: "tools", factory.solved.id: "agent_tasks"}
    assert {row["because"].split(":")[0] for row in said["stale"]} == {"program", "solved"}
    assert (said["looked_at"], said["judged"]) == (4, 1)
    assert factory.base.snapshot() == before
    assert factory.run(factory.base, "--dry-run", "--reason", "solved")["judged"] == 0


def test_stale_worlds_get_a_successor_and_stay(renewed: Store, factory: Factory) -> None:
    assert (factory.said["planned"], factory.said["sealed"], factory.said["rejected"], factory.said["unfinished"]) == (2, 2, 0, 0)
    assert factory.said["successors"] == renewed.successors()
    assert set(renewed.successors()) == {factory.of_tools.id, factory.solved.id}
    standing = {summary.world_id for summary in renewed.worlds()}
    assert standing == {factory.fresh.id, factory.of_old_gates.id, *renewed.successors().values()}
    assert len(renewed.worlds(superseded=True)) == 6
    assert renewed.world(factory.solved.id) == factory.solved


def test_only_the_stale_stages_ran(renewed: Store, factory: Factory) -> None:
    ran = renewed.scan("attempts").join(renewed.scan("worlds"), on="draft_id").select("parent_world_id", "stage").unique().collect()
    assert set(ran.rows()) == {
        (factory.of_tools.id, "tools"),
        (factory.of_tools.id, "agent_tasks"),
        (factory.solved.id, "agent_tasks"),
    }
    new = renewed.world(renewed.successors()[factory.of_tools.id])
    assert (new.schema_sql, new.seed_sql, new.intentions) == (
        factory.of_tools.schema_sql,
        factory.of_tools.seed_sql,
        factory.of_tools.intentions,
    )
    assert (new.recipe.programs, new.recipe.seed, new.recipe.parent) == (program_digests(), 0, factory.of_tools.id)


def test_a_solved_world_gets_other_tasks(renewed: Store, factory: Factory) -> None:
    new = renewed.world(renewed.successors()[factory.solved.id])
    assert (new.schema_sql, new.tools) == (factory.solved.schema_sql, factory.solved.tools)
    assert new.recipe.seed == factory.solved.recipe.seed + 1
    assert {task.instruction for task in new.tasks}.isdisjoint(task.instruction for task in factory.solved.tasks)


def test_the_lineage_and_the_run_are_on_record(renewed: Store) -> None:
    edges = renewed.scan("lineage").filter(pl.col("relation") == "world<-world").select("parent_id", "child_id").collect()
    assert dict(edges.rows()) == renewed.successors()
    runs = renewed.scan("runs").filter(pl.col("flow") == "regenerate").collect().sort("state")
    assert runs["state"].to_list() == ["completed", "started"]
    assert runs["sealed"].to_list() == [2, None]


def test_the_card_tells_the_reason_the_stages_and_the_successor(renewed: Store, factory: Factory) -> None:
    run_id = renewed.scan("runs").filter(pl.col("flow") == "regenerate").collect()["run_id"][0]
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "key": {"any_": ["worldloom-regeneration"]}}}
    (card,) = httpx.post(f"{factory.server}/artifacts/filter", json=wanted).json()
    rows = {row["world"]: row for row in json.loads(card["data"])}
    assert rows[factory.of_tools.id]["stages that ran"] == "tools, agent_tasks, seal"
    assert rows[factory.solved.id]["because"] == "solved: openai/strong completed 20 of 20 episodes"
    assert {row["successor"] for row in rows.values()} == set(renewed.successors().values())
    assert {row["outcome"] for row in rows.values()} == {"made again"}


def test_a_second_run_finds_nothing_to_do(renewed: Store, factory: Factory) -> None:
    before = renewed.successors()
    said = factory.run(renewed)
    assert (said["planned"], said["successors"]) == (0, {})
    assert renewed.successors() == before


def test_a_successor_that_is_rejected_leaves_the_old_world_standing(factory: Factory) -> None:
    store = factory.copy("rejected")
    said = factory.run(store, "--reason", "program", "--fault-rate", "1")
    assert (said["planned"], said["sealed"], said["rejected"]) == (1, 0, 1)
    assert store.successors() == {}
    rejects = store.scan("verdicts").filter(pl.col("verdict") == "reject").collect()
    assert rejects.height == 1
    assert factory.run(store, "--reason", "program")["planned"] == 0  # it would be rejected again
    assert factory.of_tools.id in {summary.world_id for summary in store.worlds()}


def test_a_run_that_was_killed_goes_on_to_the_same_worlds(renewed: Store, factory: Factory) -> None:
    store = factory.copy("killed")
    process = subprocess.Popen(
        factory.command(store), env=environment(factory.server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    results = store.home / "prefect" / "results"
    deadline = time.monotonic() + LONG_ENOUGH
    while not (results.is_dir() and any(results.iterdir())):  # the first stage's result is kept, and no successor is there yet
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    factory.run(store)
    assert store.successors() == renewed.successors()
    assert {store.world(name).digest for name in store.successors().values()} == {
        renewed.world(name).digest for name in renewed.successors().values()
    }
    assert len(store.worlds(superseded=True)) == 6
