"""Scores in the cases that the conformance suite's three tasks do not reach."""

from __future__ import annotations

from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from artifacts.observation import RowChange
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from containers.comparison import compare
from containers.environment import Blueprint, Environment
from containers.scoring import bound_answer

SCHEMA = """
CREATE TABLE boxes (id INTEGER PRIMARY KEY, name TEXT NOT NULL, made_at TEXT, inside INTEGER REFERENCES boxes(id));
CREATE TABLE things (box_id INTEGER NOT NULL REFERENCES boxes, line INTEGER NOT NULL, what TEXT, PRIMARY KEY (box_id, line));
CREATE TABLE codes (code TEXT PRIMARY KEY NOT NULL, box_id INTEGER REFERENCES boxes(id));
CREATE TABLE loose (what TEXT, score REAL);
"""
SEED = """
INSERT INTO boxes VALUES (1, 'first', NULL, NULL);
INSERT INTO codes VALUES ('main', 1);
INSERT INTO loose VALUES ('a', 1.0), ('a', 1.0);
"""


def tool(name: str, sql: str, /, **kinds: str) -> Tool:
    parameters = {"type": "object", "properties": {key: {"type": kind} for key, kind in kinds.items()}}
    program: list[dict[str, Any]] = [{"run": sql}, {"return": "SELECT max(id) FROM boxes", "shape": "value"}]
    return Tool.model_validate({"name": name, "description": name, "parameters": parameters, "program": program})


TOOLS = (
    tool("make_box", "INSERT INTO boxes (name, made_at, inside) VALUES (:name, :now, :inside)", name="string", inside="integer"),
    tool("put_thing", "INSERT INTO things VALUES (:box, :line, :what)", box="integer", line="integer", what="string"),
    tool("point_code", "INSERT OR REPLACE INTO codes VALUES (:code, :box)", code="string", box="integer"),
    tool("rename_box", "UPDATE boxes SET name = :name WHERE id = :box", box="integer", name="string"),
    tool("touch_box", "UPDATE boxes SET made_at = :now WHERE id = :box", box="integer"),
    tool("drop_box", "DELETE FROM boxes WHERE id = :box", box="integer"),
    tool("drop_loose", "DELETE FROM loose WHERE rowid = (SELECT min(rowid) FROM loose)"),
    tool("add_loose", "INSERT INTO loose VALUES (:what, :score)", what="string", score="number"),
)


def call(name: str, /, **arguments: object) -> dict[str, object]:
    return {"tool": name, "arguments": arguments}


def task(*solution: dict[str, object], **more: object) -> AgentTask:
    content = {"id": "t01", "instruction": "Do it.", "kind": "write", "solution": solution, "free_columns": ["boxes.made_at"], **more}
    return AgentTask.model_validate(content)


BLUEPRINT = Blueprint.of(Draft(scenario=Scenario(name="Boxes"), recipe=Recipe(model="none"), schema_sql=SCHEMA, seed_sql=SEED, tools=TOOLS))


def outcome(judged: AgentTask, *calls: dict[str, Any], answer: object = None) -> tuple[str, int, int]:
    with Environment.fork(BLUEPRINT) as environment:
        for each in calls:
            environment.call_tool(each["tool"], each["arguments"])
        score = environment.score(judged, answer)
        return score.outcome, len(score.collateral), len(score.missing)


TWO_BOXES = task(
    call("make_box", name="red"),
    call("put_thing", box=2, line=1, what="ball"),
    call("make_box", name="blue", inside=2),
    call("put_thing", box=3, line=1, what="cup"),
    call("point_code", code="new", box=3),
    call("point_code", code="main", box=2),
)


def test_the_world_is_sound() -> None:
    assert BLUEPRINT.compile_problems() == ()


def test_new_rows_in_another_order_match_with_all_that_refers_to_them() -> None:
    made = (call("make_box", name="wrong"), call("make_box", name="red"), call("drop_box", box=2))
    work = (
        call("put_thing", box=3, line=1, what="ball"),
        call("make_box", name="blue", inside=3),
        call("put_thing", box=4, line=1, what="cup"),
        call("point_code", code="main", box=3),
        call("point_code", code="new", box=4),
    )
    assert outcome(TWO_BOXES, *made, *work) == ("completed", 0, 0)


def test_a_reference_to_the_other_new_row_is_wrong() -> None:
    calls = (
        call("make_box", name="red"),
        call("put_thing", box=2, line=1, what="ball"),
        call("make_box", name="blue", inside=2),
        call("put_thing", box=3, line=1, what="cup"),
        call("point_code", code="new", box=2),
        call("point_code", code="main", box=3),
    )
    assert outcome(TWO_BOXES, *calls) == ("partial", 2, 1)


