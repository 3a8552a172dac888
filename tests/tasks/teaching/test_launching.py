"""How a training job is started, and what is told when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artifacts.errors import InvalidInput, TerminalError
from tasks.teaching.cards import MOST_ROWS, summary, table
from tasks.teaching.launching import command_of, environment_of, failure_in
from tasks.teaching.order import TrainOrder


def figures(step: int) -> dict[str, float]:
    names = ("epoch", "loss", "learning_rate", "gradient", "samples", "tokens", "read", "rows", "too_long", "seconds")
    return {"step": step, **dict.fromkeys(names, 1.0)}


def test_deepspeed_launches_the_ranks() -> None:
    command = " ".join(command_of(TrainOrder(ranks=3), Path("out/settings.json"), 29500))
    assert "-m deepspeed.launcher.runner" in command
    assert command.endswith("--num_gpus 3 --master_port 29500 --no_local_rank --module training.sft out/settings.json")
    assert "--hostfile hosts" in " ".join(command_of(TrainOrder(hostfile="hosts"), Path("s"), 1))


def test_on_a_cpu_no_device_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = environment_of(TrainOrder(device="cpu", ranks=64))
    assert (found["DS_ACCELERATOR"], found["OMP_NUM_THREADS"], found["WORLDLOOM_WATCHED"]) == ("cpu", "1", "1")
    monkeypatch.delenv("DS_ACCELERATOR", raising=False)
    assert "DS_ACCELERATOR" not in environment_of(TrainOrder(device="cuda"))


def test_a_jobs_own_words_are_told(tmp_path: Path) -> None:
    (tmp_path / "failure.json").write_text(json.dumps({"kind": "InvalidInput", "message": "No.", "hint": "Do."}))
    error = failure_in(tmp_path, 1)
    assert (type(error), error.message, error.hint) == (InvalidInput, "No.", "Do.")


def test_where_there_are_none_the_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("Traceback\nMemoryError: 3 GB\n[x] [INFO] killing\n")
    error = failure_in(tmp_path, 1)
    assert isinstance(error, TerminalError)
    assert error.message == "The training job ended with 1: MemoryError: 3 GB"


def test_a_long_run_has_a_short_table() -> None:
    steps = [figures(step) for step in range(1, 1001)]
    rows = table(steps)
    assert (len(rows), rows[0]["step"], rows[-1]["step"]) == (MOST_ROWS, 1, 1000)
    assert "step 1000 of 1000" in summary(TrainOrder(steps=1000), steps, "out")
    assert "No step was taken" in summary(TrainOrder(), [], "out")
