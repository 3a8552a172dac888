"""What all jobs share, on each rank: how they begin or go on, take samples, save, and are on record. A job adds what a step is."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
import torch.distributed as dist

from artifacts.errors import InvalidInput
from artifacts.store import open_store
from training import checkpoints, crew
from training.checkpoints import POLICY, JobName, Whole, tag_of
from training.decoder import load_policy
from training.descent import engine_of
from training.metrics import Metrics
from training.recording import record_checkpoint, record_run
from training.settings import JobSettings, settings_in
from training.stream import Stream
from training.tokens import load_tokenizer

BEGINNING = "beginning"
"""The folder of the policy that a job began with, where the job made it."""


Settings = TypeVar("Settings", bound=JobSettings)
Sample = TypeVar("Sample")


class Job(ABC, Generic[Settings, Sample]):
    """A rank's part of a job with its settings, on its samples."""

    name: ClassVar[JobName]

    def __init__(self, settings: Settings) -> None:
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
        self._parent: str | None = None
        self.tokenizer = self._prepared()
        self.stream = self._stream()
        torch.manual_seed(settings.seed * 1_000_003 + dist.get_rank())
        self.engine = engine_of(settings, load_policy(self.start), self._reshaped)
        if self.whole is not None:
            self._resume(self.whole)
        self._left: Iterator[Sample] = iter(self.stream)

    @property
    def start(self) -> Path:
        """The folder of the policy that the job begins with."""
        base = self.settings.base
        return self.folder / BEGINNING if base is None else checkpoints.policy_in(Path(base))

    @abstractmethod
    def _begin(self, place: Path) -> None:
        """Makes a policy to begin with, where none was named."""

    @abstractmethod
    def _stream(self) -> Stream:
        """The samples of this rank; raises UnknownName where there are none."""

    @abstractmethod
    def _step(self) -> dict[str, Any]:
        """Takes one step, counting it and its samples and worlds, and gives its figures."""

    def run(self) -> None:
        """Trains until the last step; saves on the way and at the end."""
        metrics = Metrics(self.folder, self.step) if crew.first() else None
        try:
            while self.step < self.settings.steps:
                self._advance(metrics)
        finally:
            if metrics is not None:
                metrics.close()
        if crew.first():
            record_run(self.store, self.settings, self.started, datetime.now(UTC))

    def _advance(self, metrics: Metrics | None) -> None:
        """One step, put on record, with a checkpoint where one is due."""
        figures = self._step()
        if metrics is not None:
            metrics.add(figures)
        if self.saves(self.step):
            if metrics is not None:
                metrics.save()
            with checkpoints.kept_at(self.folder / checkpoints.FOLDER):
                self._save(figures)

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is kept after this step."""
        return step % self.settings.save_every == 0 or step == self.settings.steps

    def take(self, count: int) -> list[Sample]:
        """This rank's part of the next `count` samples; at an epoch's end, which all ranks reach together, the next one begins."""
        rank, ranks = dist.get_rank(), dist.get_world_size()
        share = count * (rank + 1) // ranks - count * rank // ranks
        taken = list(islice(self._left, share))
        if crew.agreed([len(taken)], "sum", self.device)[0] == 0:
            self.stream.next_epoch(self._newest() if self.settings.newer else None)
            self._left = iter(self.stream)
            taken = list(islice(self._left, share))
        return taken

    def _newest(self) -> int:
        """The newest snapshot, as the first rank sees it: all ranks must read the same one, whoever commits in between."""
        return int(crew.gather(self.store.snapshot().number)[0])

    def _prepared(self) -> Any:
        """The tokenizer, and in the job's folder the policy that it begins with; the first rank makes what is not there."""
        if crew.first():
            record_run(self.store, self.settings, self.started)
            if self.settings.base is None and not (self.start / "config.json").is_file():
                self._begin(self.start)
            if self.whole is not None and self._reshaped:
                checkpoints.reshape(self.folder, self.whole)
        dist.barrier()
        return load_tokenizer(self.start)

    @property
    def _reshaped(self) -> bool:
        """Whether the job goes on with another number of ranks, so that the parts of the optimizer's state are cut anew."""
        return self.whole is not None and self.whole.position.ranks != dist.get_world_size() and self.whole.zero > 0

    def _resume(self, whole: Whole) -> None:
        place = self.folder / checkpoints.FOLDER
        if whole.zero != self.settings.zero:
            raise InvalidInput(f"The checkpoint was made with ZeRO {whole.zero}.", f"Resume with --zero {whole.zero}.")
        tag = checkpoints.UNIVERSAL if self._reshaped else tag_of(whole.step)
        if self.engine.load_checkpoint(str(place), tag=tag)[0] is None:
            raise InvalidInput(f"{place / tag_of(whole.step)} cannot be read.", "Remove it to resume from the checkpoint before.")
        self.stream.resume(whole.position)
        self.step, self.samples, self.worlds, self._parent = whole.step, whole.samples, set(whole.worlds), whole.checkpoint_id
        random = place / tag_of(whole.step) / f"random-{dist.get_rank()}.pt"
        if whole.position.ranks == dist.get_world_size():
            torch.set_rng_state(torch.load(random, weights_only=True))

    def _save(self, figures: dict[str, Any]) -> None:
        place = self.folder / checkpoints.FOLDER / tag_of(self.step)
        self.engine.save_checkpoint(str(place.parent), tag=place.name, client_state={"step": self.step, **checkpoints.CONVERTIBLE})
        torch.save(torch.get_rng_state(), place / f"random-{dist.get_rank()}.pt")
        checkpoints.export(self.engine, self.tokenizer, place / POLICY, crew.first())
        position = self.stream.position(crew.gather(self.stream.state()))
        self.worlds = {world for worlds in crew.gather(sorted(self.worlds)) for world in worlds}
        if crew.first():
            weights = checkpoints.weights_digest(place / POLICY)
            whole = Whole(
                checkpoint_id=checkpoints.checkpoint_id(self.name, self.step, weights, position.snapshot_id),
                parent_checkpoint_id=self._parent,
                step=self.step,
                samples=self.samples,
                position=position,
                worlds=tuple(sorted(self.worlds)),
                zero=self.settings.zero,
                weights=weights,
            )
            checkpoints.write_whole(self.folder, whole)
            record_checkpoint(self.store, self.name, self.settings, whole, figures)
            checkpoints.thin(self.folder, self.settings.keep)
            self._parent = whole.checkpoint_id
        dist.barrier()


def rank_of(kind: type[Settings], job: Callable[[Settings], Job[Settings, Any]]) -> int:
    """A rank's whole life; gives its exit code."""
    crew.watch_parent()
    settings = settings_in(Path(sys.argv[-1]), kind)
    settings.folder.mkdir(parents=True, exist_ok=True)
    crew.meet()
    code = crew.led(settings.folder, lambda: job(settings).run())
    sys.stdout.flush()
    if code:
        os._exit(code)  # the other ranks wait for this one; the launcher ends them
    dist.destroy_process_group()
    return code
