"""What is trained on: the agent's tokens only, in the context that it saw, packed without mixing."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from artifacts.history import places, seen
from training.decoder import Shape, inputs_of, loss_of, new_decoder
from training.examples import IGNORED, Example, counted, examples_of, packed, row_of
from training.tokens import new_tokenizer, prompt_tokens

TOKENIZER = new_tokenizer(["call the tool and say the answer"] * 3, 300)
LIST = '<tool_call>\n{"name":"list_tools","arguments":{}}\n</tool_call>'


def episode(turns: int) -> list[dict[str, Any]]:
    said = [{"role": "assistant", "content": LIST if turn == 0 else f"call {turn}"} for turn in range(turns)]
    back = [{"role": "user", "content": f"result {turn}"} for turn in range(turns)]
    opening = [{"role": "system", "content": "rules"}, {"role": "user", "content": "task"}]
    return [*opening, *(message for pair in zip(said, back, strict=True) for message in pair)][:-1]


def spoken(example: Example) -> str:
    return str(TOKENIZER.decode([token for token, counts in zip(example.tokens, example.mask, strict=True) if counts]))


def test_without_a_window_an_episode_is_one_example() -> None:
    messages = episode(3)
    (example,) = examples_of(TOKENIZER, messages, places(messages), most=1000).examples
    assert spoken(example) == f"{LIST}<|end|>call 1<|end|>call 2<|end|>"
    assert TOKENIZER.decode(example.tokens) == TOKENIZER.apply_chat_template(messages, tokenize=False)


def test_where_the_window_moves_a_new_example_begins() -> None:
    found = examples_of(TOKENIZER, episode(5), places(episode(5), 1), most=1000).examples
    assert [spoken(one) for one in found] == [f"{LIST}<|end|>call 1<|end|>call 2<|end|>", "call 3<|end|>", "call 4<|end|>"]


@given(turns=st.integers(1, 6), window=st.none() | st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_every_reply_counts_once_in_the_context_that_was_seen(turns: int, window: int | None) -> None:
    """The context of training is that of the rollout, token for token, for every turn."""
    messages = episode(turns)
    contexts = []
    for example in examples_of(TOKENIZER, messages, places(messages, window), most=10_000).examples:
        starts = [place for place, counts in enumerate(example.mask) if counts and not example.mask[place - 1]]
        contexts += [list(example.tokens[:start]) for start in starts]
    assert contexts == [prompt_tokens(TOKENIZER, seen(messages, turn, window)) for turn in range(turns)]


def test_a_turn_that_is_too_long_is_told_and_left_out() -> None:
    messages = episode(3)
    messages[-1]["content"] = "call " * 200
    whole = examples_of(TOKENIZER, messages, places(messages), most=10_000)
    found = examples_of(TOKENIZER, messages, places(messages), most=100)
    assert (whole.too_long, found.too_long) == (0, 1)
    assert spoken(found.examples[0]) == f"{LIST}<|end|>call 1<|end|>"


def test_targets_by_hand() -> None:
    row = row_of([Example((5, 6, 7, 8), (False, False, True, True)), Example((9, 3), (False, True))])
    assert row.tokens == (5, 6, 7, 8, 9, 3)
    assert row.segments == (0, 0, 0, 0, 1, 1)
    assert row.positions == (0, 1, 2, 3, 0, 1)
    assert row.targets == (IGNORED, 7, 8, IGNORED, 3, IGNORED)


EXAMPLES = st.lists(st.lists(st.tuples(st.integers(8, 263), st.booleans()), min_size=1, max_size=12), max_size=12)


@given(plain=EXAMPLES, length=st.integers(12, 30))
def test_packing_loses_nothing_and_keeps_within_its_rows(plain: list[list[tuple[int, bool]]], length: int) -> None:
    examples = [Example(tuple(token for token, _ in one), tuple(counts for _, counts in one)) for one in plain]
    rows = packed(examples, length)
    assert all(len(row.tokens) <= length for row in rows)
    assert sorted(token for row in rows for token in row.tokens) == sorted(token for one in examples for token in one.tokens)
    assert counted(rows) == sum(sum(one.mask[1:]) for one in examples)
    assert sum(2 * len(row.tokens) <= length for row in rows) <= 1, "two half-empty rows would have been one"


@given(plain=EXAMPLES.filter(bool))
@settings(deadline=None, max_examples=15)
def test_examples_in_one_row_do_not_see_one_another(plain: list[list[tuple[int, bool]]]) -> None:
    examples = [Example(tuple(token for token, _ in one), tuple(counts for _, counts in one)) for one in plain]
    model = new_decoder(Shape(vocabulary=300, hidden=16, layers=2, heads=2, context=256), TOKENIZER, 0).double().eval()
    with torch.no_grad():
        together = loss_of(model, inputs_of(packed(examples, 40), 0))
        apart = sum(float(loss_of(model, inputs_of([row_of([one])], 0))) for one in examples)
    assert abs(float(together) - apart) <= 1e-5 * (1 + abs(apart))


def test_the_loss_by_hand_in_float64() -> None:
    """The sum of -log softmax at the counted places, from the logits themselves."""
    model = new_decoder(Shape(vocabulary=300, hidden=16, layers=1, heads=2, context=64), TOKENIZER, 1).double().eval()
    example = Example((9, 20, 31, 42, 53), (False, False, True, False, True))
    with torch.no_grad():
        logits = model(torch.tensor([example.tokens])).logits[0]
        found = loss_of(model, inputs_of([row_of([example])], 0))
    expected = -(torch.log_softmax(logits[1], 0)[31] + torch.log_softmax(logits[3], 0)[53])
    assert abs(float(found) - float(expected)) < 1e-4
