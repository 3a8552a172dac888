from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.agent_task import ToolCall
from containers.conformance.shop import SHOP
from containers.environment import Environment
from containers.reference import Replay, UnresolvedReference, replay, resolve

RESULTS: list[Any] = [[{"id": 7, "tags": ["a", "b"]}], {"order": {"total": 5}, "items": [{}, {"name": None}]}, 3]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("0[0].id", 7),
        ("0[0].tags[1]", "b"),
        ("1.order.total", 5),
        ("1.items[1].name", None),
        ("2", 3),
        ("0", [{"id": 7, "tags": ["a", "b"]}]),
    ],
)
def test_paths_are_followed(path: str, value: object) -> None:
    assert resolve({"$ref": path}, RESULTS) == value


def test_references_are_replaced_wherever_they_stand() -> None:
    given = {"a": [{"$ref": "2"}, {"b": {"$ref": "0[0].id"}}], "c": "0[0].id", "$ref": "2", "d": 1}
    assert resolve(given, RESULTS) == {"a": [3, {"b": 7}], "c": "0[0].id", "$ref": "2", "d": 1}


@pytest.mark.parametrize(
    "path",
    ["", "x", "9", "0[1].id", "0[0].missing", "0.id", "1[0]", "2.x", "0[-1]", "0[0]id", "0 [0]", "0..id", 5, None, ["0"], "0[0].id\n"],
)
def test_paths_that_lead_nowhere_are_told(path: object) -> None:
    with pytest.raises(UnresolvedReference):
        resolve({"$ref": path}, RESULTS)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_holds_no_reference_stays(value: Any) -> None:
    def holds(part: Any) -> bool:
        if isinstance(part, dict):
            return "$ref" in part or any(map(holds, part.values()))
        return isinstance(part, list) and any(map(holds, part))

    if not holds(value):
        assert resolve(value, []) == value


@pytest.mark.parametrize("task", SHOP.tasks, ids=lambda task: task.id)
def test_solutions_replay_to_the_same_state_twice(environment: Environment, task: Any) -> None:
    first = replay(environment, task.solution)
    assert first.failed_at is None
    assert len(first.observations) == len(task.solution)
    digest = environment.state_digest()
    environment.reset()
    assert (replay(environment, task.solution), environment.state_digest()) == (first, digest)


def test_a_replay_stops_at_the_first_failure(environment: Environment) -> None:
    calls = [ToolCall(tool="do_nothing"), ToolCall(tool="get_order", arguments={"order_id": 404}), ToolCall(tool="do_nothing")]
    done = replay(environment, calls)
    assert (len(done.observations), done.failed_at, done.problem) == (2, 1, "get_order: not_found: There is no order 404.")


def test_a_replay_stops_at_a_reference_to_nothing(environment: Environment) -> None:
    done = replay(environment, [ToolCall(tool="get_order", arguments={"order_id": {"$ref": "0.id"}})])
    assert done == Replay((), 0, "get_order: '0.id' names call 0, and there are 0 before it")
