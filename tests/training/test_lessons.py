"""The context of training is that of the rollout, to the token; packing mixes nothing."""

from __future__ import annotations

from itertools import accumulate

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.decoder import Shape, new_decoder
from training.lessons import Lesson, bins, logprobs_of, sheet_of, strands_of, within
from training.tokens import new_tokenizer

TOKENIZER = new_tokenizer(["call the tool and say the answer"] * 3, 300)
MODEL = new_decoder(Shape(vocabulary=300, hidden=16, layers=2, heads=2, context=64), TOKENIZER, 1).eval()
TOKENS = st.lists(st.integers(8, 200), min_size=1, max_size=5)
TURN = st.tuples(TOKENS, TOKENS, st.booleans())


def episode(turns: list[tuple[list[int], list[int], bool]]) -> tuple[Lesson, ...]:
    """Turns whose prompts go on from the one before, or begin anew where a window moved."""
    found: list[Lesson] = []
    before: tuple[int, ...] = ()
    for number, (back, said, fresh) in enumerate(turns):
        prompt = (*(() if fresh else before), *back)
        found.append(Lesson(prompt, tuple(said), tuple(-0.1 * place for place in range(len(said))), float(number)))
        before = (*prompt, *said)
    return tuple(found)


@given(st.lists(TURN, min_size=1, max_size=5))
def test_every_lesson_stands_in_its_own_context(turns: list[tuple[list[int], list[int], bool]]) -> None:
    lessons = episode(turns)
    strands = strands_of(lessons)
    assert [lesson for strand in strands for _, lesson in strand.lessons] == list(lessons)
    for strand in strands:
        for begin, lesson in strand.lessons:
            assert strand.tokens[:begin] == lesson.prompt
            assert strand.tokens[begin : begin + len(lesson.said)] == lesson.said


def test_contexts_that_continue_share_a_strand() -> None:
    assert len(strands_of(episode([([9], [10], False), ([11], [12], False), ([13], [14], False)]))) == 1
    assert len(strands_of(episode([([9], [10], False), ([11], [12], True)]))) == 2


@given(st.lists(st.lists(TURN, min_size=1, max_size=3), min_size=1, max_size=3))
@settings(deadline=None, max_examples=20)
def test_packed_or_alone_a_token_has_the_same_probability(episodes: list[list[tuple[list[int], list[int], bool]]]) -> None:
    """Rows hold several strands; each lesson's log-probabilities are those that it has by itself."""
    strands = [strand for turns in episodes for strand in strands_of(episode(turns))]
    for portion in bins(strands, 40, 2):
        sheet = sheet_of(portion, 0)
        with torch.no_grad():
            found = logprobs_of(MODEL, sheet, 0.7)
        lessons = [lesson for row in portion for strand in row for _, lesson in strand.lessons]
        starts = [0, *accumulate(len(lesson.said) for lesson in lessons)]
        for number, lesson in enumerate(lessons):
            places = slice(starts[number], starts[number + 1])
            assert found[places].tolist() == pytest.approx(alone(lesson), abs=1e-4)
            assert sheet.old[places].tolist() == pytest.approx(lesson.logprobs)
            assert sheet.lesson[places].tolist() == [number] * len(lesson.said)
        assert sheet.advantage.tolist() == [lesson.advantage for lesson in lessons]


def alone(lesson: Lesson) -> list[float]:
    tokens = torch.tensor([[*lesson.prompt, *lesson.said]])
    with torch.no_grad():
        table = torch.log_softmax(MODEL(input_ids=tokens).logits[0].double() / 0.7, -1)
    first = len(lesson.prompt) - 1
    return [float(table[first + place, token]) for place, token in enumerate(lesson.said)]


def test_a_sheet_without_lessons_has_a_token_that_does_not_count() -> None:
    sheet = sheet_of((), 0)
    assert (sheet.lessons, sheet.inputs.tokens.shape[0], len(logprobs_of(MODEL, sheet, 1.0))) == (0, 1, 0)


def test_lessons_that_are_too_long_are_counted() -> None:
    lessons = episode([([9] * 5, [10], False), ([11] * 9, [12], True)])
    assert within(lessons, 6) == (lessons[:1], 1)
