"""Calibration: cases of every kind with the code's verdicts, the confusion of a judge with them, and its kappa."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest

from artifacts.world import World
from tasks.judging.calibration import calibrated, kappa
from tasks.judging.cases import KINDS, made_cases
from tasks.models.journal import Journal
from tasks.models.language_model import ModelSettings, language_model

VERDICT = "[[ ## outcome ## ]]\n{}\n\n[[ ## reason ## ]]\nLooks so.\n\n[[ ## completed ## ]]"
EXPECTED = {"reference": "completed", "answer in a sentence": "completed", "idle": "agent_error", "false claim": "agent_error"}


def test_cases_of_every_kind_are_made_with_known_verdicts(toys: World) -> None:
    cases = made_cases([toys], 100)
    assert {case.kind for case in cases} == set(KINDS) - {"wrong answer"}, "one task alone has an answer here"
    for case in cases:
        if case.kind in EXPECTED:
            assert case.evidence.score.outcome == EXPECTED[case.kind], case
        elif case.kind != "random":
            assert case.evidence.score.reward < 1, case
    assert cases == made_cases([toys], 100)
    assert made_cases([toys], 3) == cases[:3]


def test_the_embedded_judge_agrees_with_code_on_every_case(toys: World, tmp_path: Path) -> None:
    found = calibrated(made_cases([toys], 100), language_model(ModelSettings(), Journal(tmp_path / "j.sqlite")), votes=1, at_once=1)
    figures = found.figures()
    assert (figures["agreement"], figures["kappa"], figures["unanimous"], figures["failed"]) == (1.0, 1.0, 1.0, 0)
    assert figures["false_acceptances"] == figures["false_rejections"] == []
    assert sum(found.confusion.values()) == len(found.judged)


def test_a_judge_that_errs_is_seen_in_the_table(toys: World, script: Any, model: dspy.LM) -> None:
    script.author = lambda body: "I would say that went well." if "Borrow the kite" in str(body) else VERDICT.format("agent_error")
    found = calibrated(made_cases([toys], 12), model, votes=1, at_once=1)
    failed = [one for one in found.judged if one.said == "failed"]
    assert 0 < len(failed) < len(found.judged)
    assert all((one.judgement.outcome, one.judgement.reward) == ("environment_error", 0.0) for one in failed)
    assert found.figures()["failed"] == len(failed)


def test_a_lenient_judge_is_named_case_by_case(toys: World, script: Any, model: dspy.LM) -> None:
    script.author = lambda body: VERDICT.format("completed")
    found = calibrated(made_cases([toys], 10), model, votes=1, at_once=2)
    readers = [one for one in found.judged if one.judgement.code != "completed" and not one.case.evidence.score.checks]
    assert list(found.false_acceptances) == [one for one in readers if one.said == "completed"]
    assert found.false_acceptances
    assert found.kappa is not None
    assert found.kappa < 1


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([("a", "a"), ("b", "b")], 1.0),
        ([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")], 0.0),
        ([("a", "b"), ("b", "a")], -1.0),
        ([("a", "a")], None),
        ([], None),
    ],
)
def test_kappa_is_agreement_beyond_chance(pairs: list[tuple[str, str]], value: float | None) -> None:
    assert kappa(pairs) == value
