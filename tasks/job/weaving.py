"""One draft on its way through all stages, and what came of it: the work of one Prefect task, done in a thread or a process of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any, cast

from prefect import Task, task
from prefect.transactions import CommitMode, transaction
from prefect.utilities.annotations import quote

from artifacts.attempt import Attempt
from artifacts.errors import BudgetSpent, ModelRejected, UserError
from artifacts.verdict import Reject
from artifacts.world import Draft, World
from tasks.agent_tasks import write_agent_tasks
from tasks.job.recognition import recognized
from tasks.job.stopping import stopping
from tasks.job.tally import Woven
from tasks.job.workflow_server import swap_handlers
from tasks.models.language_model import ModelSettings
from tasks.requirements import write_requirements
from tasks.scenario import describe_scenario
from tasks.schema import write_schema
from tasks.seal import seal_world
from tasks.seed import write_seed
from tasks.stage import StageResult
from tasks.tools import write_tools

StageTask = Task[[Draft, ModelSettings, Path], StageResult]

WRITING: tuple[StageTask, ...] = (describe_scenario, write_requirements, write_schema, write_seed, write_tools, write_agent_tasks)
"""The stages that call a model, in their order; the first is only for a scenario without a description."""

LAST_GRACE_SECONDS = 15.0
"""How long a process goes on after a signal that asks it to end: its parent ends it sooner where all is well."""


def weave_draft(draft: Draft, settings: ModelSettings, home: Path, run_id: str = "") -> Woven:
    """Take a draft through the stages to a sealed world, a rejection, or a fault; raises nothing for what goes wrong with it."""
    with transaction(commit_mode=CommitMode.EAGER):  # a stage's result is kept when the stage ends, whatever comes of the next
        return woven_through(draft, settings, home, run_id)


def woven_through(draft: Draft, settings: ModelSettings, home: Path, run_id: str) -> Woven:
    """What comes of a draft, stage by stage; when the run is to stop, it goes no further than the stage that it is in."""
    woven = Woven(draft_id=draft.draft_id, name=draft.scenario.name, category=draft.scenario.category, task_runs=1)
    for stage in WRITING[first_lacking(draft) :]:
        if stopping(home, run_id):
            return woven.model_copy(update={"fault": "the run was interrupted"})
        state = stage(unexamined(draft), settings, home, return_state=True)
        outcome = state.result(raise_on_failure=False)
        woven = woven.model_copy(update={"task_runs": woven.task_runs + 1})
        if not isinstance(outcome, StageResult):
            return faulted(woven, outcome)
        attempts = signed(outcome.attempts, woven.draft_id, recalled=state.name == "Cached")
        woven = woven.model_copy(update={"attempts": (*woven.attempts, *attempts)})
        if outcome.rejection is not None:
            return woven.model_copy(update={"rejection": outcome.rejection})
        draft = outcome.draft
    return sealed(woven, draft)


def first_lacking(draft: Draft) -> int:
    """The place of the first stage whose output the draft lacks: a new one lacks them all, one that is renewed only the last ones."""
    described = draft.scenario.description and draft.scenario.category
    there = (described, draft.intentions, draft.schema_sql, draft.seed_sql, draft.tools, draft.tasks)
    return next((place for place, output in enumerate(there) if not output), len(WRITING))


# Made by a call, not a decorator: the function keeps its own name in the module, so it can be sent to another process by that name.
weave = task(name="weave", task_run_name="weave {draft.draft_id}", persist_result=False)(weave_draft)


def sealed(woven: Woven, draft: Draft) -> Woven:
    """The draft as a sealed world, or rejected by a gate."""
    outcome = seal_world(unexamined(draft), return_state=True).result(raise_on_failure=False)
    woven = woven.model_copy(update={"task_runs": woven.task_runs + 1, "category": draft.scenario.category})
    if isinstance(outcome, World):
        return woven.model_copy(update={"world": outcome})
    if isinstance(outcome, Reject):
        return woven.model_copy(update={"rejection": outcome})
    return faulted(woven, outcome)


def unexamined(draft: Draft) -> Draft:
    """The draft as an argument that Prefect hands on as it is; it would else search every value in it for futures (75 ms a world)."""
    return cast(Draft, quote(draft))


def faulted(woven: Woven, error: Any) -> Woven:
    """The draft left unfinished by an error; `hopeless` when every other draft would meet the same one."""
    known = recognized(error) if isinstance(error, BaseException) else None
    cause = error if known is None else known
    told = str(cause) if known is not None else f"{type(error).__name__}: {error}"
    hopeless = isinstance(cause, ModelRejected | UserError | BudgetSpent) or getattr(cause, "hopeless", False)
    return woven.model_copy(update={"fault": told or "unknown", "cause": type(cause).__name__, "hopeless": hopeless})


def signed(attempts: Iterable[Attempt], draft_id: str, recalled: bool) -> tuple[Attempt, ...]:
    """The attempts under the id that the draft had before its first stage; from a cached stage, nothing was paid for them now."""
    return tuple(attempt.model_copy(update={"draft_id": draft_id, "recalled": attempt.recalled or recalled}) for attempt in attempts)


def prepare_process(log: str) -> None:
    """Make a worker process a good one: it leaves signals to its parent, ends with it, and logs to a file.

    A signal to the whole group is the parent's to act on; should the parent not, the process ends by itself a little later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _end_later())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    swap_handlers(Path(log))


def _end_later() -> None:
    timer = threading.Timer(LAST_GRACE_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
