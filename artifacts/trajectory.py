"""One recorded episode: what was said, what was called, what came back, and what it was worth.

The record is enough to judge the episode again: the calls are done anew on a fresh environment of the world that it names.
On disk it is JSON with the digest of its own content, so that an edit is noticed.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError

from artifacts.errors import InvalidInput, UnsupportedFormat
from artifacts.identity import short
from artifacts.judgement import Judgement
from artifacts.noun import Noun
from artifacts.observation import Outcome, Score
from artifacts.pretty import pretty_bytes

TRAJECTORY_FORMAT = 1
FORMAT_VIOLATION_REWARD = -1.0
"""What an episode earns that ends because the agent broke the form of tool calls (arXiv 2602.10090)."""

FormName = Literal["awm", "native"]
Ending = Literal["answered", "turn_limit", "format_violation", "environment_error"]


class Call(Noun):
    """One call of a tool of the world, and the JSON that the agent saw."""

    tool: str
    arguments: dict[str, Any]
    observation: dict[str, Any]


class Trajectory(Noun):
    """One episode of a policy on an agent task, turn by turn, and its score.

    `messages` are in the form of chat completions; `seed` is None where the policy took none; tokens are None when unknown.
    `score` is what code says; where a judge was asked, its `judgement` decides the outcome and the reward. `window` is the number of
    turns that the policy was shown at once (`artifacts.history`), None for all; `temperature` and `reply` (tokens of a
    reply at most) are those asked for, None for the policy's own.
    """

    LATER: ClassVar[tuple[str, ...]] = ("judgement", "window", "temperature", "reply")

    format: int = TRAJECTORY_FORMAT
    world_id: str
    world_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    task_id: str
    policy: str
    form: FormName
    seed: int | None
    max_turns: int = Field(ge=1)
    messages: tuple[dict[str, Any], ...]
    calls: tuple[Call, ...]
    ended: Ending
    answer: str | None
    score: Score
    input_tokens: int | None = None
    output_tokens: int | None = None
    judgement: Judgement | None = None
    window: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0.0)
    reply: int | None = Field(default=None, ge=1)

    @property
    def trajectory_id(self) -> str:
        """World, task and 12 hex digits of the digest: equal episodes have one name."""
        return f"{self.world_id}-{self.task_id}-{short(self.digest)}"

    @property
    def outcome(self) -> Outcome:
        """How the episode ended for the task."""
        return self.score.outcome if self.judgement is None else self.judgement.outcome

    @property
    def reward(self) -> float:
        """What a trainer is given."""
        return self.score.reward if self.judgement is None else self.judgement.reward

    @property
    def turns(self) -> int:
        """How often the agent spoke."""
        return sum(message.get("role") == "assistant" for message in self.messages)


def trajectory_bytes(trajectory: Trajectory) -> bytes:
    """The record as a file: JSON for people, its digest first."""
    return pretty_bytes({"digest": trajectory.digest, **trajectory.canonical()})


def parse_trajectory(data: bytes, where: str) -> Trajectory:
    """The trajectory in a file's bytes; raises InvalidInput for what is none or was edited, UnsupportedFormat for a newer one."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise InvalidInput(f"{where} is not a trajectory: it is not JSON.", _HINT) from problem
    if not isinstance(found, dict) or not isinstance(found.get("format"), int) or "digest" not in found:
        raise InvalidInput(f"{where} is not a trajectory: it names no format and digest.", _HINT)
    if found["format"] > TRAJECTORY_FORMAT:
        said = f"{where} is a trajectory of format {found['format']}; this version reads format {TRAJECTORY_FORMAT}."
        raise UnsupportedFormat(said, "Upgrade Worldloom to use it.")
    digest = found.pop("digest")
    trajectory = _validated(found, where)
    if trajectory.digest != digest:
        raise InvalidInput(f"{where} was edited: its digest does not hold.", "Play the episode again, or fetch the record again.")
    return trajectory


def _validated(found: dict[str, Any], where: str) -> Trajectory:
    try:
        return Trajectory.model_validate(found)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InvalidInput(f"{where} is not a trajectory: {place}: {first['msg']}.", _HINT) from problem


_HINT = "`worldloom play` writes them."
