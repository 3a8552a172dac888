"""How the policy of the learning curve begins: a tokenizer and an untrained decoder, which then reads whole episodes."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from artifacts.store import Store
from training.decoder import Shape, inputs_of, load_policy, new_decoder
from training.examples import IGNORED, Example, examples_of, row_of
from training.selection import Selection
from training.stream import Stream
from training.tokens import load_tokenizer, new_tokenizer, texts_of

SHAPE = Shape(vocabulary=2_048, hidden=256, layers=4, heads=4)
RATE, WARMUP, CLIP, A_BATCH, SORTED = 2e-3, 100, 1.0, 8_192, 256
"""Learning rate, steps until it is reached, the gradient's greatest norm, tokens of a batch, episodes sorted by length at a time."""


def begun(store: Store, folder: Path, chosen: Selection) -> None:
    """A tokenizer learned from the training episodes, and a decoder that has learned nothing."""
    texts = (text for row in _episodes(store, chosen) for text in texts_of(json.loads(row["messages"])))
    tokenizer = new_tokenizer(texts, SHAPE.vocabulary)
    new_decoder(SHAPE, tokenizer, 0).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def read(store: Store, start: Path, folder: Path, chosen: Selection, *, minutes: float, length: int) -> None:
    """Lets a decoder foretell every token of the training episodes, for so many minutes; the learning rate falls to nothing."""
    tokenizer, model = load_tokenizer(start), load_policy(start).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    batches = _batches(store, tokenizer, chosen, length)
    began = time.monotonic()
    for steps, batch in enumerate(batches, 1):
        left = 1 - (time.monotonic() - began) / (60 * minutes)
        if left <= 0:
            break
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, steps / WARMUP, 2 * left)
        loss = _loss(model, batch, tokenizer.pad_token_id)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        if steps % 50 == 0:
            print(json.dumps({"step": steps, "loss": float(loss.detach()), "seconds": time.monotonic() - began}), flush=True)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def _loss(model: Any, batch: Sequence[Example], pad: int) -> torch.Tensor:
    """The mean of the losses of the agent's tokens, and 0.3 of that of all others."""
    inputs = inputs_of([row_of([one]) for one in batch], pad)
    following = torch.roll(inputs.tokens, -1, 1)
    own = inputs.targets != IGNORED
    others = (torch.roll(inputs.tokens, -1, 1) != pad) & ~own
    others[:, -1] = False
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=inputs.tokens, use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), following, reduction="none")
    return losses[own].mean() + 0.3 * losses[others].mean()


def _batches(store: Store, tokenizer: Any, chosen: Selection, length: int) -> Iterator[list[Example]]:
    """Episodes of about one length side by side, epoch after epoch."""
    draws = random.Random(0)  # noqa: S311  # variety, not secrecy
    known = [example for row in _episodes(store, chosen) for example in _examples(row, tokenizer, length)]
    while True:
        draws.shuffle(known)
        batches = [b for start in range(0, len(known), SORTED) for b in _alike(known[start : start + SORTED])]
        draws.shuffle(batches)
        yield from batches


def _alike(examples: Sequence[Example]) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in sorted(examples, key=lambda one: len(one.tokens)):
        if batch and (len(batch) + 1) * len(example.tokens) > A_BATCH:
            yield batch
            batch = []
        batch.append(example)
    yield batch


def _examples(row: dict[str, Any], tokenizer: Any, length: int) -> tuple[Example, ...]:
    messages, seen, tools = (json.loads(row[name]) for name in ("messages", "seen", "tools"))
    return examples_of(tokenizer, messages, seen, most=length, tools=tools).examples


def _episodes(store: Store, chosen: Selection) -> Iterator[dict[str, Any]]:
    yield from Stream(store, "trajectories", chosen, columns=("messages", "seen", "tools"))