def test_children_of_another_parent_do_not_match() -> None:
    judged = task(call("make_box", name="red"), call("put_thing", box=2, line=1, what="ball"))
    assert outcome(judged, call("make_box", name="red"), call("put_thing", box=1, line=1, what="ball")) == ("partial", 1, 1)


def test_one_insert_does_not_stand_for_two() -> None:
    judged = task(call("make_box", name="red"), call("make_box", name="red"))
    assert outcome(judged, call("make_box", name="red")) == ("partial", 0, 1)
    assert outcome(judged, *[call("make_box", name="red")] * 2) == ("completed", 0, 0)
    assert outcome(judged, *[call("make_box", name="red")] * 3) == ("partial", 1, 0)


def test_a_free_column_alone_is_no_change() -> None:
    judged = task(call("rename_box", box=1, name="x"), call("touch_box", box=1))
    assert outcome(judged, call("rename_box", box=1, name="x")) == ("completed", 0, 0)
    assert outcome(task(call("touch_box", box=1), answer=["1"]), answer="1") == ("completed", 0, 0)
    assert outcome(task(call("touch_box", box=1), free_columns=[])) == ("agent_error", 0, 1)


def test_text_compares_exactly_unless_it_is_fuzzy() -> None:
    exact, fuzzy = (task(call("rename_box", box=1, name="Red Box"), fuzzy_columns=columns) for columns in ([], ["boxes.name"]))
    assert outcome(exact, call("rename_box", box=1, name=" red  box")) == ("agent_error", 1, 0)
    assert outcome(fuzzy, call("rename_box", box=1, name=" red  box")) == ("completed", 0, 0)
    assert outcome(fuzzy, call("rename_box", box=1, name="blue box")) == ("agent_error", 1, 0)


def test_rows_without_a_key_count_too() -> None:
    assert outcome(task(call("drop_loose")), call("drop_loose")) == ("completed", 0, 0)
    assert outcome(task(call("drop_loose"))) == ("agent_error", 0, 1)
    assert outcome(task(call("rename_box", box=1, name="x")), call("rename_box", box=1, name="x"), call("drop_loose")) == ("partial", 1, 0)


def test_rows_without_a_key_match_by_content() -> None:
    judged = task(call("add_loose", what="b", score=2), call("add_loose", what="c", score=3))
    assert outcome(judged, call("add_loose", what="c", score=3.0), call("add_loose", what="b", score=2.0)) == ("completed", 0, 0)
    assert outcome(judged, call("add_loose", what="c", score=3.0), call("add_loose", what="c", score=3.0)) == ("partial", 1, 1)


def test_a_row_that_comes_back_under_its_key_is_unchanged() -> None:
    judged = task(call("rename_box", box=1, name="x"))
    calls = (call("point_code", code="main", box=2), call("point_code", code="main", box=1), call("rename_box", box=1, name="x"))
    assert outcome(judged, *calls) == ("completed", 0, 0)


@pytest.mark.parametrize("answer", [None, "", " ", [], {}])
def test_saying_nothing_never_completes_a_task_with_an_answer(answer: object) -> None:
    for expected in ([1], [], [None], [False], [""]):
        assert outcome(task(call("touch_box", box=1), kind="read", answer=expected), answer=answer)[0] == "agent_error"


def test_a_check_that_cannot_be_evaluated_is_not_the_agents_fault() -> None:
    broken = task(call("drop_loose"), checks=[{"name": "broken", "sql": "SELECT missing FROM final.boxes"}])
    assert outcome(broken)[0] == "environment_error"
    several = task(call("drop_loose"), checks=[{"name": "several", "sql": "SELECT id FROM (VALUES (1), (2))"}])
    assert outcome(several)[0] == "environment_error"
    endless = "SELECT COUNT(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)"
    assert outcome(task(call("drop_loose"), checks=[{"name": "endless", "sql": endless}]))[0] == "environment_error"


def test_a_check_that_reads_an_answer_of_the_wrong_form_just_fails() -> None:
    judged = task(call("touch_box", box=1), checks=[{"name": "two", "sql": "SELECT json_array_length(:answer) = 2"}])
    assert outcome(judged, answer="no json")[0] == "agent_error"
    assert outcome(judged, answer=[1])[0] == "agent_error"
    assert outcome(judged, answer=[1, 2])[0] == "completed"


