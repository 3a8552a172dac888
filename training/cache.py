"""What a model keeps of the tokens that it has read: keys and values of every layer, with room for the tokens to come."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens to come that there is room for when a layer's memory has to be made anew."""


def cache_of(config: Any) -> DynamicCache:
    """An empty cache for a model: the layers that keep every token are roomy ones, others are left as they are."""
    cache = DynamicCache(config=config)
    cache.layers = [Roomy() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def keeps_all(cache: DynamicCache) -> bool:
    """Whether every layer keeps every token: in a layer with a window, what fills rows up between their tokens would take their places."""
    return all(isinstance(layer, Roomy) for layer in cache.layers)


class Roomy(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    """A layer to which a token is added without a copy of all those before it; what it gives are views into its memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._memory: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds keys and values, rows × heads × tokens × size; gives all that there are."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        known = self.get_seq_length()
        until = known + key_states.shape[-2]
        if self._memory is None or self._memory[0].shape[-2] < until:
            self._memory = (self._larger(self.keys, key_states, until), self._larger(self.values, value_states, until))
        keys, values = self._memory
        keys[:, :, known:until] = key_states
        values[:, :, known:until] = value_states
        self.keys, self.values = keys[:, :, :until], values[:, :, :until]
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row so many times."""
        self._memory = None
        super().batch_repeat_interleave(repeats)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """These rows, in this order; a row may be taken several times."""
        self._memory = None
        super().batch_select_indices(indices)

    def reset(self) -> None:
        """Forgets everything."""
        self._memory = None
        super().reset()

    def crop(self, tokens_to_remove: int) -> None:
        """Forgets the last tokens."""
        self._memory = None
        super().crop(tokens_to_remove)

    def _larger(self, known: torch.Tensor | None, states: torch.Tensor, until: int) -> torch.Tensor:
        memory = states.new_empty((*states.shape[:-2], until + ROOM, states.shape[-1]))
        if known is not None and known.numel():
            memory[:, :, : known.shape[-2]] = known
        return memory
