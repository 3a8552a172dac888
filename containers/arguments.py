"""Checking a call's arguments against the tool's JSON Schema, and making them safe to bind.

The subset of JSON Schema: type (and a list of types), properties, required, additionalProperties, enum, const, default,
minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, minItems, maxItems, format date and date-time, items.
A schema is compiled once into a function; a wrong value raises `WrongArgument` with a short message and nothing else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

MAX_DEPTH = 12
MAX_TEXT = 20_000
MAX_ITEMS = 1_000
MAX_JSON = 200_000
MAX_NAME = 80

_INT64 = 2**63

Check = Callable[[Any, str], Any]
"""(value, where it stands) -> the value to bind; raises WrongArgument."""

KEYWORDS = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "enum",
        "const",
        "default",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "format",
        "items",
        "description",
        "title",
        "examples",
    }
)


class WrongArgument(Exception):
    """An argument that the tool's schema does not allow; the message is for the agent."""


class UnsupportedSchema(Exception):
    """A parameter schema that this environment does not understand; the message is for the author."""


def compile_arguments(schema: Mapping[str, Any]) -> Callable[[object], dict[str, Any]]:
    """A function from a call's arguments to what its statements bind, defaults filled in, absent ones NULL.

    Raises UnsupportedSchema; the function raises WrongArgument.
    """
    if schema.get("type") != "object":
        raise UnsupportedSchema('the parameters must be of type "object"')
    _refuse_unknown_keywords(schema)
    properties = schema.get("properties", {})
    checks = {name: compile_value(part) for name, part in properties.items()}
    absent = {name: _default(part, checks[name], name) for name, part in properties.items()}
    required = tuple(schema.get("required", ()))
    unknown = next((name for name in required if name not in properties), None)
    if unknown is not None:
        raise UnsupportedSchema(f"'{unknown}' is required but not declared")

    def check(arguments: object) -> dict[str, Any]:
        if arguments is None:
            arguments = {}
        if type(arguments) is not dict:
            raise WrongArgument("The arguments must be one JSON object.")
        bound = dict(absent)
        for name, value in arguments.items():
            test = checks.get(name) if type(name) is str else None
            if test is None:
                raise WrongArgument(f"There is no argument {shown(name)}; the arguments are {_listed(checks)}.")
            if value is not None or name in required:
                bound[name] = bindable(test(value, name))
        for name in required:
            if name not in arguments:
                raise WrongArgument(f"The argument '{name}' is missing.")
        return bound

    return check


def _default(schema: Mapping[str, Any], check: Check, name: str) -> Any:
    try:
        return None if schema.get("default") is None else bindable(check(schema["default"], name))
    except WrongArgument as wrong:
        raise UnsupportedSchema(f"a default is not allowed by its own schema: {wrong}") from wrong


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"


def shown(value: object) -> str:
    """A short, safe form of anything, for a message."""
    if type(value) is str:
        text = "".join(c if c.isprintable() else "?" for c in value[:MAX_NAME])
        return f"'{text}'" if len(value) <= MAX_NAME else f"'{text}...'"
    if type(value) in (int, float, bool) or value is None:
        return _short_number(value)
    return "an object" if type(value) is dict else "a list" if type(value) is list else "a value that is not JSON"


def _short_number(value: Any) -> str:
    if type(value) is int and not -_INT64 <= value < _INT64:
        return "a number beyond 64 bits"
    return json.dumps(value)


def bindable(value: Any) -> Any:
    """What SQLite binds: booleans as 0 or 1, lists and objects as JSON text."""
    kind = type(value)
    if kind is bool:
        return int(value)
    if kind is list or kind is dict:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if len(text) > MAX_JSON:
            raise WrongArgument("The arguments are too large.")
        return text
    return value


