"""Answers merged into what is there: failing parts are replaced, missing ones added, sound ones never touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks import agent_tasks, tools
from tasks.forming import TaskDraft
from tasks.seed import RowsDraft
from tasks.tools import ToolDraft


def task(said: str, task_id: str = "") -> TaskDraft:
    return TaskDraft(id=task_id, instruction=said, kind="read", solution=[])


def told(parts: tuple[TaskDraft, ...]) -> list[tuple[str, str]]:
    return [(part.id, part.instruction) for part in parts]


def test_new_tasks_are_numbered_in_order() -> None:
    assert told(agent_tasks.merged((), [task("a"), task("b")], frozenset())) == [("t01", "a"), ("t02", "b")]


def test_a_task_takes_the_place_that_it_names() -> None:
    current = (task("a", "t01"), task("b", "t02"), task("c", "t03"))
    merged = agent_tasks.merged(current, [task("z", "t03"), task("y", "t01")], frozenset(("t01", "t03")))
    assert told(merged) == [("t01", "y"), ("t02", "b"), ("t03", "z")]


def test_a_task_that_names_none_takes_the_first_open_place_and_then_a_new_number() -> None:
    current = (task("a", "t01"), task("b", "t02"), task("c", "t03"))
    merged = agent_tasks.merged(current, [task("x"), task("y"), task("z")], frozenset(("t01", "t03")))
    assert told(merged) == [("t01", "x"), ("t02", "b"), ("t03", "y"), ("t04", "z")]


def test_a_second_answer_for_one_place_is_left_out() -> None:
    merged = agent_tasks.merged((task("a", "t01"),), [task("x", "t01"), task("y", "t01")], frozenset(("t01",)))
    assert told(merged) == [("t01", "x")]


ids = st.sampled_from(["", "t01", "t02", "t03", "t09", "other"])


@given(st.lists(ids, max_size=6), st.sets(st.sampled_from(["t01", "t02", "t03"])))
def test_sound_tasks_are_never_touched_and_no_number_repeats(answered: list[str], failing: set[str]) -> None:
    current = tuple(task(f"sound {number}", f"t{number:02d}") for number in (1, 2, 3))
    merged = agent_tasks.merged(current, [task(f"new {n}", i) for n, i in enumerate(answered)], frozenset(failing))
    assert all(part in merged for part in current if part.id not in failing)
    assert len({part.id for part in merged}) == len(merged)
    assert [part.id for part in merged][:3] == ["t01", "t02", "t03"]


def test_small_liberties_of_form_cost_nothing() -> None:
    draft = TaskDraft.model_validate({"id": 3, "instruction": "x", "kind": "Read", "solution": [], "answer": 7, "checks": None})
    assert (draft.id, draft.kind, draft.answer, draft.checks) == ("3", "read", [7], [])
    assert ToolDraft.model_validate({"name": "a", "description": "b", "parameters": None, "program": []}).parameters == {}
    rows = RowsDraft.model_validate({"table": "a", "rows": [{"id": 1}, {"id": 2, "name": "x"}]})
    assert (rows.columns, rows.rows) == (["id", "name"], [[1, None], [2, "x"]])


def tool(name: str, said: str) -> ToolDraft:
    return ToolDraft(name=name, description=said, program=[])


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.sets(st.sampled_from("abc")))
def test_sound_tools_are_never_touched_and_no_name_repeats(answered: list[str], failing: set[str]) -> None:
    current = tuple(tool(name, "old") for name in "abc")
    merged = tools.merged(current, [tool(name, "new") for name in answered], frozenset(failing))
    said = {part.name: part.description for part in merged}
    assert len(said) == len(merged)
    for name in "abc":
        assert said[name] == ("new" if name in failing and name in answered else "old")
    assert ("d" in said) == ("d" in answered)
