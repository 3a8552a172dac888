"""What an operator may set of a server: the bounds on what its clients take, and the form in which they see tools."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from artifacts.noun import Noun

ToolsForm = Literal["direct", "meta"]
"""`direct` lists a world's tools; `meta` lists two tools, one to list them and one to call them."""


class SessionLimits(Noun):
    """Bounds of a server of sessions; what happens at each is in docs/serving.md."""

    most_sessions: int = Field(default=4_096, ge=1, description="sessions open at once; more are refused")
    most_sessions_per_client: int = Field(default=4_096, ge=1, description="of those, sessions that one address opens for itself")
    idle_seconds: float = Field(default=900.0, gt=0, description="a session that nobody has used for so long is dropped")
    spare_seconds: float = Field(
        default=30.0, ge=0, description="after it a session that its client never used makes room on a full server"
    )
    most_calls_per_session: int = Field(default=10_000, ge=1, description="tool calls of one session between two resets")
    most_request_bytes: int = Field(default=4 * 2**20, ge=1_024, description="one message of a client")
    most_waiting_per_session: int = Field(default=16, ge=1, description="requests of one session in hand at once")
    request_seconds: float = Field(default=30.0, gt=0, description="a client that has not sent its whole request by then is cut off")
    worlds_in_memory: int = Field(default=1_024, ge=1, description="worlds kept ready; the one unused longest is loaded anew")
