"""Policies: a small decoder from a configuration, or any Hugging Face model by its folder; what it reads, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import Field

from artifacts.errors import InvalidInput
from artifacts.noun import Noun
from training.examples import IGNORED, Row
from training.mimetic import begin_with_copying

MULTIPLE = 8
"""Rows are filled up to a multiple of this many tokens."""


class Shape(Noun):
    """The size of a new decoder."""

    vocabulary: int = Field(default=4096, ge=300, description="Tokens of the tokenizer that is made from the trajectories.")
    hidden: int = Field(default=256, ge=8, description="Width of the decoder.")
    layers: int = Field(default=4, ge=1, description="Layers of the decoder.")
    heads: int = Field(default=4, ge=1, description="Attention heads of the decoder.")
    context: int = Field(default=4096, ge=64, description="The most tokens that it can attend to.")


class Inputs(NamedTuple):
    """Rows as tensors of one length: tokens, places, who sees whom, and the tokens that should follow."""

    tokens: torch.Tensor
    positions: torch.Tensor
    sees: torch.Tensor
    targets: torch.Tensor


def new_decoder(shape: Shape, tokenizer: Any, seed: int) -> Any:
    """A decoder that has learned nothing, in the architecture of Llama (arXiv 2302.13971): every inference server can load its export.

    Its first weights let it copy (see `training.mimetic`). Raises InvalidInput for a width that cannot be dealt to the heads.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    if shape.hidden % (2 * shape.heads):
        raise InvalidInput(f"A width of {shape.hidden} cannot be dealt to {shape.heads} heads.", "Choose a multiple of twice the heads.")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=4 * shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        attention_bias=True,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = LlamaForCausalLM(config)
        begin_with_copying(decoder)
        return decoder


def load_policy(folder: str | Path) -> Any:
    """The model in a folder, its weights as they were saved; raises InvalidInput where there is none."""
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True, attn_implementation="sdpa")
    except (OSError, ValueError) as problem:
        raise InvalidInput(f"{folder} holds no model that can be read.", "Give the folder of a Hugging Face model.") from problem


def inputs_of(rows: Sequence[Row], pad: int, device: torch.device | str = "cpu") -> Inputs:
    """Rows as tensors: tokens see those before them in their own example and no others."""
    longest = max((len(row.tokens) for row in rows), default=1)
    length = -(-longest // MULTIPLE) * MULTIPLE

    def filled(values: Sequence[Sequence[int]], with_: int) -> torch.Tensor:
        return torch.tensor([[*one, *(with_,) * (length - len(one))] for one in values], dtype=torch.long, device=device)

    segments = filled([row.segments for row in rows], -1)
    earlier = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    sees = (segments[:, :, None] == segments[:, None, :]) & earlier
    return Inputs(
        filled([row.tokens for row in rows], pad),
        filled([row.positions for row in rows], 0),
        sees[:, None],
        filled([row.targets for row in rows], IGNORED),
    )


def loss_of(model: Any, inputs: Inputs) -> torch.Tensor:
    """The sum of the negative log-likelihoods of the tokens that count, in float32."""
    logits = model(input_ids=inputs.tokens, position_ids=inputs.positions, attention_mask=inputs.sees, use_cache=False).logits
    flat = logits.float().flatten(0, 1)
    return torch.nn.functional.cross_entropy(flat, inputs.targets.flatten(), ignore_index=IGNORED, reduction="sum")
