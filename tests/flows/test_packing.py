"""The flow that makes images: what it is asked for, what it finds there, and what it says where it has nothing to build with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from artifacts.errors import ServerUnavailable, UnknownName
from artifacts.rows import rows_of_draft
from artifacts.store import Store, open_store
from artifacts.verdict import Pass
from containers.packaging.conformance import PREFIX, SHOP_WORLD
from containers.packaging.engine import connect
from flows.packing import NO_ENGINE, NOTHING_TO_DO, package, parts, wanted
from tasks.job.workflow_server import LocalServer, settings_in_force
from tasks.packing.order import PackageOrder

pytestmark = pytest.mark.xdist_group("server")

ORDER = PackageOrder(tag=PREFIX)
WHEN = datetime(2026, 3, 2, tzinfo=UTC)


POOL = Path(__file__).parents[2] / "tasks/operations/docker-pool.json"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = open_store(tmp_path / "loom")
    found.publish(SHOP_WORLD)
    found.commit(rows_of_draft("draft", [Pass(gate="tried")], [], SHOP_WORLD, run_id="run-1", created_at=WHEN))
    return found


@pytest.fixture
def recorded(server: LocalServer) -> Iterator[str]:
    """The address of the workflow server, in force."""
    with settings_in_force({"PREFECT_API_URL": server.url, "DO_NOT_TRACK": "1"}):
        yield server.url


def image_row(tag: str) -> dict[str, object]:
    digests = {"image_digest": "sha256:1", "layer_digest": "sha256:2", "base_digest": "sha256:3", "architecture": "amd64"}
    sizes = {"layer_bytes": 1, "size_bytes": 2, "build_seconds": None, "pushed_digest": None}
    return {"world_id": SHOP_WORLD.id, **digests, "tags": [tag], **sizes, "run_id": "run-1", "created_at": WHEN}


def test_worlds_that_have_an_image_of_that_name_are_left_out(store: Store) -> None:
    assert wanted(store, ORDER) == [SHOP_WORLD.id]
    store.commit({"images": [image_row("elsewhere/shop:1")]})
    assert wanted(store, ORDER) == [SHOP_WORLD.id]
    store.commit({"images": [{**image_row(f"{PREFIX}/shop:1"), "image_digest": "sha256:4"}]})
    assert wanted(store, ORDER) == []
    assert wanted(store, PackageOrder(worlds=("shop",), tag=PREFIX)) == [SHOP_WORLD.id]
    with pytest.raises(UnknownName, match="no-such"):
        wanted(store, PackageOrder(worlds=("no-such",)))


def test_worlds_come_in_few_batches() -> None:
    assert [len(part) for part in parts([str(number) for number in range(130)])] == [64, 64, 2]


def test_no_engine_is_the_name_of_the_state(store: Store, recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    state = package(ORDER, store.url, return_state=True)
    assert (state.type.value, state.name) == ("FAILED", NO_ENGINE)
    assert state.message is not None
    assert state.message.startswith("No Docker Engine answers")
    assert "1 worlds wait" in state.message


def test_nothing_to_do_needs_no_engine(store: Store, recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    store.commit({"images": [image_row(f"{PREFIX}/shop:1")]})
    state = package(ORDER, store.url, return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", NOTHING_TO_DO)


def test_images_are_made_kept_and_shown(store: Store, recorded: str) -> None:
    try:
        connect().client.close()
    except ServerUnavailable as missing:
        pytest.skip(f"no container can be run here: {missing}")
    state = package(ORDER, store.url, return_state=True)
    found = state.result()
    assert isinstance(found, dict)
    assert found["images"] == 1
    assert [row["world_id"] for row in store.scan("images").collect().to_dicts()] == [SHOP_WORLD.id]
    assert wanted(store, ORDER) == []
    run = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    shown = httpx.post(f"{recorded}/artifacts/filter", json=run, timeout=30).json()
    assert {card["key"] for card in shown} == {"worldloom-images", "worldloom-packaging"}


def test_the_server_takes_the_docker_pool_as_it_stands(recorded: str) -> None:
    command = ["work-pool", "create", "worldloom-docker", "--type", "docker", "--base-job-template", str(POOL), "--overwrite"]
    done = subprocess.run([Path(sys.executable).with_name("prefect"), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    held = httpx.get(f"{recorded}/work_pools/worldloom-docker", timeout=30).json()
    assert held["type"] == "docker"
    assert held["base_job_template"] == json.loads(POOL.read_text())
