"""One model call in one stage, with what it cost and the diagnostics that its answer drew."""

from __future__ import annotations

from artifacts.noun import Noun
from artifacts.verdict import Diagnostic


class Attempt(Noun):
    """A row of the `attempts` table; figures that the model's service did not report are None, never guessed.

    `number` counts the attempts of one part of a stage from 1; `recalled` is true when the answer came from the journal
    and nothing was paid; `mistake` is the kind that the embedded model made on purpose, if any.
    """

    attempt_id: str
    draft_id: str
    stage: str
    number: int
    model: str
    request_digest: str
    accepted: bool
    recalled: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_seconds: float | None = None
    mistake: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
