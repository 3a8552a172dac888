"""Judging worlds again that another definition of quality than today's has judged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

from prefect import task
from prefect.context import TaskRunContext

from artifacts.errors import WorldloomError
from artifacts.identity import digest_of
from artifacts.noun import Noun
from artifacts.store import open_store
from tasks.gates import failing_stage
from tasks.job.auditing import FEW
from tasks.regeneration.stale import Finding


class Judgement(Noun):
    """What today's gates say of a world: the first stage that they reject and why, or nothing; `problem` where nobody could judge it."""

    world_id: str
    stage: str = ""
    why: str = ""
    problem: str = ""

    @property
    def finding(self) -> Finding | None:
        """The judgement as a reason to make the world again, if it is one."""
        return Finding("gates", self.stage, self.why) if self.stage else None


def judge_world(world_id: str, store: str, definition: str) -> Judgement:
    """Judge a world of a store by today's gates, which `definition` names; raises InvalidBundle and UnsupportedFormat."""
    found = failing_stage(open_store(store, create=False).world(world_id).draft())
    if found is None:
        return Judgement(world_id=world_id)
    stage, verdict = found
    return Judgement(world_id=world_id, stage=stage, why=f"{verdict.gate}: {verdict.reason}")


def judge_here(world_ids: Sequence[str], store: str, definition: str) -> list[Judgement]:
    """Judge worlds without the workflow server: in this process where they are few, else on every core."""
    judge = partial(_judged_or_told, store=store, definition=definition)
    if len(world_ids) <= FEW:
        return list(map(judge, world_ids))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(judge, world_ids))


def _judged_or_told(world_id: str, store: str, definition: str) -> Judgement:
    try:
        return judge_world(world_id, store, definition)
    except WorldloomError as error:
        return untold(world_id, error)


def untold(world_id: str, error: Any) -> Judgement:
    """A world that nobody could judge, and why."""
    return Judgement(world_id=world_id, problem=str(error) if isinstance(error, WorldloomError) else f"{type(error).__name__}: {error}")


def _key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return digest_of(["judge_again", parameters["world_id"], parameters["definition"]])


judge_again = task(name="judge_again", task_run_name="judge_again {world_id}", cache_key_fn=_key, persist_result=True)(judge_world)
