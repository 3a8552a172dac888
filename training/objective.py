"""What GRPO minimises, over turns: clipped importance weights of whole turns, and the distance to the policy it began with.

A turn is what the policy said at once; its weight is the geometric mean of its tokens' weights (GSPO, arXiv 2507.18071), clipped
further above than below (DAPO, arXiv 2503.14476). The distance is the k3 estimator of the KL divergence, which is never negative.
All turns of a step count alike, however long they are and on whatever rank.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Terms(NamedTuple):
    """The objective's parts, a number for each turn: its loss, its weight, whether it was clipped, its distance to the start."""

    loss: Tensor
    weight: Tensor
    clipped: Tensor
    distance: Tensor


class Clip(NamedTuple):
    """How far below and above 1 a weight counts."""

    low: float
    high: float


def sequence_weight(new: Tensor, old: Tensor, turn: Tensor, turns: int) -> Tensor:
    """Each turn's importance weight: exp of the mean, over its tokens, of the new log-probability less the old one.

    `new`, `old` and `turn` have an entry for each token; `turn` holds the number of its turn, from 0 to `turns` − 1.
    """
    return torch.exp(mean_by(new - old, turn, turns))


def distance_k3(new: Tensor, start: Tensor) -> Tensor:
    """For each token, an estimate of KL(new ‖ start) from a token that `new` drew: e^d − d − 1 with d = start − new (Schulman, 2020)."""
    apart = start - new
    return torch.exp(apart) - apart - 1


def surrogate(weight: Tensor, advantage: Tensor, clip: Clip) -> tuple[Tensor, Tensor]:
    """The smaller of the weighted and the clipped advantage of each turn, and whether the clipped one was smaller."""
    free, held = weight * advantage, weight.clamp(1 - clip.low, 1 + clip.high) * advantage
    return torch.minimum(free, held), held < free


def terms(new: Tensor, old: Tensor, start: Tensor | None, turn: Tensor, advantage: Tensor, *, clip: Clip, beta: float) -> Terms:
    """The objective's parts; `advantage` has an entry for each turn, the others one for each token; no `start`, no distance.

    The loss of a step is the mean of `loss` over all its turns.
    """
    turns = len(advantage)
    weight = sequence_weight(new, old, turn, turns)
    gain, clipped = surrogate(weight, advantage, clip)
    distance = torch.zeros_like(gain) if start is None else mean_by(distance_k3(new, start), turn, turns)
    return Terms(beta * distance - gain, weight, clipped, distance)


def mean_by(values: Tensor, turn: Tensor, turns: int) -> Tensor:
    """The mean of each turn's values."""
    zeros = torch.zeros(turns, dtype=values.dtype, device=values.device)
    counts = zeros.index_add(0, turn, torch.ones_like(values))
    return zeros.index_add(0, turn, values) / counts
