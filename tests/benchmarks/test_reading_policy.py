"""A drill's hints teach: what inner layers are asked is worked out right, and learned together with the model."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch

from benchmarks.drills import Drills
from benchmarks.reading_policy import Copies, Lesson, Probes, losses, speakers
from training.decoder import Shape, new_decoder
from training.tokens import new_tokenizer

TEXTS = ["Please show my open invoices", "cancel the booking of the mountain guide", '{"result":[{"id":1,"name":"Blue tent"}]}'] * 4


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is faster so, by far where others compute too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return new_tokenizer(TEXTS, 400)


def test_a_token_is_of_the_latest_speaker() -> None:
    told = speakers(torch.tensor([[7, 1, 1, 8, 1, 7, 1], [8, 2, 2, 2, 9, 2, 2]]), torch.tensor([7, 8, 9]))
    assert told.tolist() == [[0, 0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 2, 2, 2]]


def test_hints_are_learned_together_with_what_counts(tokenizer: Any) -> None:
    torch.manual_seed(0)
    copies = Copies(new_decoder(Shape(vocabulary=400, hidden=64), tokenizer, 0).bfloat16().train())
    probes = Probes(copies.model, tokenizer)
    draws = Random(0)  # noqa: S311  # variety, not secrecy
    drills = [Drills(tokenizer).finding(draws, 0.0) for _ in range(8)]
    lesson = Lesson([one.example for one in drills], [one.hints for one in drills])
    seen = []
    for _ in range(40):
        own, _, hints = losses(copies.model, probes, lesson, tokenizer.pad_token_id)
        copies.step(own + hints, 1.0)
        probes.step()
        seen.append((float(own.detach()), float(hints.detach())))
    (own_before, hints_before), (own_after, hints_after) = seen[0], seen[-1]
    assert own_after < own_before / 2
    assert hints_after < hints_before / 2


def test_without_hints_nothing_is_asked_of_the_inner_layers(tokenizer: Any) -> None:
    copies = Copies(new_decoder(Shape(vocabulary=400, hidden=64), tokenizer, 0).bfloat16().train())
    drill = Drills(tokenizer).finding(Random(0))  # noqa: S311  # variety, not secrecy
    _, _, hints = losses(copies.model, Probes(copies.model, tokenizer), Lesson([drill.example]), tokenizer.pad_token_id)
    assert float(hints) == 0
