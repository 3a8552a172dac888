"""JSON for people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.pretty import WIDTH, pretty_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
JSON = st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5))


@given(JSON)
def test_nothing_is_lost_and_keys_keep_their_order(value: Any) -> None:
    again = json.loads(pretty_bytes(value))
    assert again == value
    assert json.dumps(again) == json.dumps(value)


@given(st.lists(st.lists(st.integers(0, 10**6), max_size=60), max_size=4))
def test_lines_are_short_where_parts_can_be_split(value: Any) -> None:
    assert all(len(line) <= WIDTH + 1 for line in pretty_bytes(value).decode().splitlines())


def test_a_part_is_opened_as_soon_as_its_line_would_be_too_long() -> None:
    longest = [max(map(len, pretty_bytes({"key": ["x" * size]}).decode().splitlines())) for size in range(100, 135)]
    assert max(longest) == WIDTH


def test_short_parts_stand_on_one_line_and_long_ones_are_opened() -> None:
    value = {"short": {"a": [1, 2]}, "long": [{"text": "x" * 80}, {"text": "y" * 80}], "none": []}
    assert pretty_bytes(value).decode() == (
        '{\n  "short": {"a": [1, 2]},\n  "long": [\n    {"text": "'
        + "x" * 80
        + '"},\n    {"text": "'
        + "y" * 80
        + '"}\n  ],\n  "none": []\n}\n'
    )


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        pretty_bytes([float("nan")])
