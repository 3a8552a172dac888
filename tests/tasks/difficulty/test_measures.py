"""Each measure of difficulty on cases that were counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from tasks.difficulty.measures import arguments_of, branching_of, difficulty_of
from tasks.difficulty.picks import distractors_of, references_in
from tasks.trials.workbench import Workbench

Asked = Callable[..., AgentTask]

Calls = tuple[tuple[str, dict[str, Any]], ...]

TAKE_THE_LAMP: Calls = (
    ("list_boxes", {}),
    ("list_things", {"box_id": {"$ref": "0[0].id"}}),
    ("unlock_box", {"box_id": {"$ref": "0[0].id"}}),
    ("take_thing", {"thing_id": {"$ref": "1[0].id"}}),
)


def test_a_chain_is_counted_as_by_hand(bench: Workbench, asked: Asked) -> None:
    found = difficulty_of(asked("Get me the Lamp out of the Tall Box.", *TAKE_THE_LAMP), bench)
    assert (found.steps, found.tools, found.irrelevant_tools) == (4, 4, 2)
    assert (found.looked_up, found.given) == (3, 0)
    assert found.distractors == 2 + 1, "two other boxes, one other thing in the box"
    assert found.hurdles == 1, "the thing cannot be taken while its box is locked"
    # Open at first: list_boxes. With boxes: list_things, unlock_box, note_box too. With things: take_thing and mark_thing as well.
    assert found.branching == pytest.approx((1 + 4 + 6 + 6) / 4)


def test_the_words_do_not_change_a_walk(bench: Workbench, asked: Asked) -> None:
    before = difficulty_of(asked("…", *TAKE_THE_LAMP), bench)
    assert before == difficulty_of(asked("Get me the Lamp out of the Tall Box.", *TAKE_THE_LAMP), bench)


@pytest.mark.parametrize(
    ("calls", "hurdles"),
    [
        (TAKE_THE_LAMP, 1),
        ((TAKE_THE_LAMP[0], TAKE_THE_LAMP[2]), 0),
        ((("unlock_box", {"box_id": 1}), ("unlock_box", {"box_id": 3})), 0),
        ((("unlock_box", {"box_id": 1}), ("take_thing", {"thing_id": 1}), ("take_thing", {"thing_id": 2})), 2),
        # What comes from a change leans on it; that is a dependence, not a hurdle.
        ((("unlock_box", {"box_id": 1}), ("take_thing", {"thing_id": {"$ref": "0.id"}})), 0),
    ],
    ids=["locked", "one change", "independent", "twice", "leans on a change"],
)
def test_hurdles_are_what_fails_at_once(bench: Workbench, asked: Asked, calls: tuple[Any, ...], hurdles: int) -> None:
    assert difficulty_of(asked("…", *calls), bench).hurdles == hurdles


def test_a_failing_reference_is_measured_as_far_as_it_goes(bench: Workbench, asked: Asked) -> None:
    broken = asked("…", ("list_boxes", {}), ("unlock_box", {"box_id": {"$ref": "0[1].id"}}), ("note_box", {"box_id": 1, "note": "x"}))
    found = difficulty_of(broken, bench)
    assert (found.steps, found.distractors, found.hurdles) == (3, 2, 0)


@pytest.mark.parametrize(
    ("results", "calls", "answer", "rows"),
    [
        ([[{"id": 1}, {"id": 2}, {"id": 3}]], [{"x": {"$ref": "0[1].id"}}], None, 2),
        ([[{"id": 1}, {"id": 2}, {"id": 3}]], [{"x": {"$ref": "0[1].id"}}, {"x": {"$ref": "0[2].id"}}], None, 1),
        ([[{"id": 1}]], [{"x": {"$ref": "0[0].id"}}], None, 0),
        ([{"id": 7, "lines": [{"p": 1}, {"p": 2}]}], [{"x": {"$ref": "0.lines[0].p"}}], None, 1),
        ([[{"lines": [{"p": 1}, {"p": 2}]}, {"lines": []}]], [{"x": {"$ref": "0[0].lines[1].p"}}], None, 2),
        ([[{"name": "Rug"}, {"name": "Vase"}, {"name": "Bell"}]], [], ["Vase"], 2),
        ([[{"n": 1, "name": "Rug"}, {"n": 1, "name": "Vase"}]], [], [1], 0),
        ([[{"city": "Carrow"}, {"city": "Carrow"}]], [], ["Carrow"], 0),
        ([[{"id": 1, "city": "Carrow"}, {"id": 2, "city": "Carrow"}]], [{"x": {"$ref": "0[0].id"}}], ["Carrow"], 1),
        ([[{"cents": 450}, {"cents": 900}]], [], [900], 1),
        (["Rug"], [{"x": [{"$ref": "0"}]}], None, 0),
    ],
    ids=[
        "one of three",
        "two of three",
        "only one",
        "inside an object",
        "list in a list",
        "answer",
        "small number",
        "all",
        "all, and one",
        "sum",
        "value",
    ],
)
def test_distractors_stand_beside_what_is_picked(
    asked: Asked, results: list[Any], calls: list[dict[str, Any]], answer: list[Any] | None, rows: int
) -> None:
    task = asked("…", ("list_boxes", {}), *(("note_box", call) for call in calls), answer=answer)
    assert distractors_of(task, results) == rows


def test_values_are_given_or_looked_up(asked: Asked) -> None:
    calls: Calls = (
        ("list_boxes", {"kind": "wood", "size": 3}),
        ("note_box", {"box_id": {"$ref": "0[0].id"}, "note": "Fragile glass", "lines": [{"a": {"$ref": "0[0].id"}, "b": 2}]}),
    )
    results = [[{"id": 1, "label": "Fragile glass"}]]
    assert arguments_of(asked("Put a note of its own label on it.", *calls), results) == (3, 3), "the note stands in a result only"
    assert arguments_of(asked('Put the note "Fragile glass" on it.', *calls), results) == (4, 2)


def test_a_value_said_in_other_words_is_given(asked: Asked) -> None:
    calls: Calls = (("list_boxes", {}), ("note_box", {"note": "2026-03-21"}))
    results = [[{"on": "2026-03-21"}]]
    assert arguments_of(asked("Note 21 March 2026 on it.", *calls), results) == (1, 0)
    assert arguments_of(asked("Note the day on it.", *calls), results) == (0, 1)


def test_branching_counts_what_can_be_called(bench: Workbench) -> None:
    schema = bench.draft.schema_sql
    assert branching_of(["list_boxes"], bench.tools, schema) == 1
    assert branching_of(["list_boxes", "list_boxes"], bench.tools, schema) == (1 + 4) / 2
    assert branching_of([], bench.tools, schema) == 0


def test_references_are_found_wherever_they_stand() -> None:
    value = [{"a": {"$ref": "0[2].lines[1].id"}}, {"$ref": "12"}, {"$ref": "no path"}, {"$ref": 3}, 4]
    assert [(one.step, one.way) for one in references_in(value)] == [(0, (2, "lines", 1, "id")), (12, ())]
