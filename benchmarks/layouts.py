"""How the tables are laid out, by measurement: size and CPU time of row groups, compression, dictionaries and sorting.

`python -m benchmarks.layouts --store ./loom` prints the table of docs/decisions/0013. CPU time of all threads, for it is told even on a
machine that has other things to do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from artifacts.commits import DISTINCT, paths_of
from artifacts.snapshots import part_table
from artifacts.store import Store, open_store
from artifacts.tables import TABLES, arrow
from benchmarks.manifests import YIELD

GROUPS = {"attempts": (16_384, 65_536, 1_048_576), "worlds": (8, 32, 128, 1_024), "agent_tasks": (64, 256, 1_024, 16_384)}
BY = {"attempts": "attempt_id", "worlds": "world_id", "agent_tasks": "world_id"}
MANY_ROWS = 1_000_000
HEAD = "| layout | MB | write | read | find | group |\n| --- | --- | --- | --- | --- | --- |"


class Tried(NamedTuple):
    """One layout of one table: megabytes, and milliseconds of CPU to write it, read it all, find one key, read one row group."""

    what: str
    megabytes: float
    written: float
    read: float
    found: float
    group: float

    def line(self) -> str:
        """As a row of a Markdown table."""
        return f"| {self.what} | {self.megabytes:.1f} | {self.written:,.0f} | {self.read:,.0f} | {self.found:,.1f} | {self.group:,.1f} |"


def cpu(call: Callable[[], object], times: int = 3) -> float:
    """Milliseconds of CPU that a call takes, all threads together; the median."""

    def once() -> float:
        began = time.process_time()
        call()
        return 1000 * (time.process_time() - began)

    return median(once() for _ in range(times))


def layouts(name: str, content: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """What is tried for a table: a name, the rows, and pyarrow's options."""
    now = {"row_group_size": TABLES[name].row_group}
    for size in GROUPS[name]:
        yield f"row groups of {size:,}", content, {"row_group_size": size}
    for codec, level in (("none", None), ("snappy", None), ("lz4", None), ("zstd", 3), ("zstd", 9)):
        yield f"{codec} {level or ''}".strip(), content, {**now, "compression": codec, "compression_level": level}
    yield "no dictionaries", content, {**now, "use_dictionary": False}
    yield (
        "dictionaries where values repeat",
        content,
        {**now, "use_dictionary": [path for path in paths_of(content.schema) if path not in DISTINCT]},
    )
    yield "no page index", content, {**now, "write_page_index": False}
    yield "page checksums", content, {**now, "write_page_checksum": True}
    yield f"sorted by {BY[name]}", content.sort_by(BY[name]), now


def tried(name: str, what: str, content: Any, options: dict[str, Any], path: Path) -> Tried:
    """One layout, written and read."""
    import polars as pl

    pq: Any = import_module("pyarrow.parquet")
    written = cpu(lambda: pq.write_table(content, path, **{"compression": "zstd", "write_page_index": True, **options}), 1)
    key = content[BY[name]][content.num_rows // 2].as_py()
    file = pq.ParquetFile(path)
    whole = (lambda: _yield_of(path)) if name == "attempts" else (lambda: pl.read_parquet(path))
    found = cpu(lambda: pl.scan_parquet(path).filter(pl.col(BY[name]) == key).collect())
    return Tried(what, path.stat().st_size / 1e6, written, cpu(whole), found, cpu(lambda: file.read_row_group(file.num_row_groups // 2)))


def _yield_of(path: Path) -> object:
    import duckdb

    with duckdb.connect() as connection:
        return connection.sql(YIELD.replace("FROM attempts", f"FROM read_parquet('{path}')")).fetchall()


def content_of(store: Store, name: str) -> Any:
    """A table's rows, a million at most."""
    parts = sorted(store.snapshot().parts_of(name), key=lambda part: -part.rows)
    enough = parts[:1] if parts and parts[0].rows >= MANY_ROWS else parts
    return arrow().concat_tables([part_table(store.files, part) for part in enough]).combine_chunks()


def main() -> None:
    """Try every layout of every table, and print a Markdown table for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layouts", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--tables", nargs="*", choices=GROUPS, default=list(GROUPS))
    options = parser.parse_args()
    store = open_store(options.store, create=False)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.tables:
            content = content_of(store, name)
            print(f"\n### {name}, {content.num_rows:,} rows\n\n{HEAD}")
            for what, rows, how in layouts(name, content):
                print(tried(name, what, rows, how, Path(folder) / "part.parquet").line(), flush=True)


if __name__ == "__main__":
    main()
