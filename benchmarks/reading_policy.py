"""How the policy of the learning curve begins: a tokenizer and an untrained decoder, which is drilled and then reads episodes."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from artifacts.store import Store
from benchmarks.abridging import Script, abridged
from benchmarks.drills import Drills
from training.decoder import Shape, inputs_of, load_policy, new_decoder
from training.examples import IGNORED, Example, examples_of, row_of
from training.selection import Selection
from training.stream import Stream
from training.tokens import load_tokenizer, new_tokenizer, texts_of

SHAPE = Shape(vocabulary=2_048, hidden=256, layers=4, heads=4)
OF_MATRICES, OF_OTHERS, WARMUP, CLIP = 1.5e-2, 3e-2, 60, 1.0
"""Learning rates, steps until they are reached, and the gradient's greatest norm."""

OF_DRILLS, OF_EPISODES, SORTED = 2_048, 4_096, 256
"""Tokens of a batch of drills and of one of episodes, and episodes that are sorted by length at a time."""

COPYING, LOOKING_UP, ABRIDGED = 0.03, 0.25, 0.37
"""Shares of the time that go into drills, and then into abridged episodes, before whole ones are read."""

OTHERS = 0.3
"""Weight of the tokens that the agent did not write, beside its own."""


def begun(store: Store, folder: Path, chosen: Selection) -> None:
    """A tokenizer learned from the training episodes, and a decoder that has learned nothing."""
    texts = (text for row in _episodes(store, chosen) for text in texts_of(json.loads(row["messages"])))
    tokenizer = new_tokenizer(texts, SHAPE.vocabulary)
    new_decoder(SHAPE, tokenizer, 0).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def read(store: Store, start: Path, folder: Path, chosen: Selection, *, minutes: float, length: int) -> None:
    """Lets a decoder foretell every token, of drills and then of the training episodes, for so many minutes; the rates fall to nothing."""
    tokenizer = load_tokenizer(start)
    copies = Copies(load_policy(start).bfloat16().train())
    lessons = Lessons(tokenizer, [Script.of(row) for row in _episodes(store, chosen)], length)
    began, tokens = time.monotonic(), 0
    spent = partial(_spent, began, 60 * minutes)
    for steps, batch in enumerate(lessons.until_over(spent), 1):
        left = max(0.0, 1 - spent())
        own, others = _losses(copies.model, batch, tokenizer.pad_token_id)
        copies.step(own + OTHERS * others, min(1.0, steps / WARMUP, 2 * left))
        tokens += sum(len(one.tokens) for one in batch)
        if steps % 50 == 0:
            seconds = round(time.monotonic() - began, 1)
            figures = {"step": steps, "tokens": tokens, "seconds": seconds, "loss": float(own.detach()), "others": float(others.detach())}
            print(json.dumps(figures), flush=True)
    copies.model.float().save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


class Copies:
    """A model in bfloat16 whose weights are copies of others in float32, which learn.

    Matrices by Muon (Jordan et al., 2024; arXiv 2502.16982), embeddings and norms by AdamW.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._weights = [weight.detach().float().clone() for weight in model.parameters()]
        shared = model.get_input_embeddings().weight
        inner = [weight.ndim == 2 and weight is not shared for weight in model.parameters()]
        matrices = [weight for weight, is_one in zip(self._weights, inner, strict=True) if is_one]
        rest = [weight for weight, is_one in zip(self._weights, inner, strict=True) if not is_one]
        self._optimizers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, lr=OF_MATRICES, weight_decay=0.05),
            torch.optim.AdamW(rest, lr=OF_OTHERS, betas=(0.9, 0.95), weight_decay=0.0),
        )
        self._rates = [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def step(self, loss: torch.Tensor, share: float) -> None:
        """One step on a loss, at this share of the learning rates."""
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        for weight, copy in zip(self._weights, self.model.parameters(), strict=True):
            weight.grad, copy.grad = copy.grad.float(), None
        torch.nn.utils.clip_grad_norm_(self._weights, CLIP)
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.step()
        with torch.no_grad():
            for weight, copy in zip(self._weights, self.model.parameters(), strict=True):
                copy.copy_(weight)


def _losses(model: Any, batch: Sequence[Example], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss of the agent's tokens, and that of all others."""
    inputs = inputs_of([row_of([one]) for one in batch], pad)
    following = torch.roll(inputs.tokens, -1, 1)
    own = inputs.targets != IGNORED
    others = (following != pad) & ~own
    others[:, -1] = False
    logits = model(input_ids=inputs.tokens, use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), following.flatten(), reduction="none").view(own.shape)
    return losses[own].mean(), losses[others].mean()


def _spent(began: float, seconds: float) -> float:
    """The share of the time that is over."""
    return (time.monotonic() - began) / seconds


class Lessons:
    """Batches of drills, then of abridged episodes, then of whole ones."""

    def __init__(self, tokenizer: Any, scripts: list[Script], length: int) -> None:
        self._tokenizer = tokenizer
        self._drills = Drills(tokenizer)
        self._scripts = scripts
        self._length = length
        self._draws = random.Random(0)  # noqa: S311  # variety, not secrecy

    def until_over(self, spent: Callable[[], float]) -> Iterator[list[Example]]:
        """Each kind of lesson until its share of the time is spent."""
        kinds = ((self._copying(), COPYING), (self._looking_up(spent), LOOKING_UP), (self._abridged(), ABRIDGED), (self._whole(), 1.0))
        until = 0.0
        for batches, share in kinds:
            until = min(1.0, until + share)
            yield from takewhile(lambda _: spent() < until, batches)  # noqa: B023  # used before it changes

    def _copying(self) -> Iterator[list[Example]]:
        while True:
            yield self._drills.copying(self._draws, OF_DRILLS // 64)

    def _looking_up(self, spent: Callable[[], float]) -> Iterator[list[Example]]:
        """Small ones first."""
        while True:
            most = min(1.0, (spent() - COPYING) / LOOKING_UP)
            batch = [self._drills.looking_up(self._draws, most * self._draws.random() ** 0.3)]
            while sum(len(one.tokens) for one in batch) < OF_DRILLS:
                batch.append(self._drills.looking_up(self._draws, most * self._draws.random() ** 0.3))
            yield batch

    def _abridged(self) -> Iterator[list[Example]]:
        while True:
            drawn = self._draws.sample(self._scripts, min(SORTED // 4, len(self._scripts)))
            short = [abridged(script, self._draws, self._drills.words) for script in drawn]
            yield from self._batches(example for script in short for example in self._examples(script, self._length))

    def _whole(self) -> Iterator[list[Example]]:
        known = [example for script in self._scripts for example in self._examples(script, self._length)]
        while True:
            self._draws.shuffle(known)
            for start in range(0, len(known), SORTED):
                yield from self._batches(known[start : start + SORTED])

    def _examples(self, script: Script, length: int) -> tuple[Example, ...]:
        return examples_of(self._tokenizer, script.messages, script.seen, most=length, tools=script.tools).examples

    def _batches(self, examples: Iterable[Example]) -> list[list[Example]]:
        batches = list(_alike(list(examples), OF_EPISODES))
        self._draws.shuffle(batches)
        return batches


def _alike(examples: Sequence[Example], size: int) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in sorted(examples, key=lambda one: len(one.tokens)):
        if batch and (len(batch) + 1) * len(example.tokens) > size:
            yield batch
            batch = []
        batch.append(example)
    yield batch


def _episodes(store: Store, chosen: Selection) -> Iterator[dict[str, Any]]:
    yield from Stream(store, "trajectories", chosen, columns=("messages", "seen", "tools"))
