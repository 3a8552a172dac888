"""Hurdles on a small laboratory: what stops a call, the one tool that puts it right, and walks that go over them."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from containers.reference import UnresolvedReference, resolve
from tasks.trials.workbench import Workbench
from tasks.walks.acting import Ground
from tasks.walks.hurdles import hurdles_of
from tasks.walks.walk import Walk
from tasks.walks.walking import walks_of

SCHEMA = """CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE samples (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, taken_by INTEGER NOT NULL REFERENCES staff(id),
 taken_on TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN ('taken', 'measured', 'released')), result TEXT);
CREATE TABLE boxes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, shut INTEGER NOT NULL);
"""

SEED = """INSERT INTO staff VALUES (1, 'Ana Ruiz'), (2, 'Joel Park');
INSERT INTO samples VALUES (4, 'S-4', 1, '2026-02-01', 'taken', NULL), (5, 'S-5', 2, '2026-02-03', 'taken', NULL),
 (6, 'S-6', 1, '2026-01-20', 'measured', 'clear'), (7, 'S-7', 2, '2026-01-08', 'released', 'clear');
INSERT INTO boxes VALUES (1, 'North box', 1), (2, 'South box', 0), (3, 'Hall box', 1);
"""


def tool(name: str, parameters: dict[str, Any], *program: dict[str, Any]) -> Tool:
    schema = {"type": "object", "additionalProperties": False, "required": list(parameters), "properties": parameters}
    return Tool.model_validate({"name": name, "description": f"{name}.", "parameters": schema, "program": list(program)})


SAMPLE = {"sample_id": {"type": "integer", "description": "Id of the sample."}}
BOX = {"box_id": {"type": "integer", "description": "Id of the box."}}
RESULT = {"result": {"type": "string", "enum": ["clear", "cloudy"], "description": "What was seen."}}
KNOWN = {"require": "SELECT status AS was FROM samples WHERE id = :sample_id", "error": "not_found", "message": "There is no such sample."}
SEEN = {"require": "SELECT shut AS was FROM boxes WHERE id = :box_id", "error": "not_found", "message": "There is no such box."}
ONE = {"return": "SELECT id, code, status, result FROM samples WHERE id = :sample_id", "shape": "one"}
BOXED = {"return": "SELECT id, name, shut FROM boxes WHERE id = :box_id", "shape": "one"}


def unless(status: str) -> dict[str, Any]:
    return {"refuse": f"SELECT 1 WHERE :was <> '{status}'", "error": "conflict", "message": "It is {was}."}


TOOLS = (
    tool("list_samples", {}, {"return": "SELECT id, code, taken_on, status FROM samples ORDER BY id", "shape": "many"}),
    tool("list_boxes", {}, {"return": "SELECT id, name FROM boxes ORDER BY id", "shape": "many"}),
    tool(
        "enter_result",
        {**SAMPLE, **RESULT},
        KNOWN,
        unless("taken"),
        {"run": "UPDATE samples SET status = 'measured', result = :result WHERE id = :sample_id", "expect": 1},
        ONE,
    ),
    tool(
        "release_sample",
        SAMPLE,
        KNOWN,
        unless("measured"),
        {"run": "UPDATE samples SET status = 'released' WHERE id = :sample_id", "expect": 1},
        ONE,
    ),
    tool("open_box", BOX, SEEN, {"run": "UPDATE boxes SET shut = 0 WHERE id = :box_id", "expect": 1}, BOXED),
    tool(
        "shut_box",
        BOX,
        SEEN,
        {"refuse": "SELECT 1 WHERE :was = 1", "error": "conflict", "message": "It is shut."},
        {"run": "UPDATE boxes SET shut = 1 WHERE id = :box_id", "expect": 1},
        BOXED,
    ),
)


@pytest.fixture(scope="module")
def lab() -> Workbench:
    draft = Draft(scenario=Scenario(name="Lab"), recipe=Recipe(model="hand"), schema_sql=SCHEMA, seed_sql=SEED, tools=TOOLS)
    return Workbench(draft, TOOLS)


@pytest.fixture(scope="module")
def walks(lab: Workbench) -> tuple[Walk, ...]:
    return tuple(islice(walks_of(lab.draft, lab, 1), 60))


def test_a_call_that_fails_is_opened_by_the_one_tool_that_can(lab: Workbench) -> None:
    found = hurdles_of(Ground(lab), TOOLS[3])
    assert {(h.blocked["sample_id"], h.helper.name, h.helping["sample_id"]) for h in found} == {
        (4, "enter_result", 4),
        (5, "enter_result", 5),
    }


def test_what_is_done_only_to_be_undone_is_no_hurdle(lab: Workbench) -> None:
    assert hurdles_of(Ground(lab), TOOLS[5]) == ()


def test_walks_go_over_hurdles_and_cannot_without_the_step_that_puts_it_right(lab: Workbench, walks: tuple[Walk, ...]) -> None:
    over = [walk for walk in walks if walk.hurdles]
    assert over
    for walk in over:
        assert sum(step.hurdle for step in walk.steps) == walk.hurdles
        assert not done_without_hurdles(walk, lab)


def done_without_hurdles(walk: Walk, lab: Workbench) -> bool:
    lab.environment.reset()
    results: list[Any] = []
    for step in walk.steps:
        try:
            arguments = resolve(step.arguments, results)
        except UnresolvedReference:
            return False
        observation = None if step.hurdle else lab.environment.call_tool(step.tool, arguments)
        if observation is not None and not observation.ok:
            return False
        results.append(observation.result if observation else None)
    return True


def test_no_walk_holds_a_change_that_another_takes_back(walks: tuple[Walk, ...]) -> None:
    for walk in walks:
        boxes = [step.selectors for step in walk.steps if step.tool in ("open_box", "shut_box")]
        assert len(set(boxes)) == len(boxes)
