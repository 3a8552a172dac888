"""The Prefect task around a stage: what is tried again, how long is waited, and what makes two runs the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prefect.states import Completed, Failed

from artifacts.errors import ModelRejected, ModelUnavailable
from artifacts.scenario import Scenario
from artifacts.world import Draft
from tasks.authoring import new_draft
from tasks.models.language_model import ModelSettings
from tasks.recipes import PROGRAMS, program_digests
from tasks.requirements import write_requirements
from tasks.stage import JITTER, LONGEST_WAIT, RETRY_WAITS, beyond_backoff, input_key, model_at, transport_failed

DRAFT = new_draft(Scenario(name="Blood bank"), "m")
RUN = cast("Any", SimpleNamespace(run_count=1))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("tasks.stage.time.sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    ("error", "again"), [(ModelUnavailable("busy"), True), (ModelRejected("no key"), False), (KeyError("a bug"), False)]
)
def test_only_what_may_pass_by_itself_is_tried_again(error: Exception, again: bool, waits: list[float]) -> None:
    assert transport_failed(write_requirements, RUN, Failed(data=error)) is again
    assert waits == []


def test_a_run_that_did_not_fail_is_not_tried_again() -> None:
    assert transport_failed(write_requirements, RUN, Completed(data=None)) is False


def test_the_services_own_wait_is_kept(waits: list[float]) -> None:
    error = ModelUnavailable("busy", retry_after=30.0)
    assert transport_failed(write_requirements, RUN, Failed(data=error)) is True
    (waited,) = waits
    assert waited + RETRY_WAITS[0] * (1 - JITTER) == 30.0


@pytest.mark.parametrize(("after", "runs", "beyond"), [(0.1, 1, 0.0), (10.0, 3, 8.0), (10.0, 99, 0.0), (9_999.0, 1, LONGEST_WAIT - 0.5)])
def test_only_the_rest_of_a_wait_is_waited(after: float, runs: int, beyond: float) -> None:
    assert beyond_backoff(after, runs) == beyond


def key_of(draft: Draft, settings: ModelSettings, home: Path) -> str:
    return input_key(cast("Any", SimpleNamespace(task=write_requirements)), {"draft": draft, "settings": settings, "home": home})


def test_a_stages_key_is_its_input_and_recipe_and_no_path() -> None:
    settings = ModelSettings()
    key = key_of(DRAFT, settings, Path("/a"))
    assert key == key_of(DRAFT, settings, Path("/b"))
    assert key != key_of(DRAFT, settings.model_copy(update={"fault_rate": 0.3}), Path("/a"))
    assert key != key_of(DRAFT.model_copy(update={"intentions": ("x",)}), settings, Path("/a"))
    other = DRAFT.recipe.model_copy(update={"programs": {**DRAFT.recipe.programs, "schema": "another prompt"}})
    assert key != key_of(DRAFT.model_copy(update={"recipe": other}), settings, Path("/a"))


def test_one_model_serves_a_process(tmp_path: Path) -> None:
    assert model_at(ModelSettings(), tmp_path) is model_at(ModelSettings(), tmp_path)


def test_a_stage_is_a_task_with_results_that_stay() -> None:
    assert write_requirements.persist_result is True
    assert write_requirements.retries == len(RETRY_WAITS)


def test_every_stage_that_asks_has_a_digest() -> None:
    digests = program_digests()
    assert list(digests) == ["scenario", "requirements", "schema", "seed", "tools", "agent_tasks"]
    assert len(set(digests.values())) == 6


def test_a_changed_prompt_changes_its_stages_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = program_digests()
    (signature,) = PROGRAMS["requirements"]
    monkeypatch.setattr(signature, "__doc__", signature.__doc__ + " And be kind.")
    program_digests.cache_clear()
    after = program_digests()
    program_digests.cache_clear()
    assert {stage for stage in before if before[stage] != after[stage]} == {"requirements"}
