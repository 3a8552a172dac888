"""Supervised fine-tuning on trajectories: the program that DeepSpeed launches, once for each rank.

    deepspeed --num_gpus 2 --module training.sft SETTINGS.json

A step takes a set number of trajectories of the stream, shared by the ranks; its loss is the mean over all tokens that count, on
whatever rank, so that it does not depend on how many there are.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
import torch.distributed as dist

from artifacts.errors import InvalidInput, UnknownName
from artifacts.store import Store
from training import crew
from training.checkpoints import JobName
from training.decoder import inputs_of, loss_of, new_decoder
from training.descent import descend
from training.examples import IGNORED, Example, Row, counted, examples_of, packed
from training.job import Job, rank_of
from training.settings import SftSettings
from training.stream import Stream
from training.tokens import new_tokenizer, texts_of

TAUGHT = 2_000
"""So many trajectories a new tokenizer learns from."""


class Made(NamedTuple):
    """What the loader makes of a trajectory."""

    world_id: str
    examples: tuple[Example, ...]
    too_long: int


class Maker(NamedTuple):
    """Makes examples of the rows of `trajectories`, in the loader's processes."""

    tokenizer: Any
    most: int

    def __call__(self, row: dict[str, Any]) -> Made:
        """The examples of one trajectory; raises InvalidInput for a row that is none."""
        try:
            messages, seen = json.loads(row["messages"]), json.loads(row["seen"])
            tools = json.loads(row["tools"]) if row["tools"] else None
            found = examples_of(self.tokenizer, messages, seen, most=self.most, tools=tools)
        except (ValueError, TypeError, LookupError) as problem:
            raise InvalidInput(f"The row of {row['trajectory_id']} holds no conversation.", "The store was edited.") from problem
        return Made(str(row["world_id"]), found.examples, found.too_long)


class Figures(NamedTuple):
    """One step: `loss` per token that counts, `gradient` the gradient's norm before clipping; None is unknown.

    `tokens` are those that count, `read` all that went through the model; `seconds` the step's.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    gradient: float | None
    samples: int
    tokens: int
    read: int
    rows: int
    too_long: int
    seconds: float


class Sft(Job[SftSettings, Made]):
    """A rank's part of the job."""

    name: ClassVar[JobName] = "sft"

    def _begin(self, place: Path) -> None:
        taught = islice(_stream(self.pinned, self.settings, make=_texts), TAUGHT)
        tokenizer = new_tokenizer((text for texts in taught for text in texts), self.settings.shape.vocabulary)
        model = new_decoder(self.settings.shape, tokenizer, self.settings.seed)
        tokenizer.save_pretrained(str(place))
        model.save_pretrained(str(place))

    def _stream(self) -> Stream:
        stream = _stream(
            self.pinned,
            self.settings,
            rank=dist.get_rank(),
            ranks=dist.get_world_size(),
            workers=self.settings.workers,
            make=Maker(self.tokenizer, self.settings.length),
        )
        if crew.first():
            stream.check()
        if not stream.samples:
            wanted = ", ".join(f"{name} {value}" for name, value in self.settings.selection.asked().items())
            raise UnknownName(f"{self.store.url} holds no trajectories to learn from ({wanted}).", "Collect some: `worldloom collect`.")
        return stream

    def _step(self) -> dict[str, Any]:
        began = time.monotonic()
        batch, micro = self.take(self.settings.batch), self.settings.micro
        rows = packed((example for made in batch for example in made.examples), self.settings.length)
        portions = [rows[start : start + micro] for start in range(0, len(rows), micro)]
        own = [counted(rows), len(batch), sum(len(row.tokens) for row in rows), len(rows), sum(made.too_long for made in batch)]
        tokens, samples, read, held, too_long = (int(value) for value in crew.agreed([float(n) for n in own], "sum", self.device))
        taken = descend(self.engine, portions, self._loss, tokens, self.step + 1)
        self.step, self.samples = self.step + 1, self.samples + samples
        self.worlds.update(made.world_id for made in batch)
        seconds = round(time.monotonic() - began, 4)
        return Figures(self.step, self.stream.epoch, *taken, self.samples, tokens, read, held, too_long, seconds)._asdict()

    def _loss(self, rows: tuple[Row, ...] | None) -> torch.Tensor:
        """The sum of the losses of some rows; without any, of a token that does not count."""
        pad = self.tokenizer.pad_token_id or 0
        return loss_of(self.engine, inputs_of(rows or (Row((pad,), (0,), (0,), (IGNORED,)),), pad, self.device))


def _stream(store: Store, settings: SftSettings, **more: Any) -> Stream:
    columns = ("trajectory_id", "world_id", "messages", "seen", "tools")
    return Stream(store, "trajectories", settings.selection, columns=columns, seed=settings.seed, **more)


def _texts(row: dict[str, Any]) -> list[str]:
    return texts_of(json.loads(row["messages"]))


if __name__ == "__main__":
    sys.exit(rank_of(SftSettings, Sft))
