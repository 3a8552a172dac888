"""Whether a tool's JSON Schema can be used: known keywords with values of the right kind, closed, described, nothing reserved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artifacts.toolset import RESERVED, Tool
from artifacts.verdict import Diagnostic
from containers.arguments import UnsupportedSchema, compile_arguments
from tasks.sql.programs import NAME, parameter_schema

_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_SIZES = ("minLength", "maxLength", "minItems", "maxItems")
MAX_LENGTH = 20_000


def parameter_problems(tool: Tool) -> Iterator[Diagnostic]:
    """All that is wrong with the parameters of one tool."""
    place = f"tool:{tool.name}"
    trouble = unusable(tool.parameters) or _refused(tool.parameters)
    if trouble:
        yield Diagnostic(
            code="tool.parameters",
            place=place,
            message=f"The parameters cannot be used: {trouble}.",
            hint="Use a plain JSON Schema object.",
        )
        return
    if tool.parameters.get("additionalProperties") is not False:
        message = "The parameters allow unknown names."
        yield Diagnostic(code="tool.open_parameters", place=place, message=message, hint='Set "additionalProperties": false.')
    for name in tool.parameter_names:
        yield from _name_problems(tool, name, place)


def _name_problems(tool: Tool, name: str, place: str) -> Iterator[Diagnostic]:
    if name in RESERVED:
        message = f"A parameter may not be called {name}."
        yield Diagnostic(code="tool.reserved", place=place, message=message, hint="The world binds it already.")
    if not NAME.fullmatch(name):
        yield Diagnostic(
            code="tool.parameters", place=place, message=f"'{name}' cannot be bound as :{name}.", hint="Use letters, digits and _."
        )
    if not parameter_schema(tool, name).get("description"):
        message = f"The parameter {name} has no description."
        yield Diagnostic(code="tool.undescribed", place=place, message=message, hint="Say what it is and where an agent gets it.")


def _refused(parameters: dict[str, Any]) -> str:
    """Why the environment refuses a schema that is well formed; empty when it does not."""
    try:
        compile_arguments(parameters)
    except UnsupportedSchema as trouble:
        return str(trouble)
    return ""


def unusable(schema: Any, where: str = "the parameters") -> str:
    """The first keyword whose value is of the wrong kind; empty when there is none."""
    if not isinstance(schema, dict):
        return f"{where} must be an object"
    checks = (
        *((key, _number(schema[key]), "a number") for key in _NUMBERS if key in schema),
        *((key, _size(schema[key]), f"a number from 0 to {MAX_LENGTH}") for key in _SIZES if key in schema),
        *((key, _choices(schema[key]), "a list of texts, numbers or booleans") for key in ("enum",) if key in schema),
        *((key, _names(schema[key]), "a list of names") for key in ("required",) if key in schema),
        *((key, isinstance(schema[key], dict), "an object") for key in ("properties", "items") if key in schema),
        *((key, isinstance(schema[key], str), "a text") for key in ("description", "format", "title") if key in schema),
    )
    wrong = next((f"'{key}' of {where} must be {kind}" for key, right, kind in checks if not right), "")
    return wrong or _crossed(schema, where) or _inner(schema, where)


def _inner(schema: dict[str, Any], where: str) -> str:
    parts = [(f"'{name}'", part) for name, part in schema.get("properties", {}).items()]
    parts += [(f"the items of {where}", schema["items"])] if "items" in schema else []
    return next((trouble for name, part in parts for trouble in [unusable(part, name)] if trouble), "")


def _crossed(schema: dict[str, Any], where: str) -> str:
    """Bounds that leave no value."""
    pairs = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
    return next((f"'{low}' of {where} is above its '{high}'" for low, high in pairs if schema.get(low, 0) > schema.get(high, 2**63)), "")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63


def _size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_LENGTH


def _choices(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, (str, int, float, bool)) or v is None for v in value)


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
