"""What every stage gives back, and the Prefect task around it: transport retries, caching, persisted results."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import dspy
from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.exceptions import MissingResult

from artifacts.attempt import Attempt
from artifacts.errors import ModelUnavailable, TransientError
from artifacts.identity import digest_of
from artifacts.noun import Noun
from artifacts.verdict import Reject
from artifacts.world import Draft
from tasks.models.journal import Journal
from tasks.models.language_model import ModelSettings, Terms, language_model
from tasks.models.trouble import WAITS, clear_trouble, note_trouble

MOST_ATTEMPTS = 5
"""Attempts at one stage of one draft, the first included."""

RETRY_WAITS = WAITS
"""Seconds before each transport retry; Prefect adds jitter."""

JITTER = 0.5

FIRST_TRIES = 3
"""Tries at an address where nothing answers, before the run has had any answer: about four seconds, then the run ends."""

LONGEST_WAIT = 300.0
"""The longest that a service's own `Retry-After` is waited for, in seconds."""

RunStage = Callable[[Draft, dspy.LM], "StageResult"]


class StageResult(Noun):
    """A stage's outcome: the draft as far as it came, every attempt, and the rejection that ended it, if any."""

    draft: Draft
    attempts: tuple[Attempt, ...] = ()
    rejection: Reject | None = None


@lru_cache(maxsize=8)
def model_at(settings: ModelSettings, home: Path) -> dspy.LM:
    """The model with the journal of the store whose home this is; one per process, shared by its threads."""
    return language_model(settings, journal_at(home, durable=not settings.embedded))


@lru_cache(maxsize=8)
def journal_at(home: Path, durable: bool) -> Journal:
    """The journal of the store whose home this is; one per process."""
    return Journal(home / "journal.sqlite", durable=durable)


def transport_failed(_task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether to try again: only for what may pass by itself; waits as long as the service asked for, beyond our own backoff."""
    try:
        error = state.result(raise_on_failure=False)
    except MissingResult:
        return False
    if not isinstance(error, TransientError):
        return False
    if getattr(error, "hopeless", False):
        return False
    if error.retry_after is not None:
        time.sleep(beyond_backoff(error.retry_after, run.run_count))
    return True


def beyond_backoff(retry_after: float, run_count: int) -> float:
    """Seconds that a service's `Retry-After` asks for beyond the least that the backoff will wait after this run."""
    planned = RETRY_WAITS[min(max(run_count, 1), len(RETRY_WAITS)) - 1]
    return max(0.0, min(retry_after, LONGEST_WAIT) - planned * (1 - JITTER))


def input_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """The cache key of a stage: its name, the draft (recipe and prompts' digests in it) and the model; no run id, no terms, no path."""
    asked = parameters["settings"].model_copy(update={"terms": Terms()})
    return digest_of([context.task.name, parameters["draft"].canonical(), asked.canonical()])


def stage_task(name: str, run: RunStage) -> Task[[Draft, ModelSettings, Path], StageResult]:
    """The Prefect task of a stage: `task(draft, settings, home)`; content is mended inside, only transport is retried here."""

    @task(
        name=name,
        task_run_name=name + " {draft.draft_id}",
        cache_key_fn=input_key,
        persist_result=True,
        retries=len(RETRY_WAITS),
        retry_delay_seconds=list(RETRY_WAITS),
        retry_jitter_factor=JITTER,
        retry_condition_fn=transport_failed,
    )
    def work(draft: Draft, settings: ModelSettings, home: Path) -> StageResult:
        try:
            result = run(draft, model_at(settings, home))
        except ModelUnavailable as error:
            despair(error, settings, home)
            note_trouble(home, settings.terms.run_id, error, runs_so_far())
            raise
        clear_trouble(home, settings.terms.run_id)
        return result

    return work


def runs_so_far() -> int:
    """How often the stage in hand was tried, this time included."""
    context = TaskRunContext.get()
    return context.task_run.run_count if context is not None else 1


def despair(error: ModelUnavailable, settings: ModelSettings, home: Path) -> None:
    """Mark an error as hopeless when nothing answered at the address in a few tries, and nothing ever did in this run."""
    if error.connected or not settings.terms.run_id or runs_so_far() < FIRST_TRIES:
        return
    error.hopeless = journal_at(home, durable=True).spent(settings.terms.run_id).calls == 0
