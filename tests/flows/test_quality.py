"""`worldloom audit --deep`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import open_store
from artifacts.world import World
from tasks.authoring import author, new_draft
from tasks.job.publishing import utc_now
from tasks.models.journal import Journal
from tasks.models.language_model import EMBEDDED, ModelSettings, language_model

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A woven world in the store ./loom."""
    journal = Journal(tmp_path / "journal.sqlite")
    outcome = author(new_draft(Scenario(name="Tool lending library"), EMBEDDED), language_model(ModelSettings(), journal)).outcome
    journal.close()
    assert isinstance(outcome, World)
    publish(tmp_path / "loom", outcome)
    return outcome


def publish(folder: Path, world: World) -> None:
    store = open_store(folder)
    store.publish(world)
    store.commit(rows_of_draft("tool-lending-library-1", (), (), world, run_id="run", created_at=utc_now()))


def test_a_deep_audit_prints_every_figure(world: World, worldloom: Command) -> None:
    done = worldloom("audit", "--deep", "--solver-runs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "near misses rejected",
        "false acceptances",
        "mutation score",
        "false rejections",
        "write dropped",
        "another order",
        "t01",
    ):
        assert said in done.stdout
    assert "1 of 1 world holds." in done.stdout

    (found,) = json.loads(worldloom("audit", world.id, "--deep", "--json").stdout)
    figures = found["quality"]["figures"]
    assert (figures["tasks"], figures["false_acceptances"], figures["mutation_score"]) == (len(world.tasks), 0, 1.0)
    assert figures["tools"] == figures["called"] == len(world.tools)
    assert found["holds"] is True
    assert found["quality"]["problems"] == found["quality"]["differences"] == []


def test_a_world_that_does_not_hold_is_named_with_its_problem(world: World, worldloom: Command, tmp_path: Path) -> None:
    task = next(task for task in world.tasks if task.answer)
    worse = task.model_copy(update={"solution": (*task.solution, *task.solution), "checks": ()})
    tasks = tuple(worse if one is task else one for one in world.tasks)
    publish(tmp_path / "other", world.model_copy(update={"tasks": tasks}))
    done = worldloom("audit", "--deep", "--store", "other")
    assert done.returncode == 1
    assert "0 of 1 world holds." in done.stdout


def test_a_plain_audit_says_no_more_than_before(world: World, worldloom: Command) -> None:
    (found,) = json.loads(worldloom("audit", "--json").stdout)
    assert set(found) == {"world_id", "gates", "passed", "agrees", "problem"}
