"""The evidence tells what changed, what should have, and what was said; text that nobody vouches for stays behind its bars."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tasks.judging.evidence import Evidence
from tasks.judging.fence import MOST_TEXT, fenced, unfenced

Evidences = Callable[..., Evidence]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def test_rows_are_right_wrong_or_missing(evidence: Evidences) -> None:
    shown = evidence(2, [("borrow_toy", {"toy_id": 2, "note": "Soon"})])
    assert unfenced(shown.inputs["rows"]) == [
        'wrong: toys 2: lent 0 -> 1; note null -> "Soon"',
        'missing: toys 1: lent 0 -> 1; note null -> "Back on Friday."',
        "left to the agent: toys.note",
    ]
    assert shown.inputs["checks"] == ["false: the kite is lent"]
    assert shown.score.outcome == "agent_error"


def test_a_row_that_both_changed_shows_both(evidence: Evidences) -> None:
    right = evidence(2, [("borrow_toy", {"toy_id": 1, "note": "Soon"})]).inputs
    assert unfenced(right["rows"])[0] == 'right: toys 1: lent 0 -> 1; note null -> "Soon"'
    assert right["checks"] == ["true: the kite is lent"]
    assert right["expected"] == "no answer is asked for"
    assert right["reference"][0] == '{"tool": "list_toys"}'


def test_an_idle_episode_is_shown_as_one(evidence: Evidences) -> None:
    shown = evidence(1).inputs
    assert unfenced(shown["rows"]) == ["nothing changed"]
    assert unfenced(shown["episode"]) == ["no call"]
    assert unfenced(shown["answer"]) == ["(nothing)"]
    assert shown["expected"] == '{"values": ["Kite"]}'


@given(text=TEXT)
def test_no_text_breaks_its_fence(text: str) -> None:
    lines = fenced(text).splitlines()
    assert lines[0].startswith("<untrusted ")
    assert lines[-1] == lines[0].replace("<", "</")
    assert all(line.startswith("| ") and "[[" not in line for line in lines[1:-1])
    assert lines[0].split()[1][:8] not in text


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    lines = unfenced(fenced("\n".join(f"line {number}" for number in range(2_000)), 100))
    assert lines[0] == "line 0"
    assert lines[-1] == "line 1999"
    assert any("characters left out" in line for line in lines)
    assert len(fenced("x" * 2 * MOST_TEXT)) < MOST_TEXT
