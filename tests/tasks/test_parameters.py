"""The short grammar of parameters and the JSON Schema that it stands for."""

from __future__ import annotations

from typing import Any

import pytest

from containers.arguments import compile_arguments
from tasks.parameters import UnreadableParameter, json_schema, signature_line


@pytest.mark.parametrize(
    ("spec", "schema", "required"),
    [
        ("integer: Id of the order.", {"type": "integer", "description": "Id of the order."}, True),
        ("number", {"type": "number"}, True),
        ("text?: A note: short.", {"type": "string", "description": "A note: short."}, False),
        ("integer? = 20: How many.", {"type": "integer", "default": 20, "description": "How many."}, False),
        ("boolean = false: Or not.", {"type": "boolean", "default": False, "description": "Or not."}, False),
        ("date: The day.", {"type": "string", "format": "date", "description": "The day."}, True),
        (
            "datetime? = 2026-03-02 09:00:00: When.",
            {"type": "string", "format": "date-time", "default": "2026-03-02 09:00:00", "description": "When."},
            False,
        ),
        ("one of open|in progress?: The state.", {"type": "string", "enum": ["open", "in progress"], "description": "The state."}, False),
        ("one of a|b = a: Which.", {"type": "string", "enum": ["a", "b"], "default": "a", "description": "Which."}, False),
        ("one of 1|2", {"type": "integer", "enum": [1, 2]}, True),
        ("list of integer: Ids.", {"type": "array", "items": {"type": "integer"}, "description": "Ids."}, True),
        ("list of one of a|b?", {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, False),
        ({"type": "string", "optional": True}, {"type": "string"}, False),
        ("string", {"type": "string"}, True),
    ],
)
def test_a_spec_stands_for_its_schema(spec: Any, schema: dict[str, Any], required: bool) -> None:
    assert json_schema({"x": spec}) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"x": schema},
        "required": ["x"] if required else [],
    }


LINES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a"],
}


@pytest.mark.parametrize("spec", ['list of {"a":"integer","b":"integer?"}', [{"a": "integer", "b": "integer?"}]])
def test_lists_of_objects(spec: Any) -> None:
    assert json_schema({"lines": spec})["properties"]["lines"] == {"type": "array", "items": LINES}


def test_a_whole_schema_is_taken_as_it_is() -> None:
    whole = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert json_schema(whole) == {**whole, "additionalProperties": False}


def test_a_parameter_named_type_is_a_parameter() -> None:
    assert json_schema({"type": "one of a|b: Which."})["required"] == ["type"]


@pytest.mark.parametrize(
    "spec", ["", "thing: x", "list of", "one of a||b", 'list of {"a":', "integer? = x: y", "integer ! y", 7, None, ["a", "b"]]
)
def test_what_is_not_in_the_grammar_is_told_of(spec: Any) -> None:
    with pytest.raises(UnreadableParameter, match="'x'"):
        json_schema({"x": spec})


def test_schemas_are_what_environments_understand() -> None:
    schema = json_schema({"ids": "list of integer: x", "day": "date? = 2026-03-01: y", "kind": "one of a|b", "lines": [{"a": "integer"}]})
    bound = compile_arguments(schema)({"ids": [1, 2], "kind": "a", "lines": [{"a": 1}]})
    assert bound == {"ids": "[1,2]", "day": "2026-03-01", "kind": "a", "lines": '[{"a":1}]'}


def test_a_signature_is_one_line() -> None:
    schema = json_schema(
        {"order_id": "integer: Id.", "limit": "integer? = 20", "kind": "one of a|b?", "lines": [{"a": "integer", "note": "text?"}]}
    )
    line = signature_line("cancel", schema)
    assert line == "cancel(order_id: integer, limit?: integer = 20, kind?: a|b, lines: [{a: integer, note?: text}])"
