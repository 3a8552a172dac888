"""What a real language model wrote still becomes worlds; `tests/recordings/README.md` tells of the format."""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import dspy
import pytest
from dspy.lm15 import Message, Request, Response, TextPart, Usage

from artifacts.scenario import Scenario
from artifacts.world import World
from tasks.authoring import author, new_draft
from tasks.embedded.engine import ProceduralEngine
from tasks.models.journal import Journal, JournaledEngine, request_texts

FOLDER = Path(__file__).parent.parent / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.jsonl"))


def load_keep() -> ModuleType:
    spec = importlib.util.spec_from_file_location("keep", FOLDER / "keep.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KEEP = load_keep()


def asked_for(kind: str) -> str:
    """The answer's sections, the focus, and whether it mends: what stays when a prompt is given one more section to read."""
    given, _, answer = kind.partition(" -> ")
    return " ".join([word for word in given.split() if word == "problems" or word.startswith("focus=")] + [answer])


class Replayed:
    """An engine that answers from a recording: by the request, else by what is asked for, in order.

    Words belong to the very walks that they were written for: where other walks are put to it, the embedded author finds them.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.by_request = {row["request"]: row for row in rows}
        self.by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            self.by_kind[asked_for(row["kind"])].append(row)

    def complete(self, request: Request) -> Response:
        (_, system), (_, user) = request_texts(request)
        kind = asked_for(KEEP.kind_of(system, user))
        left = self.by_kind[kind]
        row = self.by_request.get(KEEP.request_of(user)) or (left[0] if left and "phrases" not in kind else None)
        if row is None and "phrases" in kind:
            return ProceduralEngine().complete(request)
        if row is None:
            raise LookupError(f"the recording has no answer left of the kind {kind!r}; record this scenario again")
        if row in left:
            left.remove(row)
        message = Message.assistant([TextPart(row["answer"])])
        return Response(id=None, model=request.model, message=message, finish_reason="stop", usage=Usage())


def model_of(engine: Any, journal: Journal) -> dspy.LM:
    return dspy.LM("openai/recorded", engine=JournaledEngine(engine, journal), cache=False, num_retries=0)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recorded_answers_become_a_sealed_world_of_full_size(path: Path, journal: Journal) -> None:
    first, *rows = map(json.loads, path.read_text().splitlines())
    draft = new_draft(Scenario.model_validate(first["scenario"]), first["model"], number=first["seed"])
    authored = author(draft, model_of(Replayed(rows), journal))
    assert isinstance(authored.outcome, World), [problem.line() for problem in authored.outcome.evidence]
    assert len(authored.outcome.tools) >= 25
    assert len(authored.outcome.tasks) == 10


class Logging:
    """An engine that keeps a log as a recording server does."""

    def __init__(self, engine: ProceduralEngine) -> None:
        self.engine = engine
        self.lines: list[str] = []

    def complete(self, request: Request) -> Response:
        response = self.engine.complete(request)
        (_, system), (_, user) = request_texts(request)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        self.lines.append(json.dumps({"request": {"messages": messages}, "answer": response.message.text}))
        return response


@pytest.mark.parametrize("reworded", [False, True])
def test_a_log_is_kept_and_replayed_to_the_same_world(journal: Journal, tmp_path: Path, reworded: bool) -> None:
    draft = new_draft(Scenario(name="Beekeeping cooperative"), "openai/recorded")
    logging = Logging(ProceduralEngine())
    first = author(draft, model_of(logging, journal))
    assert isinstance(first.outcome, World), first.outcome
    kept = list(KEEP.recording_of(logging.lines, "Beekeeping cooperative", "openai/recorded"))
    rows = [{**row, "request": "changed since"} for row in kept[1:]] if reworded else kept[1:]
    again = author(draft, model_of(Replayed(rows), Journal(tmp_path / "other.sqlite")))
    assert again.outcome == first.outcome
