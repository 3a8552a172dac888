"""An abridged episode asks for the same decisions: what it calls and speaks of stays, and other words change everywhere alike."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from benchmarks.abridging import MORE_RECORDS, MORE_TOOLS, Script, renamed, shortened

WORDS = ["lantern", "pebble", "quill", "ferry"]
SEEDS = range(20)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # variety, not secrecy


def tool(name: str, *parameters: str) -> dict[str, Any]:
    properties = {parameter: {"type": "integer"} for parameter in parameters}
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": properties, "required": list(parameters)}},
    }


def call(name: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": function}]}


def result(value: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c", "content": json.dumps({"result": value})}


BOOKINGS = [{"id": number, "guide": f"Guide {number}", "hours": 100 + number} for number in range(1, 13)]
TOOLS = (
    tool("list_my_bookings"),
    tool("cancel_booking", "booking_id"),
    tool("get_guide", "guide_id"),
    *(tool(f"count_things_{number}") for number in range(20)),
)


def script(answer: str) -> Script:
    messages = (
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": 'Cancel the booking of "Guide 9". Booking rules hold; all bookings do. How many hours is it?'},
        call("list_my_bookings"),
        result(BOOKINGS),
        call("cancel_booking", booking_id=9),
        result(BOOKINGS[8]),
        {"role": "assistant", "content": answer},
    )
    return Script(messages, ((0, 1), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5)), TOOLS)


def listed(shown: Script) -> list[int]:
    return [record["id"] for record in json.loads(shown.messages[3]["content"])["result"]]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_called_or_spoken_of_stays(seed: int) -> None:
    short = shortened(script("[109]"), seeded(seed))
    names = [one["function"]["name"] for one in short.tools]
    assert {"list_my_bookings", "cancel_booking"} <= set(names)
    assert len(names) <= 2 + MORE_TOOLS
    assert names == [one["function"]["name"] for one in TOOLS if one["function"]["name"] in names]
    assert 9 in listed(short)
    assert len(listed(short)) <= 1 + MORE_RECORDS
    assert listed(short) == sorted(listed(short))
    assert [message["role"] for message in short.messages] == [message["role"] for message in script("[109]").messages]
    assert short.seen == script("[109]").seen


def test_records_that_may_have_been_counted_stay() -> None:
    assert listed(shortened(script("[777]"), seeded(0))) == [record["id"] for record in BOOKINGS]


@pytest.mark.parametrize("seed", SEEDS)
def test_words_change_everywhere_alike(seed: int) -> None:
    other = renamed(script("[109]"), seeded(seed), WORDS)
    name = other.messages[4]["tool_calls"][0]["function"]["name"]
    new = name.removeprefix("cancel_")
    assert new in WORDS
    assert other.messages[1]["content"].startswith(f"Cancel the {new} of ")
    assert f"{new.capitalize()} rules hold; all {new}s do." in other.messages[1]["content"]
    assert other.messages[2]["tool_calls"][0]["function"]["name"] == f"list_my_{new}s"
    assert json.loads(other.messages[4]["tool_calls"][0]["function"]["arguments"]) == {f"{new}_id": 9}
    assert [one["function"]["name"] for one in other.tools][:2] == [f"list_my_{new}s", name]
    assert "booking" not in json.dumps([other.messages, other.tools]).lower()


def test_without_other_words_nothing_changes() -> None:
    assert renamed(script("[109]"), seeded(0), []) == script("[109]")