def compile_value(schema: Mapping[str, Any], depth: int = 0) -> Check:
    """The check of one value; raises UnsupportedSchema."""
    if depth > MAX_DEPTH:
        raise UnsupportedSchema("it is nested too deeply")
    _refuse_unknown_keywords(schema)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _any_of(kind, schema, depth)
    maker = _MAKERS.get(kind) if isinstance(kind, str) else None
    if maker is None:
        raise UnsupportedSchema(f"the type {json.dumps(kind)} is not one of {', '.join(_MAKERS)}")
    check = maker(schema, depth)
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return check if allowed is None else _one_of(check, tuple(allowed))


def _refuse_unknown_keywords(schema: Mapping[str, Any]) -> None:
    unknown = sorted(set(schema) - KEYWORDS)
    if unknown:
        raise UnsupportedSchema(f"the keyword '{unknown[0]}' is not supported")


def _any_of(kinds: list[str], schema: Mapping[str, Any], depth: int) -> Check:
    """A list of types: the value's own JSON type picks the check."""
    checks = tuple((kind, compile_value({**schema, "type": kind}, depth)) for kind in kinds)

    def check(value: Any, where: str) -> Any:
        for kind, test in checks:
            if isinstance(value, _PYTHON_TYPES[kind]) and (type(value) is not bool or kind == "boolean"):
                return test(value, where)
        raise WrongArgument(f"'{where}' must be of type {' or '.join(kinds)}.")

    return check


def _one_of(check: Check, allowed: tuple[Any, ...]) -> Check:
    names = ", ".join(shown(item) for item in allowed)

    def test(value: Any, where: str) -> Any:
        given = check(value, where)
        if given not in allowed:
            raise WrongArgument(f"'{where}' must be one of {names}.")
        return given

    return test


def _integer(schema: Mapping[str, Any], _depth: int) -> Check:
    within = _within(schema)

    def check(value: Any, where: str) -> Any:
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if type(value) is not int:
            raise WrongArgument(f"'{where}' must be an integer.")
        if not -_INT64 <= value < _INT64:
            raise WrongArgument(f"'{where}' must fit in 64 bits.")
        return within(value, where)

    return check


def _number(schema: Mapping[str, Any], _depth: int) -> Check:
    within = _within(schema)

    def check(value: Any, where: str) -> Any:
        if type(value) is int:
            if not -_INT64 <= value < _INT64:
                raise WrongArgument(f"'{where}' must fit in 64 bits.")
        elif type(value) is not float or not math.isfinite(value):
            raise WrongArgument(f"'{where}' must be a finite number.")
        return within(value, where)

    return check


def _within(schema: Mapping[str, Any]) -> Callable[[Any, str], Any]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    _need_numbers(minimum=low, maximum=high, exclusiveMinimum=above, exclusiveMaximum=below)

    def check(value: Any, where: str) -> Any:
        if low is not None and value < low:
            raise WrongArgument(f"'{where}' must be at least {low}.")
        if high is not None and value > high:
            raise WrongArgument(f"'{where}' must be at most {high}.")
        if above is not None and value <= above:
            raise WrongArgument(f"'{where}' must be more than {above}.")
        if below is not None and value >= below:
            raise WrongArgument(f"'{where}' must be less than {below}.")
        return value

    return check


def _need_numbers(**bounds: object) -> None:
    wrong = next((name for name, bound in bounds.items() if bound is not None and type(bound) not in (int, float)), None)
    if wrong is not None:
        raise UnsupportedSchema(f"{wrong} must be a number")


def _sizes(schema: Mapping[str, Any], least: str, most: str, bound: int) -> tuple[int, int]:
    _need_numbers(**{least: schema.get(least), most: schema.get(most)})
    return schema.get(least, 0), min(schema.get(most, bound), bound)


