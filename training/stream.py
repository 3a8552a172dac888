"""Samples from a pinned snapshot, for any number of ranks and loader workers: each once an epoch, resumable at any sample.

Row groups are what is shuffled, read and shared. A lane is one loader worker of one rank; the state is what is left of each lane,
as places in the epoch's one order, so the same number of lanes goes on exactly and another number shares what is left anew.
The idea of an order that does not depend on who reads it is MosaicML Streaming's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from artifacts.errors import InvalidInput, UnknownName
from artifacts.identity import digest_of
from artifacts.noun import Noun
from artifacts.store import Store
from training.order import Lane, Numbers, Stretch, cut, dropped, epoch_order, lane_of, length, plain, together
from training.reading import Shelf
from training.selection import Selection, Source, chosen_rows

CHUNK = 32
"""Samples that a lane gives before the next lane's turn: one message from a loader's worker."""

Sample = dict[str, Any]
Make = Callable[[Sample], Any]
"""What a loader's worker makes of a row."""

COLUMNS: dict[Source, tuple[str, ...]] = {
    "agent_tasks": ("task_id", "world_id", "split", "kind", "difficulty", "instruction", "task"),
    "trajectories": ("trajectory_id", "task_id", "world_id", "policy", "form", "outcome", "reward", "messages", "seen", "tools"),
    "worlds": ("world_id", "digest", "category", "name"),
}
"""What is read of each table where nothing else is asked."""


class Position(Noun):
    """Where a job stands in its samples: the snapshot, the epoch, and what is left of every lane of every rank.

    `turns` says for each rank which of its lanes is next.
    """

    snapshot: int
    snapshot_id: str
    about: str
    epoch: int
    ranks: int
    workers: int
    lanes: tuple[tuple[tuple[int, int], ...], ...]
    turns: tuple[int, ...]

    @property
    def left(self) -> int:
        """Samples that are left of the epoch."""
        return sum(end - start for lane in self.lanes for start, end in lane)


class Taken(NamedTuple):
    """Samples that follow one another, and the lane of the rank that they came from."""

    lane: int
    values: list[Any]


def _as_it_is(sample: Sample) -> Sample:
    return sample


class Stream:
    """The samples of one rank.

    `workers` loader processes prepare them with `make`; 0 prepares them here. Iterating gives what is left of the epoch;
    a sample counts as taken when it is given. Raises InvalidInput for a filter that the table cannot answer or a damaged part.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        selection: Selection | None = None,
        *,
        columns: Sequence[str] | None = None,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        make: Make = _as_it_is,
    ) -> None:
        if not 0 <= rank < ranks:
            raise InvalidInput(f"There is no rank {rank} of {ranks}.")
        self.store = store.as_of(str(store.snapshot().number))
        self.source: Source = source
        self.selection = selection or Selection()
        self.columns = tuple(columns or COLUMNS[source])
        self.seed, self.rank, self.ranks, self.workers, self.make = seed, rank, ranks, workers, make
        self.epoch = 0
        self._turn = 0
        self._lanes: list[Lane] = []
        self._used: list[int] = []
        self._open()
        self._deal((Stretch(0, len(self._chosen)),))

    @property
    def about(self) -> str:
        """What the order depends on besides snapshot and epoch, as a digest."""
        return digest_of([self.source, self.selection.canonical(), self.seed])

    def __len__(self) -> int:
        """Samples of this rank that are left of the epoch."""
        return sum(map(length, self._left()))

    @property
    def samples(self) -> int:
        """Samples of a whole epoch, of all ranks together."""
        return len(self._chosen)

    def check(self) -> None:
        """Compare the SHA-256 of every part; raises InvalidInput for one that was changed or lost."""
        self._shelf.check()

    def _loaded(self, dataset: _Lanes) -> DataLoader[Any]:
        """The samples by way of worker processes; not forked, since the readers' own threads would not be in a child of this process."""
        return DataLoader(dataset, batch_size=None, num_workers=self.workers, multiprocessing_context="forkserver")

    def __iter__(self) -> Iterator[Any]:
        left = self._left()
        first, lanes = self._turn, len(left)
        waiting = [left[(first + number) % lanes] for number in range(lanes)]
        dataset = _Lanes(self._shelf, self._order, tuple(waiting), self.make)
        used = self._used
        for number, values in self._loaded(dataset) if self.workers else dataset:
            self._turn = lane = (first + number) % lanes
            last = values.pop()
            for value in values:
                used[lane] += 1
                yield value
            used[lane] += 1
            self._turn = (lane + 1) % lanes
            yield last

    def next_epoch(self, snapshot: int | None = None) -> None:
        """Begin the next epoch, on another snapshot where one is named; all ranks of a job must name the same."""
        self.epoch += 1
        if snapshot is not None and snapshot != self.store.snapshot().number:
            self.store = _unpinned(self.store).as_of(str(snapshot))
            self._open()
        else:
            self._reorder()
        self._deal((Stretch(0, len(self._chosen)),))

    def state(self) -> dict[str, Any]:
        """What is left of this rank's lanes, as JSON holds it; `position_of` puts the ranks' together."""
        return {"rank": self.rank, "turn": self._turn, "lanes": [plain(lane) for lane in self._left()]}

    def position(self, states: Sequence[Mapping[str, Any]]) -> Position:
        """The position of the whole job, from the states of all its ranks."""
        ordered = sorted(states, key=lambda state: int(state["rank"]))
        if [int(state["rank"]) for state in ordered] != list(range(self.ranks)):
            raise InvalidInput(f"The position of {self.ranks} ranks needs the state of each.")
        snapshot = self.store.snapshot()
        return Position(
            snapshot=snapshot.number,
            snapshot_id=snapshot.id,
            about=self.about,
            epoch=self.epoch,
            ranks=self.ranks,
            workers=self.workers,
            lanes=tuple(tuple((s, e) for s, e in lane_of(lane)) for state in ordered for lane in state["lanes"]),
            turns=tuple(int(state["turn"]) for state in ordered),
        )

    def resume(self, position: Position) -> None:
        """Go on from a position: exactly with as many ranks and workers, else with what is left shared anew.

        Raises UnknownName where its snapshot is gone, InvalidInput where it is of other samples.
        """
        store = _unpinned(self.store).as_of(str(position.snapshot)) if position.snapshot else self.store
        if store.snapshot().id != position.snapshot_id:
            raise UnknownName(f"Snapshot {position.snapshot} of {store.url} is not the one that the job began with.")
        if position.about != self.about:
            raise InvalidInput("The job began with other samples or another seed.", "Resume it with the same selection and seed.")
        before = self.store.snapshot().number, self.epoch
        self.store, self.epoch = store, position.epoch
        if before != (position.snapshot, position.epoch):
            self._open()
        lanes = [tuple(Stretch(*stretch) for stretch in lane) for lane in position.lanes]
        if (position.ranks, position.workers) == (self.ranks, self.workers):
            width = max(self.workers, 1)
            self._begin(lanes[self.rank * width : (self.rank + 1) * width], position.turns[self.rank])
        else:
            self._deal(together(lanes))

    def _open(self) -> None:
        snapshot = self.store.snapshot()
        self._shelf = Shelf(self.store.files, snapshot, self.source, self.columns)
        self._chosen = chosen_rows(self.store.files, snapshot, self.source, self.selection, len(self._shelf))
        self._reorder()

    def _reorder(self) -> None:
        self._order = epoch_order(self._chosen, self._shelf.groups_of(self._chosen), self.seed, self.epoch)

    def _deal(self, left: Sequence[Stretch]) -> None:
        width = max(self.workers, 1)
        self._begin(cut(left, self.ranks * width)[self.rank * width : (self.rank + 1) * width], 0)

    def _begin(self, lanes: Sequence[Lane], turn: int) -> None:
        self._lanes, self._used, self._turn = list(lanes), [0] * len(lanes), turn

    def _left(self) -> list[Lane]:
        """What is left of this rank's lanes."""
        return [dropped(lane, used) for lane, used in zip(self._lanes, self._used, strict=True)]


