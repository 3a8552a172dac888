"""One recorded episode."""

from __future__ import annotations

from typing import Any

from artifacts.noun import Noun
from artifacts.observation import Outcome


class Trajectory(Noun):
    """Messages, tool calls and observations of one episode, with its reward and outcome."""

    trajectory_id: str
    task_id: str
    world_id: str
    policy: str
    messages: tuple[dict[str, Any], ...]
    answer: str | None
    reward: float
    outcome: Outcome
