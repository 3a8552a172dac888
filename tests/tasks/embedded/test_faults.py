"""Every kind of mistake is one that the stage notices, and that the repair undoes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.world import Draft
from tasks import agent_tasks, requirements, schema, seed, tools
from tasks.embedded import engine
from tasks.embedded.answers import Answer
from tasks.embedded.chance import stream
from tasks.embedded.faults import FAULTS, TEXT_FAULTS, Fault, misspelt, spoil
from tasks.models.journal import Journal
from tasks.models.language_model import ModelSettings, language_model
from tasks.stage import StageResult

ORDER = (requirements, schema, seed, tools, agent_tasks)
STAGE_OF = {"WriteSchema": schema, "WriteSeed": seed, "WriteTools": tools, "WriteTasks": agent_tasks, "PhraseWalks": agent_tasks}
DRAFT = Draft(
    scenario=Scenario(name="Toy library", category="clubs", description="Families borrow toys, pay fees and write to the volunteers."),
    recipe=Recipe(model=engine.MODEL, size=Size(tables=12, rows=100, tools=25, tasks=10)),
)
Spoil = Callable[[Answer, Callable[[Answer], str], str, str, float], tuple[str, str | None]]


@cache
def before(stage: Any, folder: Path) -> Draft:
    """The draft as the stage finds it."""
    draft = DRAFT
    lm = language_model(ModelSettings(), Journal(folder / "journal.sqlite"))
    for earlier in ORDER[: ORDER.index(stage)]:
        draft = earlier.run(draft, lm).draft
    return draft


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


def run(stage: Any, folder: Path, tmp_path: Path, breaking: Spoil, monkeypatch: pytest.MonkeyPatch) -> StageResult:
    """The stage with a model that breaks answers as told."""
    found = before(stage, folder)
    monkeypatch.setattr(engine, "spoil", breaking)
    lm = language_model(ModelSettings(), Journal(tmp_path / "journal.sqlite"))
    result: StageResult = stage.run(found, lm)
    return result


CASES = [(fault, n) for fault in FAULTS for n in (0, 1, 2)]


@pytest.mark.parametrize(("fault", "number"), CASES, ids=lambda v: f"{v.kind}-{v.programs[0]}" if isinstance(v, Fault) else str(v))
def test_the_stage_notices_and_mends(fault: Fault, number: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    def breaking(right: Answer, render: Callable[[Answer], str], program: str, *_: Any) -> tuple[str, str | None]:
        wrong = program == fault.programs[0] and not any(made)
        if wrong:
            right = deepcopy(right)
            made.append(fault.make(right, stream("case", fault.kind, number)))
        return render(right), fault.kind if wrong else None

    result = run(STAGE_OF[fault.programs[0]], folder, tmp_path, breaking, monkeypatch)
    assert any(made)
    assert any(attempt.diagnostics for attempt in result.attempts if attempt.number == 1)
    assert result.rejection is None
    assert not result.attempts[-1].diagnostics


@pytest.mark.parametrize("kind", sorted(TEXT_FAULTS))
@pytest.mark.parametrize("stage", ORDER, ids=lambda stage: stage.__name__)
def test_text_mistakes_are_read_or_mended(stage: Any, kind: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def breaking(right: Answer, render: Callable[[Answer], str], program: str, *_: Any) -> tuple[str, str | None]:
        asked.append(program)
        text = render(right)
        return (TEXT_FAULTS[kind](text, stream(kind, program)), kind) if len(asked) == 1 else (text, None)

    result = run(stage, folder, tmp_path, breaking, monkeypatch)
    assert result.rejection is None
    assert any(attempt.diagnostics for attempt in result.attempts if attempt.number == 1) == (kind == "truncated")


def test_the_rate_is_kept_and_the_draw_is_the_requests_own() -> None:
    right = {"intentions": ["one", "two"]}
    drawn = [spoil(right, engine.render, "WriteRequirements", f"request {n}", 0.3)[1] for n in range(2_000)]
    assert drawn == [spoil(right, engine.render, "WriteRequirements", f"request {n}", 0.3)[1] for n in range(2_000)]
    assert 540 < sum(kind is not None for kind in drawn) < 660
    assert not any(spoil(right, engine.render, "WriteRequirements", f"request {n}", 0.0)[1] for n in range(50))
    assert all(spoil(right, engine.render, "WriteRequirements", f"request {n}", 1.0)[1] for n in range(50))


def test_an_answer_is_broken_in_a_copy() -> None:
    right = {"tables": [{"table": "people", "columns": ["id", "name"], "rows": [[1, "A"], [2, "B"]]}]}
    kinds = {spoil(right, engine.render, "WriteSeed", str(n), 1.0)[1] for n in range(60)}
    assert right == {"tables": [{"table": "people", "columns": ["id", "name"], "rows": [[1, "A"], [2, "B"]]}]}
    assert {"duplicate_key", "null_in_not_null", "misspelt_column", "truncated", "prose_around_json"} <= kinds


def test_every_kind_of_the_issue_is_there() -> None:
    kinds = {fault.kind for fault in FAULTS} | set(TEXT_FAULTS)
    assert kinds == {
        "misspelt_column",
        "missing_table",
        "foreign_key_to_nothing",
        "duplicate_key",
        "null_in_not_null",
        "unescaped_quote",
        "other_tables_column",
        "undeclared_parameter",
        "check_already_true",
        "missed_step",
        "fact_left_out",
        "placeholder_left",
        "tool_named",
        "voice_of_another",
        "mixed_up",
        "prose_around_json",
        "truncated",
    }


def test_a_misspelt_word_differs() -> None:
    assert all(misspelt(word, stream(word, n)) != word for word in ("name", "aaaa", "full_name") for n in range(20))
