"""The short grammar of parameters, in which authors write, and the JSON Schema that it stands for.

<type>[?][ = default]: <description>
type: integer, number, text, boolean, date, datetime, `one of a|b`, `list of <type>`, `list of {"name": "<spec>", …}`
"""

from __future__ import annotations

import json
import re
from typing import Any

_TYPES: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "text": {"type": "string"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
_ALIASES = {"int": "integer", "float": "number", "string": "text", "str": "text", "bool": "boolean"}
_VALUE = r"""("[^"]*"|'[^']*'|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|[^:]*?)"""
_MARKS = re.compile(rf"\s*(\?)?\s*(?:=\s*{_VALUE})?\s*(?::\s*(.*))?$", re.DOTALL)
_CHOICES = re.compile(r"one of\s+([^?:=]+)", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+", re.IGNORECASE)
_RANGE = re.compile(r"\s+(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)?")


class UnreadableParameter(ValueError):
    """A parameter that is not in the grammar; the message says why."""


def json_schema(parameters: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a tool's parameters; a value may be a spec, a list of one (an array), or JSON Schema already.

    An author who writes a whole object schema is taken at their word. Raises UnreadableParameter.
    """
    if parameters.get("type") == "object" and isinstance(parameters.get("properties"), dict):
        return {**parameters, "additionalProperties": False, "required": list(parameters.get("required", []))}
    properties: dict[str, Any] = {}
    required = []
    for name, spec in parameters.items():
        properties[name], optional = _property(name, spec)
        if not optional:
            required.append(name)
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _property(name: str, spec: Any) -> tuple[dict[str, Any], bool]:
    if isinstance(spec, str):
        return _spec(name, spec.strip())
    if isinstance(spec, list) and len(spec) == 1:
        return {"type": "array", "items": _item(name, spec[0])}, False
    if isinstance(spec, dict) and ("type" in spec or "enum" in spec):
        plain = {key: value for key, value in spec.items() if key not in ("required", "optional")}
        return plain, spec.get("required") is False or spec.get("optional") is True or "default" in spec
    raise UnreadableParameter(f"the parameter {name!r} is {json.dumps(spec)[:80]}, not '<type>[?][ = default]: <description>'")


def _item(name: str, spec: Any) -> dict[str, Any]:
    if isinstance(spec, dict) and "type" not in spec:
        return json_schema(spec)
    return _property(name, spec)[0]


def _spec(name: str, text: str) -> tuple[dict[str, Any], bool]:
    schema, rest = _type(name, text)
    marks = _MARKS.match(rest)
    if marks is None:
        raise UnreadableParameter(f"the parameter {name!r} has {rest[:60]!r} after its type; write '<type>[?][ = default]: <description>'")
    optional, default, description = marks.groups()
    if description:
        schema = {**schema, "description": " ".join(description.split())}
    if default not in (None, ""):
        schema = {**schema, "default": _default(name, schema, str(default).strip())}
    return schema, bool(optional) or default not in (None, "")


def _type(name: str, text: str) -> tuple[dict[str, Any], str]:
    """The schema of the type that a text begins with, and what follows it."""
    if text[:8].lower() == "list of ":
        items, rest = _type(name, text[8:].lstrip())
        return {"type": "array", "items": items}, rest
    if text.startswith("{"):
        return _object(name, text)
    choices = _CHOICES.match(text)
    if choices:
        values = [word.strip().strip("'\"") for word in choices.group(1).split("|")]
        if not all(values):
            raise UnreadableParameter(f"the parameter {name!r} has an empty choice in {choices.group(0)!r}")
        return _choice(values), text[choices.end() :]
    word = _WORD.match(text)
    kind = _ALIASES.get(word.group(0).lower(), word.group(0).lower()) if word else ""
    if word is None or kind not in _TYPES:
        raise UnreadableParameter(
            f"the parameter {name!r} has no known type in {text[:60]!r}; types are {', '.join(_TYPES)}, one of, list of"
        )
    bounds = _RANGE.match(text, word.end()) if kind in ("integer", "number") else None
    return {**_TYPES[kind], **_bounds(bounds)}, text[bounds.end() if bounds else word.end() :]


def _bounds(found: re.Match[str] | None) -> dict[str, Any]:
    """The least and the greatest value of a range such as `1..5` or `1..`."""
    ends = zip(("minimum", "maximum"), found.groups() if found else (), strict=False)
    return {name: json.loads(end) for name, end in ends if end}


def _choice(values: list[str]) -> dict[str, Any]:
    if all(re.fullmatch(r"-?\d+", value) for value in values):
        return {"type": "integer", "enum": [int(value) for value in values]}
    return {"type": "string", "enum": values}


def _object(name: str, text: str) -> tuple[dict[str, Any], str]:
    try:
        fields, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableParameter(f"the parameter {name!r} has an object that is not JSON: {error.msg}") from error
    return json_schema(fields), text[end:]


def _default(name: str, schema: dict[str, Any], text: str) -> Any:
    """The default as a value of its type; 'null' stands for none at all."""
    kind = schema.get("type")
    try:
        if kind in ("integer", "number", "array", "object", "boolean"):
            return json.loads(text.lower() if kind == "boolean" else text)
    except json.JSONDecodeError as error:
        raise UnreadableParameter(f"the parameter {name!r} has the default {text!r}, which is not of type {kind}") from error
    return text.strip("'\"")


def signature_line(name: str, schema: dict[str, Any], described: bool = False) -> str:
    """A tool's parameters on one line: `name(order_id: integer, limit?: integer = 20)`."""
    required = set(schema.get("required", ()))
    shown = (_shown(key, value, key in required, described) for key, value in schema.get("properties", {}).items())
    return f"{name}({', '.join(shown)})"


def _shown(name: str, schema: dict[str, Any], required: bool, described: bool) -> str:
    default = f" = {json.dumps(schema['default'], ensure_ascii=False)}" if "default" in schema else ""
    about = f" ({schema['description']})" if described and schema.get("description") else ""
    return f"{name}{'' if required else '?'}: {_type_word(schema)}{default}{about}"


def _type_word(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        choices = "|".join(map(str, schema["enum"]))
        return f"integer {choices}" if schema.get("type") == "integer" else choices
    if schema.get("type") == "array":
        return f"[{_type_word(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        return signature_line("", schema).replace("(", "{").replace(")", "}")
    word = schema.get("format") or schema.get("type") or "any"
    return {"date-time": "datetime", "string": "text"}.get(str(word), str(word))