def _string(schema: Mapping[str, Any], _depth: int) -> Check:
    least, most = _sizes(schema, "minLength", "maxLength", MAX_TEXT)
    form = schema.get("format")
    if form is not None and form not in _FORMATS:
        raise UnsupportedSchema(f"the format {json.dumps(form)} is not one of {', '.join(_FORMATS)}")
    parse = _FORMATS.get(form) if form is not None else None

    def check(value: Any, where: str) -> Any:
        if type(value) is not str:
            raise WrongArgument(f"'{where}' must be text.")
        if len(value) > most:
            raise WrongArgument(f"'{where}' must have at most {most} characters.")
        if len(value) < least:
            raise WrongArgument(f"'{where}' must have at least {least} characters.")
        refuse_bad_text(value, where)
        return value if parse is None else parse(value, where)

    return check


def refuse_bad_text(value: str, where: str) -> None:
    """Raises WrongArgument for text that SQLite or JSON would cut or refuse."""
    if "\0" in value or not (value.isascii() or _SURROGATE.search(value) is None):
        raise WrongArgument(f"'{where}' holds a character that is not allowed.")


_SURROGATE = re.compile("[\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?Z?")


def _date(value: str, where: str) -> str:
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise WrongArgument(f"'{where}' must be a date written YYYY-MM-DD.")


def _date_time(value: str, where: str) -> str:
    """The world's own form, `YYYY-MM-DD HH:MM:SS`, so that times compare as text."""
    match = _DATE_TIME.fullmatch(value)
    try:
        if match:
            return str(datetime.fromisoformat(f"{match[1]} {match[2]}{match[3] or ':00'}"))
    except ValueError:
        pass
    raise WrongArgument(f"'{where}' must be a date and time written YYYY-MM-DD HH:MM:SS.")


_FORMATS: dict[str, Callable[[str, str], str]] = {"date": _date, "date-time": _date_time}


def _boolean(_schema: Mapping[str, Any], _depth: int) -> Check:
    def check(value: Any, where: str) -> Any:
        if type(value) is not bool:
            raise WrongArgument(f"'{where}' must be true or false.")
        return value

    return check


def _null(_schema: Mapping[str, Any], _depth: int) -> Check:
    def check(value: Any, where: str) -> Any:
        if value is not None:
            raise WrongArgument(f"'{where}' must be null.")
        return value

    return check


def _array(schema: Mapping[str, Any], depth: int) -> Check:
    if "items" not in schema:
        raise UnsupportedSchema("a list must declare its 'items'")
    item = compile_value(schema["items"], depth + 1)
    least, most = _sizes(schema, "minItems", "maxItems", MAX_ITEMS)

    def check(value: Any, where: str) -> Any:
        if type(value) is not list:
            raise WrongArgument(f"'{where}' must be a list.")
        if not least <= len(value) <= most:
            raise WrongArgument(f"'{where}' must have {least} to {most} items.")
        return [item(part, f"{where}[{i}]") for i, part in enumerate(value)]

    return check


def _object(schema: Mapping[str, Any], depth: int) -> Check:
    properties = schema.get("properties")
    if properties is None:
        raise UnsupportedSchema("an object must declare its 'properties'")
    checks = {name: compile_value(part, depth + 1) for name, part in properties.items()}
    required = tuple(schema.get("required", ()))

    def check(value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise WrongArgument(f"'{where}' must be an object.")
        missing = next((name for name in required if name not in value), None)
        if missing is not None:
            raise WrongArgument(f"'{where}.{missing}' is missing.")
        unknown = next((name for name in value if type(name) is not str or name not in checks), None)
        if unknown is not None:
            raise WrongArgument(f"'{where}' has no {shown(unknown)}; it has {_listed(checks)}.")
        return {name: checks[name](part, f"{where}.{name}") for name, part in value.items()}

    return check


_MAKERS: dict[str, Callable[[Mapping[str, Any], int], Check]] = {
    "integer": _integer,
    "number": _number,
    "string": _string,
    "boolean": _boolean,
    "null": _null,
    "array": _array,
    "object": _object,
}
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "integer": (int, float),
    "number": (int, float),
    "string": str,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}