class _Lanes(IterableDataset[Taken]):
    """What the loader's workers read: each its own lane, in its order."""

    def __init__(self, shelf: Shelf, order: tuple[Numbers, Numbers], lanes: tuple[Lane, ...], make: Make) -> None:
        shelf.release()
        self._shelf, self._order, self._lanes, self._make = shelf, order, lanes, make

    def __iter__(self) -> Iterator[Taken]:
        worker = get_worker_info()
        number = 0 if worker is None else worker.id
        for start, rows in self._rows(window for stretch in self._lanes[number] for window in self._windows(stretch)):
            for chunk in _chunks(start, rows):
                yield Taken(number, chunk if self._make is _as_it_is else list(map(self._make, chunk)))

    def _rows(self, windows: Iterable[Stretch]) -> Iterator[tuple[int, list[Sample]]]:
        """Where each window begins, and its rows; while they are given, a thread reads the next window's row groups."""
        with ThreadPoolExecutor(1) as reader:
            coming = (self._ahead(reader, window) for window in windows)
            now = next(coming, None)
            while now is not None:
                start, numbers, read = now
                fetched = read.result()
                now = next(coming, None)
                yield start, self._shelf.made(numbers, fetched)

    def _ahead(self, reader: ThreadPoolExecutor, window: Stretch) -> tuple[int, Numbers, Future[dict[int, Any]]]:
        """A window that is being read: this thread goes on once the other needs no Python any more, or that would wait for its turn."""
        numbers, begun = self._order[0][window.start : window.end], Event()
        read = reader.submit(self._shelf.fetch, numbers, begun.set)
        read.add_done_callback(lambda _: begun.set())  # it may have failed
        begun.wait()
        return window.start, numbers, read

    def _windows(self, stretch: Stretch) -> Iterator[Stretch]:
        """The parts of a stretch, cut where windows begin: the rows of each are read at once."""
        first, last = np.searchsorted(self._order[1], (stretch.start + 1, stretch.end))
        places = [stretch.start, *self._order[1][first:last].tolist(), stretch.end]
        return (Stretch(start, end) for start, end in itertools.pairwise(places) if start < end)


def _chunks(start: int, rows: list[Sample]) -> Iterator[list[Sample]]:
    """Rows from a place of the order on, cut at every CHUNK places, so that the cuts are the same wherever reading began."""
    first = CHUNK - start % CHUNK
    for low in range(first - CHUNK, len(rows), CHUNK):
        yield rows[max(low, 0) : low + CHUNK]


def _unpinned(store: Store) -> Store:
    return Store(store.url, store.files, store.home)
