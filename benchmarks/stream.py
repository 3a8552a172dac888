"""The training stream, measured: samples a second of a rank beside pyarrow and the common loaders, and how soon it resumes.

`python -m benchmarks.stream STORE --rows 20000` takes the agent tasks of a store again and again until there are so many. A loader
that is not installed is left out; each reads the same samples, shuffled in its own way, from its own format on the local disk.
"""

from __future__ import annotations

import argparse
import gc
import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from artifacts.commits import following, publish, put_part
from artifacts.files import Files
from artifacts.snapshots import Snapshot
from artifacts.store import Store, open_store
from artifacts.tables import AGENT_TASKS, arrow, arrow_schema
from benchmarks.weaving import Row
from training.stream import COLUMNS, Stream

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = COLUMNS["agent_tasks"]
ROWS, MANY, A_PART = 20_000, 1_000_000, 100_000
SHUFFLED, SHARD, RUNS = 2_048, 1_000, 5
"""Samples in a loader's own shuffle; in one of its files; epochs whose median is told."""
WORKERS = 2

Epoch = Callable[[], Iterable[Any]]
"""Makes one epoch of samples."""


class Rate(NamedTuple):
    """Samples a second by the clock, and a second of CPU time of this process, its threads included."""

    clock: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.clock:,.0f} (of CPU time {self.cpu:,.0f})"


def stream_rows(store: Path, folder: Path, rows: int = ROWS, many: int = MANY) -> list[Row]:
    """Every figure of the stream."""
    large = grown(open_store(store, create=False), folder / "large", rows)
    known = loaders(large, folder)
    pyarrow, ours, *others = rates([lambda: plainly(large), lambda: Stream(large, "agent_tasks"), *(epoch for _, epoch in known)])
    told = [
        Row("training stream: samples a second of a rank, shuffled", str(ours)),
        Row("  of what plain pyarrow reads, in the order of the file", f"{ours.clock / pyarrow.clock:.0%} of {pyarrow}", "80 %"),
        crowded(large),
    ]
    compared = [
        Row(f"  beside {name}", f"{ours.clock / theirs.clock:.2f} times its {theirs}", "ahead")
        for (name, _), theirs in zip(known, others, strict=True)
    ]
    return [*told, *compared, resumed(open_store(store, create=False), folder / "many", many)]


def rates(epochs: Sequence[Epoch]) -> list[Rate]:
    """Samples a second of each, the medians of runs that take turns, there and back, after one that warms up."""
    for epoch in epochs:
        sum(1 for _ in epoch())
    found: list[list[Rate]] = [[] for _ in epochs]
    for run in range(RUNS):
        for place in range(len(epochs))[:: 1 if run % 2 else -1]:  # so that none always follows the same one
            found[place].append(rate(epochs[place]))
    return [Rate(median(one.clock for one in mine), median(one.cpu for one in mine)) for mine in found]


def rate(epoch: Epoch) -> Rate:
    """One epoch; what others left to collect as garbage is collected before."""
    gc.collect()
    began, spent = time.perf_counter(), time.process_time()
    count = sum(1 for _ in epoch())
    return Rate(count / (time.perf_counter() - began), count / (time.process_time() - spent))


def crowded(store: Store) -> Row:
    """The same with loader processes: how long they take to give the first sample, and how many a second come after it."""
    starts, paces = [], []
    for _ in range(RUNS):
        samples, began = iter(Stream(store, "agent_tasks", workers=WORKERS)), time.perf_counter()
        next(samples)
        first = time.perf_counter()
        paces.append(sum(1 for _ in samples) / (time.perf_counter() - first))
        starts.append(first - began)
    return Row(f"  with {WORKERS} loader processes, after {median(starts):.1f} s until the first sample", f"{median(paces):,.0f}")


def grown(source: Store, place: Path, rows: int, lean: bool = False) -> Store:
    """A store with the agent tasks of another, again and again; `lean` leaves the tasks themselves out."""
    store = open_store(place)
    if store.snapshot().number:
        return store
    pa, schema = arrow(), arrow_schema(AGENT_TASKS)
    held = pa.concat_tables([import_module("pyarrow.parquet").read_table(part, schema=schema) for part in source.parts("agent_tasks")])
    if lean:
        number = held.schema.get_field_index("task")
        held = held.set_column(number, schema.field("task"), pa.array(["{}"] * held.num_rows, schema.field("task").type))

    def append(files: Files, current: Snapshot) -> Snapshot:
        sizes = [min(A_PART, rows - start) for start in range(0, rows, A_PART)]
        parts = [put_part(files, AGENT_TASKS, _repeated(held, size, start), NOON) for start, size in enumerate(sizes)]
        return following(current, tuple(parts), NOON)

    publish(store.files, append)
    return open_store(place)


