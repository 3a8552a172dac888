"""What an agent is shown: the opening, the list of tools, and a window of turns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.history import places, seen


def said(number: int) -> dict[str, Any]:
    return {"role": "assistant", "content": f"turn {number}"}


def back(number: int) -> dict[str, Any]:
    return {"role": "user", "content": f"result {number}"}


OPENING = [{"role": "system", "content": "rules"}, {"role": "user", "content": "task"}]
LIST = {"role": "assistant", "content": '<tool_call>\n{"name":"list_tools","arguments":{}}\n</tool_call>'}


def test_the_list_of_tools_stays_when_the_window_has_moved_on() -> None:
    messages = [*OPENING, LIST, back(0), said(1), back(1), said(2), back(2), said(3)]
    assert list(seen(messages, 3, 1)) == [*OPENING, LIST, back(0), said(2), back(2)]
    assert list(seen(messages, 3, 2)) == messages[:8]
    assert list(seen(messages, 1, 1)) == [*OPENING, LIST, back(0)]


def test_without_a_list_only_the_opening_stays() -> None:
    messages = [*OPENING, said(0), back(0), back(0), said(1), back(1), said(2)]
    assert list(seen(messages, 2, 1)) == [*OPENING, said(1), back(1)]
    assert list(seen(messages, 2, 0)) == OPENING


@given(turns=st.integers(0, 8), window=st.none() | st.integers(0, 9), lists=st.booleans())
def test_a_wide_window_shows_everything_before_the_turn(turns: int, window: int | None, lists: bool) -> None:
    first = LIST if lists else said(0)
    blocks = [[first if number == 0 else said(number), back(number)] for number in range(turns)]
    messages = [*OPENING, *(message for block in blocks for message in block)]
    shown = list(seen(messages, turns, window))
    here = places([*messages, said(turns)], None if window is None else max(window, 1))
    assert [messages[place] for place in here[turns]] == list(seen(messages, turns, None if window is None else max(window, 1)))
    assert len(here) == turns + 1
    if window is None or window >= turns:
        assert shown == messages
    assert shown[:2] == OPENING
    assert len(shown) == 2 + 2 * min(turns, turns if window is None else max(window, 0) + (lists and window < turns))


def test_a_turn_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IndexError):
        seen(OPENING, 1)
