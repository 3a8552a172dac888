"""The same worlds from every runner: threads, and the engines that Prefect has task runners for, on local clusters of processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from artifacts.errors import UserError
from artifacts.store import Store, open_store
from tasks.job.order import Order
from tasks.job.runners import check_runner, in_hand, placed
from tasks.job.tally import STAGES
from tasks.job.workflow_server import LocalServer, recorded_task_runs

NAMES = ("Veterinary clinic", "Tool lending library")
Weave = Callable[[str], Store]


@pytest.fixture(scope="module")
def weave(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Weave:
    """Weave the two worlds with a runner, once."""
    folder = tmp_path_factory.mktemp("runners")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    environment = {**kept, "PREFECT_API_URL": server.url, "COLUMNS": "160"}

    def run(runner: str) -> Store:
        if not (folder / runner).exists():
            command = [str(Path(sys.executable).with_name("worldloom")), "synthesize", *NAMES, "--tasks-per-world", "3", "--json"]
            command += ["--max-concurrency", "2", "--runner", runner, "--store", runner]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
            assert json.loads(done.stdout)["sealed"] == 2
        return open_store(folder / runner, create=False)

    return run


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("runner", ["thread", "dask", "ray"])
def test_every_runner_makes_the_same_worlds_and_leaves_nothing_behind(weave: Weave, server: LocalServer, runner: str) -> None:
    woven = weave(runner)
    assert {world.name: world.digest for world in woven.worlds()} == {world.name: world.digest for world in weave("process").worlds()}
    run_id = woven.scan("runs").collect()["run_id"][0]
    counted = httpx.post(f"{server.url}/task_runs/count", json={"flow_runs": {"id": {"any_": [run_id]}}}).json()
    assert counted == recorded_task_runs(server.url, run_id) == 2 * (len(STAGES) + 2) + 2
    assert [process for process in psutil.process_iter(["cmdline"]) if str(woven.home) in " ".join(process.info["cmdline"] or ())] == []


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (Order(), ("process", None)),
        (Order(model="openai/gpt-5"), ("thread", None)),
        (Order(runner="thread"), ("thread", None)),
        (Order(model="openai/gpt-5", runner="process"), ("process", None)),
        (Order(runner="dask"), ("dask", None)),
        (Order(runner="dask=tcp://10.0.0.5:8786"), ("dask", "tcp://10.0.0.5:8786")),
        (Order(runner="ray=ray://head:10001"), ("ray", "ray://head:10001")),
    ],
)
def test_the_runner_is_chosen_by_the_model_unless_it_is_named(order: Order, kind: tuple[str, str | None]) -> None:
    assert placed(order) == kind
    assert in_hand(order) - order.width == (kind[0] != "thread")


@pytest.mark.parametrize("runner", ["moon", "dask=", "process=2", "ray tcp://x", ""])
def test_a_runner_that_is_none_is_refused(runner: str) -> None:
    with pytest.raises(ValueError, match="runner"):
        Order(runner=runner)


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_an_engine_that_is_not_installed_is_told_with_what_to_install(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"prefect_{kind}", None)
    with pytest.raises(UserError, match=rf"'{kind}' is not installed.*pip install 'worldloom\[{kind}\]'"):
        check_runner(Order(runner=kind))
    check_runner(Order())