def _repeated(held: Any, size: int, start: int) -> Any:
    """So many rows, from another row on each time, so that no two parts are the same file."""
    numpy = import_module("numpy")
    return held.take(arrow().array((numpy.arange(size) + start) % held.num_rows)).combine_chunks()


def resumed(source: Store, place: Path, many: int) -> Row:
    """How long it takes from no stream to the first sample, in the middle of an epoch of many."""
    store = grown(source, place, many, lean=True)
    stream = Stream(store, "agent_tasks", seed=1)
    position = stream.position([stream.state()])
    half = position.model_copy(update={"lanes": (((many // 2, many),),)})
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        again = Stream(store, "agent_tasks", seed=1)
        again.resume(half)
        next(iter(again))
        times.append(time.perf_counter() - began)
    return Row(f"training stream: from nothing to the next sample, in the middle of {many:,}", f"{median(times):.2f} s", "1 s")


def plainly(store: Store) -> Iterator[Any]:
    """The samples as pyarrow gives them: the ceiling."""
    for part in store.parts("agent_tasks"):
        for batch in import_module("pyarrow.parquet").ParquetFile(part).iter_batches(columns=list(NAMES), batch_size=256):
            yield from batch.to_pylist()


def loaders(store: Store, folder: Path) -> list[tuple[str, Epoch]]:
    """The loaders that are installed, each with its epoch over the samples in its own format."""
    known: list[tuple[str, str, Callable[[Store, Path], Epoch]]] = [
        ("datasets", "Hugging Face datasets, streaming", _datasets),
        ("torchdata", "torchdata's StatefulDataLoader over pyarrow", _torchdata),
        ("webdataset", "WebDataset", _webdataset),
        ("litdata", "LitData", _litdata),
    ]
    return [(name, make(store, folder / package)) for package, name, make in known if find_spec(package)]


def _datasets(store: Store, place: Path) -> Epoch:
    files = list(map(str, store.parts("agent_tasks")))
    load: Any = import_module("datasets").load_dataset
    found = load("parquet", data_files=files, split="train", streaming=True, columns=list(NAMES), cache_dir=str(place))
    return lambda: found.shuffle(buffer_size=SHUFFLED, seed=0)


def _torchdata(store: Store, place: Path) -> Epoch:
    loader: Any = import_module("torchdata.stateful_dataloader").StatefulDataLoader
    iterable: Any = import_module("torch.utils.data").IterableDataset

    class Rows(iterable):  # type: ignore[misc]  # torch is loaded here only
        def __iter__(self) -> Iterator[Any]:
            return plainly(store)

    return lambda: loader(Rows(), batch_size=None)


def _webdataset(store: Store, place: Path) -> Epoch:
    place.mkdir(parents=True, exist_ok=True)
    rows = list(plainly(store))
    shards = [place / f"shard-{number:05d}.tar" for number in range(-(-len(rows) // SHARD))]
    for number, shard in enumerate(shards):
        if not shard.exists():
            _tar(shard, rows[number * SHARD : (number + 1) * SHARD])
    dataset: Any = import_module("webdataset").WebDataset
    return lambda: dataset(list(map(str, shards)), shardshuffle=len(shards), seed=0).shuffle(SHUFFLED).decode()


def _tar(shard: Path, rows: Sequence[dict[str, Any]]) -> None:
    with tarfile.open(shard, "w") as tar:
        for number, row in enumerate(rows):
            data = json.dumps(row).encode()
            entry = tarfile.TarInfo(f"{number:06d}.json")
            entry.size = len(data)
            tar.addfile(entry, BytesIO(data))


def _litdata(store: Store, place: Path) -> Epoch:
    litdata = import_module("litdata")
    if not place.exists():
        rows = list(plainly(store))
        litdata.optimize(rows.__getitem__, list(range(len(rows))), str(place), chunk_bytes="16MB", num_workers=1, verbose=False)
    return lambda: litdata.StreamingDataset(str(place), shuffle=True)


def main() -> None:
    """Measure on the agent tasks of a store, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream", description=__doc__)
    parser.add_argument("store", type=Path, help="a store of worlds")
    parser.add_argument("--rows", type=int, default=ROWS, help="samples of an epoch")
    parser.add_argument("--many", type=int, default=MANY, help="samples where resuming is timed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for row in stream_rows(given.store, Path(folder), given.rows, given.many):
            print(f"{row.what}: {row.figure}" + (f" (aim: {row.aim})" if row.aim else ""))


if __name__ == "__main__":
    main()
