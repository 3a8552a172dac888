"""Other values for an argument, and where an answer's values stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.agent_task import AgentTask
from tasks.mutation.mutant import Subject, subject_of, told_twice
from tasks.mutation.places import Pick, beside, found_at, leaves_of, moved, pick_of, places_of, same_value, siblings
from tasks.mutation.undoing import takes_back, undoing_calls
from tasks.mutation.values import boundary_values, neighbours, valid_values
from tasks.trials.workbench import Workbench

Make = Callable[..., AgentTask]
RESULTS: list[Any] = [
    [{"id": 1, "name": "Ann", "age": 7, "score": 9}, {"id": 2, "name": "Ben", "age": 8, "score": 2}],
    {"order": {"id": 7, "total": 20, "lines": [{"item": "Tea", "pieces": 2}, {"item": "Mug", "pieces": 1}]}},
]


def subject(task: AgentTask, bench: Workbench) -> Subject:
    found = subject_of(task, bench)
    assert found is not None
    return found


SCALARS = [
    ({"type": "integer", "minimum": 1, "maximum": 3}, 3, [2]),
    ({"type": "string", "enum": ["a", "b", "c"]}, "b", ["a", "c"]),
    ({"type": "boolean"}, True, [False]),
    ({"type": "string", "format": "date"}, "2026-02-28", ["2026-03-01"]),
    ({"type": "string", "maxLength": 9}, "words", ["Something"]),
    ({"type": "array", "items": {"type": "integer"}}, [1, 5], [[1], [5], [2, 5], [0, 5], [1, 6], [1, 4]]),
    ({"type": "array", "minItems": 1, "items": {"type": "boolean"}}, [True], [[False]]),
    ({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": 4}, [{"n": 5}, {"n": 3}]),
    ({"type": "string"}, None, []),
]


@pytest.mark.parametrize(("schema", "value", "others"), SCALARS)
def test_other_valid_values_are_of_the_same_kind_and_allowed(schema: dict[str, Any], value: Any, others: list[Any]) -> None:
    assert list(valid_values(value, schema)) == others


def test_neighbours_are_the_nearest_rows_and_boundaries_what_is_allowed(bench: Workbench) -> None:
    tools = {tool.name: tool for tool in bench.tools}
    assert neighbours(2, "set_stars", "book_id", bench) == [3, 1, 4]
    assert neighbours(3, "set_stars", "stars", bench) == [4, 2, 1]
    assert neighbours("Ashford", "move", "city", bench) == ["Carrow"]
    assert neighbours(None, "move", "city", bench) == []
    assert list(boundary_values(3, tools["set_stars"], "stars", bench)) == [1, 5]
    assert list(boundary_values("Ashford", tools["move"], "city", bench)) == ["A", ""]


@given(st.integers(-5, 12))
def test_neighbours_never_hold_the_value_itself(bench: Workbench, value: int) -> None:
    found = neighbours(value, "set_stars", "book_id", bench)
    assert value not in found
    assert set(found) <= {1, 2, 3, 4}
    assert found


def test_values_are_found_where_they_stand_row_keys_apart() -> None:
    leaves = leaves_of(RESULTS)
    assert all(found_at(path, RESULTS) == value for path, value in leaves)
    assert places_of("Ann", leaves) == ["0[0].name"]
    assert places_of(7, leaves) == ["0[0].age"]
    assert places_of(2, leaves) == ["1.order.lines[0].pieces", "0[1].score"]
    assert places_of("Tea and biscuits", leaves) == []
    assert beside("0[0].name", RESULTS) == ["Ann", "Ben"]
    assert beside("1.order.lines[1].item", RESULTS) == ["Tea", "Mug"]
    assert beside("1.order.total", RESULTS) == []
    assert siblings("0[0].age", RESULTS) == [1, 9]


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from([".id", "", ".lines[3].name"]))
def test_a_pick_moves_to_another_row_and_back(index: int, other: int, rest: str) -> None:
    path = f"2.orders[{index}]{rest}"
    pick = Pick("2.orders", index)
    assert pick_of(path) == pick
    there = moved({"a": [{"$ref": path}], "b": {"$ref": f"1[{index}].id"}}, pick, other)
    assert there == {"a": [{"$ref": f"2.orders[{other}]{rest}"}], "b": {"$ref": f"1[{index}].id"}}
    assert moved(there, Pick("2.orders", other), index)["a"] == [{"$ref": path}]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (3, 3.0, True),
        ("Ann  Lee", "ann lee", True),
        ("2026-03-05", "2026-03-05 10:00:00", True),
        ("Ann", "Ann Lee", False),
        (1, True, False),
        (None, None, True),
        (None, "", False),
        ("2026-03-05", "2026-03-06", False),
    ],
)
def test_values_that_a_person_reads_as_one(one: Any, other: Any, same: bool) -> None:
    assert same_value(one, other) is same
    assert same_value(other, one) is same


def test_values_that_an_answer_holds_twice_are_told() -> None:
    assert list(told_twice(["14 Mill Lane, Ashford", "Ashford", 3, 4, 4])) == ["Ashford", 4, 4]
    assert list(told_twice(["Ann", "Annabel", 1, 10])) == []


@pytest.mark.parametrize(
    ("name", "tool", "arguments"),
    [
        ("wish", "remove_wish", {"wish_id": 3}),
        ("stars", "set_stars", {"book_id": 3, "stars": 4}),
        ("remove", "add_wish", {"book_id": 4, "note": "for the beach"}),
    ],
)
def test_the_undoing_call_comes_from_what_the_tools_do(bench: Workbench, task_of: Make, name: str, tool: str, arguments: Any) -> None:
    task = task_of(name)
    found = next(call for call in undoing_calls(subject(task, bench)) if call.tool == tool)
    assert found.arguments == arguments
    gold = bench.replay(task)[1]
    assert not takes_back(bench.environment.difference(), gold)
    assert bench.environment.call_tool(found.tool, found.arguments).ok
    assert takes_back(bench.environment.difference(), gold)
