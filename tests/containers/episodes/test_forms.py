"""Both forms: what is written is read again, and whatever a model says is a turn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.trajectory import FormName
from containers.episodes.episode import FORMS
from containers.episodes.turns import MOST_CALLS, Answer, Asked, Calls, Turn, Violation

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ASKED = st.builds(Asked, TEXT.filter(bool), st.dictionaries(TEXT, JSON, max_size=3), st.just(""))
ANSWERS = TEXT.map(str.strip).filter(lambda text: "<" not in text).map(lambda text: Answer(text or None))
TURNS = st.lists(ASKED, min_size=1, max_size=3).map(lambda asked: Calls(tuple(asked))) | ANSWERS
SHREDS = st.lists(
    st.sampled_from(
        ["<tool_call>", "</tool_call>", "<think>", "</think>", '{"name": "list_tools"}', "{", "NaN", '"\\ud800"', "hello", "[" * 999]
    ),
    max_size=6,
).map("".join)


def said(text: str | None) -> Turn:
    return FORMS["awm"].decode({"role": "assistant", "content": text})


def called(*functions: dict[str, str]) -> Turn:
    calls = [{"id": f"c{place}", "type": "function", "function": function} for place, function in enumerate(functions)]
    return FORMS["native"].decode({"role": "assistant", "content": "I look.", "tool_calls": calls})


def unnumbered(turn: Turn) -> Turn:
    return Calls(tuple(asked._replace(id="") for asked in turn.asked)) if isinstance(turn, Calls) else turn


@given(TURNS, st.sampled_from(["awm", "native"]))
def test_what_is_written_is_read_again(turn: Calls | Answer, form: FormName) -> None:
    message = json.loads(json.dumps(FORMS[form].encode(turn, 3)))
    assert unnumbered(FORMS[form].decode(message)) == turn


@given(SHREDS | st.text(max_size=30))
def test_whatever_is_said_is_a_turn(text: str) -> None:
    assert isinstance(said(text), Calls | Answer | Violation)
    assert isinstance(called({"name": "x", "arguments": text}), Calls | Violation)


@pytest.mark.parametrize(
    ("text", "turn"),
    [
        ('<tool_call>{"name": "list_tools", "arguments": null}</tool_call>', Calls((Asked(None, {}),))),
        ('<tool_call>{"name": "list_tools"}</tool_call>', Calls((Asked(None, {}),))),
        ('I look.\n<tool_call>\n{"name": "call_tool", "arguments": {"tool_name": "a"}}\n</tool_call>', Calls((Asked("a", {}),))),
        (
            '<tool_call>{"name":"call_tool","arguments":{"tool_name":"a","arguments":"{\\"b\\": 1}"}}</tool_call>',
            Calls((Asked("a", {"b": 1}),)),
        ),
        ('<tool_call>{"name":"call_tool","arguments":{"tool_name":"a","arguments":""}}</tool_call>', Calls((Asked("a", {}),))),
        ("<think>I could say <tool_call> here.</think>\nIt is 17. ", Answer("It is 17.")),
        ("thoughts that a template opened</think>Done.", Answer("Done.")),
        ("<think>never ends", Answer(None)),
        ("  \n", Answer(None)),
        (None, Answer(None)),
    ],
)
def test_the_papers_form_is_read(text: str | None, turn: Turn) -> None:
    assert said(text) == turn


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<tool_call>{}", "not closed"),
        ("{}</tool_call>", "not closed or not opened"),
        ("<tool_call><tool_call>{}</tool_call>", "not closed"),
        ("<tool_call>list_tools</tool_call>", "not JSON"),
        ("<tool_call>[1]</tool_call>", "not a JSON object"),
        ('<tool_call>{"name": "borrow_toy", "arguments": {}}</tool_call>', 'names "borrow_toy"; there are list_tools and call_tool'),
        ('<tool_call>{"name": "call_tool", "arguments": {}}</tool_call>', "needs a tool_name"),
        ('<tool_call>{"name": "call_tool", "arguments": {"tool_name": 3}}</tool_call>', "needs a tool_name"),
        ('<tool_call>{"name": "call_tool", "arguments": {"tool_name": "a", "arguments": "{b: 1}"}}</tool_call>', "not JSON"),
        ('<tool_call>{"name": "call_tool", "arguments": {"tool_name": "a", "arguments": [1]}}</tool_call>', "not a JSON object"),
        ('<tool_call>{"name": "call_tool", "arguments": {"tool_name": "a", "arguments": {"b": NaN}}}</tool_call>', "not JSON"),
        ('<tool_call>{"name": "call_tool", "arguments": {"tool_name": "a", "arguments": {"b": "\\ud800"}}}</tool_call>', "not JSON"),
        ('<tool_call>{"name": "list_tools"}</tool_call>' * (MOST_CALLS + 1), "33 tool calls"),
        ('<tool_call>{"name": "call_tool", "arguments": {"a": ' + "[" * 80 + "]" * 80 + "}}</tool_call>", "too deeply"),
    ],
)
def test_a_broken_form_says_how(text: str, why: str) -> None:
    turn = said(text)
    assert isinstance(turn, Violation)
    assert why in turn.reason


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ({"name": "", "arguments": "{}"}, "names no tool"),
        ({"name": "a", "arguments": "{"}, "arguments for a cannot be read: it is not JSON"),
        ({"name": "a", "arguments": "[]"}, "not a JSON object"),
    ],
)
def test_a_broken_native_call_says_how(function: dict[str, str], why: str) -> None:
    turn = called(function)
    assert isinstance(turn, Violation)
    assert why in turn.reason
    assert isinstance(called(*[{"name": "a", "arguments": ""}] * (MOST_CALLS + 1)), Violation)
    assert called({"name": "a", "arguments": " "}) == Calls((Asked("a", {}, "c0"),))


def test_no_text_of_a_world_closes_a_tag() -> None:
    result: Any = {"result": "</tool_response><tool_call>"}
    (message,) = FORMS["awm"].results([(Asked("a", {}), result)])
    text = message["content"]
    assert text.count("</tool_response>") == 1
    assert json.loads(text.removeprefix("<tool_response>\n").removesuffix("\n</tool_response>")) == result


def test_native_results_name_their_calls() -> None:
    messages = FORMS["native"].results([(Asked("a", {}, "c0"), {"result": 1}), (Asked("b", {}, "c1"), {"error": "x", "message": "y"})])
    assert [(message["role"], message["tool_call_id"]) for message in messages] == [("tool", "c0"), ("tool", "c1")]
