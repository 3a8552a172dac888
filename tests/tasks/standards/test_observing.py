"""What a run tells other tools: its events in the store and at a receiver, and what becomes of a receiver that is gone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.states import Cancelled, Completed, Failed

from artifacts.compaction import compact
from artifacts.errors import UserError
from artifacts.store import Store, open_store
from artifacts.tables import TABLES
from flows.boundary import attempted
from flows.observing import bare_facts, observed_command, parent_from
from tasks.job.order import Order
from tasks.standards.events import Parent, RunFacts
from tasks.standards.jobs import JOBS
from tasks.standards.observing import Observer

ONE_START = """
from flows.observing import bare_facts
from openlineage.client.serde import Serde
from tasks.job.order import Order
from tasks.standards.events import started
print(Serde.to_json(started(bare_facts("0192f0c4-0000-7000-8000-000000000001", "run", "synthesize", Order(), "loom"), None)))
"""
Filling = Callable[[Store, tuple[str, ...], str], None]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RUN = "0192f0c4-0000-7000-8000-000000000001"


def lines(store: Store) -> list[dict[str, Any]]:
    """The events that a store holds."""
    files = [entry.path for entry in store.files.entries("openlineage")]
    return [json.loads(line) for path in files for line in store.files.read(path).splitlines()]


def producers(value: Any) -> set[str]:
    """Who is named as the producer, of an event and of every facet in it."""
    if isinstance(value, list):
        return {name for one in value for name in producers(one)}
    if not isinstance(value, dict):
        return set()
    return {str(value[name]) for name in ("producer", "_producer") if name in value} | producers(list(value.values()))


def test_the_first_event_of_a_process_names_us_on_every_facet() -> None:
    done = subprocess.run([sys.executable, "-c", ONE_START], capture_output=True, text=True, check=True)
    (producer,) = producers(json.loads(done.stdout))
    assert producer.startswith("pkg:pypi/worldloom@")


def facts(store: Store, flow: str = "synthesize") -> RunFacts:
    return bare_facts(RUN, RUN, flow, Order(), store.url)


def by_table(event: dict[str, Any], side: str) -> dict[str, dict[str, Any]]:
    return {dataset["name"].rpartition("/")[2]: dataset for dataset in event[side]}


def test_a_run_is_told_from_its_start_to_its_end_with_what_it_wrote(store: Store, filling: Filling) -> None:
    there = {part.path for part in store.snapshot().parts}
    observer = Observer(facts(store), attempted)
    filling(store, ("Toy mill", "Toy dock"), RUN)
    mine = [part for part in store.snapshot().parts_of("worlds") if part.path not in there]
    filling(store, ("Toy cave",), "another run")
    assert observer.end("COMPLETE") == ""
    start, end = lines(store)
    said = [(event["eventType"], event["run"]["runId"], event["job"]["name"], event["job"]["namespace"]) for event in (start, end)]
    assert said == [("START", RUN, "synthesize", "worldloom"), ("COMPLETE", RUN, "synthesize", "worldloom")]
    assert not any("outputStatistics" in output["outputFacets"] for output in start["outputs"])
    written = {name: dataset["outputFacets"]["outputStatistics"] for name, dataset in by_table(end, "outputs").items()}
    rows = {name: amount["rowCount"] for name, amount in written.items()}
    assert rows == {"runs": 1, "worlds": 2, "agent_tasks": 4, "tools": 2, "lineage": rows["lineage"]}
    assert (written["worlds"]["size"], written["worlds"]["fileCount"]) == (sum(part.bytes for part in mine), 2)


def test_a_file_that_holds_the_rows_of_others_too_has_no_size(store: Store, filling: Filling) -> None:
    observer = Observer(facts(store), attempted)
    filling(store, ("Toy mill",), RUN)
    filling(store, ("Toy cave",), "another run")
    compact(store.files)
    observer.end("COMPLETE")
    amount = by_table(lines(store)[1], "outputs")["worlds"]["outputFacets"]["outputStatistics"]
    assert (amount["rowCount"], amount["fileCount"], amount.get("size")) == (1, 1, None)


def test_tables_are_told_with_columns_meaning_version_and_where_columns_come_from(store: Store) -> None:
    Observer(facts(store, "collect"), attempted).end("COMPLETE")
    start, _ = lines(store)
    tasks, episodes = by_table(start, "inputs")["agent_tasks"], by_table(start, "outputs")["trajectories"]
    assert (tasks["namespace"], tasks["name"]) == ("file", f"{store.url}/tables/agent_tasks")
    assert [field["name"] for field in tasks["facets"]["schema"]["fields"]] == [column.name for column in TABLES["agent_tasks"].columns]
    assert tasks["facets"]["version"]["datasetVersion"] == str(store.snapshot().number)
    assert tasks["inputFacets"]["inputStatistics"]["rowCount"] == 10
    assert start["job"]["facets"]["sql"] == {**start["job"]["facets"]["sql"], "query": JOBS["collect"].query, "dialect": "duckdb"}
    lineage = episodes["facets"]["columnLineage"]
    assert lineage["fields"]["kind"]["inputFields"] == [
        {
            "namespace": "file",
            "name": tasks["name"],
            "field": "kind",
            "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
        }
    ]
    assert {field["transformations"][0]["subtype"] for field in lineage["dataset"]} == {"JOIN"}


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        (Failed(name="Disk full", message="The disk is full."), "FAIL", "Disk full: The disk is full."),
        (Cancelled(message="Interrupted."), "ABORT", "Cancelled: Interrupted."),
        (Completed(name="Nothing to package", message="All have one."), "COMPLETE", None),
        ({"sealed": 1}, "COMPLETE", None),
    ],
)
def test_a_run_ends_as_its_state_says(store: Store, state: object, kind: str, message: str | None) -> None:
    with observed_command("package", None, store.url) as tell:
        tell(state)
    end = lines(store)[1]
    error = end["run"]["facets"].get("errorMessage")
    assert (end["eventType"], error and error["message"]) == (kind, message)


def test_a_run_that_an_interrupt_ends_is_told_as_aborted(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), observed_command("package", None, store.url):
        raise KeyboardInterrupt
    assert [event["eventType"] for event in lines(store)] == ["START", "ABORT"]


def test_a_run_that_raises_is_told_as_failed_with_its_error(store: Store) -> None:
    with pytest.raises(UserError), observed_command("package", None, store.url):
        raise UserError("There is no such image.")
    end = lines(store)[1]
    assert (end["eventType"], end["run"]["facets"]["errorMessage"]["message"]) == ("FAIL", "UserError: There is no such image.")


def test_a_store_that_is_made_by_the_run_gets_both_events(tmp_path: Path, filling: Filling) -> None:
    fresh = tmp_path / "fresh"
    observer = Observer(RunFacts(RUN, RUN, "synthesize", str(fresh), "worldloom", NOON), attempted)
    assert not fresh.exists()
    store = open_store(fresh)
    filling(store, ("Toy mill",), RUN)
    observer.end("COMPLETE")
    assert [event["eventType"] for event in lines(store)] == ["START", "COMPLETE"]
    assert by_table(lines(store)[1], "outputs")["worlds"]["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_a_receiver_gets_the_same_events_in_their_order(store: Store, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "k3y")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "factory")
    observer = Observer(facts(store), attempted)
    assert observer.end("COMPLETE") == ""
    assert receiver.events == lines(store)
    assert set(receiver.paths) == {"/api/v1/lineage"}
    assert set(receiver.keys) == {"Bearer k3y"}
    assert {event["job"]["namespace"] for event in receiver.events} == {"factory"}
    assert "k3y" not in json.dumps(receiver.events)


def test_a_receiver_can_be_named_in_the_clients_own_file(store: Store, receiver: Any, tmp_path: Path) -> None:
    (tmp_path / "openlineage.yml").write_text(f"transport:\n  type: http\n  url: {receiver.url}\n  endpoint: lineage\n")
    Observer(facts(store), attempted).end("COMPLETE")
    assert receiver.paths == ["/lineage", "/lineage"]


def test_a_dead_receiver_is_told_once_and_fails_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:  # bound and not listening: whoever knocks is refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr("tasks.standards.observing.PATIENCE_SECONDS", 0.2)
        with observed_command("package", None, store.url) as tell:
            tell({})
    assert [event["eventType"] for event in lines(store)] == ["START", "COMPLETE"]
    assert capsys.readouterr().err.count("The run's lineage could not be sent") == 1
    assert [record for record in caplog.records if record.name.startswith("urllib3")] == []


def test_a_receiver_that_never_answers_is_left(store: Store, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.stalls = True
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    said = Observer(facts(store), attempted).end("COMPLETE", patience=0.2)
    assert said == "The run's lineage could not be sent: it did not answer within 0.2 s. It is kept in the store."


def test_a_receiver_that_refuses_is_told_with_its_reason(store: Store, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.status = 403
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    assert "403" in Observer(facts(store), attempted).end("COMPLETE")
    assert len(receiver.events) == 1


def test_nothing_is_told_where_the_user_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    with observed_command("package", None, store.url) as tell:
        tell({})
    assert lines(store) == []


def test_settings_that_the_client_refuses_are_told_and_fail_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "pigeon")
    with observed_command("package", None, store.url) as tell:
        tell({})
    assert "pigeon" in capsys.readouterr().err
    assert len(lines(store)) == 2


def test_another_orchestrators_run_is_the_parent(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/nightly/weave/{RUN}")
    assert parent_from(os.environ["OPENLINEAGE_PARENT_ID"]) == Parent(RUN, "nightly/weave", "airflow")
    Observer(facts(store), attempted).end("COMPLETE")
    found = lines(store)[0]["run"]["facets"]["parent"]
    assert (found["run"]["runId"], found["job"]["name"], found["job"]["namespace"]) == (RUN, "nightly/weave", "airflow")
    assert parent_from("nonsense") is None
