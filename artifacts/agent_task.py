"""Agent tasks: what an agent is asked to do, how it is done, and how the doing is judged (format 1, section 3.2)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from artifacts.measures import Measures
from artifacts.noun import Noun

Kind = Literal["read", "write", "mixed"]
Origin = Literal["intention", "walk"]
"""What a task began with: an intention that was then solved with the tools, or a walk on the tool graph that was then put into words."""

Scalar = str | int | float | bool | None


class ToolCall(Noun):
    """One call; an argument may be `{"$ref": "0[0].id"}`: a step's index, then a path into its result."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Check(Noun):
    """One SQL predicate over `initial.`, `final.` and `:answer`; its single value is true or false."""

    name: str = Field(min_length=1, max_length=200)
    sql: str


class Condition(Noun):
    """How the instruction tells which rows of a table are meant: a query on the initial state that gives their keys, and only theirs.

    `name` says it in words ("the cheapest pending order"); `sql` selects the primary key's columns and may use `:me`, `:now`, `:today`.
    """

    name: str = Field(min_length=1, max_length=300)
    table: str
    sql: str


class AgentTask(Noun):
    """An instruction with its reference solution and checks.

    `answer` holds the values that a right answer must hold, or None when nothing is asked. Every column that the solution writes
    ("table.column") has one policy: `exact_columns` are compared as they are, `fuzzy_columns` after normalising case, space and
    closing punctuation, `free_columns` not at all. `decoys` are values that an answer may not all hold beside the right ones.
    """

    LATER: ClassVar[tuple[str, ...]] = ("exact_columns", "decoys", "conditions", "origin", "measures")

    id: str = Field(pattern=r"^t[0-9]{2,4}$")
    instruction: str = Field(min_length=1, max_length=4_000)
    kind: Kind
    solution: tuple[ToolCall, ...] = Field(min_length=1)
    answer: tuple[Scalar, ...] | None = None
    checks: tuple[Check, ...] = ()
    free_columns: tuple[str, ...] = ()
    fuzzy_columns: tuple[str, ...] = ()
    exact_columns: tuple[str, ...] = ()
    decoys: tuple[Scalar, ...] = ()
    conditions: tuple[Condition, ...] = ()
    origin: Origin | None = None
    measures: Measures = Measures()
