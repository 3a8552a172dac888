"""Drills are well-formed conversations, and what counts in them can be found out from what stands before it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from benchmarks.drills import Drills
from training.examples import IGNORED
from training.tokens import MARKS, new_tokenizer

TEXTS = ["Please show my open invoices", "cancel the booking of the mountain guide", '{"result":[{"id":1,"name":"Blue tent"}]}'] * 4


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # variety, not secrecy


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return new_tokenizer(TEXTS, 400)


def test_what_is_copied_was_said_before(tokenizer: Any) -> None:
    drills = Drills(tokenizer).copying(seeded(1), 5)
    assert len({len(drill.tokens) for drill in drills}) == 1
    for drill in drills:
        half = len(drill.tokens) // 2
        assert drill.tokens[:half] == drill.tokens[half:]
        assert drill.mask == (False,) * half + (True,) * half


@pytest.mark.parametrize("seed", range(20))
def test_every_answer_stands_in_the_records(tokenizer: Any, seed: int) -> None:
    drill, hints = Drills(tokenizer).looking_up(seeded(seed))
    assert len(hints.records) == len(hints.asked) == len(drill.tokens) == len(drill.mask)
    text = tokenizer.decode(drill.tokens)
    messages = [part.partition("|>") for part in text.split("<|end|>") if part]
    said = [body for mark, _, body in messages if mark == "<|assistant"]
    own = tokenizer.decode([token for token, counts in zip(drill.tokens, drill.mask, strict=True) if counts])
    assert own == "".join(f"{body}<|end|>" for body in said), "all that the agent says counts, and nothing else"
    records = [record for mark, _, body in messages if mark == "<|tool" for record in _records(json.loads(body)["result"])]
    values = [value for record in records for value in record.values()]
    asked = [json.loads(body) for body in said if body and not body.startswith("<|call|>")]
    changed = [json.loads(body.partition(" ")[2]) for body in said if body.startswith("<|call|>")]
    assert all(value in values for answer in asked for value in answer)
    assert all(number in values for arguments in changed for number in arguments.values())
    assert Drills(tokenizer).looking_up(seeded(seed)) == (drill, hints)


@pytest.mark.parametrize("size", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_hints_lead_to_the_id_that_counts(tokenizer: Any, seed: int, size: float) -> None:
    drill, hints = Drills(tokenizer).finding(seeded(seed), size)
    messages = [part.partition("|>")[2] for part in tokenizer.decode(drill.tokens).split("<|end|>") if part]
    asked, answer = json.loads(messages[0]), json.loads(messages[1])["result"]
    own = tokenizer.decode([token for token, counts in zip(drill.tokens, drill.mask, strict=True) if counts])
    ids = [record["id"] for record in answer if asked in record.values()]
    assert len(ids) == 1
    assert own == f"{ids[0]}}}<|end|>", "only the id of the one that is asked for counts, and the call's end"
    first = tokenizer.encode(str(ids[0]), add_special_tokens=False)[0]
    marked = [place for place, one in enumerate(hints.asked) if one == 1]
    assert {hints.records[place] for place in marked} == {first}
    assert str(asked) in tokenizer.decode([drill.tokens[place] for place in marked])
    others = {tokenizer.encode(str(one["id"]), add_special_tokens=False)[0] for one in answer if one["id"] not in ids}
    assert {record for record, one in zip(hints.records, hints.asked, strict=True) if one == 0} == others
    inside = [tokenizer.decode([token]) for token, one in zip(drill.tokens, hints.records, strict=True) if one != IGNORED]
    assert all(mark not in inside for mark in MARKS), "a record is told of a tool's answer only"


def _records(result: Any) -> list[dict[str, Any]]:
    return result if isinstance(result, list) else [result]
