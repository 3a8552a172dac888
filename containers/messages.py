"""What the control plane and its clients say to each other, as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from artifacts.agent_task import Kind
from artifacts.noun import Noun
from artifacts.observation import RowChange

ID_SIZE = 200
"""Characters of a name in a message."""


class OpenSession(Noun):
    """Open a session of a world, for an agent task or for none."""

    world: str = Field(min_length=1, max_length=ID_SIZE)
    task: str | None = Field(default=None, min_length=1, max_length=ID_SIZE)


class ScoreSession(Noun):
    """Judge a session by the agent's answer; `task` names another task than the one that the session was opened for."""

    answer: Any = None
    task: str | None = Field(default=None, min_length=1, max_length=ID_SIZE)


class SessionView(Noun):
    """An open session; `mcp_url` is what an agent gets, and all that it gets."""

    id: str
    world: str
    task: str | None
    instruction: str | None
    mcp_url: str
    calls: int
    idle_seconds: float


class SessionList(Noun):
    """All open sessions, the one unused longest first."""

    sessions: tuple[SessionView, ...]


class Changes(Noun):
    """The rows that differ from the initial state."""

    changes: tuple[RowChange, ...]


class StateDigest(Noun):
    """SHA-256 over all rows."""

    state_digest: str


class TaskView(Noun):
    """What may be told of an agent task: neither its solution nor its checks."""

    id: str
    kind: Kind
    instruction: str


class WorldView(Noun):
    """A world that is served, and its agent tasks."""

    id: str
    tasks: tuple[TaskView, ...]


class WorldList(Noun):
    """The ids of the worlds that are served."""

    worlds: tuple[str, ...]


class Health(Noun):
    """Whether the server lives, and how full it is."""

    status: str
    worlds: int
    sessions: int
    most_sessions: int


class Trouble(Noun):
    """An error: its code, what happened, what to do."""

    error: str
    message: str
    hint: str = ""
