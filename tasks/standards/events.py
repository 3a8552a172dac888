"""One run as OpenLineage tells it: START, then COMPLETE, FAIL or ABORT. Pure: what is known goes in, an event comes out.

https://openlineage.io/docs/spec/run-cycle
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Literal, NamedTuple

from openlineage.client import set_producer
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    error_message_run,
    job_type_job,
    nominal_time_run,
    parent_run,
    processing_engine_run,
    sql_job,
)

from artifacts.snapshots import Snapshot
from tasks.standards.facets import input_of, iso, output_of
from tasks.standards.jobs import SCENARIOS, job_of
from tasks.standards.naming import SCENARIOS as SHIPPED
from tasks.standards.naming import DatasetName, table_name
from tasks.standards.written import Amount, amount_of, every_row

End = Literal["COMPLETE", "FAIL", "ABORT"]


class Parent(NamedTuple):
    """The run that this one is a part of."""

    run_id: str
    job: str
    namespace: str


class RunFacts(NamedTuple):
    """What is known of a run when it starts.

    `run_id` is a UUID, `mark` what the run's rows call it; `kind` tells two jobs of one flow apart; `scenarios` is what it was given.
    """

    run_id: str
    mark: str
    flow: str
    store: str
    namespace: str
    began: datetime
    kind: str = ""
    nominal: datetime | None = None
    parent: Parent | None = None
    scenarios: DatasetName = SHIPPED


def started(facts: RunFacts, snapshot: Snapshot | None) -> RunEvent:
    """The event of a run that starts: what it is going to read and write."""
    _producer()  # before any facet is made
    job = job_of(facts.flow, facts.kind)
    outputs = [output_of(table, partial(named, facts), snapshot, job.origins.get(table, "")) for table in job.writes]
    return _event(facts, RunState.START, facts.began, inputs_of(facts, snapshot), outputs)


class Ending(NamedTuple):
    """How a run ended: when, what it found, what it left, the amounts it wrote, and what went wrong."""

    end: End
    at: datetime
    before: Snapshot | None = None
    after: Snapshot | None = None
    made: Mapping[str, Amount] = MappingProxyType({})
    error: str = ""


def ended(facts: RunFacts, how: Ending) -> RunEvent:
    """The event of a run that has ended: what it read and what it wrote, with the amounts."""
    _producer()
    origins, tables = job_of(facts.flow, facts.kind).origins, partial(named, facts)
    outputs = [output_of(table, tables, how.after, origins.get(table, ""), amount) for table, amount in how.made.items()]
    event = _event(facts, RunState[how.end], how.at, inputs_of(facts, how.before), outputs)
    if how.error and how.end != "COMPLETE":
        event.run.facets = {**(event.run.facets or {}), "errorMessage": error_message_run.ErrorMessageRunFacet(how.error, "python")}
    return event


def named(facts: RunFacts, table: str) -> DatasetName:
    """The data set of a table of the run's store, or of the scenarios it was given."""
    return facts.scenarios if table == SCENARIOS else table_name(facts.store, table)


def inputs_of(facts: RunFacts, snapshot: Snapshot | None) -> list[InputDataset]:
    """What a run reads, with what there is to read as of a snapshot."""
    tables = job_of(facts.flow, facts.kind).reads
    held = {table: snapshot.parts_of(table) for table in tables} if snapshot is not None else {}
    amounts = {table: amount_of(parts, every_row) for table, parts in held.items() if table != SCENARIOS}
    return [input_of(table, partial(named, facts), snapshot, amounts.get(table)) for table in tables]


def _event(facts: RunFacts, state: RunState, at: datetime, inputs: list[InputDataset], outputs: list[OutputDataset]) -> RunEvent:
    producer = _producer()
    run, job = Run(facts.run_id, _run_facets(facts)), Job(facts.namespace, job_name(facts), _job_facets(facts))
    return RunEvent(eventTime=iso(at), producer=producer, run=run, job=job, eventType=state, inputs=inputs, outputs=outputs)


def job_name(facts: RunFacts) -> str:
    """The flow's name, with its kind behind a point."""
    return f"{facts.flow}.{facts.kind}" if facts.kind else facts.flow


@cache
def _producer() -> str:
    """Who tells the events, as a package URL; the client writes it on every facet too."""
    name = f"pkg:pypi/worldloom@{version('worldloom')}"
    set_producer(name)
    return name


def _run_facets(facts: RunFacts) -> dict[str, RunFacet]:
    engine = processing_engine_run.ProcessingEngineRunFacet(version("prefect"), "prefect", version("worldloom"))
    facets: dict[str, RunFacet] = {"processing_engine": engine}
    if facts.nominal is not None:
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(iso(facts.nominal))
    if facts.parent is not None:
        run, job = parent_run.Run(facts.parent.run_id), parent_run.Job(facts.parent.namespace, facts.parent.job)
        facets["parent"] = parent_run.ParentRunFacet(run, job)
    return facets


def _job_facets(facts: RunFacts) -> dict[str, JobFacet]:
    job = job_of(facts.flow, facts.kind)
    facets: dict[str, JobFacet] = {
        "jobType": job_type_job.JobTypeJobFacet("BATCH", "WORLDLOOM", "FLOW"),
        "documentation": documentation_job.DocumentationJobFacet(job.about),
    }
    if job.query:
        facets["sql"] = sql_job.SQLJobFacet(job.query, "duckdb")
    return facets
