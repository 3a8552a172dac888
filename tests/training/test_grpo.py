"""GRPO for real: DeepSpeed on two CPU ranks, environments of a store's worlds, a policy that is right now and then."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import psutil
import pytest

from artifacts.errors import TerminalError
from artifacts.store import Store, open_store
from tasks.teaching.launching import Figures, Taught, launch
from tasks.teaching.order import TrainOrder, settings_of
from training.checkpoints import newest

pytestmark = [pytest.mark.xdist_group("training"), pytest.mark.timeout(240)]

SMALL: dict[str, Any] = {
    "job": "grpo",
    "device": "cpu",
    "ranks": 2,
    "zero": 1,
    "environments": 16,
    "group": 4,
    "form": "native",
    "max_turns": 3,
    "reply": 16,
    "length": 512,
    "micro": 4,
    "learning_rate": 5e-4,
    "save_every": 2,
    "steps": 3,
    "split": ("train", "validation", "test"),
}


class Undisturbed(NamedTuple):
    """A store, a policy to begin with, and the folder of an undisturbed job."""

    store: Store
    base: Path
    out: Path


def train(store: Store, out: Path, heard: Callable[[Figures], None] = lambda _figures: None, **more: Any) -> Taught:
    order = TrainOrder(**{**SMALL, **more})
    return launch(order, settings_of(order, store.url, str(out), f"run-{out.name}"), heard)


def figures(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def expect_alike(out: Path, other: Path) -> None:
    """The same episodes and gradients, step for step. The loss alone says little: on fresh episodes advantages cancel."""
    exact = ("step", "epoch", "samples", "groups", "dropped", "turns", "tokens", "reward")
    rows, others = figures(out), figures(other)
    assert [[row[name] for name in exact] for row in rows] == [[row[name] for name in exact] for row in others]
    for name, allowed in (("loss", 1e-6), ("gradient", 1e-4), ("distance", 1e-6)):
        assert [row[name] for row in rows] == pytest.approx([row[name] for row in others], abs=allowed), name


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory, a_practice: Any) -> Undisturbed:
    """An undisturbed job."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    train(a_practice.store, out, base=str(a_practice.base))
    return Undisturbed(a_practice.store, a_practice.base, out)


def test_a_job_practises_and_is_on_record(practice: Undisturbed) -> None:
    rows = figures(practice.out)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert all(row["weight"] == pytest.approx(1.0, abs=1e-4) and row["clipped"] == 0 for row in rows), "what was drawn is what is learned"
    assert rows[0]["distance"] == pytest.approx(0.0, abs=1e-6)
    assert rows[-1]["distance"] > 0
    assert all(row["turns"] and not row["masked"] and not row["too_long"] for row in rows)
    assert pl.read_parquet(practice.out / "metrics.parquet")["reward"].to_list() == [row["reward"] for row in rows]
    made = practice.store.scan("checkpoints").sort("step").collect().to_dicts()
    assert [(row["job"], row["step"], row["base_model"]) for row in made] == [("grpo", step, str(practice.base)) for step in (2, 3)]
    edges = practice.store.scan("lineage").filter(pl.col("relation") == "checkpoint<-world").collect()
    assert set(edges["parent_id"]) == set(practice.store.scan("worlds").collect()["world_id"])


def test_a_killed_job_resumes_with_the_same_losses(practice: Undisturbed, tmp_path: Path) -> None:
    """The checkpoint of step 2 stands; what was drawn ahead of it is drawn again."""

    def kill(step: Figures) -> None:
        if step["step"] >= 3:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # one that has ended since, or is a zombie
                    if "training.grpo" in " ".join(process.cmdline()):
                        process.send_signal(signal.SIGKILL)

    with pytest.raises(TerminalError, match="The training job ended with"):
        train(practice.store, tmp_path / "out", kill, base=str(practice.base), steps=500, save_every=2)
    kept = sorted((tmp_path / "out/checkpoints").glob("step-*/whole.json"))
    for later in kept[1:]:
        shutil.rmtree(later.parent)
    train(practice.store, tmp_path / "out", base=str(practice.base), resume=True)
    expect_alike(tmp_path / "out", practice.out)


@pytest.mark.parametrize("zero", [2, 3])
def test_stages_agree(practice: Undisturbed, tmp_path: Path, zero: int) -> None:
    train(practice.store, tmp_path / "out", base=str(practice.base), zero=zero, save_every=9)
    expect_alike(tmp_path / "out", practice.out)


def test_another_number_of_ranks_goes_on_and_takes_up_newer_worlds(
    practice: Undisturbed, tmp_path: Path, more_worlds: Callable[[Store, range], None]
) -> None:
    """Where two ranks stopped after step 2, one plays what the epoch has left, each task once; the next epoch has the new worlds too."""
    shutil.copytree(practice.store.url, tmp_path / "loom")
    store, out = open_store(tmp_path / "loom"), tmp_path / "out"
    shutil.copytree(practice.out / "checkpoints/step-000002", out / "checkpoints/step-000002")
    shutil.copy(practice.out / "metrics.jsonl", out)
    stopped = newest(out)
    assert stopped is not None
    assert stopped.position.left > 0
    more_worlds(store, range(4, 8))
    steps = 2 + -(-stopped.position.left // 4) + 6
    train(store, out, base=str(practice.base), steps=steps, refills=0, save_every=99, ranks=1, resume=True, newer=True)
    rows = figures(out)
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    groups = [sum(row["groups"] for row in rows[2:] if row["epoch"] == stopped.position.epoch + later) for later in (0, 1)]
    assert groups == [stopped.position.left, 8 * 3]
    ended = newest(out)
    assert ended is not None
    assert set(ended.worlds) == set(store.scan("worlds").collect()["world_id"])


@pytest.mark.parametrize("nonsense", [{"base": None}, {"environments": 10, "group": 4}, {"clip_low": 1.0}, {"window": 0}])
def test_nonsense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"grpo goes on|cannot be dealt|less than 1|greater than or equal to 1"):
        TrainOrder(**{**SMALL, "base": "policy", **nonsense})
