"""Names of models, what a call to a service can meet, and that what was paid for once is never paid for again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import LMRateLimitError

from artifacts.errors import InvalidInput, ModelRejected, ModelUnavailable, UnknownName
from tasks.correction import asking
from tasks.models.journal import Journal
from tasks.models.language_model import EMBEDDED, ModelSettings, check_model, language_model, translated
from tasks.requirements import WriteRequirements

INPUTS = {"scenario": "Name: Blood bank\nCategory: health\nDescription: ", "count": 3}
GOOD = '[[ ## intentions ## ]]\n["one","two","three"]\n[[ ## completed ## ]]'


def test_an_answer_is_read_and_its_cost_is_known(script: Any, model: dspy.LM) -> None:
    script.author = lambda body: GOOD
    reply = asking(model, 1)(WriteRequirements, INPUTS)
    assert reply.values["intentions"] == ["one", "two", "three"]
    assert reply.problems == ()
    answer = reply.answer
    assert (answer.input_tokens, answer.output_tokens, answer.cost_usd, answer.recalled) == (11, 7, None, False)
    assert answer.latency_seconds is not None


def test_the_prompt_is_sent_once_in_lean_sections(script: Any, model: dspy.LM) -> None:
    script.author = lambda body: GOOD
    asking(model, 1)(WriteRequirements, INPUTS)
    (body,) = script.bodies
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["content"].startswith("[[ ## scenario ## ]]\nName: Blood bank\n")
    assert "rollout_id" not in body


def test_the_same_request_is_paid_once_and_then_recalled(script: Any, model: dspy.LM) -> None:
    script.author = lambda body: GOOD
    first = asking(model, 1)(WriteRequirements, INPUTS)
    again = asking(model, 1)(WriteRequirements, INPUTS)
    assert len(script.paid) == 1
    assert again.answer == first.answer._replace(recalled=True)


def test_another_attempt_is_another_request(script: Any, model: dspy.LM) -> None:
    script.author = lambda body: GOOD
    asking(model, 1)(WriteRequirements, INPUTS)
    asking(model, 2)(WriteRequirements, INPUTS)
    assert len(script.paid) == 2


@pytest.mark.parametrize("text", [None, ""])
def test_an_empty_answer_is_paid_for_and_told_of(script: Any, model: dspy.LM, moves: Any, text: str | None) -> None:
    script.moves = [moves.says(text)]
    reply = asking(model, 1)(WriteRequirements, INPUTS)
    assert (reply.values["intentions"], [problem.code for problem in reply.problems]) == ([], ["answer.empty"])


def test_an_answer_that_cannot_be_read_is_recorded_all_the_same(script: Any, model: dspy.LM, journal: Journal) -> None:
    script.author = lambda body: "I'm sorry, I can't."
    asking(model, 1)(WriteRequirements, INPUTS)
    assert len(journal) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_a_busy_service_is_unavailable(script: Any, model: dspy.LM, journal: Journal, moves: Any, status: int) -> None:
    script.moves = [moves.fails(status)]
    with pytest.raises(ModelUnavailable):
        asking(model, 1)(WriteRequirements, INPUTS)
    assert len(journal) == 0
    assert len(script.bodies) == 1, "retries belong to the flow, not to the client"


def test_a_rate_limit_says_how_long_to_wait(script: Any, model: dspy.LM, moves: Any) -> None:
    script.moves = [moves.fails(429, retry_after="7")]
    with pytest.raises(ModelUnavailable) as caught:
        asking(model, 1)(WriteRequirements, INPUTS)
    assert caught.value.retry_after == 7


def test_a_wait_is_found_where_litellm_keeps_it() -> None:
    inner = Exception("429")
    inner.response = SimpleNamespace(headers={"retry-after": "12"})  # type: ignore[attr-defined]  # as SDK errors have it
    middle = Exception("rate limit")
    middle.__cause__ = inner
    error = LMRateLimitError("rate limit", model="m")
    error.__cause__ = middle
    found = translated(error, "m")
    assert isinstance(found, ModelUnavailable)
    assert found.retry_after == 12.0


def test_a_model_of_a_provider_that_only_litellm_knows_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(ModelRejected) as caught:
        check_model(ModelSettings(name="mistral/mistral-large-latest"))
    assert "MISTRAL_API_KEY" in caught.value.hint


def test_a_dropped_connection_and_a_stall_are_unavailable(script: Any, model: dspy.LM, moves: Any) -> None:
    script.moves = [moves.drops, moves.stalls]
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            asking(model, 1)(WriteRequirements, INPUTS)


def test_a_server_that_is_not_there_is_unavailable(journal: Journal) -> None:
    model = language_model(ModelSettings(name="openai/x", api_base="http://127.0.0.1:9/v1", timeout=1.0), journal)
    with pytest.raises(ModelUnavailable) as caught:
        asking(model, 1)(WriteRequirements, INPUTS)
    assert caught.value.message.endswith("refused.")
    assert "service is up" in caught.value.hint


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_a_refusing_service_is_told_of(script: Any, model: dspy.LM, moves: Any, status: int) -> None:
    script.moves = [moves.fails(status)]
    with pytest.raises(ModelRejected) as caught:
        asking(model, 1)(WriteRequirements, INPUTS)
    assert f"scripted {status}" in str(caught.value)


def test_a_spent_quota_is_a_refusal_though_it_comes_as_429(script: Any, model: dspy.LM, moves: Any) -> None:
    script.moves = [moves.fails(429, kind="insufficient_quota")]
    with pytest.raises(ModelRejected):
        asking(model, 1)(WriteRequirements, INPUTS)


@pytest.mark.parametrize("name", ["worldloom/procedural-2", "opnai/gpt-5", "worldloom"])
def test_an_unknown_model_is_named_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownName) as caught:
        check_model(ModelSettings(name=name))
    assert "Did you mean" in caught.value.hint


@pytest.mark.parametrize("name", ["nonsense", "", " ", "openai/"])
def test_a_name_that_is_near_none_is_told_what_names_look_like(name: str) -> None:
    with pytest.raises(UnknownName) as caught:
        check_model(ModelSettings(name=name, api_base="http://localhost:8000/v1"))
    assert "provider/name" in caught.value.hint


def test_the_nearest_name_is_the_one_meant() -> None:
    with pytest.raises(UnknownName) as caught:
        check_model(ModelSettings(name="worldloom/procedural-2"))
    assert EMBEDDED in caught.value.hint


def test_a_missing_key_is_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelRejected) as caught:
        check_model(ModelSettings(name="openai/gpt-4o"))
    assert "OPENAI_API_KEY" in caught.value.hint


def test_a_key_goes_to_the_service_and_into_no_record(
    script: Any, api_base: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234")
    script.author = lambda body: GOOD
    settings = ModelSettings(name="openai/x", api_base=api_base)
    asking(language_model(settings, journal), 1)(WriteRequirements, INPUTS)
    assert "secret" not in settings.model_dump_json()
    assert b"sk-secret" not in b"".join(path.read_bytes() for path in journal.path.parent.iterdir())


@pytest.mark.parametrize("changes", [{"temperature": 0.7}, {"max_tokens": 4_000}])
def test_reasoning_models_keep_their_limits(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(InvalidInput):
        check_model(ModelSettings(name="openai/gpt-5", **changes))
    check_model(ModelSettings(name="openai/gpt-5", temperature=1.0, max_tokens=20_000))


def test_a_fault_rate_is_for_the_embedded_model() -> None:
    with pytest.raises(InvalidInput):
        check_model(ModelSettings(name="openai/gpt-5", fault_rate=0.3))


def test_sampling_settings_are_sent(script: Any, api_base: str, journal: Journal) -> None:
    script.author = lambda body: GOOD
    settings = ModelSettings(name="openai/x", api_base=api_base, temperature=0.5, max_tokens=900)
    asking(language_model(settings, journal), 1)(WriteRequirements, INPUTS)
    (body,) = script.bodies
    assert body["temperature"] == 0.5
    assert 900 in (body.get("max_tokens"), body.get("max_completion_tokens"))
