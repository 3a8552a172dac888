"""Every defect is caught by the gate that is there for it, with the code that says what it is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artifacts.observation import Observation
from artifacts.verdict import Reject
from artifacts.world import Draft
from containers.environment import Environment
from tasks.gates import GATES, diagnose, judge
from tasks.gates.toolset import tools_deterministic

DEFECTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "defects.json").read_text())
STAGES = {
    "schema": ("schema_runs",),
    "seed": ("seed_loads",),
    "tools": ("tools_resolve", "tools_work", "tools_deterministic", "tools_reachable"),
    "agent_tasks": (
        "references_replay",
        "instructions_clear",
        "conditions_select",
        "idle_scores_zero",
        "reference_scores_one",
        "mutants_rejected",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d["name"])
def test_defect_is_caught_by_its_gate(defect: dict[str, Any], patched: Callable[..., Draft]) -> None:
    draft = patched(defect["world"], defect["part"], defect["old"], defect["new"], tuple(defect.get("drop_tasks", ())))
    last = judge(draft)[-1]
    assert isinstance(last, Reject), "no gate rejects it"
    assert (last.gate, defect["code"] in {d.code for d in last.evidence}) == (defect["gate"], True), [d.line() for d in last.evidence]
    assert last.figures["problems"] >= len(last.evidence) > 0


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d["name"])
def test_defect_is_diagnosed_in_its_stage(defect: dict[str, Any], patched: Callable[..., Draft]) -> None:
    draft = patched(defect["world"], defect["part"], defect["old"], defect["new"], tuple(defect.get("drop_tasks", ())))
    stage = next((s for s, gates in STAGES.items() if defect["gate"] in gates), None) or {"tasks": "agent_tasks"}.get(
        defect["part"], defect["part"]
    )
    found = diagnose(draft, stage)
    assert defect["code"] in {d.code for d in found}, [d.line() for d in found]


def test_every_gate_has_a_defect() -> None:
    # A tool cannot be made nondeterministic from SQL alone; the next test breaks the environment instead.
    assert {d["gate"] for d in DEFECTS} == {gate.name for gate in GATES} - {"tools_deterministic"}


def test_a_tool_that_answers_differently_twice_is_told(patched: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count()
    draft = patched("library", "seed", "Ines Falk", "Ines Falck")
    monkeypatch.setattr(Environment, "call_tool", lambda _self, _name, _arguments: Observation(next(count)))
    found = tools_deterministic(draft)
    assert isinstance(found, Reject)
    assert {d.code for d in found.evidence} == {"tool.nondeterministic"}


@pytest.mark.parametrize("name", ["shop", "library"])
def test_sound_worlds_pass_every_gate(name: str, patched: Callable[..., Draft]) -> None:
    verdicts = judge(patched(name))
    assert [(v.gate, v.verdict) for v in verdicts] == [(gate.name, "pass") for gate in GATES]
    for stage in STAGES:
        assert diagnose(patched(name), stage) == ()
