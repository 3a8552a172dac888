"""A decoder that has learned nothing looks back, and looks for what it saw before."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from training.decoder import Shape, new_decoder
from training.tokens import new_tokenizer

TOKENS, STEPS = 40, 100


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return new_tokenizer(["Show my open invoices, and cancel the booking of the mountain guide"] * 4, 400)


def looks(tokenizer: Any, shape: Shape, tokens: torch.Tensor) -> list[torch.Tensor]:
    """Where each layer's heads look: for each layer heads × places × places."""
    decoder = new_decoder(shape, tokenizer, 3).eval()
    decoder.set_attn_implementation("eager")
    with torch.no_grad():
        return [layer[0] for layer in decoder(tokens[None], output_attentions=True, use_cache=False).attentions]


def drawn(tokenizer: Any, count: int) -> torch.Tensor:
    return torch.randperm(len(tokenizer), generator=torch.Generator().manual_seed(0))[:count]


@pytest.mark.parametrize(("head", "back"), [(0, 1), (1, 2)])
def test_a_head_of_the_first_layer_looks_back(tokenizer: Any, head: int, back: int) -> None:
    first = looks(tokenizer, Shape(vocabulary=400), drawn(tokenizer, TOKENS))[0][head]
    assert torch.diagonal(first, -back).min() > 0.9


def copied(decoder: Any, vocabulary: int) -> float:
    """The loss of random tokens said a second time, after a hundred steps of learning to say them."""
    draws = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-2)
    loss = torch.zeros(())
    for _ in range(STEPS):
        once = torch.randint(vocabulary, (16, 24), generator=draws)
        tokens = torch.cat([once, once], 1)
        logits = decoder(input_ids=tokens, use_cache=False).logits[:, 24:-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 25:].flatten())
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return float(loss.detach())


def test_copying_is_learned_in_steps_in_which_others_learn_none_of_it(tokenizer: Any) -> None:
    decoder = new_decoder(Shape(vocabulary=400, hidden=128, layers=2), tokenizer, 3)
    torch.manual_seed(3)
    usual = type(decoder)(decoder.config)
    count = len(tokenizer)
    mine, theirs = copied(decoder, count), copied(usual, count)
    assert mine < 1.0
    assert theirs > 4.0


@pytest.mark.parametrize(("heads", "layers"), [(1, 1), (1, 3), (2, 2), (8, 2)])
def test_any_shape_can_be_begun(tokenizer: Any, heads: int, layers: int) -> None:
    decoder = new_decoder(Shape(vocabulary=400, hidden=32, heads=heads, layers=layers), tokenizer, 0)
    assert all(torch.isfinite(weight).all() for weight in decoder.parameters())


def test_a_seed_gives_the_same_weights(tokenizer: Any) -> None:
    first, again, other = (new_decoder(Shape(vocabulary=400, hidden=32), tokenizer, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
