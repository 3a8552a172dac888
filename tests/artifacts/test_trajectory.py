"""A trajectory comes back as it was written, and an edit is noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.errors import InvalidInput, UnsupportedFormat
from artifacts.observation import CheckResult, RowChange, Score
from artifacts.trajectory import Call, Trajectory, parse_trajectory, trajectory_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
SCORES = st.builds(
    Score,
    outcome=st.sampled_from(["completed", "partial", "agent_error", "environment_error"]),
    reward=st.sampled_from([-1.0, 0.0, 0.1, 1.0]),
    checks=st.lists(st.builds(CheckResult, name=TEXT, held=st.booleans()), max_size=2).map(tuple),
    collateral=st.lists(st.builds(RowChange, table=TEXT, key=st.tuples(st.integers()), before=st.none() | OBJECTS), max_size=2).map(tuple),
    detail=TEXT,
)
TRAJECTORIES = st.builds(
    Trajectory,
    world_id=st.just("toys-000000000000"),
    world_digest=st.just("0" * 64),
    task_id=st.just("t01"),
    policy=TEXT,
    form=st.sampled_from(["awm", "native"]),
    seed=st.none() | st.integers(),
    max_turns=st.integers(1, 99),
    messages=st.lists(OBJECTS, max_size=3).map(tuple),
    calls=st.lists(st.builds(Call, tool=TEXT, arguments=OBJECTS, observation=OBJECTS), max_size=2).map(tuple),
    ended=st.sampled_from(["answered", "turn_limit", "format_violation", "environment_error"]),
    answer=st.none() | TEXT,
    score=SCORES,
    input_tokens=st.none() | st.integers(0, 99),
    window=st.none() | st.integers(1, 9),
    reply=st.none() | st.integers(1, 9),
)
ONE = Trajectory(
    world_id="toys-000000000000",
    world_digest="0" * 64,
    task_id="t01",
    policy="idle",
    form="awm",
    seed=None,
    max_turns=3,
    messages=({"role": "assistant", "content": "Kite"},),
    calls=(),
    ended="answered",
    answer="Kite",
    score=Score(outcome="completed", reward=1.0),
)


@given(TRAJECTORIES)
def test_a_trajectory_comes_back_whole(trajectory: Trajectory) -> None:
    data = trajectory_bytes(trajectory)
    assert parse_trajectory(data, "x.json") == trajectory
    assert trajectory_bytes(parse_trajectory(data, "x.json")) == data


def test_a_trajectory_is_named_by_its_content() -> None:
    assert ONE.trajectory_id == f"toys-000000000000-t01-{ONE.digest[:12]}"
    assert ONE.model_copy(update={"answer": "Drum"}).trajectory_id != ONE.trajectory_id
    assert (ONE.turns, ONE.reward, ONE.outcome) == (1, 1.0, "completed")


@pytest.mark.parametrize(
    ("before", "after"), [('"Kite"', '"Drum"'), ("1.0", "0.5"), ('"idle"', '"hero"'), ('"max_turns": 3', '"max_turns": 4')]
)
def test_an_edit_is_noticed(before: str, after: str) -> None:
    text = trajectory_bytes(ONE).decode()
    assert before in text
    with pytest.raises(InvalidInput, match=r"^x\.json was edited"):
        parse_trajectory(text.replace(before, after, 1).encode(), "x.json")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "names no format"),
        (b'{"format": "1", "digest": ""}', "names no format"),
        (b'{"format": 1}', "names no format"),
        (b'{"format": 1, "digest": "0"}', "world_id: Field required"),
    ],
)
def test_what_is_no_trajectory_is_refused_in_one_line(data: bytes, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as caught:
        parse_trajectory(data, "x.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"format": 2}, {"format": 2, "anything": "new"}])
def test_a_newer_format_is_told_apart(change: dict[str, Any]) -> None:
    found = {**json.loads(trajectory_bytes(ONE)), **change}
    with pytest.raises(UnsupportedFormat, match="format 2; this version reads format 1"):
        parse_trajectory(json.dumps(found).encode(), "x.json")
