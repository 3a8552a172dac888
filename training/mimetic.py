"""First weights with which a decoder can copy: what a trained one's attention looks like, without the steps that it takes to get there.

A head that looks one token back and a head that looks for what was looked at find what came after a word the last time (induction heads:
Olsson et al., arXiv 2209.11895). A small decoder needs millions of tokens until it has found both at once; drawn this way it copies within
a hundred steps. First weights that mimic trained ones are from Trockman and Kolter, arXiv 2305.09828. Nothing is fixed: all learns on.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import torch

SHARPNESS, FREQUENCIES = 7.7, 8
"""The length of a bias in each of the fastest rotations, and how many of them there are: then the place looked at gets nearly all."""

GAIN = 0.25
"""How much of what is looked at is passed on."""


@torch.no_grad()
def begin_with_copying(model: Any) -> None:
    """Gives an untrained Llama with biases in its attention the heads that copying takes.

    Of the first layer's heads one in four looks one token back and one in four two tokens back. In each later layer half the heads look
    for what stood after the same token, and half for the same token.
    """
    first, *later = (layer.self_attn for layer in model.model.layers)
    heads = range(model.config.num_attention_heads)
    for attention in (first, *later):
        torch.nn.init.orthogonal_(attention.v_proj.weight, GAIN)
        torch.nn.init.orthogonal_(attention.o_proj.weight, GAIN)
    for head, tokens in zip(heads, cycle((1, 2, 0, 0))):
        if tokens:
            _look_back(first, head, tokens)
    itself = torch.eye(model.config.hidden_size)
    passed_on = first.o_proj.weight[:, _part(first, 0)] @ first.v_proj.weight[_part(first, 0)]
    for attention in later:
        for head, known in zip(heads, cycle((passed_on, passed_on, itself, itself))):
            _match(attention, head, itself, known)
        attention.o_proj.weight.copy_(attention.v_proj.weight.T)


def _part(attention: Any, head: int) -> slice:
    """Where a head's rows are."""
    return slice(head * attention.head_dim, (head + 1) * attention.head_dim)


def _look_back(attention: Any, head: int, tokens: int) -> None:
    """A head that attends to the place so many tokens back, whatever stands there: rotated by as much, its two biases agree."""
    half = attention.head_dim // 2
    count = min(FREQUENCIES, half)
    turns = tokens * attention.config.rope_parameters["rope_theta"] ** (-torch.arange(count) / half)
    queries, keys = (projection.bias[_part(attention, head)] for projection in (attention.q_proj, attention.k_proj))
    queries[:count] = SHARPNESS
    keys[:count] = SHARPNESS * turns.cos()
    keys[half : half + count] = SHARPNESS * turns.sin()


def _match(attention: Any, head: int, asked: torch.Tensor, known: torch.Tensor) -> None:
    """A head that attends to places where `known` of them is like `asked` of the place that looks."""
    size = attention.head_dim
    drawn = torch.randn(size, asked.shape[0])
    for projection, of in ((attention.q_proj, asked), (attention.k_proj, known)):
        weights = drawn @ of.T
        projection.weight[_part(attention, head)] = weights * size**0.5 / weights.norm()
