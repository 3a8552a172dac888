"""The manifests, measured: how fast a store answers with up to five million attempts in its past.

`python -m benchmarks.manifests --store ./loom --attempts 5000000` copies a store aside, puts a synthetic history on top of it, and
prints the figures that the store is held to.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table as Page

from artifacts.attempt import Attempt
from artifacts.commits import following, publish, put_part
from artifacts.compaction import compact
from artifacts.files import Files
from artifacts.rows import row_of_attempt
from artifacts.snapshots import Snapshot
from artifacts.store import Store, open_store
from artifacts.tables import ATTEMPTS, arrow, arrow_schema
from benchmarks.weaving import Row

HISTORY = 5_000_000
A_PART = 1_000_000
"""Attempts that compaction puts into one part, about its target of 64 MB."""

WAVE = 100
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

YIELD = """SELECT stage, model, avg(accepted::INT) AS first_pass, count(*) AS calls
FROM attempts WHERE number = 1 GROUP BY stage, model ORDER BY stage, model"""

STAGES = ("scenario", "requirements", "schema", "seed", "tools", "agent_tasks")
MODELS = ("worldloom/procedural-1", "openai/gpt-large", "openai/gpt-small", "local/thirty-two")
WRONG = '[{"code":"sql.unknown_column","place":"schema","message":"no such column: nmae","hint":"name?"}]'


def past_attempts(count: int, seed: int) -> Any:
    """Attempts of years that never were, as an Arrow table: ids and digests as random, figures as spread, as real ones."""
    np: Any = import_module("numpy")
    pa = arrow()
    draw = np.random.default_rng(seed)
    accepted = draw.random(count) < 0.85

    def drawn(choices: tuple[str, ...]) -> Any:
        return pa.array(choices).take(pa.array(draw.integers(0, len(choices), count)))

    def told(right: Any, wrong: Any, kind: Any) -> Any:
        return pa.array([right, wrong], kind).take(pa.array(1 - accepted.astype("int64")))

    drafts = hex_texts(draw, count // 20 + 1, 6)
    columns = {
        "attempt_id": hex_texts(draw, count, 6),
        "run_id": drawn(tuple(f"run-{seed}-{number}" for number in range(10))),
        "draft_id": drafts.take(pa.array(np.arange(count) // 20)),
        "stage": drawn(STAGES),
        "number": pa.array(1 + draw.geometric(0.85, count).clip(max=5) - 1),
        "model": drawn(MODELS),
        "request_digest": hex_texts(draw, count, 32),
        "accepted": pa.array(accepted),
        "recalled": pa.array(draw.random(count) < 0.05),
        "input_tokens": pa.array(draw.integers(200, 6_000, count)),
        "output_tokens": pa.array(draw.integers(100, 4_000, count)),
        "cost_usd": pa.array(draw.random(count).round(4)),
        "latency_seconds": pa.array(draw.random(count) * 40),
        "mistake": told(None, "misspelt_column", pa.string()),
        "diagnostic_codes": told([], ["sql.unknown_column"], pa.list_(pa.string())),
        "diagnostics": told("[]", WRONG, pa.string()),
        "created_at": pa.array(np.sort(draw.integers(0, 10**15, count)) + 1_700_000_000_000_000, pa.timestamp("us", tz="UTC")),
    }
    schema = arrow_schema(ATTEMPTS)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def hex_texts(draw: Any, count: int, size: int) -> Any:
    """So many random texts of twice `size` hex digits, as an Arrow array."""
    np: Any = import_module("numpy")
    pa = arrow()
    offsets = np.arange(count + 1, dtype="int32") * (2 * size)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(draw.bytes(count * size).hex().encode()))


def grow(store: Store, attempts: int) -> None:
    """Puts a synthetic history on top of a store, in parts as compaction leaves them."""
    counts = [min(A_PART, attempts - start) for start in range(0, attempts, A_PART)]
    parts = tuple(put_part(store.files, ATTEMPTS, past_attempts(count, seed), NOON) for seed, count in enumerate(counts))

    def change(_: Files, current: Snapshot) -> Snapshot:
        return following(current, current.parts + parts, NOON)

    publish(store.files, change)


def seconds(call: Callable[[], object], times: int = 5) -> float:
    """The median time of a call."""

    def once() -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return median(once() for _ in range(times))


def manifest_rows(store: Store) -> list[Row]:
    """Every figure of a store."""
    snapshot = store.snapshot()
    held = {name: sum(part.rows for part in snapshot.parts_of(name)) for name in ("worlds", "agent_tasks", "attempts")}
    what = f"{held['worlds']:,} worlds, {held['attempts']:,} attempts"
    return [
        Row(f"store of {what}: opened", told(seconds(lambda: open_store(store.url, create=False).snapshot())), "200 ms"),
        Row("first-pass yield by stage and model, in SQL", told(seconds(lambda: asked(store))), "1,000 ms"),
        Row("the same, in polars", told(seconds(lambda: reckoned(store))), "1,000 ms"),
        Row("one world by its id", told(found(store)), "50 ms"),
        Row(f"all {held['agent_tasks']:,} rows of agent_tasks: share of pyarrow's speed", share_of_pyarrow(store), "50 %"),
        Row(f"a commit of {WAVE} attempts", told(seconds(committing(store), 3))),
    ]


def asked(store: Store) -> object:
    """First-pass yield by DuckDB, the connection made anew."""
    with store.duckdb() as connection:
        return connection.sql(YIELD).fetchall()


def reckoned(store: Store) -> object:
    """First-pass yield by polars."""
    import polars as pl

    first = store.scan("attempts").filter(pl.col("number") == 1)
    return first.group_by("stage", "model").agg(pl.col("accepted").mean(), pl.len()).collect()


def found(store: Store) -> float:
    """Seconds until a world is there by its id: the median of several worlds."""
    ids = [summary.world_id for summary in store.worlds()]
    chosen = iter(ids[:: max(1, len(ids) // 9)])
    return seconds(lambda: store.world(next(chosen)), min(5, len(ids)))


def share_of_pyarrow(store: Store) -> str:
    """How fast all of `agent_tasks` is read, beside pyarrow alone on the same files."""
    pq: Any = import_module("pyarrow.parquet")
    paths = list(store.parts("agent_tasks"))
    alone = seconds(lambda: arrow().concat_tables([pq.read_table(path) for path in paths]), 9)
    ours = seconds(lambda: store.scan("agent_tasks").collect(), 9)
    return f"{alone / ours:.0%} ({told(ours)})"


def committing(store: Store) -> Callable[[], object]:
    """A commit of new attempts, others each time."""
    numbers = iter(range(10**6))

    def rows() -> Iterator[dict[str, Any]]:
        wave = f"{next(numbers)}-{time.time_ns()}"
        for number in range(WAVE):
            attempt = Attempt(
                attempt_id=f"{wave}-{number}",
                draft_id=wave,
                stage="schema",
                number=1,
                model="bench/none",
                request_digest="0" * 64,
                accepted=True,
            )
            yield row_of_attempt(attempt, "run-bench", NOON)

    return lambda: store.commit({"attempts": list(rows())}, NOON)


def told(taken: float) -> str:
    """Seconds as milliseconds."""
    return f"{taken * 1000:,.1f} ms"


def grown(source: Path, folder: Path, attempts: int) -> Store:
    """A copy of a store, compacted, with a synthetic history; its journal and the like stay where they are."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".worldloom"))
    store = open_store(folder)
    compact(store.files, NOON)
    grow(store, attempts)
    return store


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manifests", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="the store to copy")
    parser.add_argument("--attempts", type=int, default=HISTORY, help="synthetic attempts put on top")
    parser.add_argument("--keep", type=Path, help="leave the copy here")
    options = parser.parse_args()
    page = Page("measured", "figure", "aim", title="The manifests, medians", title_justify="left")
    with tempfile.TemporaryDirectory() as folder:
        for row in manifest_rows(grown(options.store, options.keep or Path(folder) / "loom", options.attempts)):
            page.add_row(*row)
    Console().print(page)


if __name__ == "__main__":
    main()
