"""From an episode on record to its judgement: what a judge is asked about at all, and by which model."""

from __future__ import annotations

from pathlib import Path

import dspy

from artifacts.judgement import Judgement
from artifacts.trajectory import Trajectory
from artifacts.world import World
from containers.environment import Blueprint
from tasks.judging.evidence import evidence_of
from tasks.judging.judge import VOTES, judgement_of
from tasks.models.language_model import ModelSettings
from tasks.stage import model_at

PATIENCE = 120.0
"""Seconds that a judge has for one vote."""


def judge_model(name: str, api_base: str | None, home: Path) -> dspy.LM:
    """The model that judges, its answers kept in the journal at `home`.

    Raises UnknownName, InvalidInput or ModelRejected before anything is sent.
    """
    return model_at(ModelSettings(name=name, api_base=api_base, timeout=PATIENCE), home)


def judged(trajectory: Trajectory, world: World, model: dspy.LM, votes: int = VOTES) -> Trajectory:
    """The trajectory with a judge's word on it; unchanged where code has the last word.

    That is where the agent broke the form of calls, and where the record is not what the world gives: neither is a matter of opinion.
    """
    judgement = judgement_on(trajectory, world, model, votes)
    return trajectory if judgement is None else trajectory.model_copy(update={"judgement": judgement})


def judgement_on(trajectory: Trajectory, world: World, model: dspy.LM, votes: int = VOTES) -> Judgement | None:
    """What a judge says of a trajectory; None where it is not asked."""
    if trajectory.ended == "format_violation" or trajectory.score.outcome == "environment_error":
        return None
    blueprint = Blueprint.of(world)
    found = evidence_of(blueprint, blueprint.task(trajectory.task_id), trajectory.calls, trajectory.answer)
    return judgement_of(found, model, votes)
