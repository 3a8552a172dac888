"""A whole world over HTTP: the service fails in every way that services do, and nothing that was paid for is lost or repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dspy
from dspy.lm15 import Message, Request

from artifacts.errors import ModelUnavailable
from artifacts.scenario import Scenario
from artifacts.world import World
from tasks.authoring import Authored, author, new_draft
from tasks.embedded.engine import ProceduralEngine
from tasks.models.journal import Journal
from tasks.models.language_model import EMBEDDED, ModelSettings, language_model

SCENARIO = Scenario(name="Veterinary clinic", description="A clinic where vets treat pets and owners book visits.", category="health")
DRAFT = new_draft(SCENARIO, "openai/scripted")


def embedded_author(body: dict[str, Any]) -> str:
    """What the embedded model says to the same prompt."""
    by_role = {message["role"]: message["content"] for message in body["messages"]}
    request = Request(model=EMBEDDED, system=by_role["system"], messages=(Message.user(by_role["user"]),))
    return ProceduralEngine().complete(request).message.text or ""


def patiently(model: dspy.LM, most: int = 12) -> tuple[Authored, int]:
    """As the flow does it: what may pass by itself is tried again, from the start of the stage."""
    for failures in range(most):
        try:
            return author(DRAFT, model), failures
        except ModelUnavailable:
            continue
    raise AssertionError(f"still unavailable after {most} tries")


def test_a_world_comes_of_good_answers(script: Any, model: dspy.LM) -> None:
    script.author = embedded_author
    authored, failures = patiently(model)
    assert isinstance(authored.outcome, World), authored.outcome
    assert failures == 0
    assert all(attempt.accepted for attempt in authored.attempts)


def test_every_kind_of_trouble_is_survived_and_nothing_is_paid_for_twice(script: Any, api_base: str, tmp_path: Path, moves: Any) -> None:
    def around(wrap: Callable[[str], str]) -> Any:
        return lambda handler, body: moves.says(wrap(embedded_author(body)))(handler, body)

    script.author = embedded_author
    script.moves = [
        moves.fails(429, retry_after="0"),
        moves.fails(500),
        moves.drops,
        moves.stalls,
        moves.says(""),
        moves.says("I'm sorry, but I can't help with that."),
        around(lambda text: f"Of course! Here is what you asked for.\n\n{text}\n\nLet me know if I should change anything."),
        around(lambda text: text),
        around(lambda text: text[: len(text) * 2 // 3]),
    ]
    settings = ModelSettings(name="openai/scripted", api_base=api_base, timeout=2.0)
    authored, failures = patiently(language_model(settings, Journal(tmp_path / "journal.sqlite")))
    assert isinstance(authored.outcome, World), authored.outcome
    assert failures == 4
    assert script.moves == []
    codes = [diagnostic.code for attempt in authored.attempts for diagnostic in attempt.diagnostics]
    assert {"answer.empty", "answer.refused"} <= set(codes)
    assert "json.truncated" in codes or "schema.truncated" in codes
    assert len(Journal(tmp_path / "journal.sqlite")) == len(script.paid) == len(authored.attempts)

    again, failures = patiently(language_model(settings, Journal(tmp_path / "journal.sqlite")))
    assert (again.outcome, failures) == (authored.outcome, 0)
    assert len(script.paid) == len(authored.attempts), "the second run asks nothing"
    assert all(attempt.recalled for attempt in again.attempts)


def test_the_hosted_and_the_embedded_author_make_the_same_world(script: Any, model: dspy.LM, tmp_path: Path) -> None:
    script.author = embedded_author
    hosted, _ = patiently(model)
    embedded = author(DRAFT, language_model(ModelSettings(), Journal(tmp_path / "embedded.sqlite")))
    assert isinstance(hosted.outcome, World)
    assert hosted.outcome == embedded.outcome


def test_prompts_hold_no_path_and_no_time(script: Any, model: dspy.LM, tmp_path: Path) -> None:
    script.author = embedded_author
    patiently(model)
    sent = json.dumps(script.bodies)
    assert str(tmp_path) not in sent
    assert "/work" not in sent
