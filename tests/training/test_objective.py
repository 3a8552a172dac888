"""The objective against cases worked by hand, a float64 reference in plain Python, and its own gradient."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.objective import Clip, distance_k3, sequence_weight, surrogate, terms

CLIP = Clip(0.2, 0.28)
LOGPROB = st.floats(-6.0, 0.0)
TURNS = st.lists(
    st.tuples(st.floats(-2, 2), st.lists(st.tuples(LOGPROB, LOGPROB, LOGPROB), min_size=1, max_size=6)), min_size=1, max_size=5
)


def test_a_turns_weight_is_the_geometric_mean_of_its_tokens() -> None:
    """Weights 2 and 1/2 make 1; a token of weight 4 alone makes 4."""
    old = torch.tensor([-1.0, -1.0, -3.0])
    new = old + torch.tensor([2.0, 0.5, 4.0]).log()
    assert sequence_weight(new, old, torch.tensor([0, 0, 1]), 2).tolist() == pytest.approx([1.0, 4.0])


def test_weights_are_clipped_further_above_than_below() -> None:
    """A good turn gains until 1.28, a bad one until 0.8; what went the wrong way is never clipped."""
    weight = torch.tensor([1.27, 1.5, 0.5, 0.5, 1.5])
    advantage = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])
    gain, clipped = surrogate(weight, advantage, CLIP)
    assert gain.tolist() == pytest.approx([1.27, 1.28, 0.5, -0.8, -1.5])
    assert clipped.tolist() == [False, True, False, True, False]


def test_the_distance_is_zero_where_nothing_changed_and_never_negative() -> None:
    assert distance_k3(torch.tensor([-1.0]), torch.tensor([-1.0])).tolist() == [0.0]
    assert distance_k3(torch.tensor([0.0]), torch.tensor([math.log(2)])).tolist() == pytest.approx([2 - math.log(2) - 1])


def test_the_distance_estimates_kl() -> None:
    """Over draws of the policy its mean is the divergence, worked out from both distributions."""
    new, start = torch.tensor([0.7, 0.2, 0.1]).double(), torch.tensor([0.3, 0.3, 0.4]).double()
    mean = (new * distance_k3(new.log(), start.log())).sum()
    assert float(mean) == pytest.approx(float((new * (new / start).log()).sum()))


@given(turns=TURNS, beta=st.sampled_from([0.0, 0.01, 1.0]))
@settings(deadline=None, max_examples=60)
def test_against_a_reference_in_float64(turns: list[tuple[float, list[tuple[float, float, float]]]], beta: float) -> None:
    tokens = [(number, *token) for number, (_, said) in enumerate(turns) for token in said]
    turn, new, old, start = (torch.tensor(column, dtype=torch.float64) for column in zip(*tokens, strict=True))
    advantage = torch.tensor([value for value, _ in turns], dtype=torch.float64)
    found = terms(new, old, start, turn.long(), advantage, clip=CLIP, beta=beta).loss.tolist()
    assert found == pytest.approx([reference(value, said, beta) for value, said in turns], rel=1e-9, abs=1e-9)
    single = terms(new.float(), old.float(), start.float(), turn.long(), advantage.float(), clip=CLIP, beta=beta).loss.tolist()
    assert single == pytest.approx(found, rel=1e-3, abs=1e-3)


def reference(advantage: float, said: list[tuple[float, float, float]], beta: float) -> float:
    """The loss of a turn as the papers write it."""
    weight = math.exp(sum(new - old for new, old, _ in said) / len(said))
    held = min(max(weight, 1 - CLIP.low), 1 + CLIP.high)
    distance = sum(math.exp(start - new) - (start - new) - 1 for new, _, start in said) / len(said)
    return beta * distance - min(weight * advantage, held * advantage)


def test_on_its_own_draws_the_gradient_is_the_policy_gradient() -> None:
    """Where nothing has changed yet, the gradient is −advantage / tokens for each token; a clipped turn has none."""
    new = torch.tensor([-1.0, -2.0, -0.5], requires_grad=True)
    old = torch.tensor([-1.0, -2.0, -2.5])
    found = terms(new, old, None, torch.tensor([0, 0, 1]), torch.tensor([3.0, 1.0]), clip=CLIP, beta=0.1)
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == [-1.5, -1.5, 0.0]
    assert found.clipped.tolist() == [False, True]
