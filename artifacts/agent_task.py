"""Agent tasks: what an agent is asked to do, how it is done, and how the doing is judged (format 1, section 3.2)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from artifacts.noun import Noun

Kind = Literal["read", "write", "mixed"]
Scalar = str | int | float | bool | None


class ToolCall(Noun):
    """One call; an argument may be `{"$ref": "0[0].id"}`: a step's index, then a path into its result."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Check(Noun):
    """One SQL predicate over `initial.`, `final.` and `:answer`; its single value is true or false."""

    name: str = Field(min_length=1, max_length=200)
    sql: str


class AgentTask(Noun):
    """An instruction with its reference solution and checks.

    `answer` holds the values that a right answer must hold, or None when nothing is asked. `free_columns` ("table.column")
    are exempt from the comparison of end states; `fuzzy_columns` are compared after normalising case and space.
    """

    id: str = Field(pattern=r"^t[0-9]{2,4}$")
    instruction: str = Field(min_length=1, max_length=4_000)
    kind: Kind
    solution: tuple[ToolCall, ...] = Field(min_length=1)
    answer: tuple[Scalar, ...] | None = None
    checks: tuple[Check, ...] = ()
    free_columns: tuple[str, ...] = ()
    fuzzy_columns: tuple[str, ...] = ()
