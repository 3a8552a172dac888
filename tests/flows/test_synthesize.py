"""The factory end to end, as a user runs it: worlds, manifests, resuming, and the record in the workflow server."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from artifacts.store import Store, open_store
from tasks.job.tally import STAGES
from tasks.job.workflow_server import LocalServer, recorded_task_runs

Command = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.xdist_group("server")

NAMES = ("Veterinary clinic", "Tool lending library", "Model railway club")
SMALL = ("--tasks-per-world", "3")
LONG_ENOUGH = 240


class Woven:
    """A store that a run has filled, and what the run said."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.server = server
        self.first = self.run(*NAMES, *SMALL, "--json")

    def run(self, *arguments: str, store: str = "loom") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("worldloom")), "synthesize", *arguments, "--store", store]
        return subprocess.run(command, cwd=self.folder, env=environment(self.server), capture_output=True, text=True, check=False)

    def store(self, name: str = "loom") -> Store:
        return open_store(self.folder / name, create=False)


def environment(server: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    return {**kept, "PREFECT_API_URL": server, "COLUMNS": "160"}


def digests(store: Store) -> dict[str, str]:
    return {summary.name: summary.digest for summary in store.worlds()}


def journaled(folder: Path) -> set[str]:
    """The requests that the journal of a store holds an answer to."""
    path = folder / ".worldloom/journal.sqlite"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        try:
            return {digest for (digest,) in connection.execute("SELECT digest FROM answers")}
        except sqlite3.OperationalError:  # the table is not there yet
            return set()


@pytest.fixture(scope="module")
def woven(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Woven:
    return Woven(tmp_path_factory.mktemp("woven"), server.url)


def test_every_name_becomes_a_sealed_world_of_full_size(woven: Woven) -> None:
    assert woven.first.returncode == 0, woven.first.stderr
    assert woven.first.stderr == ""
    summary = json.loads(woven.first.stdout)
    assert (summary["planned"], summary["sealed"], summary["rejected"], summary["unfinished"]) == (3, 3, 0, 0)
    worlds = woven.store().worlds()
    assert {world.name for world in worlds} == set(NAMES)
    assert all(world.tables >= 8 and world.rows >= 60 and world.tools >= 16 and world.tasks == 3 for world in worlds)
    assert sorted(path.name for path in (woven.folder / "loom/worlds").iterdir()) == sorted(world.world_id for world in worlds)


def test_the_manifests_tell_the_whole_story(woven: Woven) -> None:
    store = woven.store()
    attempts = store.scan("attempts").collect()
    assert set(attempts["stage"]) == set(STAGES)
    assert attempts["draft_id"].n_unique() == 3
    assert attempts["input_tokens"].null_count() == attempts["output_tokens"].null_count() == 0
    verdicts = store.scan("verdicts").collect()
    assert set(verdicts["verdict"]) == {"pass"}
    assert store.scan("agent_tasks").collect().height == 9
    runs = store.scan("runs").collect().sort("state")
    assert runs["state"].to_list() == ["completed", "started"]
    assert runs["sealed"].to_list() == [3, None]
    edges = store.scan("lineage").filter(pl.col("relation") == "world<-run").collect()
    assert edges.height == 3


def test_every_task_run_of_the_job_is_on_record_in_a_final_state(woven: Woven) -> None:
    run_id = woven.store().scan("runs").collect()["run_id"][0]
    answer = httpx.post(f"{woven.server}/task_runs/count", json={"flow_runs": {"id": {"any_": [run_id]}}})
    stages = len(STAGES) + 2  # those that write, the one that seals, and the one around them
    assert answer.json() == recorded_task_runs(woven.server, run_id) == 3 * stages + 2  # and planning, and publishing
    flow_run = httpx.get(f"{woven.server}/flow_runs/{run_id}").json()
    assert flow_run["state_type"] == "COMPLETED"


def test_a_second_run_calls_no_model_and_changes_no_world(woven: Woven) -> None:
    before, asked = woven.store().snapshot(), journaled(woven.folder / "loom")
    done = woven.run(*NAMES, *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["known"], summary["sealed"], summary["model_calls"], summary["recalled"]) == (3, 0, 0, 0)
    after = woven.store().snapshot()
    for table in ("worlds", "agent_tasks", "tools", "verdicts", "attempts", "lineage"):
        assert after.parts_of(table) == before.parts_of(table)
    assert journaled(woven.folder / "loom") == asked


def test_another_store_and_another_order_give_the_same_digests(woven: Woven) -> None:
    done = woven.run(*reversed(NAMES), *SMALL, "--max-concurrency", "1", "--quiet", store="other")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert digests(woven.store("other")) == digests(woven.store())


def killed_when(woven: Woven, store: str, ready: Callable[[Path], bool]) -> list[int]:
    """Start the run, kill it with -9 as soon as the condition holds, and give the processes that it had started."""
    folder = woven.folder / store
    command = [str(Path(sys.executable).with_name("worldloom")), "synthesize", *NAMES, *SMALL, "--store", store, "--json"]
    with subprocess.Popen(command, cwd=woven.folder, env=environment(woven.server), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        deadline = time.monotonic() + LONG_ENOUGH
        while not ready(folder) and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        offspring = children_of(run.pid)
        run.send_signal(signal.SIGKILL)
        run.wait()
    return offspring


def children_of(pid: int) -> list[int]:
    """The processes whose parent is this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found


def ended(pids: list[int]) -> bool:
    """Whether all of these processes end within the time that is long enough."""
    deadline = time.monotonic() + LONG_ENOUGH
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def bundles(folder: Path) -> int:
    return len(list((folder / "worlds").glob("*"))) if (folder / "worlds").exists() else 0


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "first-answer": lambda folder: len(journaled(folder)) >= 1,
    "half-way": lambda folder: len(journaled(folder)) >= 11,
    "first-bundle": lambda folder: bundles(folder) >= 1,
    "last-snapshot": lambda folder: len(list((folder / "snapshots").glob("*.json"))) >= 2 if (folder / "snapshots").exists() else False,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_the_next_run_ends_with_the_same_worlds(woven: Woven, moment: str) -> None:
    store = f"killed-{moment}"
    assert ended(killed_when(woven, store, MOMENTS[moment])), "no process outlives the run"
    paid = journaled(woven.folder / store)
    done = woven.run(*NAMES, *SMALL, "--json", store=store)
    assert done.returncode == 0, done.stderr
    again, whole = woven.store(store), woven.store()
    assert digests(again) == digests(whole)
    assert journaled(woven.folder / store) == journaled(woven.folder / "loom") >= paid
    for table, key in (("worlds", "world_id"), ("agent_tasks", "task_id"), ("attempts", "attempt_id")):
        rows = again.scan(table).collect()
        assert rows.height == rows[key].n_unique() == whole.scan(table).collect().height
    whole_bundles = {path.name for path in (woven.folder / store / "worlds").glob("[!.]*")}
    assert whole_bundles == {world.world_id for world in again.worlds()}


def test_ctrl_c_publishes_what_is_sealed_and_the_next_run_does_the_rest(woven: Woven) -> None:
    arguments = (*NAMES, "--worlds", "9", *SMALL)
    command = [str(Path(sys.executable).with_name("worldloom")), "synthesize", *arguments, "--store", "stopped", "--max-concurrency", "1"]
    with subprocess.Popen(command, cwd=woven.folder, env=environment(woven.server), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        said = list(until(run.stdout, "[1/9] sealed"))
        run.send_signal(signal.SIGINT)
        said += run.stdout.readlines()
        code = run.wait()
    assert code == 130
    assert "Run the same command again to resume" in "".join(said)
    published = digests(woven.store("stopped"))
    assert len(published) == sum("] sealed " in line for line in said)
    assert 1 <= len(published) < 9
    done = woven.run(*arguments, "--json", store="stopped")
    summary = json.loads(done.stdout)
    assert (summary["known"], summary["sealed"]) == (len(published), 9 - len(published))
    assert digests(woven.store("stopped")).items() >= digests(woven.store()).items()


def until(lines: Any, beginning: str) -> Iterator[str]:
    """The lines up to the one that begins so."""
    for line in lines:
        yield line
        if line.startswith(beginning):
            return


def test_a_model_that_errs_is_corrected_and_nothing_slips_through(woven: Woven) -> None:
    done = woven.run("--worlds", "6", *SMALL, "--fault-rate", "0.3", "--json", store="faulty")
    assert done.returncode in (0, 3), done.stderr
    summary = json.loads(done.stdout)
    assert summary["sealed"] + summary["rejected"] == summary["planned"] == 6
    assert summary["unfinished"] == 0
    attempts = woven.store("faulty").scan("attempts").collect()
    assert attempts.filter(~pl.col("accepted"))["draft_id"].n_unique() >= 1
    assert attempts.filter(pl.col("mistake").is_not_null()).height >= 1
    command = [str(Path(sys.executable).with_name("worldloom")), "audit", "--store", "faulty", "--json"]
    audit = subprocess.run(command, cwd=woven.folder, env=environment(woven.server), capture_output=True, text=True, check=True)
    judged = json.loads(audit.stdout)
    assert len(judged) == summary["sealed"]
    assert all(each["agrees"] and each["passed"] == each["gates"] for each in judged)
