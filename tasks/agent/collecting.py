"""Collecting episodes: choose them, play those that are not there yet, and commit them in few, large batches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing

from artifacts.errors import ModelRejected, ModelUnavailable, WorldloomError
from artifacts.store import Store
from artifacts.trajectory_rows import Played
from containers.episodes.episode import FORMS
from containers.episodes.rollout import Ended, Rollout
from containers.pool import EnvironmentPool
from tasks.agent.choosing import Choice, choose, episodes
from tasks.agent.collect_order import CollectOrder
from tasks.agent.figures import Figures, Listener, counted
from tasks.agent.players import Identity, at_the_desk, identified

BATCH_EPISODES = 1_024
BATCH_SECONDS = 60.0
"""A batch is committed when it has so many episodes, or when its first has waited so long."""

REFUSALS_IN_A_ROW = 5
"""So many episodes one after another that the model's service refuses, and the collection ends: the trouble is not theirs."""

TELL_SECONDS = 0.2


class Batch:
    """Episodes that wait to be committed, and the number of the snapshot that their tasks were read from."""

    def __init__(self, snapshot: int) -> None:
        self.snapshot = snapshot
        self.episodes: list[Played] = []
        self.since = 0.0

    def add(self, played: Played, now: float) -> None:
        """One more episode."""
        self.since = self.since if self.episodes else now
        self.episodes.append(played)

    def due(self, now: float) -> bool:
        """Whether it is time to commit."""
        return len(self.episodes) >= BATCH_EPISODES or (bool(self.episodes) and now - self.since >= BATCH_SECONDS)


Keep = Callable[[Batch], None]
"""Commits a batch."""


class Collection:
    """One collection of episodes. `figures` tell how it goes; `trouble` is what ended it early, where something did."""

    def __init__(self, order: CollectOrder, store: Store, listen: Listener = lambda figures: None) -> None:
        self.trouble: WorldloomError | None = None
        self.figures = Figures(doing="choosing episodes")
        self._order = order
        self._store = store
        self._listen = listen
        self._told = 0.0
        self._in_a_row = 0
        self._chosen: tuple[Identity, Choice] | None = None

    def choose(self) -> tuple[Identity, Choice]:
        """Who plays what; raises UserError for what cannot be used, ModelRejected where a key is missing."""
        if self._chosen is None:
            who = identified(self._order, self._store)
            self._tell(policy=who.name)
            self._chosen = who, choose(self._store, self._order, self._order.setting(who.name))
        return self._chosen

    def run(self, keep: Keep, stop: Callable[[], bool] = lambda: False) -> Figures:
        """Plays what is missing and keeps it, also when it is to `stop` early; raises what `choose` does, and what `keep` does."""
        who, choice = self.choose()
        self._tell(planned=choice.planned, known=len(choice.known))
        began = time.monotonic()
        batch = Batch(choice.snapshot)
        try:
            with closing(self._played(choice, who, lambda: self.trouble is not None or stop())) as played:
                for ended in played:
                    self._count(ended, choice, who, batch)
                    self._tell(seconds=time.monotonic() - began)
                    if batch.due(time.monotonic()):
                        ready, batch = batch, Batch(choice.snapshot)
                        self._keep(ready, keep)
        except ModelUnavailable as trouble:  # a policy that could not even begin
            self.trouble = trouble
        finally:
            self._keep(batch, keep)
        self._tell(doing="done", interrupted=stop() and self.trouble is None, seconds=time.monotonic() - began)
        return self.figures

    def _played(self, choice: Choice, who: Identity, stop: Callable[[], bool]) -> Generator[Ended, None, None]:
        """The episodes, each as it ends."""
        if len(choice.known) == choice.planned:
            return
        setting = self._order.setting(who.name)
        width = min(self._order.width, choice.planned - len(choice.known))
        workers = max(1, min(len(os.sched_getaffinity(0)), width))
        past = self._store.as_of(str(choice.snapshot))
        with ExitStack() as opened:
            desk = opened.enter_context(at_the_desk(self._order, who, self._store, lambda line: self._tell(said=line)))
            pool = opened.enter_context(EnvironmentPool(width, workers))
            self._tell(doing="playing")
            yield from Rollout(pool, desk, setting, past.world, width).play(episodes(choice, self._order, setting), stop)

    def _count(self, ended: Ended, choice: Choice, who: Identity, batch: Batch) -> None:
        wanted = ended.wanted
        facts = choice.tasks[f"{wanted.world_id}-{wanted.task.id}"]
        self.figures = counted(self.figures, ended, (facts.kind, facts.difficulty))
        if ended.trajectory is not None:
            tools = FORMS[self._order.form].options(ended.tools).get("tools")
            more = (facts.split, facts.kind, facts.difficulty, who.checkpoint_id, tools and tuple(tools), ended.latency_seconds)
            batch.add(Played(ended.trajectory, *more), time.monotonic())
        self._in_a_row = self._in_a_row + 1 if isinstance(ended.trouble, ModelRejected) else 0
        if isinstance(ended.trouble, ModelUnavailable) or self._in_a_row >= REFUSALS_IN_A_ROW:
            self.trouble = self.trouble or ended.trouble

    def _keep(self, batch: Batch, keep: Keep) -> None:
        """Commits what there is."""
        if batch.episodes:
            self._tell(doing=f"keeping {len(batch.episodes)} episodes")
            keep(batch)
            self._tell(doing="playing", kept=self.figures.kept + len(batch.episodes), commits=self.figures.commits + 1)

    def _tell(self, **changes: object) -> None:
        """Changes the figures, and tells them: at once where something other than the time has changed."""
        now = time.monotonic()
        self.figures = self.figures._replace(**changes)  # type: ignore[arg-type]  # fields by name
        if changes.keys() != {"seconds"} or now - self._told >= TELL_SECONDS:
            self._told = now
            self._listen(self.figures)
