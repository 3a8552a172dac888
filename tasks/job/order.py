"""What one run was asked for, and the scenarios that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from artifacts.errors import InvalidInput, UserError
from artifacts.noun import Noun
from artifacts.scenario import MAX_NAME, Scenario
from tasks.difficulty.spread import Shares, checked

EMBEDDED_MODEL = "worldloom/procedural-1"
HOSTED_CONCURRENCY = 16
RUNNERS = r"^(auto|process|thread|(dask|ray)(=\S+)?)$"
FILE_ENDINGS = (".jsonl", ".json", ".csv", ".txt")


class Share(Noun):
    """One run's share of a plan: of every `of` drafts, the one at place `number`."""

    number: int = Field(ge=1, le=64, description="Which share, from 1.")
    of: int = Field(ge=1, le=64, description="How many shares there are.")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.number > self.of:
            raise ValueError(f"there is no share {self.number} of {self.of}")
        return self


class Order(Noun):
    """The arguments of a synthesis: scenarios by name, from a JSONL file, or drawn to reach `worlds`; how large, how hard; by which model.

    `difficulty` holds the shares of the levels 1 to 5 among the tasks of a world, in percent; None leaves them to chance.
    """

    names: tuple[str, ...] = Field(
        default=(), max_length=10_000, description="Scenario names.", examples=[["Veterinary clinic", "Tool lending library"]]
    )
    scenarios: str | None = Field(
        default=None, min_length=1, description="A JSONL file of scenarios: name, description, category.", examples=["scenarios.jsonl"]
    )
    worlds: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Fill up to this many from the shipped scenarios, then from invented ones.",
        examples=[12],
    )
    tasks_per_world: int = Field(default=10, ge=1, le=1_000, description="Agent tasks in each world.")
    model: str = Field(default=EMBEDDED_MODEL, description="provider/name, or the embedded one.", examples=["openai/gpt-5-mini"])
    api_base: str | None = Field(
        default=None,
        description="Where an OpenAI-compatible server of yours answers.",
        examples=["http://localhost:8000/v1"],
    )
    fault_rate: float = Field(default=0.0, ge=0.0, le=1.0, description="Share of answers that the embedded model spoils on purpose.")
    seed: int = Field(default=0, description="Tells repeated draws of one scenario apart.")
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, description="Sampling temperature; the model's own if left out.")
    max_concurrency: int | None = Field(default=None, ge=1, le=1_024, description="Drafts in hand at once.")
    difficulty: Shares | None = Field(
        default=None, description="Shares of the levels 1 to 5 among a world's tasks, in percent.", examples=[[20, 20, 20, 20, 20]]
    )
    runner: str = Field(
        default="auto",
        pattern=RUNNERS,
        description="Where drafts are woven: auto, process, thread, dask or ray; dask=ADDRESS or ray=ADDRESS for a cluster of yours.",
        examples=["dask=tcp://10.0.0.5:8786"],
    )
    shards: int | None = Field(
        default=None, ge=2, le=64, description="Split the drafts among so many runs of the deployment synthesize/shard, on any workers."
    )
    share: Share | None = Field(default=None, description="This run's share of the drafts; a run with shards sets it for each of them.")
    budget_usd: float | None = Field(
        default=None,
        gt=0.0,
        description="The most that this run may spend, in US dollars; what is finished by then is published.",
        examples=[5.0],
    )
    budget_tokens: int | None = Field(
        default=None, ge=1, description="The most tokens, in and out, that this run may pay for.", examples=[2_000_000]
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="The most calls of the model in a minute, over all runs.", examples=[60]
    )
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="The most tokens of the model in a minute, over all runs.",
        examples=[200_000],
    )
    rejection_bar: float = Field(
        default=0.2, ge=0.0, le=1.0, description="An event tells when more than this share of the drafts is rejected (of five or more)."
    )

    @model_validator(mode="after")
    def _is_split_once(self) -> Self:
        if self.share is not None and self.shards is not None:
            raise ValueError("a share is not split again")
        return self

    @field_validator("difficulty")
    @classmethod
    def _adds_up(cls, shares: Shares | None) -> Shares | None:
        """Raises InvalidInput for shares that are none."""
        return None if shares is None else checked(shares)

    @property
    def embedded(self) -> bool:
        """Whether the model computes in our own processes, so that drafts are woven on every core rather than in threads."""
        return self.model.startswith("worldloom/")

    @property
    def width(self) -> int:
        """How many drafts are in hand at once."""
        return self.max_concurrency or (len(os.sched_getaffinity(0)) if self.embedded else HOSTED_CONCURRENCY)


def scenario_named(name: str) -> Scenario:
    """A scenario with nothing but a name; raises InvalidInput."""
    if len(name) > MAX_NAME:
        raise InvalidInput(
            f"A scenario's name of {len(name):,} characters ({name[:30]!r}…) is too long; at most {MAX_NAME} are allowed.",
            "Put the rest into the description, in a JSONL file given with --scenarios.",
        )
    if name.lower().endswith(FILE_ENDINGS):
        kind = "path" if "/" in name else "file"
        raise InvalidInput(f"The scenario name {name!r} looks like a {kind}.", f"To read scenarios from it: --scenarios {name}")
    try:
        return Scenario(name=name)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ").removeprefix("String ").split(";")[0]
        raise InvalidInput(
            f"The scenario name {name!r} cannot be used: it {reason}.", "Give a name such as 'Veterinary clinic'."
        ) from error


def targeted(order: Order, targets: Mapping[str, Any]) -> Order:
    """An order that names no scenarios and no number of worlds, with what is set for such; raises UserError where nothing is."""
    if not (order.names or order.scenarios or order.worlds):
        try:
            order = Order.model_validate({**order.canonical(), **targets})
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(map(str, problem["loc"]))
            raise InvalidInput(f"The targets cannot be used: {where}: {problem['msg']}.", "Mend the variable worldloom_targets.") from error
    require_scenarios(order)
    return order


def require_scenarios(order: Order) -> None:
    """Raise UserError when the order names no scenarios at all."""
    if not order.names and order.scenarios is None and order.worlds is None:
        raise UserError(
            "No scenarios were given.",
            "Give names (worldloom synthesize 'Veterinary clinic'), --scenarios FILE, or --worlds N to draw from the shipped ones.",
        )
