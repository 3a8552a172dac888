"""What made a thing: model, programs, seed and the size that was asked for."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from artifacts.noun import Noun


class Size(Noun):
    """The least that a world must hold, and the number of agent tasks it was asked for."""

    tables: int = Field(default=8, ge=1)
    rows: int = Field(default=60, ge=1)
    tools: int = Field(default=16, ge=1)
    tasks: int = Field(default=10, ge=1, le=1_000)


class Recipe(Noun):
    """Everything that decides a draft besides its scenario and the model's answers.

    `programs` maps each stage to the digest of its prompt program; `seed` separates repeated draws of one scenario.
    `difficulty` gives the shares of the levels 1 to 5 among the agent tasks, in percent; None leaves them to chance.
    `parent` is the id of the world that this one takes the place of, and whose earlier stages it keeps; None for none.
    No wall-clock time, path or run id belongs here.
    """

    LATER: ClassVar[tuple[str, ...]] = ("difficulty", "parent")

    model: str
    programs: dict[str, str] = Field(default_factory=dict)
    seed: int = 0
    size: Size = Size()
    difficulty: tuple[int, int, int, int, int] | None = None
    parent: str | None = None
