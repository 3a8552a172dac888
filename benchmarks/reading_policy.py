"""How the policy of the learning curve begins: a tokenizer and an untrained decoder, which is drilled and then reads episodes."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from artifacts.store import Store
from benchmarks.abridging import Script, abridged
from benchmarks.drills import Drill, Drills, Hints
from training.decoder import Shape, inputs_of, load_policy, new_decoder
from training.examples import IGNORED, Example, examples_of, row_of
from training.selection import Selection
from training.stream import Stream
from training.tokens import CALL, END, MARKS, PAD, load_tokenizer, new_tokenizer, texts_of

SHAPE = Shape(vocabulary=2_048, hidden=256, layers=4, heads=4)
OF_MATRICES, OF_OTHERS, OF_PROBES, WARMUP, CLIP = 4.5e-3, 9e-3, 3e-3, 60, 1.0
"""Learning rates, steps until they are reached, and the gradient's greatest norm."""

OF_DRILLS, OF_EPISODES, SORTED = 2_048, 4_096, 256
"""Tokens of a batch of drills and of one of episodes, and episodes that are sorted by length at a time."""

COPYING, LOOKING_UP, ABRIDGED = 0.03, 0.3, 0.35
"""Shares of the time that go into drills, and then into abridged episodes, before whole ones are read."""

AGAIN = 4
"""One batch in so many is a drill while episodes are abridged: what was learned by drills is lost without them."""

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
    probes = Probes(copies.model, tokenizer)
    lessons = Lessons(tokenizer, [Script.of(row) for row in _episodes(store, chosen)], length)
    began, tokens = time.monotonic(), 0
    spent = partial(_spent, began, 60 * minutes)
    for steps, lesson in enumerate(lessons.until_over(spent), 1):
        left = max(0.0, 1 - spent())
        own, others, hints = losses(copies.model, probes, lesson, tokenizer.pad_token_id)
        copies.step(own + OTHERS * others + hints, min(1.0, steps / WARMUP, 2 * left))
        probes.step()
        tokens += sum(len(one.tokens) for one in lesson.examples)
        if steps % 50 == 0:
            seconds = round(time.monotonic() - began, 1)
            figures = {"step": steps, "tokens": tokens, "seconds": seconds, "loss": float(own.detach()), "others": float(others.detach())}
            figures["hints"] = float(hints.detach())
            print(json.dumps(figures), flush=True)
    copies.model.save_pretrained(str(folder))
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


class Lesson(NamedTuple):
    """A batch, and what the tokens of each of its examples are about where that is known."""

    examples: list[Example]
    hints: Sequence[Hints] = ()


