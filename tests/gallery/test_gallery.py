"""Every broken world of the gallery is caught by the gate that is there for it, with words that a person could act on."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import Draft
from tasks.gates import GATES, diagnose, judge

HERE = Path(__file__).parent
WORLDS = HERE.parent / "tasks" / "gates" / "worlds"
FILES = ("schema.sql", "seed.sql", "tools.json", "tasks.json")
SIZES = {"shop": Size(tables=5, rows=20, tools=7, tasks=5), "library": Size(tables=5, rows=16, tools=7, tasks=3)}
STAGES = {
    "schema": ("schema_runs",),
    "seed": ("seed_loads",),
    "tools": ("tools_resolve", "tools_work", "tools_deterministic", "tools_reachable"),
}
PARTS = ("world", "patch", "without_tasks", "difficulty")
HEADING = "## The gallery\n\n"
STAGE_OF_FILE = {"schema.sql": "schema", "seed.sql": "seed", "tools.json": "tools", "tasks.json": "agent_tasks"}

GALLERY: list[dict[str, Any]] = [
    {"gate": path.stem, "patch": [], **defect}
    for path in sorted(HERE.glob("*.toml"))
    for defect in tomllib.loads(path.read_text())["defect"]
]

SOUND: list[dict[str, Any]] = tomllib.loads((HERE / "sound" / "sound.toml").read_text())["sound"]
"""Patches that look like a defect of the gallery and are none."""


def draft_of(
    world: str, patches: Sequence[dict[str, str]] = (), without_tasks: Sequence[str] = (), difficulty: Sequence[int] | None = None
) -> Draft:
    """A small world with each patch applied once, where it fits first; a patch that finds nothing is an error."""
    texts = {file: (WORLDS / world / file).read_text() for file in FILES}
    for patch in patches:
        assert patch["old"] in texts[patch["file"]], f"the patch finds nothing to replace in {world}'s {patch['file']}: {patch['old']}"
        texts[patch["file"]] = texts[patch["file"]].replace(patch["old"], patch["new"], 1)
    tasks = [task for task in json.loads(texts["tasks.json"]) if task["id"] not in without_tasks]
    return Draft(
        scenario=Scenario(name=world.title(), description=f"A small {world}.", category="test"),
        recipe=Recipe.model_validate({"model": "hand", "size": SIZES[world], "difficulty": difficulty}),
        schema_sql=texts["schema.sql"],
        seed_sql=texts["seed.sql"],
        tools=tuple(Tool.model_validate(tool) for tool in json.loads(texts["tools.json"])),
        tasks=tuple(AgentTask.model_validate(task) for task in tasks),
    )


def broken(defect: dict[str, Any]) -> Draft:
    return draft_of(defect["world"], defect["patch"], defect.get("without_tasks", []), defect.get("difficulty"))


def of_code(problems: tuple[Diagnostic, ...], code: str) -> list[Diagnostic]:
    return [problem for problem in problems if problem.code == code]


@pytest.mark.parametrize("defect", GALLERY, ids=lambda defect: defect["name"])
def test_a_defect_is_caught_by_its_gate_and_told_in_full(defect: dict[str, Any]) -> None:
    last = judge(broken(defect))[-1]
    assert isinstance(last, Reject), "no gate rejects it"
    lines = [problem.line() for problem in last.evidence]
    found = of_code(last.evidence, defect["code"])
    assert (last.gate, bool(found)) == (defect["gate"], True), lines
    assert (found[0].place, found[0].message) == (defect["place"], defect["says"]), (
        "python tests/gallery/retell.py writes down what is said now"
    )
    assert found[0].hint, "nobody is told what to do"


@pytest.mark.parametrize("defect", [d for d in GALLERY if d["gate"] != "spread_met"], ids=lambda defect: defect["name"])
def test_a_defect_is_told_to_the_stage_that_can_mend_it(defect: dict[str, Any]) -> None:
    of_gate = next((stage for stage, gates in STAGES.items() if defect["gate"] in gates), "")
    of_file = STAGE_OF_FILE[defect["patch"][0]["file"]] if defect["patch"] else ""
    stage = "agent_tasks" if defect["code"].startswith("task.") or not defect["patch"] else of_gate or of_file
    assert of_code(diagnose(broken(defect), stage), defect["code"])


@pytest.mark.parametrize("defect", GALLERY, ids=lambda defect: defect["name"])
def test_a_message_is_a_whole_sentence_about_the_world(defect: dict[str, Any]) -> None:
    assert defect["says"].endswith(".")
    assert len(defect["says"].split()) >= 5
    assert not re.search(r"Traceback|<class|object at 0x|\bNone\b|\.\.$| {2}", defect["says"])


@pytest.mark.parametrize("name", sorted(SIZES))
def test_the_worlds_without_a_patch_pass_every_gate(name: str) -> None:
    verdicts = judge(draft_of(name))
    assert [(v.gate, v.verdict) for v in verdicts] == [(gate.name, "pass") for gate in GATES]
    for stage in (*STAGES, "agent_tasks"):
        assert diagnose(draft_of(name), stage) == ()


@pytest.mark.parametrize("sound", SOUND, ids=lambda sound: sound["name"])
def test_what_only_looks_like_a_defect_passes_every_gate(sound: dict[str, Any]) -> None:
    last = judge(draft_of(sound["world"], sound["patch"]))[-1]
    assert not isinstance(last, Reject), [problem.line() for problem in last.evidence]
    assert sound["unlike"] in {defect["name"] for defect in GALLERY}


def test_every_gate_has_a_room_in_the_gallery() -> None:
    assert {defect["gate"] for defect in GALLERY} == {gate.name for gate in GATES}


def test_no_two_defects_are_the_same() -> None:
    assert len(GALLERY) >= 100
    assert len({defect["name"] for defect in GALLERY}) == len(GALLERY)
    assert len({json.dumps([defect.get(part) for part in PARTS]) for defect in GALLERY}) == len(GALLERY)
    assert all(patch["old"] != patch["new"] for defect in GALLERY for patch in defect["patch"])


def test_every_defect_says_why_it_matters() -> None:
    assert [defect["name"] for defect in GALLERY if not defect["why"].endswith(".") or len(defect["why"]) < 30] == []


def table() -> str:
    """The gallery as the README shows it: a table for each gate, in the order of the gates."""
    parts = []
    for gate in GATES:
        rows = [f"| {d['name']} | {d['why']} | `{d['code']}` |" for d in GALLERY if d["gate"] == gate.name]
        parts.append("\n".join((f"### {gate.name}", "", "| defect | why it matters | code |", "| --- | --- | --- |", *rows)))
    return "\n\n".join(parts)


def test_the_readme_shows_the_gallery() -> None:
    page = (HERE / "README.md").read_text()
    assert page.split(HEADING)[1] == f"{table()}\n", "python tests/gallery/retell.py writes the table anew"
