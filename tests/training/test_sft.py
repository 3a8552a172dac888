"""Training for real: DeepSpeed on two CPU ranks; killed, resumed, with other stages and another number of ranks."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from artifacts.errors import InvalidInput, TerminalError, UnknownName
from artifacts.fsck import check
from artifacts.store import Store
from tasks.teaching.launching import Figures, Taught, launch
from tasks.teaching.order import RATES, TrainOrder, settings_of
from training.settings import SftSettings

pytestmark = [pytest.mark.xdist_group("training"), pytest.mark.timeout(240)]

Train = Callable[..., Taught]
SMALL: dict[str, Any] = {
    "device": "cpu",
    "ranks": 2,
    "zero": 1,
    "batch": 8,
    "length": 700,
    "learning_rate": 3e-3,
    "save_every": 2,
    "steps": 5,
    "hidden": 32,
    "layers": 2,
    "heads": 2,
    "vocabulary": 300,
    "context": 1024,
}


def train(store: Store, out: Path, heard: Callable[[Figures], None] = lambda _figures: None, **more: Any) -> Taught:
    order = TrainOrder(**{**SMALL, **more})
    return launch(order, settings_of(order, store.url, str(out), f"run-{out.name}"), heard)


def losses(out: Path) -> list[float]:
    return [float(json.loads(line)["loss"]) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_played_store: Callable[[Path], Store]) -> tuple[Store, Path]:
    """A store, and an undisturbed job on it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    store = make_played_store(folder / "loom")
    train(store, folder / "out")
    return store, folder / "out"


def test_a_job_learns_and_is_on_record(whole: tuple[Store, Path]) -> None:
    store, out = whole
    curve = losses(out)
    assert curve == sorted(curve, reverse=True)
    assert pl.read_parquet(out / "metrics.parquet")["loss"].to_list() == curve
    rows = store.scan("checkpoints").sort("step").collect().to_dicts()
    assert [(row["step"], row["world_size"], row["zero_stage"]) for row in rows] == [(2, 2, 1), (4, 2, 1), (5, 2, 1)]
    assert [row["parent_checkpoint_id"] for row in rows] == [None, *(row["checkpoint_id"] for row in rows[:-1])]
    assert {row["snapshot_id"] for row in rows} == {store.as_of("2").snapshot().id}
    edges = store.scan("lineage").collect().to_dicts()
    seen = {e["parent_id"] for e in edges if e["relation"] == "checkpoint<-world" and e["child_id"] == rows[-1]["checkpoint_id"]}
    learned = [row for row in store.scan("trajectories").collect().to_dicts() if row["split"] == "train"]
    assert seen == {row["world_id"] for row in learned}
    assert [fault for fault in check(store) if fault.kind in ("reference", "key", "part", "snapshot")] == []


def test_the_policy_is_a_folder_that_transformers_load(whole: tuple[Store, Path]) -> None:
    from training.decoder import load_policy
    from training.tokens import load_tokenizer, prompt_tokens

    folder = whole[1] / "checkpoints" / "step-000005" / "policy"
    model, tokenizer = load_policy(folder), load_tokenizer(folder)
    assert model.config.vocab_size == len(tokenizer)
    assert prompt_tokens(tokenizer, [{"role": "user", "content": "Hello"}])


def test_a_killed_job_resumes_with_the_same_losses(whole: tuple[Store, Path], tmp_path: Path) -> None:
    store, undisturbed = whole

    def kill(figures: Figures) -> None:
        if figures["step"] >= 3:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # one that has ended since, or is a zombie
                    if "training.sft" in " ".join(process.cmdline()):
                        process.send_signal(signal.SIGKILL)

    with pytest.raises(TerminalError, match="The training job ended with"):
        train(store, tmp_path / "out", kill, steps=50, save_every=2)
    steps = max(len(losses(undisturbed)), len(losses(tmp_path / "out")) + 1)  # a busy machine strikes late
    train(store, tmp_path / "out", steps=steps, resume=True)
    if steps > len(losses(undisturbed)):
        undisturbed = tmp_path / "longer"
        train(store, undisturbed, steps=steps)
    assert losses(tmp_path / "out") == pytest.approx(losses(undisturbed), rel=1e-6)


def test_stages_agree(whole: tuple[Store, Path], tmp_path: Path) -> None:
    store, undisturbed = whole
    for zero in (2, 3):
        train(store, tmp_path / f"zero{zero}", zero=zero, workers=0)
        assert losses(tmp_path / f"zero{zero}") == pytest.approx(losses(undisturbed), rel=1e-5)


def test_another_number_of_ranks_goes_on_with_what_is_left(whole: tuple[Store, Path], tmp_path: Path) -> None:
    """The epoch's 28 samples end with step 4: where two ranks stopped after step 2, one takes the other 12, in two steps."""
    store, undisturbed = whole
    for part in ("beginning", "checkpoints/step-000002"):
        shutil.copytree(undisturbed / part, tmp_path / "out" / part)
    shutil.copy(undisturbed / "metrics.jsonl", tmp_path / "out")
    steps: list[Figures] = []
    train(store, tmp_path / "out", steps.append, steps=5, ranks=1, resume=True)
    assert [(step["step"], step["epoch"], step["samples"]) for step in steps if step["step"] > 2] == [(3, 0, 24), (4, 0, 28), (5, 1, 36)]
    assert losses(tmp_path / "out") == sorted(losses(tmp_path / "out"), reverse=True)


def test_a_hostfile_of_this_machine_needs_no_ssh(whole: tuple[Store, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DeepSpeed would ask the first machine for its address by ssh."""
    (tmp_path / "hosts").write_text("localhost slots=2\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    train(whole[0], tmp_path / "out", steps=1, hostfile=str(tmp_path / "hosts"))
    assert losses(tmp_path / "out") == pytest.approx(losses(whole[1])[:1], rel=1e-6)


def test_a_loss_that_is_no_number_stops_the_job(whole: tuple[Store, Path], tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"The (loss|gradient's norm) is (nan|inf) at step \d: training stopped"):
        train(whole[0], tmp_path / "out", ranks=1, learning_rate=1e30, clip=1e30)


def test_a_store_without_episodes_is_said(tmp_path: Path, shelve: Callable[[list[int], int], Store]) -> None:
    with pytest.raises(UnknownName, match="holds no trajectories to learn from"):
        train(shelve([1], 8), tmp_path / "out", ranks=1)


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played_store: Store) -> None:
    monkeypatch.setattr("tasks.teaching.launching.NEEDED", ("torch", "a_package_that_is_not_there"))
    with pytest.raises(InvalidInput, match="Training needs a_package_that_is_not_there"):
        train(played_store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_setting_of_an_order_is_one_of_the_job() -> None:
    order = TrainOrder()
    settings = SftSettings.model_validate(settings_of(order, "loom", "out", "run"))
    assert settings.selection.asked() == {"split": ("train",), "least_reward": 1.0, "masked": False}
    for name in SftSettings.model_fields.keys() & TrainOrder.model_fields.keys() - {"out", "learning_rate"}:
        assert getattr(settings, name) == getattr(order, name), name
    assert settings.learning_rate == RATES["sft"]
