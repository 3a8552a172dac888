"""How a training job is started, and what is told when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artifacts.errors import InvalidInput, TerminalError
from tasks.teaching.cards import MOST_ROWS, summary, table
from tasks.teaching.hostfile import hosts_in
from tasks.teaching.launching import command_of, environment_of, failure_in, hosts_of, launch
from tasks.teaching.order import TrainOrder, settings_of


def figures(step: int) -> dict[str, float]:
    names = ("epoch", "loss", "learning_rate", "gradient", "samples", "tokens", "read", "rows", "too_long", "seconds")
    return {"step": step, **dict.fromkeys(names, 1.0)}


def test_deepspeed_launches_the_ranks() -> None:
    command = " ".join(command_of(TrainOrder(ranks=3), (), Path("out/settings.json"), 29500))
    assert "-m deepspeed.launcher.runner" in command
    assert command.endswith("--num_gpus 3 --master_port 29500 --no_local_rank --module training.sft out/settings.json")


@pytest.mark.parametrize(
    ("text", "names", "reached"), [("# ours\na slots=4\n\nb slots=2\n", ("a", "b"), True), ("localhost slots=2\n", ("localhost",), False)]
)
def test_a_hostfile_names_the_machines(tmp_path: Path, text: str, names: tuple[str, ...], reached: bool) -> None:
    """Where this machine alone is named, nothing is asked by ssh."""
    path = tmp_path / "hosts"
    path.write_text(text)
    assert hosts_in(path, ranks=2) == names
    command = command_of(TrainOrder(ranks=2, hostfile=str(path)), names, Path("s"), 1)
    assert command[command.index("--hostfile") + 1] == str(path)
    assert ("--master_addr" not in command) == ("--no_ssh_check" not in command) == reached


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("# nothing\n", "names no machine"),
        ("a slots=2\nb: 2\n", "has no machine in line 2: b: 2"),
        ("a slots=2\na slots=2\n", "names a twice"),
        ("a slots=2\nb slots=1\n", "b has 1 slots in .*, and 2 ranks are asked for"),
        ("a slots=0\n", "has no machine in line 1"),
    ],
)
def test_a_bad_hostfile_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    """DeepSpeed itself goes on without a file that is missing, on this machine alone."""
    path = tmp_path / "hosts"
    if text is not None:
        path.write_text(text)
    order = TrainOrder(ranks=2, hostfile=str(path))
    with pytest.raises(InvalidInput, match=said):
        launch(order, settings_of(order, "loom", str(tmp_path / "out"), "run"), lambda _figures: None)
    assert not (tmp_path / "out").exists()


def test_other_machines_need_pdsh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts").write_text("localhost slots=1\nfar slots=1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInput, match="pdsh: it is not installed"):
        hosts_of(TrainOrder(hostfile=str(tmp_path / "hosts")))


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
