"""GRPO by one rank, in this process: what a step may do, and how it stops."""

from __future__ import annotations

import json
import resource
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.distributed as dist

from artifacts import commits
from artifacts.errors import DiskFull, ModelUnavailable, TerminalError
from artifacts.rows import merged, row_of_world, rows_of_agent_tasks
from artifacts.store import Store, open_store
from artifacts.toolset import Tool
from artifacts.world import World
from tasks.teaching.order import TrainOrder, settings_of
from training import checkpoints, crew
from training.decoder import load_policy
from training.grpo import Grpo
from training.settings import GrpoSettings

pytestmark = [pytest.mark.xdist_group("training"), pytest.mark.timeout(240), pytest.mark.filterwarnings("default")]  # DeepSpeed warns

SMALL: dict[str, Any] = {
    "job": "grpo",
    "environments": 16,
    "group": 4,
    "form": "native",
    "max_turns": 3,
    "reply": 16,
    "length": 512,
    "micro": 4,
    "learning_rate": 5e-4,
    "save_every": 1,
    "steps": 1,
    "split": ("train", "validation", "test"),
}

Figures = list[dict[str, Any]]
Practise = Callable[..., Figures]


@pytest.fixture(scope="module", autouse=True)
def _alone() -> Iterator[None]:
    """A job of one rank, on the CPU."""
    with pytest.MonkeyPatch.context() as patch, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        own = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in {**own, "DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}.items():
            patch.setenv(name, str(value))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        crew.meet()
        yield
        dist.destroy_process_group()
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def practise(tmp_path_factory: pytest.TempPathFactory, a_practice: Any) -> Practise:
    """Runs a job in a folder, and gives its figures."""
    loom = tmp_path_factory.mktemp("alone") / "loom"
    shutil.copytree(a_practice.store.url, loom)

    def run(out: Path, store: Store | None = None, **more: Any) -> Figures:
        out.mkdir(exist_ok=True)
        order = TrainOrder(**{**SMALL, "base": str(a_practice.base), **more})
        settings = settings_of(order, str(loom) if store is None else store.url, str(out), f"run-{out.name}")
        Grpo(GrpoSettings.model_validate(settings)).run()
        return figures(out)

    return run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, practise: Practise) -> Path:
    """The folder of a job of two steps, each with a checkpoint."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    practise(out, steps=2)
    return out


def figures(out: Path) -> Figures:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_step_may_be_learned_from_in_several_updates(undisturbed: Path, practise: Practise, tmp_path: Path) -> None:
    """The second update learns what an older policy said: its weights leave 1, and the distance is no longer 0."""
    (once,), (twice,) = figures(undisturbed)[:1], practise(tmp_path / "out", updates=2, learning_rate=5e-3)
    same = ("groups", "dropped", "turns", "tokens", "reward")
    assert [twice[name] for name in same] == [once[name] for name in same]
    assert (once["weight"], once["distance"]) == (pytest.approx(1.0, abs=1e-4), pytest.approx(0.0, abs=1e-6))
    assert abs(twice["weight"] - 1) > 1e-3
    assert twice["distance"] > 1e-4


def test_a_job_may_compute_in_bfloat16(practise: Practise, tmp_path: Path) -> None:
    """Words are drawn and learned in one precision: their weights stay close to 1."""
    (step,) = practise(tmp_path / "out", bf16=True)
    assert step["turns"] > 0
    assert step["weight"] == pytest.approx(1.0, abs=0.02)
    assert load_policy(tmp_path / "out/checkpoints/step-000001/policy").dtype == torch.bfloat16


def test_weights_that_are_no_numbers_stop_the_job(a_practice: Any, practise: Practise, tmp_path: Path) -> None:
    """They would break every reply, and groups whose rewards are all equal teach nothing: the job would go on for ever."""
    shutil.copytree(a_practice.base, tmp_path / "base")
    model = load_policy(tmp_path / "base")
    with torch.no_grad():
        next(model.parameters())[0, 0] = torch.nan
    model.save_pretrained(str(tmp_path / "base"))
    with pytest.raises(TerminalError, match="chances that are no numbers"):
        practise(tmp_path / "out", base=str(tmp_path / "base"))
    assert figures(tmp_path / "out") == []


def test_a_full_disk_at_a_checkpoint_is_one_line_and_the_job_goes_on(undisturbed: Path, practise: Practise, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    shutil.rmtree(out / "checkpoints/step-000002")
    with room(kilobytes=64), pytest.raises(DiskFull, match="checkpoints cannot be written: is the disk full"):
        practise(out, steps=2, resume=True)
    kept = checkpoints.newest(out)
    assert kept is not None
    assert kept.step == 1
    again, before = practise(out, steps=2, resume=True), figures(undisturbed)
    timeless = ("step", "epoch", "samples", "groups", "dropped", "turns", "tokens", "reward")
    assert [[row[name] for name in timeless] for row in again] == [[row[name] for name in timeless] for row in before]
    assert [row["gradient"] for row in again] == pytest.approx([row["gradient"] for row in before], abs=1e-4)


def test_of_older_checkpoints_the_policy_stays(undisturbed: Path, practise: Practise, tmp_path: Path) -> None:
    """The job goes on from the newest one."""
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    practise(out, steps=3, keep=1, resume=True)
    assert [path.name for path in sorted((out / "checkpoints/step-000002").iterdir())] == ["policy"]
    load_policy(out / "checkpoints/step-000002/policy")
    assert checkpoints.newest(out) is not None
    assert len(practise(out, steps=4, keep=1, resume=True)) == 4


@contextmanager
def room(kilobytes: int) -> Iterator[None]:
    """No file may grow beyond this: the system refuses the write, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_server_that_dies_in_the_middle_of_a_step_stops_the_job(practise: Practise, tmp_path: Path) -> None:
    """It has answered some prompts by then; nothing of the step counts."""
    Dying.left = 7
    with serving() as url, pytest.raises(ModelUnavailable, match="does not answer: Server disconnected"):
        practise(tmp_path / "out", endpoint=url)
    assert Dying.left <= 0
    assert (figures(tmp_path / "out"), checkpoints.newest(tmp_path / "out")) == ([], None)


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server that dies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Dying) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Dying(BaseHTTPRequestHandler):
    """Answers as vLLM does, until it answers nothing."""

    left: ClassVar[int] = 0

    def do_GET(self) -> None:
        """The model's name."""
        self._answer({"data": [{"id": "policy"}]})

    def do_POST(self) -> None:
        """An end mark for every prompt."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/v1/completions":
            Dying.left -= 1
        if Dying.left > 0:
            self._answer({"choices": [{"token_ids": [1], "logprobs": {"token_logprobs": [-0.5]}}]})
        else:
            self.close_connection = True

    def _answer(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def test_a_world_that_errors_is_masked_and_never_a_zero(practise: Practise, tmp_path: Path, a_note_world: Callable[[int], World]) -> None:
    """Half of the 96 episodes have no reward: the means are over the other 48, so many that some succeed."""
    store = a_store_of(tmp_path / "half", a_note_world(0), broken(a_note_world(1)))
    (step,) = practise(tmp_path / "out", store, environments=96, group=16, refills=0)
    assert (step["groups"], step["masked"]) == (6, 48)
    assert step["reward"] > 0
    assert step["reward"] * 48 == pytest.approx(round(step["reward"] * 48), abs=1e-6)
    store = a_store_of(tmp_path / "all", broken(a_note_world(0)))
    with pytest.raises(TerminalError, match="No episode of step 1 could be played: every environment failed"):
        practise(tmp_path / "none", store, environments=12)


def a_store_of(folder: Path, *worlds: World) -> Store:
    store = open_store(folder)
    now = datetime.now(UTC)
    rows = [{"worlds": [row_of_world(w, w.id, "run", now)], "agent_tasks": rows_of_agent_tasks(w, "run", now)} for w in worlds]
    commits.commit(store.files, merged(rows), now)
    return store


def broken(world: World) -> World:
    """The same world with a tool whose own rule fails."""
    step = {"run": "UPDATE notes SET text = 'x' WHERE id = 99", "expect": 1}
    plain = world.tools[0].model_dump(mode="json", by_alias=True)
    return world.model_copy(update={"tools": (Tool.model_validate({**plain, "program": [step, *plain["program"]]}),)})
