"""One flow run, as the `runs` table keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from artifacts.noun import Noun


class RunRecord(Noun):
    """What was run and what came of it; a run is recorded when it starts and again when it ends.

    `arguments` are the command's own, never a key or a password; figures are None while unknown.
    """

    run_id: str
    flow: str
    state: Literal["started", "completed", "failed"]
    model: str
    seed: int = 0
    arguments: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    started_at: datetime
    ended_at: datetime | None = None
    drafts: int | None = None
    sealed: int | None = None
    rejected: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
