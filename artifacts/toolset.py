"""Tools: one named operation each, with a JSON Schema for its parameters and a program of SQL steps (format 1, section 3.1)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from artifacts.agent_task import ToolCall
from artifacts.noun import Noun

ErrorCode = Literal["not_found", "conflict", "invalid", "forbidden", "limit"]
"""What a `require` or a `refuse` may report; all other codes come from the environment itself."""

Shape = Literal["one", "many", "value"]
ValueType = Literal["json", "boolean", "integer", "real", "text"]

RESERVED = ("me", "now", "today")
"""Names bound in every statement: the signed-in user, the world's clock and its date."""


class Require(Noun):
    """No row: the call fails; a row: its columns are bound for the steps that follow."""

    require: str
    error: ErrorCode
    message: str


class Refuse(Noun):
    """Any row is an offender: the call fails and the row's columns fill the message."""

    refuse: str
    error: ErrorCode
    message: str


class Let(Noun):
    """Binds the first row's columns, NULL where there is no row."""

    let: str


class Run(Noun):
    """One INSERT, UPDATE or DELETE; another number of touched rows than `expect` is an environment error."""

    run: str
    expect: int | None = None


class Each(Noun):
    """Reads its rows first, then does its steps once a row with the row's columns bound."""

    each: str
    do: tuple[Step, ...]


class Query(Noun):
    """One named query of a nested result."""

    query: str
    shape: Shape = "one"
    types: dict[str, ValueType] = Field(default_factory=dict)


class Return(Noun):
    """The result: an object or null (`one`), a list of objects (`many`), a scalar or JSON document (`value`), or named queries.

    `types` maps result columns to their types, derived when the tool is accepted; the key is `value` for the shape `value`.
    """

    returns: str | dict[str, Query] = Field(alias="return")
    shape: Shape = "one"
    types: dict[str, ValueType] = Field(default_factory=dict)


_KINDS = {"require": "require", "refuse": "refuse", "let": "let", "run": "run", "each": "each", "return": "return", "returns": "return"}


def _step_kind(value: Any) -> str | None:
    keys = value.keys() if isinstance(value, dict) else getattr(type(value), "model_fields", {}).keys()
    return next((kind for key, kind in _KINDS.items() if key in keys), None)


Step = Annotated[
    Annotated[Require, Tag("require")]
    | Annotated[Refuse, Tag("refuse")]
    | Annotated[Let, Tag("let")]
    | Annotated[Run, Tag("run")]
    | Annotated[Each, Tag("each")]
    | Annotated[Return, Tag("return")],
    Discriminator(_step_kind),
]
"""One step of a program, told apart by its leading key."""

Each.model_rebuild()


class Tool(Noun):
    """One named operation: what an agent may call, and the program that answers.

    `example` holds arguments with which the tool succeeds on the initial state, after the calls of `prepare` where it has any (it may
    then hold references to their results); anyone can repeat that.
    """

    LATER: ClassVar[tuple[str, ...]] = ("prepare",)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,63}$")
    description: str = Field(min_length=1, max_length=1_000)
    parameters: dict[str, Any]
    program: tuple[Step, ...] = Field(min_length=1)
    example: dict[str, Any] = Field(default_factory=dict)
    prepare: tuple[ToolCall, ...] = ()

    def canonical(self) -> dict[str, Any]:
        """The JSON form; empty optional parts of steps are left out, so that a program reads as it was written."""
        return {**super().canonical(), "program": [plain_step(step) for step in self.program]}

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The declared parameters, in order."""
        properties = self.parameters.get("properties")
        return tuple(properties) if isinstance(properties, dict) else ()


def plain_step(step: Require | Refuse | Let | Run | Each | Return) -> dict[str, Any]:
    """A step as it stands in `tools.json`: defaults and empty parts left out."""
    if isinstance(step, Each):
        return {"each": step.each, "do": [plain_step(inner) for inner in step.do]}
    plain = step.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(step, Return) and isinstance(step.returns, str):
        plain["shape"] = step.shape
    if isinstance(step, Return) and not isinstance(step.returns, str):
        plain["return"] = {name: {**q.model_dump(mode="json", exclude_defaults=True), "shape": q.shape} for name, q in step.returns.items()}
    return plain
