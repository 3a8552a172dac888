"""The prober on a small club: it finds the one call that succeeds, and says what stopped the others where none does."""

from __future__ import annotations

from typing import Any

import pytest

from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from tasks.gates.stuck_tools import stuck
from tasks.trials.prober import Probe, probe
from tasks.trials.workbench import Workbench

SCHEMA = """CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE meetings (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, status TEXT NOT NULL, places INTEGER NOT NULL);
CREATE TABLE signups (id INTEGER PRIMARY KEY, meeting_id INTEGER NOT NULL REFERENCES meetings(id),
 member_id INTEGER NOT NULL REFERENCES members(id), UNIQUE (meeting_id, member_id));
"""

MEMBERS = 24
MEETINGS = [(1, "M-1", "held", 9), (2, "M-2", "planned", 1), (3, "M-3", "planned", 23), (4, "M-4", "off", 9)]
SIGNUPS = [(2, 1), *((3, member) for member in range(1, 23))]

SIGN_UP: dict[str, Any] = {
    "name": "sign_up",
    "description": "Sign a member up for a planned meeting that has places.",
    "parameters": {
        "type": "object",
        "additionalProperties": False,
        "required": ["meeting_id"],
        "properties": {"meeting_id": {"type": "integer"}, "member_id": {"type": "integer"}},
    },
    "program": [
        {
            "require": "SELECT code AS the_code, status AS the_status, places AS the_places FROM meetings WHERE id = :meeting_id",
            "error": "not_found",
            "message": "There is no meeting {meeting_id}.",
        },
        {"refuse": "SELECT 1 WHERE :the_status <> 'planned'", "error": "conflict", "message": "{the_code} is {the_status}."},
        {
            "require": "SELECT id AS joiner FROM members WHERE id = COALESCE(:member_id, :me)",
            "error": "not_found",
            "message": "There is no member {member_id}.",
        },
        {
            "refuse": "SELECT 1 FROM signups WHERE meeting_id = :meeting_id AND member_id = :joiner",
            "error": "conflict",
            "message": "Already in {the_code}.",
        },
        {
            "refuse": "SELECT 1 WHERE (SELECT COUNT(*) FROM signups s WHERE s.meeting_id = :meeting_id) >= :the_places",
            "error": "limit",
            "message": "{the_code} is full.",
        },
        {"let": "SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM signups"},
        {"run": "INSERT INTO signups (id, meeting_id, member_id) VALUES (:new_id, :meeting_id, :joiner)", "expect": 1},
        {"return": "SELECT id, meeting_id, member_id FROM signups WHERE id = :new_id", "shape": "one"},
    ],
}


def bench_of(tool: dict[str, Any], meetings: list[tuple[int, str, str, int]]) -> Workbench:
    seed = [
        *(f"INSERT INTO members (id, name) VALUES ({n}, 'Member {n}');" for n in range(1, MEMBERS + 1)),
        *(f"INSERT INTO meetings (id, code, status, places) VALUES {meeting!r};" for meeting in meetings),
        *(f"INSERT INTO signups (id, meeting_id, member_id) VALUES ({n}, {a}, {b});" for n, (a, b) in enumerate(SIGNUPS, 1)),
    ]
    recipe = Recipe(model="hand", size=Size(tables=3, rows=10, tools=1, tasks=1))
    scenario = Scenario(name="Club", description="A small club.", category="test")
    draft = Draft(
        scenario=scenario, recipe=recipe, schema_sql=SCHEMA, seed_sql="\n".join(seed), tools=(Tool.model_validate(tool),), tasks=()
    )
    return Workbench(draft, draft.tools)


def probed(tool: dict[str, Any], meetings: list[tuple[int, str, str, int]]) -> tuple[Probe, Diagnostic]:
    bench = bench_of(tool, meetings)
    found = probe(bench.tools[0], bench)
    bench.environment.reset()
    return found, stuck(bench.tools[0], found, bench)


def test_a_success_that_hangs_on_an_optional_argument_and_a_late_row_is_found() -> None:
    found, _ = probed(SIGN_UP, MEETINGS)
    assert found.arguments in ({"meeting_id": 3, "member_id": 23}, {"meeting_id": 3, "member_id": 24})
    assert found.effective


def test_a_success_that_hangs_on_two_rows_late_in_their_tables_is_found() -> None:
    required = {**SIGN_UP, "parameters": {**SIGN_UP["parameters"], "required": ["meeting_id", "member_id"]}}
    off = [(10 + n, f"X-{n}", "off", 5) for n in range(30)]
    found, _ = probed(required, [*MEETINGS[:3], *off])
    assert found.arguments in ({"meeting_id": 3, "member_id": 23}, {"meeting_id": 3, "member_id": 24})


def test_where_no_call_succeeds_every_try_is_accounted_for_and_the_farthest_rows_are_shown() -> None:
    full = [meeting if meeting[0] != 3 else (3, "M-3", "planned", 22) for meeting in MEETINGS]
    found, told = probed(SIGN_UP, full)
    assert found.arguments is None
    assert sum(count for _, count in found.stops) == found.tried
    assert "program/1 (refuse conflict: {the_code} is {the_status}.) stopped 2" in told.message
    assert "program/4 (refuse limit: {the_code} is full.) stopped" in told.message
    assert "meetings(id,code,status,places): 2|M-2|planned|1" in told.hint
    assert "1|M-1|held" not in told.hint
    assert len(told.line()) < 1_500


def test_a_bad_first_choice_does_not_use_up_the_search() -> None:
    """Only one member may sign up one other, for one meeting, and the last guard alone tells so."""
    properties = {name: {"type": "integer"} for name in ("by_id", "meeting_id", "member_id")}
    asks = [
        {"require": f"SELECT id AS {name}_there FROM members WHERE id = COALESCE(:{name}_id, -1)", "error": "not_found", "message": "No."}
        for name in ("by", "member")
    ]
    last = {
        "refuse": "SELECT 1 WHERE :by_there <> 2 OR :the_places <> 1 OR :member_there <> 3",
        "error": "forbidden",
        "message": "Not by you.",
    }
    insert = {"run": "INSERT INTO signups (id, meeting_id, member_id) VALUES (999, :meeting_id, :member_id)", "expect": 1}
    require = {
        "require": "SELECT places AS the_places FROM meetings WHERE id = COALESCE(:meeting_id, -1)",
        "error": "not_found",
        "message": "No.",
    }
    program = [asks[0], require, asks[1], last, insert, {"return": "SELECT 1 AS done", "shape": "one"}]
    parameters = {**SIGN_UP["parameters"], "required": list(properties), "properties": properties}
    many = [*MEETINGS, *((10 + n, f"X-{n}", "off", 5) for n in range(50))]
    found, _ = probed({**SIGN_UP, "parameters": parameters, "program": program}, many)
    assert found.arguments == {"by_id": 2, "meeting_id": 2, "member_id": 3}


@pytest.mark.parametrize(("old", "new"), [(":meeting_id AND", "-1 AND"), ("'planned'", "'open'")])
def test_the_search_ends(old: str, new: str) -> None:
    program = [{**step, "refuse": step["refuse"].replace(old, new)} if "refuse" in step else step for step in SIGN_UP["program"]]
    found, told = probed({**SIGN_UP, "program": program}, MEETINGS)
    assert found.tried <= 240
    assert told.message
