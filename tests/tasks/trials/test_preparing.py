"""Tools that can succeed only after another tool's call: the prober finds what prepares them, and the gates take that as proof."""

from __future__ import annotations

from typing import Any

import pytest

from artifacts.agent_task import ToolCall
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.verdict import Pass
from artifacts.world import Draft
from containers.reference import replay
from tasks.gates.sealing import accept_tools
from tasks.gates.toolset import tools_deterministic, tools_work
from tasks.sql.lineage import tool_graph
from tasks.trials.prober import probe
from tasks.trials.workbench import Workbench, workbench_of

SCHEMA = """CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE samples (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, taken_by INTEGER NOT NULL REFERENCES staff(id),
 status TEXT NOT NULL CHECK (status IN ('taken', 'measured', 'approved', 'released')), result TEXT);
CREATE TABLE letters (id INTEGER PRIMARY KEY, sample_id INTEGER NOT NULL REFERENCES samples(id), body TEXT NOT NULL,
 sent INTEGER NOT NULL DEFAULT 0);
"""

SEED = """INSERT INTO staff VALUES (1, 'Ana Ruiz'), (2, 'Joel Park');
INSERT INTO samples VALUES (4, 'S-4', 1, 'taken', NULL), (5, 'S-5', 2, 'taken', NULL), (6, 'S-6', 1, 'released', 'clear');
"""

SAMPLE = {"sample_id": {"type": "integer", "description": "Id of the sample, as list_samples returns it."}}
TEXT = {"type": "string", "minLength": 1, "description": "In your words."}


def tool(name: str, parameters: dict[str, Any], *program: dict[str, Any]) -> Tool:
    schema = {"type": "object", "additionalProperties": False, "required": list(parameters), "properties": parameters}
    return Tool.model_validate({"name": name, "description": f"{name}.", "parameters": schema, "program": list(program)})


def guard(sql: str) -> dict[str, Any]:
    return {"require": sql, "error": "not_found", "message": "There is no such sample or letter."}


def in_state(status: str) -> tuple[dict[str, Any], dict[str, Any]]:
    refused = {"refuse": f"SELECT 1 WHERE :was <> '{status}'", "error": "conflict", "message": "It is {was}."}
    return guard("SELECT status AS was FROM samples WHERE id = :sample_id"), refused


def moved(status: str) -> dict[str, Any]:
    return {"run": f"UPDATE samples SET status = '{status}' WHERE id = :sample_id", "expect": 1}


SHOWN = {"return": "SELECT id, code, status FROM samples WHERE id = :sample_id", "shape": "one"}
LIST = tool("list_samples", {}, {"return": "SELECT id, code, status FROM samples ORDER BY id", "shape": "many"})
MEASURE = tool(
    "enter_result",
    {**SAMPLE, "result": TEXT},
    *in_state("taken"),
    {"run": "UPDATE samples SET status = 'measured', result = :result WHERE id = :sample_id", "expect": 1},
    SHOWN,
)
APPROVE = tool("approve_result", SAMPLE, *in_state("measured"), moved("approved"), SHOWN)
RELEASE = tool("release_sample", SAMPLE, *in_state("approved"), moved("released"), SHOWN)
WRITE = tool(
    "write_letter",
    {**SAMPLE, "body": TEXT},
    guard("SELECT code FROM samples WHERE id = :sample_id"),
    {"run": "INSERT INTO letters (sample_id, body) VALUES (:sample_id, :body)", "expect": 1},
    {"return": "SELECT id, body FROM letters ORDER BY id DESC LIMIT 1", "shape": "one"},
)
SEND = tool(
    "send_letter",
    {"letter_id": {"type": "integer", "description": "Id of the letter, as write_letter gives it."}},
    guard("SELECT sample_id FROM letters WHERE id = :letter_id AND sent = 0"),
    {"run": "UPDATE letters SET sent = 1 WHERE id = :letter_id", "expect": 1},
    {"return": "SELECT id, sent FROM letters WHERE id = :letter_id", "shape": "one"},
)
BURN = tool("burn_sample", SAMPLE, *in_state("burnt"), moved("released"), SHOWN)


def draft(*tools: Tool) -> Draft:
    return Draft(scenario=Scenario(name="Lab"), recipe=Recipe(model="hand"), schema_sql=SCHEMA, seed_sql=SEED, tools=tools)


@pytest.mark.parametrize(
    ("name", "prepared_by"),
    [("approve_result", ["enter_result"]), ("release_sample", ["enter_result", "approve_result"]), ("send_letter", ["write_letter"])],
)
def test_the_fewest_preparing_calls_are_found_and_stored(name: str, prepared_by: list[str]) -> None:
    accepted = accept_tools(draft(LIST, MEASURE, APPROVE, RELEASE, WRITE, SEND))
    found = next(t for t in accepted.tools if t.name == name)
    assert [call.tool for call in found.prepare] == prepared_by
    bench = workbench_of(accepted)
    bench.environment.reset()
    done = replay(bench.environment, (*found.prepare, ToolCall(tool=name, arguments=found.example)))
    assert done.failed_at is None
    assert isinstance(tools_work(accepted), Pass)
    assert isinstance(tools_deterministic(accepted), Pass)


def test_the_key_of_a_row_that_a_preparing_call_makes_is_a_reference() -> None:
    accepted = accept_tools(draft(LIST, WRITE, SEND))
    assert accepted.tools[2].example == {"letter_id": {"$ref": "0.id"}}


def test_a_tool_that_needs_no_other_has_none_and_one_that_nothing_helps_still_fails() -> None:
    bench = Workbench(draft(LIST, MEASURE, APPROVE, BURN), (LIST, MEASURE, APPROVE, BURN))
    assert probe(MEASURE, bench).prepare == ()
    assert probe(BURN, bench).arguments is None
    problems = tools_work(draft(LIST, MEASURE, APPROVE, BURN))
    assert [(d.code, d.place) for d in problems.evidence] == [("tool.never_succeeds", "tool:burn_sample")]  # type: ignore[union-attr]  # a rejection


def test_what_a_bundle_says_of_preparing_is_tried_first_and_must_hold() -> None:
    accepted = accept_tools(draft(LIST, MEASURE, APPROVE, RELEASE))
    again = Workbench(accepted, accepted.tools)
    assert probe(accepted.tools[3], again).tried == 1
    told_wrong = accepted.tools[3].model_copy(update={"prepare": accepted.tools[3].prepare[:1]})
    tools = (*accepted.tools[:3], told_wrong)
    assert len(probe(told_wrong, Workbench(accepted.model_copy(update={"tools": tools}), tools)).prepare) == 2


def test_the_graph_tells_which_change_lets_which_guard_pass() -> None:
    graph = tool_graph((LIST, MEASURE, APPROVE, RELEASE), SCHEMA)
    assert graph.edges["enter_result", "approve_result"]["enables"] == (("samples", "status"),)
    assert graph.edges["list_samples", "approve_result"]["enables"] == ()
    assert graph.edges["list_samples", "approve_result"]["feeds"] == ("sample_id",)
