"""Up, look, mend, down: a real server and real workers, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from artifacts.errors import InvalidInput, ServerUnavailable
from tasks.operations.declared import PACKAGING, Held, declared_deployments, factory, name_of, tailored_to, triggers_of
from tasks.operations.processes import Started, running, start, stop
from tasks.operations.service import Wanted, down, read, status, up


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def post(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = httpx.post(f"{url}{path}", json=body or {}, timeout=30)
    answer.raise_for_status()
    return answer.json()


PACKAGES = "Package worlds when they are sealed"


def automations(url: str) -> dict[str, bool]:
    """The automations by name, and whether each is on."""
    return {one["name"]: one["enabled"] for one in post(url, "/automations/filter")}


def switch(url: str, path: str, **settings: Any) -> None:
    """What a switch in the UI sends; again while the server is too busy, which it is wherever another transaction writes meanwhile."""
    while (answer := httpx.patch(f"{url}{path}", json=settings, timeout=30)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        time.sleep(0.2)
    answer.raise_for_status()


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wanted]:
    """A store of its own, on a free port; whatever a test leaves running is stopped."""
    folder = tmp_path_factory.mktemp("service")
    asked = Wanted(str(folder / "loom"), folder / "loom" / ".worldloom", port=free_port())
    yield asked
    down(asked.home)


@pytest.mark.xdist_group("service")
def test_one_command_brings_everything_up_and_again_changes_nothing(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    service, applied = up(wanted, told.append)
    assert [one.role for one in service.processes] == ["server", "worker-1"]
    assert all(running(one) for one in service.processes)
    assert len(told) == 3
    names = {name_of(deployment) for deployment in declared_deployments()}
    flows = {flow["id"]: flow["name"] for flow in post(service.api_url, "/flows/filter")}
    held = post(service.api_url, "/deployments/filter")
    assert {f"{flows[deployment['flow_id']]}/{deployment['name']}" for deployment in held} == names == set(applied.deployments)
    assert {schedule["slug"] for deployment in held for schedule in deployment["schedules"]} == {
        schedule["slug"] for deployment in declared_deployments() for schedule in deployment.get("schedules") or ()
    }
    assert {automation["name"] for automation in post(service.api_url, "/automations/filter")} >= {a["name"] for a in factory().automations}
    assert {pool["name"] for pool in post(service.api_url, "/work_pools/filter")} >= {pool.name for pool in factory().work_pools}
    assert applied.left_out == (PACKAGES,), "without an engine every batch of worlds would give a failed run"
    assert PACKAGES not in automations(service.api_url)
    monkeypatch.setattr("tasks.operations.service.engine_answers", lambda: True)
    before = automations(service.api_url)
    again, applied = up(wanted)
    assert again == service
    assert (applied.left_out, automations(service.api_url)) == ((), {**before, PACKAGES: True})
    found = status(wanted.home)
    assert found is not None
    assert (found.healthy, len(found.running)) == (True, 2)


@pytest.mark.xdist_group("service")
def test_what_is_declared_no_more_goes_and_what_people_chose_stays(wanted: Wanted) -> None:
    service, _ = up(wanted)
    url = service.api_url
    flow = post(url, "/flows/", {"name": "bygone"})
    post(url, "/deployments/", {"name": "old", "flow_id": flow["id"], "tags": ["worldloom"]})
    post(url, "/deployments/", {"name": "somebody-elses", "flow_id": flow["id"]})
    (nightly,) = (d for d in post(url, "/deployments/filter") if d["name"] == "nightly")
    hourly = {"schedule": {"interval": 3600}, "slug": "hourly"}
    httpx.post(f"{url}/deployments/{nightly['id']}/schedules", json=[hourly], timeout=30).raise_for_status()
    (targets,) = (v for v in post(url, "/variables/filter") if v["name"] == "worldloom_targets")
    switch(url, f"/variables/{targets['id']}", value={"worlds": 77})
    switch(url, f"/deployments/{nightly['id']}", paused=True)
    (weekly,) = (d for d in post(url, "/deployments/filter") if d["name"] == "weekly")
    (schedule,) = weekly["schedules"]
    switch(url, f"/deployments/{weekly['id']}/schedules/{schedule['id']}", active=False)
    for automation in post(url, "/automations/filter"):
        switch(url, f"/automations/{automation['id']}", enabled=False)
    _, applied = up(wanted)
    assert set(applied.removed) == {"bygone/old", "synthesize/nightly: hourly"}
    assert "somebody-elses" in {deployment["name"] for deployment in post(url, "/deployments/filter")}
    (targets,) = (v for v in post(url, "/variables/filter") if v["name"] == "worldloom_targets")
    assert targets["value"] == {"worlds": 77}
    held = {deployment["name"]: deployment for deployment in post(url, "/deployments/filter")}
    assert applied.paused == ("synthesize/nightly",)
    assert [name for name, deployment in held.items() if deployment["paused"]] == ["nightly"]
    assert [schedule["active"] for schedule in held["weekly"]["schedules"]] == [False]
    assert set(automations(url).values()) == {False}
    switch(url, f"/deployments/{nightly['id']}", paused=False)


@pytest.mark.xdist_group("service")
def test_what_was_killed_is_started_again(wanted: Wanted) -> None:
    service, _ = up(wanted)
    for one in service.processes:
        os.kill(one.pid, signal.SIGKILL)
        process = running(one)
        if process is not None:
            process.wait(20)
    found = status(wanted.home)
    assert found is not None
    assert (found.healthy, found.running) == (False, ())
    mended, _ = up(wanted)
    assert all(running(one) for one in mended.processes)
    assert {one.pid for one in mended.processes}.isdisjoint({one.pid for one in service.processes})
    more, _ = up(wanted._replace(workers=2))
    assert [one.role for one in more.processes] == ["server", "worker-1", "worker-2"]
    fewer, _ = up(wanted._replace(workers=0))
    assert [one.role for one in fewer.processes] == ["server"]
    assert not [one for one in more.processes[1:] if running(one)]


@pytest.mark.xdist_group("service")
def test_down_stops_exactly_what_up_started(wanted: Wanted) -> None:
    service, _ = up(wanted)
    bystander = start("bystander", ["sleep", "600"], os.environ, wanted.home / "bystander.log")
    whole = [
        member.pid for one in service.processes for member in [psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)]
    ]
    assert {one.role for one in down(wanted.home)} == {"server", "worker-1"}
    assert not [pid for pid in whole if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert running(bystander)
    stop([bystander])
    assert (down(wanted.home), status(wanted.home), read(wanted.home)) == ((), None, None)


def test_what_is_put_on_a_server_keeps_what_people_chose_there() -> None:
    packaging = next(one for one in declared_deployments() if name_of(one) == PACKAGING)
    assert tailored_to(packaging, Held(), packages=False)["triggers"] == []
    there = Held(frozenset([PACKAGING]), {PACKAGES: False})
    for packages in (True, False):
        kept = tailored_to(packaging, there, packages)
        assert (kept["paused"], [one["enabled"] for one in kept["triggers"]]) == (True, [False])
    plain = tailored_to(packaging, Held(), packages=True)
    assert ("paused" in plain, triggers_of([plain])) == (False, [PACKAGES])
    assert packaging == next(one for one in declared_deployments() if name_of(one) == PACKAGING), "what is declared is not changed"


def test_a_later_process_of_the_same_number_is_not_ours(tmp_path: Path) -> None:
    started = start("sleeper", ["sleep", "600"], os.environ, tmp_path / "log")
    other = started.model_copy(update={"began": started.began - 60})
    assert running(started)
    assert running(other) is None
    assert stop([other]) == ()
    assert stop([started]) == (started,)
    assert running(started) is None


def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    started = start("parent", ["python3", "-c", code], os.environ, tmp_path / "log")
    parent = psutil.Process(started.pid)
    while not (children := parent.children()):
        os.sched_yield()
    (child,) = children
    assert stop([started]) == (started,)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_port_in_use_and_a_server_that_does_not_answer_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        with pytest.raises(InvalidInput, match=f"Port {port} of 127.0.0.1 is in use"):
            up(Wanted(str(tmp_path), tmp_path / "home", port=port))
    with pytest.raises(ServerUnavailable, match="No Prefect server answers"):
        up(Wanted(str(tmp_path), tmp_path / "home", api_url=f"http://127.0.0.1:{free_port()}/api"))
    assert read(tmp_path / "home") is None


def test_a_database_that_cannot_be_reached_is_told_with_its_reason(tmp_path: Path) -> None:
    database = f"postgresql+asyncpg://nobody:nothing@127.0.0.1:{free_port()}/none"
    asked = Wanted(str(tmp_path), tmp_path / "home", port=free_port(), database=database)
    with pytest.raises(ServerUnavailable, match="stopped while starting"):
        up(asked)
    down(asked.home)


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text("{")
    with pytest.raises(InvalidInput, match="damaged"):
        status(tmp_path)


def test_the_record_of_a_process_survives_a_round_trip() -> None:
    one = Started(role="server", pid=1, began=1.5, log="x")
    assert Started.model_validate_json(one.model_dump_json()) == one
