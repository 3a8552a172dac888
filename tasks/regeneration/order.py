"""What one run of regeneration was asked for; the workflow server's run form is made of it."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from artifacts.noun import Noun
from tasks.difficulty.spread import Shares, checked
from tasks.job.order import EMBEDDED_MODEL, RUNNERS, Order

Reason = Literal["program", "gates", "format", "quality", "solved"]
"""Why a world is out of date: a stage's prompts changed, today's gates reject it, its format is an old one, what was measured of it
is under a bar, or a policy solves nearly all of it.
"""

REASONS: tuple[Reason, ...] = get_args(Reason)

WorldName = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class RegenerateOrder(Noun):
    """Which worlds are looked at, for which reasons, at which bars, and how those that are out of date are made again."""

    worlds: tuple[WorldName, ...] = Field(
        default=(),
        max_length=10_000,
        title="Worlds",
        description="Ids of worlds, or enough of their beginnings. None: every world that no other took the place of.",
        examples=[["veterinary-clinic-0a1b2c3d4e5f"]],
    )
    reasons: tuple[Reason, ...] = Field(
        default=REASONS, min_length=1, max_length=5, title="Reasons", description="Only these reasons make a world out of date."
    )
    mutation_bar: float = Field(
        default=1.0, ge=0.0, le=1.0, title="Near misses", description="The least share of its tasks' near misses that a world rejects."
    )
    fairness_bar: float = Field(
        default=1.0, ge=0.0, le=1.0, title="Right ways", description="The least share of its tasks' other right ways that a world accepts."
    )
    solved_bar: float = Field(
        default=0.9, gt=0.0, le=1.0, title="Solved", description="A policy that completes this share of a world's episodes has solved it."
    )
    solved_episodes: int = Field(
        default=20, ge=1, le=1_000_000, title="Episodes", description="Fewer episodes of a policy than this say nothing."
    )
    most_worlds: int = Field(default=100, ge=1, le=100_000, title="Most worlds", description="At most so many are made again in one run.")
    difficulty: Shares | None = Field(
        default=None,
        title="Difficulty of solved worlds",
        description="Shares of the levels 1 to 5 for the new tasks of a solved world, in percent. None: as they were asked for before.",
        examples=[[0, 10, 30, 30, 30]],
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        title="Model",
        description="provider/name of the model that writes the new parts. None: for each world the one that wrote it.",
        examples=["openai/gpt-5-mini"],
    )
    api_base: str | None = Field(
        default=None,
        title="Address",
        description="Where an OpenAI-compatible server of yours answers.",
        examples=["http://localhost:8000/v1"],
    )
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, description="Sampling temperature; the model's own if left out.")
    fault_rate: float = Field(default=0.0, ge=0.0, le=1.0, description="Share of answers that the embedded model spoils on purpose.")
    max_concurrency: int | None = Field(default=None, ge=1, le=1_024, description="Drafts in hand at once.")
    runner: str = Field(
        default="auto", pattern=RUNNERS, description="Where drafts are woven: auto, process, thread, dask or ray, as for a synthesis."
    )

    @field_validator("difficulty")
    @classmethod
    def _adds_up(cls, shares: Shares | None) -> Shares | None:
        """Raises InvalidInput for shares that are none."""
        return None if shares is None else checked(shares)


def as_synthesis(order: RegenerateOrder, model: str = EMBEDDED_MODEL, seed: int = 0) -> Order:
    """The same wishes as an order for drafts of one model and seed."""
    mine = {name: getattr(order, name) for name in ("temperature", "max_concurrency", "runner")}
    embedded = model == EMBEDDED_MODEL
    return Order(model=model, seed=seed, api_base=None if embedded else order.api_base, fault_rate=order.fault_rate * embedded, **mine)
