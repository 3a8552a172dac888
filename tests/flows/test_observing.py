"""A flow run on the workflow server tells other tools of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from artifacts.store import open_store
from flows.maintain import maintain
from tasks.job.upkeep import MaintainOrder
from tasks.job.workflow_server import LocalServer, settings_in_force

pytestmark = pytest.mark.xdist_group("server")


def test_a_flow_run_is_told_with_its_own_id_its_engine_and_its_time(server: LocalServer, tmp_path: Path) -> None:
    store = open_store(tmp_path / "loom")
    with settings_in_force({"PREFECT_API_URL": server.url}):
        state: Any = maintain(MaintainOrder(), store.url, return_state=True)
    (file,) = (entry.path for entry in store.files.entries("openlineage"))
    start, end = (json.loads(line) for line in store.files.read(file).splitlines())
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert {event["run"]["runId"] for event in (start, end)} == {str(state.state_details.flow_run_id)}
    facets = start["run"]["facets"]
    assert facets["processing_engine"]["name"] == "prefect"
    assert facets["nominalTime"]["nominalStartTime"] <= start["eventTime"]
    assert "parent" not in facets


def test_a_run_that_another_started_names_it_as_its_parent(server: LocalServer, tmp_path: Path) -> None:
    store = open_store(tmp_path / "loom")

    @flow(name="nightly")
    def nightly() -> Any:
        return maintain(MaintainOrder(), store.url, return_state=True)

    with settings_in_force({"PREFECT_API_URL": server.url}):
        state: Any = nightly(return_state=True)
    (file,) = (entry.path for entry in store.files.entries("openlineage"))
    start = json.loads(store.files.read(file).splitlines()[0])
    parent = start["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == str(state.state_details.flow_run_id) != start["run"]["runId"]
    assert parent["job"]["name"] == "nightly"