@pytest.mark.parametrize(("value", "held"), [("1", True), ("2.5", True), ("0", False), ("NULL", False), ("'yes'", False), ("''", False)])
def test_a_check_holds_when_its_value_is_a_number_other_than_zero(value: str, held: bool) -> None:
    judged = task(call("touch_box", box=1), checks=[{"name": "value", "sql": f"SELECT {value}"}])
    assert outcome(judged)[0] == ("completed" if held else "agent_error")


def test_a_check_without_a_row_does_not_hold() -> None:
    assert outcome(task(call("touch_box", box=1), checks=[{"name": "none", "sql": "SELECT 1 FROM boxes WHERE id = 9"}]))[0] == "agent_error"


def test_a_check_that_held_already_earns_nothing() -> None:
    judged = task(call("drop_loose"), checks=[{"name": "trivial", "sql": "SELECT 1"}])
    assert outcome(judged) == ("agent_error", 0, 1)


def test_a_reference_that_fails_is_the_worlds_fault() -> None:
    score = outcome(task(call("no_such_tool")))
    assert score[0] == "environment_error"
    assert outcome(task(call("put_thing", box=77, line=1, what="x")))[0] == "environment_error"


def test_gold_is_made_once_for_each_task() -> None:
    made: list[int] = []
    judged, other = task(call("drop_loose")), task(call("drop_loose"))
    blueprint = Blueprint(BLUEPRINT.initial, BLUEPRINT.clock, 1, TOOLS, ())
    for each in (judged, judged, other, judged):
        blueprint.remember_gold(each, lambda: made.append(1))
    assert len(made) == 2


@pytest.mark.parametrize(
    ("answer", "bound"),
    [
        ("text", "text"),
        (5, 5),
        (2.5, 2.5),
        (True, "true"),
        (None, None),
        ([1, "a"], '[1, "a"]'),
        (2**70, str(2**70)),
        (object(), None),
        ("\ud800", None),
        ("x" * 30_000, None),
    ],
)
def test_answers_bind_as_what_sql_can_read(answer: object, bound: object) -> None:
    assert bound_answer(answer) == bound


def test_changes_of_tables_that_gold_left_alone_are_collateral() -> None:
    change = RowChange(table="codes", key=("x",), before=None, after={"code": "x", "box_id": 1})
    found = compare((change,), (), BLUEPRINT.tables)
    assert (found.collateral, found.missing, found.right) == ((change,), (), 0)


TWINS = task(
    call("make_box", name="red"),
    call("put_thing", box=2, line=1, what="ball"),
    call("make_box", name="red"),
    call("put_thing", box=3, line=1, what="cup"),
    call("put_thing", box=3, line=2, what="jug"),
)


def test_new_rows_of_the_same_content_are_told_apart_by_what_refers_to_them() -> None:
    boxes = [call("make_box", name="red")] * 2
    swapped = [
        call("put_thing", box=2, line=1, what="cup"),
        call("put_thing", box=2, line=2, what="jug"),
        call("put_thing", box=3, line=1, what="ball"),
    ]
    assert outcome(TWINS, *boxes, *swapped) == ("completed", 0, 0)
    mixed = [
        call("put_thing", box=2, line=1, what="ball"),
        call("put_thing", box=2, line=2, what="jug"),
        call("put_thing", box=3, line=1, what="cup"),
    ]
    assert outcome(TWINS, *boxes, *mixed)[0] == "partial"


def test_rows_whose_key_holds_a_free_column_match_by_content() -> None:
    judged = task(call("put_thing", box=1, line=1, what="ball"), call("put_thing", box=1, line=2, what="cup"), free_columns=["things.line"])
    turned = call("put_thing", box=1, line=2, what="ball"), call("put_thing", box=1, line=1, what="cup")
    assert outcome(judged, *turned) == ("completed", 0, 0)
    assert outcome(judged, turned[0], call("put_thing", box=1, line=1, what="ball"))[0] == "partial"
    assert outcome(judged, *turned, call("put_thing", box=1, line=3, what="cup"))[0] == "partial"


@pytest.mark.parametrize("name", ["red box.", "RED BOX!", " Red\u00a0 box ", "red box"])
def test_fuzzy_text_may_differ_in_case_spacing_and_closing_punctuation(name: str) -> None:
    judged = task(call("rename_box", box=1, name="Red box"), fuzzy_columns=["boxes.name"])
    assert outcome(judged, call("rename_box", box=1, name=name)) == ("completed", 0, 0)
    assert outcome(judged, call("rename_box", box=1, name=f"a {name}"))[0] == "agent_error"
