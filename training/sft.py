"""Supervised fine-tuning on trajectories: the program that DeepSpeed launches, once for each rank.

    deepspeed --num_gpus 2 --module training.sft SETTINGS.json

A step takes a set number of trajectories of the stream, shared by the ranks; its loss is the mean over all tokens that count, on
whatever rank, so that it does not depend on how many there are.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist

from artifacts.errors import InvalidInput, TerminalError, UnknownName
from artifacts.store import Store, open_store
from training import checkpoints, crew
from training.checkpoints import POLICY, Whole, tag_of
from training.decoder import inputs_of, load_policy, loss_of, new_decoder
from training.examples import IGNORED, Example, Row, counted, examples_of, packed
from training.metrics import Figures, Metrics
from training.recording import record_checkpoint, record_run
from training.settings import SftSettings, config_of, settings_in
from training.stream import Stream
from training.tokens import load_tokenizer, new_tokenizer, texts_of

JOB = "sft"
BEGINNING = "beginning"
"""The folder of the policy that a job began with."""

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


class Job:
    """A rank's part of the job."""

    def __init__(self, settings: SftSettings) -> None:
        self.settings = settings
        self.folder = settings.folder
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else torch.device("cpu")
        self.store = open_store(settings.store, create=False)
        self.pinned = self.store.as_of(str(self._newest()))
        self.whole = checkpoints.newest(self.folder)
        if self.whole is not None and not settings.resume:
            raise InvalidInput(f"{self.folder} holds a job already, at step {self.whole.step}.", "Add --resume, or choose another --out.")
        self.started = datetime.now(UTC)
        self.step, self.samples, self.worlds = 0, 0, set[str]()
        self.parent: str | None = None
        self.tokenizer = self._prepared()
        self.stream = self._stream()
        self.engine = self._engine()
        if self.whole is not None:
            self._resume(self.whole)
        self._left: Iterator[Made] = iter(self.stream)

    def run(self) -> None:
        """Trains until the last step; saves on the way and at the end."""
        metrics = Metrics(self.folder, self.step) if crew.first() else None
        while self.step < self.settings.steps:
            figures = self._step(self._batch())
            if metrics is not None:
                metrics.add(figures)
            if self.step % self.settings.save_every == 0 or self.step == self.settings.steps:
                if metrics is not None:
                    metrics.save()
                self._save(figures)
        if metrics is not None:
            metrics.close()
            record_run(self.store, self.settings, self.started, datetime.now(UTC))

    def _newest(self) -> int:
        """The newest snapshot, as the first rank sees it: all ranks must read the same one, whoever commits in between."""
        return int(crew.gather(self.store.snapshot().number)[0])

    def _prepared(self) -> Any:
        """The tokenizer, and in the job's folder the policy that it begins with; the first rank makes what is not there."""
        place = self.folder / BEGINNING
        if crew.first():
            record_run(self.store, self.settings, self.started)
            if not (place / "config.json").is_file() and self.settings.base is None:
                self._begin(place)
            if self.whole is not None and self._reshaped:
                checkpoints.reshape(self.folder, self.whole)
        dist.barrier()
        return load_tokenizer(self.settings.base or place)

    @property
    def _reshaped(self) -> bool:
        """Whether the job goes on with another number of ranks, so that the parts of the optimizer's state are cut anew."""
        return self.whole is not None and self.whole.position.ranks != dist.get_world_size() and self.whole.zero > 0

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

    def _engine(self) -> Any:
        deepspeed: Any = import_module("deepspeed")
        torch.manual_seed(self.settings.seed * 1_000_003 + dist.get_rank())
        model = load_policy(self.settings.base or self.folder / BEGINNING)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=self.settings.learning_rate, weight_decay=self.settings.decay, betas=(0.9, 0.95)
        )
        warmup = self.settings.warmup
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (warmup + 1)))
        return deepspeed.initialize(
            model=model, optimizer=optimizer, lr_scheduler=schedule, config=config_of(self.settings, self._reshaped)
        )[0]

    def _resume(self, whole: Whole) -> None:
        place = self.folder / checkpoints.FOLDER
        if whole.zero != self.settings.zero:
            raise InvalidInput(f"The checkpoint was made with ZeRO {whole.zero}.", f"Resume with --zero {whole.zero}.")
        tag = checkpoints.UNIVERSAL if self._reshaped else tag_of(whole.step)
        if self.engine.load_checkpoint(str(place), tag=tag)[0] is None:
            raise InvalidInput(f"{place / tag_of(whole.step)} cannot be read.", "Remove it to resume from the checkpoint before.")
        self.stream.resume(whole.position)
        self.step, self.samples, self.worlds, self.parent = whole.step, whole.samples, set(whole.worlds), whole.checkpoint_id
        random = place / tag_of(whole.step) / f"random-{dist.get_rank()}.pt"
        if whole.position.ranks == dist.get_world_size():
            torch.set_rng_state(torch.load(random, weights_only=True))

    def _batch(self) -> list[Made]:
        """This rank's part of the next step's trajectories; at an epoch's end, which all ranks reach together, the next one begins."""
        rank, ranks = dist.get_rank(), dist.get_world_size()
        share = self.settings.batch * (rank + 1) // ranks - self.settings.batch * rank // ranks
        batch = list(islice(self._left, share))
        if crew.agreed([len(batch)], "sum", self.device)[0] == 0:
            self.stream.next_epoch(self._newest() if self.settings.newer else None)
            self._left = iter(self.stream)
            batch = list(islice(self._left, share))
        return batch

    def _step(self, batch: list[Made]) -> Figures:
        began = time.monotonic()
        rows = packed((example for made in batch for example in made.examples), self.settings.length)
        groups = [rows[start : start + self.settings.micro] for start in range(0, len(rows), self.settings.micro)]
        own = [counted(rows), len(batch), sum(len(row.tokens) for row in rows), len(rows), sum(made.too_long for made in batch)]
        tokens, samples, read, held, too_long = (int(value) for value in crew.agreed([float(n) for n in own], "sum", self.device))
        rounds = int(crew.agreed([float(len(groups))], "max", self.device)[0])
        total = 0.0
        for number in range(max(rounds, 1)):
            total += self._learn(groups[number] if number < len(groups) else (), tokens, number >= rounds - 1)
        (total,) = crew.agreed([total], "sum", self.device)
        loss = total / max(tokens, 1)
        if not math.isfinite(loss):
            raise TerminalError(
                f"The loss is {loss} at step {self.step + 1}: training stopped before it took the step.",
                "Lower --learning-rate, and resume from the last checkpoint with --resume.",
            )
        rate = float(self.engine.get_lr()[0])
        self.engine.step()
        norm = self.engine.get_global_grad_norm()
        if norm is not None and not math.isfinite(float(norm)):
            raise TerminalError(
                f"The gradient's norm is {float(norm)} at step {self.step + 1}: training stopped, and this step is not kept.",
                "Lower --learning-rate, and resume from the last checkpoint with --resume.",
            )
        self.step, self.samples = self.step + 1, self.samples + samples
        self.worlds.update(made.world_id for made in batch)
        gradient = None if norm is None else float(norm)
        seconds = round(time.monotonic() - began, 4)
        return Figures(self.step, self.stream.epoch, loss, rate, gradient, self.samples, tokens, read, held, too_long, seconds)

    def _learn(self, rows: tuple[Row, ...], tokens: int, last: bool) -> float:
        """Gradients of some rows; a rank without any takes part with a token that does not count. Gives the sum of the losses."""
        pad = self.tokenizer.pad_token_id or 0
        inputs = inputs_of(rows or (Row((pad,), (0,), (0,), (IGNORED,)),), pad, self.device)
        self.engine.set_gradient_accumulation_boundary(last)
        loss = loss_of(self.engine, inputs)
        self.engine.backward(loss * (dist.get_world_size() / max(tokens, 1)))
        return float(loss.detach())

    def _save(self, figures: Figures) -> None:
        place = self.folder / checkpoints.FOLDER / tag_of(self.step)
        self.engine.save_checkpoint(str(place.parent), tag=place.name, client_state={"step": self.step, **checkpoints.CONVERTIBLE})
        torch.save(torch.get_rng_state(), place / f"random-{dist.get_rank()}.pt")
        checkpoints.export(self.engine, self.tokenizer, place / POLICY, crew.first())
        states = crew.gather(self.stream.state())
        self.worlds = {world for worlds in crew.gather(sorted(self.worlds)) for world in worlds}
        position = self.stream.position(states)
        if crew.first():
            weights = checkpoints.weights_digest(place / POLICY)
            name = checkpoints.checkpoint_id(JOB, self.step, weights, position.snapshot_id)
            whole = Whole(
                checkpoint_id=name,
                parent_checkpoint_id=self.parent,
                step=self.step,
                samples=self.samples,
                position=position,
                worlds=tuple(sorted(self.worlds)),
                zero=self.settings.zero,
                weights=weights,
            )
            checkpoints.write_whole(self.folder, whole)
            record_checkpoint(self.store, self.settings, whole, figures, dist.get_world_size())
            self.parent = name
        dist.barrier()


def _stream(store: Store, settings: SftSettings, **more: Any) -> Stream:
    columns = ("trajectory_id", "world_id", "messages", "seen", "tools")
    return Stream(store, "trajectories", settings.selection, columns=columns, seed=settings.seed, **more)


def _texts(row: dict[str, Any]) -> list[str]:
    return texts_of(json.loads(row["messages"]))


def main() -> int:
    """A rank's whole life."""
    deepspeed: Any = import_module("deepspeed")
    crew.watch_parent()
    settings = settings_in(Path(sys.argv[-1]))
    settings.folder.mkdir(parents=True, exist_ok=True)
    if not torch.cuda.is_available():  # it would compile a collective of its own for a minute; gloo has one
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(dist_backend="nccl" if torch.cuda.is_available() else "gloo")
    code = crew.led(settings.folder, lambda: Job(settings).run())
    sys.stdout.flush()
    if code:
        os._exit(code)  # the other ranks wait for this one; the launcher ends them
    dist.destroy_process_group()
    return code


if __name__ == "__main__":
    sys.exit(main())
