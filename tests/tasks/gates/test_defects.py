"""Every defect is caught by the gate that is there for it, with the code that says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artifacts.verdict import Reject
from artifacts.world import Draft
from tasks.gates import GATES, diagnose, judge

DEFECTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "defects.json").read_text())
STAGES = {
    "schema": ("schema_runs",),
    "seed": ("seed_loads",),
    "tools": ("tools_resolve", "tools_work", "tools_deterministic", "tools_reachable"),
    "agent_tasks": ("references_replay", "idle_scores_zero", "reference_scores_one", "mutants_rejected"),
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


def test_every_gate_but_the_untriggerable_has_a_defect() -> None:
    # A tool cannot be made nondeterministic from SQL alone: the whitelist and the world's clock leave no way.
    assert {d["gate"] for d in DEFECTS} == {gate.name for gate in GATES} - {"tools_deterministic"}


@pytest.mark.parametrize("name", ["shop", "library"])
def test_sound_worlds_pass_every_gate(name: str, patched: Callable[..., Draft]) -> None:
    verdicts = judge(patched(name))
    assert [(v.gate, v.verdict) for v in verdicts] == [(gate.name, "pass") for gate in GATES]
    for stage in STAGES:
        assert diagnose(patched(name), stage) == ()
