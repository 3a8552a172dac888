from __future__ import annotations

from typing import Any

import pytest

from containers.arguments import UnsupportedSchema, WrongArgument, bindable, compile_arguments, shown


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_defaults_and_absent_arguments_are_bound() -> None:
    check = compile_arguments(schema(a={"type": "integer", "default": 3}, b={"type": "boolean", "default": True}, c={"type": "string"}))
    assert check({}) == {"a": 3, "b": 1, "c": None}
    assert check({"a": None, "c": "x"}) == {"a": 3, "b": 1, "c": "x"}


def test_lists_and_objects_bind_as_compact_json() -> None:
    inner = {"type": "object", "properties": {"n": {"type": "integer"}, "t": {"type": "string"}}}
    check = compile_arguments(schema(items={"type": "array", "items": inner}))
    assert check({"items": [{"t": "é", "n": 2.0}, {}]}) == {"items": '[{"t":"é","n":2},{}]'}


def test_arguments_that_are_too_large_together_are_refused() -> None:
    check = compile_arguments(schema(words={"type": "array", "items": {"type": "string"}}))
    assert check({"words": ["x" * 19_000] * 9})
    with pytest.raises(WrongArgument, match="too large"):
        check({"words": ["x" * 20_000] * 20})


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    nested: dict[str, Any] = {"type": "integer"}
    for _ in range(5_000):
        nested = {"type": "array", "items": nested}
    with pytest.raises(UnsupportedSchema, match="too deeply"):
        compile_arguments(schema(n=nested))


@pytest.mark.parametrize(
    ("part", "right", "wrong"),
    [
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}, [1, 2, 2.0], [0, 3, -1, 2.5]),
        ({"type": "number", "minimum": 0.5, "maximum": 1}, [0.5, 1], [0.4, 1.1, True]),
        ({"type": "integer", "enum": [1, 2]}, [1, 2.0], [3, "1"]),
        ({"type": "string", "const": "a"}, ["a"], ["b"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"type": ["integer", "null"]}, [1], ["x", 1.5]),
        ({"type": ["boolean", "integer"]}, [True, 5], ["x", 5.5]),
        ({"type": "null"}, [], [1, "null", False]),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 1}, [[True]], [[], [1], {}]),
        ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, [[[1], []]], [[1], [["1"]]]),
    ],
)
def test_each_keyword_holds(part: dict[str, Any], right: list[object], wrong: list[object]) -> None:
    check = compile_arguments(schema(n=part))
    for value in right:
        assert check({"n": value})["n"] is not None
    for value in wrong:
        with pytest.raises(WrongArgument):
            check({"n": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", "'short'"),
        ("x" * 100, f"'{'x' * 80}...'"),
        ("a\n\0b", "'a??b'"),
        (10**400, "a number beyond 64 bits"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ({}, "an object"),
        ([], "a list"),
        (object(), "a value that is not JSON"),
    ],
)
def test_values_are_shown_short_and_safe(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "bound"), [(True, 1), (False, 0), (None, None), ("x", "x"), (1.5, 1.5), ([1], "[1]"), ({"a": []}, '{"a":[]}')]
)
def test_what_is_bound(value: object, bound: object) -> None:
    assert bindable(value) == bound
    assert type(bindable(value)) is type(bound)