class Probes:
    """Whose words a token is of, which record it stands in, and whether it was asked for, told from what inner layers hold.

    Linear probes (Alain and Bengio, arXiv 1610.01644) that a drill's hints teach together with the model.
    """

    SPEAKERS, RECORDS, ASKED = 1, 2, 3
    """The layers from which each is told."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        width, vocabulary = model.config.hidden_size, model.config.vocab_size
        self._marks = torch.tensor(tokenizer.convert_tokens_to_ids([mark for mark in MARKS if mark not in {PAD, END, CALL}]))
        sizes = {"speaker": len(self._marks), "record": vocabulary, "asked": 1}
        self._heads = torch.nn.ModuleDict({name: torch.nn.Linear(width, size, dtype=torch.bfloat16) for name, size in sizes.items()})
        self._optimizer = torch.optim.AdamW(self._heads.parameters(), lr=OF_PROBES)

    def loss(self, layers: Sequence[torch.Tensor], tokens: torch.Tensor, hints: Sequence[Hints]) -> torch.Tensor:
        """How far what they tell is from the hints."""
        records, asked = (_filled(list(of), tokens.shape[1]) for of in zip(*hints, strict=True))
        told = self._told("speaker", layers[self.SPEAKERS]).flatten(0, 1)
        found = torch.nn.functional.cross_entropy(told, speakers(tokens, self._marks).flatten())
        inside, by_which = records != IGNORED, asked != IGNORED
        found = found + torch.nn.functional.cross_entropy(self._told("record", layers[self.RECORDS][inside]), records[inside])
        told = self._told("asked", layers[self.ASKED][by_which])[:, 0]
        return found + torch.nn.functional.binary_cross_entropy_with_logits(told, asked[by_which].float())

    def step(self) -> None:
        """One step on the gradients of the last loss."""
        self._optimizer.step()
        self._optimizer.zero_grad()

    def _told(self, name: str, layer: torch.Tensor) -> torch.Tensor:
        told: torch.Tensor = self._heads[name](torch.nn.functional.rms_norm(layer, layer.shape[-1:]))
        return told.float()


def speakers(tokens: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
    """For each token of each row, which of the marks of roles was the latest."""
    found = (tokens[:, :, None] == marks).int()
    latest = torch.where(found.any(-1), torch.arange(tokens.shape[1]), 0).cummax(1).values
    return found.argmax(-1).gather(1, latest)


def _filled(rows: Sequence[Sequence[int]], length: int) -> torch.Tensor:
    """Rows as a tensor of one length."""
    return torch.tensor([[*row, *(IGNORED,) * (length - len(row))] for row in rows])


def losses(model: Any, probes: Probes, lesson: Lesson, pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The mean loss of the agent's tokens, that of all others, and that of the hints."""
    inputs = inputs_of([row_of([one]) for one in lesson.examples], pad)
    following = torch.roll(inputs.tokens, -1, 1)
    own = inputs.targets != IGNORED
    others = (following != pad) & ~own
    others[:, -1] = False
    found = model(input_ids=inputs.tokens, use_cache=False, output_hidden_states=bool(lesson.hints))
    losses = torch.nn.functional.cross_entropy(found.logits.flatten(0, 1).float(), following.flatten(), reduction="none").view(own.shape)
    hints = probes.loss(found.hidden_states, inputs.tokens, lesson.hints) if lesson.hints else losses.new_zeros(())
    return losses[own].mean(), losses[others].mean(), hints


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

    def until_over(self, spent: Callable[[], float]) -> Iterator[Lesson]:
        """Each kind of lesson until its share of the time is spent."""
        kinds = ((self._copying(), COPYING), (self._looking_up(spent), LOOKING_UP), (self._abridged(), ABRIDGED), (self._whole(), 1.0))
        until = 0.0
        for batches, share in kinds:
            until = min(1.0, until + share)
            yield from takewhile(lambda _: spent() < until, batches)  # noqa: B023  # used before it changes

    def _copying(self) -> Iterator[Lesson]:
        while True:
            yield Lesson(self._drills.copying(self._draws, OF_DRILLS // 64))

    def _looking_up(self, spent: Callable[[], float]) -> Iterator[Lesson]:
        """Few records first."""
        while True:
            most = min(1.0, (spent() - COPYING) / LOOKING_UP)
            yield self._drilled(self._drills.finding, most)
            yield self._drilled(self._drills.looking_up, most)

    def _drilled(self, draw: Callable[[random.Random, float], Drill], most: float) -> Lesson:
        """Drills of up to a size, most of them of nearly that."""
        drills: list[Drill] = []
        while sum(len(one.example.tokens) for one in drills) < OF_DRILLS:
            drills.append(draw(self._draws, most * self._draws.random() ** 0.3))
        return Lesson([one.example for one in drills], [one.hints for one in drills])

    def _abridged(self) -> Iterator[Lesson]:
        while True:
            drawn = self._draws.sample(self._scripts, min(SORTED // 4, len(self._scripts)))
            short = [abridged(script, self._draws, self._drills.words) for script in drawn]
            for place, batch in enumerate(self._batches(example for script in short for example in self._examples(script, self._length))):
                if place % (AGAIN - 1) == 0:
                    yield self._drilled(self._drills.looking_up, 1.0)
                yield Lesson(batch)

    def _whole(self) -> Iterator[Lesson]:
        known = [example for script in self._scripts for example in self._examples(script, self._length)]
        while True:
            self._draws.shuffle(known)
            for start in range(0, len(known), SORTED):
                yield from map(Lesson, self._batches(known[start : start + SORTED]))

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
