"""Telling other tools of a run: its start, its end, and what it read and wrote, as OpenLineage events."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from prefect import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from rich.console import Console

from flows.boundary import attempted
from tasks.job.ending import BEFORE_LEAVING

if TYPE_CHECKING:
    from tasks.standards.events import End, Parent, RunFacts

Tell = Callable[[object], None]
"""Says how a run ended: the value that it gave, the state that it ends in, or what it raised."""

NAMESPACE = "worldloom"


@contextmanager
def observed(order: Any, store: str) -> Iterator[Tell]:
    """While the body runs, the flow run in hand is told of; what it raises is told as its end."""
    run_id = flow_run.id
    with told(lambda: facts_of(str(run_id), str(flow_run.flow_name), order, store) if run_id else None) as tell:
        yield tell


@contextmanager
def observed_command(flow: str, order: Any, store: str, mark: str | None = None) -> Iterator[Tell]:
    """The same for what a command does without the workflow server; `mark` is what the run's rows call it."""
    run = uuid4()
    with told(lambda: bare_facts(str(run), mark or str(run), flow, order, store)) as tell:
        yield tell


@contextmanager
def told(facts: Callable[[], RunFacts | None]) -> Iterator[Tell]:
    """Tell of a run, if there is one and telling is not disabled; no trouble with it ever reaches the run."""
    end, _ = attempted(lambda: beginning(facts))
    said = list[object]()

    def tell(value: object) -> None:
        if not said:
            said.append(value)
            if end is not None:
                complain_once(*attempted(lambda: end(value)))

    BEFORE_LEAVING.append(tell)
    try:
        yield tell
    finally:
        BEFORE_LEAVING.remove(tell)
        tell(sys.exception() or "")


def beginning(facts: Callable[[], RunFacts | None]) -> Callable[[object], str] | None:
    """Tell that a run starts; gives what tells its end, which gives what could not be told."""
    from tasks.standards.observing import Observer
    from tasks.standards.sending import disabled

    known = None if disabled() else facts()
    if known is None:
        return None
    observer = Observer(known, attempted)
    return lambda value: observer.end(*end_of(value))


def complain_once(trouble: str | None, error: Exception | None) -> None:
    """Say what could not be told, in the run's log and on the terminal of who started it."""
    said = trouble or (f"The run's lineage could not be told: {type(error).__name__}: {error}" if error else "")
    if not said:
        return
    with suppress(MissingContextError):  # not in a run of the workflow server's
        get_run_logger().warning(said)
    if not os.environ.get("PREFECT__FLOW_RUN_ID"):
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[yellow]warning:[/] {said}")


def end_of(value: object) -> tuple[End, str]:
    """How a run ended, and why, from what its flow gives."""
    if isinstance(value, BaseException):
        return "FAIL" if isinstance(value, Exception) else "ABORT", f"{type(value).__name__}: {value}"
    if not isinstance(value, State):
        return "COMPLETE", ""
    end: End = (
        "ABORT" if value.is_cancelled() or value.is_cancelling() else "FAIL" if value.is_failed() or value.is_crashed() else "COMPLETE"
    )
    return end, f"{value.name}: {value.message}"


def facts_of(run_id: str, flow: str, order: Any, store: str) -> RunFacts:
    """What is known of the flow run in hand."""
    found = bare_facts(run_id, run_id, flow, order, store)
    return found._replace(nominal=flow_run.scheduled_start_time, parent=parent_of() or found.parent)


def bare_facts(run_id: str, mark: str, flow: str, order: Any, store: str) -> RunFacts:
    """What is known of a run by its order."""
    from tasks.standards.events import RunFacts
    from tasks.standards.naming import SCENARIOS, name_below

    given, job = getattr(order, "scenarios", None), getattr(order, "job", "")
    scenarios = name_below(given) if given else SCENARIOS
    kind = "shard" if getattr(order, "share", None) else job
    parent = parent_from(os.environ.get("OPENLINEAGE_PARENT_ID", ""))
    return RunFacts(run_id, mark, flow, store, namespace(), datetime.now(UTC), kind, None, parent, scenarios)


def namespace() -> str:
    """The namespace of our jobs: the user's, by the client's own variable, or ours."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or NAMESPACE


def parent_of() -> Parent | None:
    """The flow run that started this one, if one did."""
    from tasks.standards.events import Parent

    run_id = flow_run.parent_flow_run_id
    if run_id is None:
        return None
    with get_client(sync_client=True) as client:
        held = client.read_flow_run(UUID(run_id))
        return Parent(run_id, client.read_flow(held.flow_id).name, namespace())


def parent_from(text: str) -> Parent | None:
    """The parent that another orchestrator names in OPENLINEAGE_PARENT_ID: its job's namespace and name, and its run, with / between."""
    from tasks.standards.events import Parent

    parts = text.split("/")
    return Parent(parts[-1], "/".join(parts[1:-1]), parts[0]) if len(parts) >= 3 else None
