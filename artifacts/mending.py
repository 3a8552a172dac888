"""Mending a store: what one copy lost is taken from another. A world stands twice, in its bundle and in the tables; a row that was
compacted stands in an older snapshot too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from artifacts.bundle import get_bundle, put_bundle
from artifacts.commits import following, known_keys, publish, write_part
from artifacts.errors import UserError
from artifacts.files import Files
from artifacts.fsck import Fault
from artifacts.retention import sweep
from artifacts.rows import row_of_world, rows_of_agent_tasks, rows_of_tools, world_of_rows
from artifacts.snapshots import Part, Snapshot, history, part_table, path_of, read_rows, scan
from artifacts.store import Store
from artifacts.tables import TABLES, Row, key_of, unique_rows


def mend(store: Store, faults: Iterable[Fault], now: datetime | None = None) -> tuple[str, ...]:
    """Puts right what can be: damaged parts from older snapshots and from bundles, bundles from the tables; leftovers go.

    Gives a line for each thing done. Rows that stand nowhere else are lost, and the line says how many. Raises CommitConflict
    while others write, Unwritable.
    """
    found = [fault for fault in faults if fault.mendable]
    damaged = {fault.place for fault in found if fault.kind == "part"}
    done = list(_parts_again(store, damaged, now or datetime.now(UTC))) if damaged else []
    done += [line for fault in found if fault.kind == "bundle" for line in _bundle_again(store, fault.place)]
    if damaged or any(fault.kind == "leftover" for fault in found):
        done.append(f"{sweep(store).files} leftover files taken away")
    return tuple(done)


def _parts_again(store: Store, damaged: set[str], now: datetime) -> Iterator[str]:
    """Publishes a snapshot without the damaged parts and with their rows, where those stand elsewhere; older ones that list them go."""
    files = store.files
    lost = [part for part in store.snapshot().parts if part.path in damaged]
    if lost:
        recovered: dict[str, int] = {}

        def change(files: Files, current: Snapshot) -> Snapshot:
            whole = current.model_copy(update={"parts": tuple(part for part in current.parts if part.path not in damaged)})
            rows = {name: _rows_again(store, whole, name, damaged) for name in dict.fromkeys(part.table for part in lost)}
            recovered.update({name: len(batch) for name, batch in rows.items()})
            parts = tuple(write_part(files, TABLES[name], batch, now) for name, batch in rows.items() if batch)
            return following(current, whole.parts + parts, now, "repair")

        with store.writing():
            publish(files, change)
        for name, back in recovered.items():
            held = sum(part.rows for part in lost if part.table == name)
            yield f"{name}: {back} of {held} rows brought back, {held - back} lost"
    old = [snapshot for snapshot in history(files) if any(part.path in damaged for part in snapshot.parts)]
    for snapshot in old:
        files.delete(path_of(snapshot.number))
    if old:
        yield f"{len(old)} older snapshots that listed damaged parts taken away"


def _rows_again(store: Store, whole: Snapshot, name: str, damaged: set[str]) -> list[Row]:
    """The rows of a table that a snapshot lacks and that stand in older snapshots or in bundles."""
    rows = [*_rows_of_the_past(store.files, whole, name, damaged), *(_rows_of_bundles(store, whole, name) if name in _FROM_BUNDLES else ())]
    table = TABLES[name]
    return unique_rows(table, rows, known_keys(store.files, whole, name, {key_of(table, row)[0] for row in rows}))


def _rows_of_the_past(files: Files, whole: Snapshot, name: str, damaged: set[str]) -> Iterator[Row]:
    seen: set[Part] = set(whole.parts)
    for snapshot in history(files):
        for part in snapshot.parts_of(name):
            if part not in seen and part.path not in damaged:
                seen.add(part)
                yield from part_table(files, part).to_pylist()


def _rows_of_bundles(store: Store, whole: Snapshot, name: str) -> Iterator[Row]:
    """What the bundles of sealed worlds say, with the draft, the run and the time that the verdicts have for each."""
    sealed = {row["world_id"]: row for row in read_rows(store.files, whole, "verdicts", ["world_id", "draft_id", "run_id", "created_at"])}
    for world_id in store.files.names("worlds"):
        if world_id in sealed:
            try:
                world = get_bundle(store.files, f"worlds/{world_id}")
            except UserError:
                continue
            yield from _FROM_BUNDLES[name](world, sealed[world_id])


_FROM_BUNDLES: Mapping[str, Any] = {
    "worlds": lambda world, known: [row_of_world(world, known["draft_id"], known["run_id"], known["created_at"])],
    "agent_tasks": lambda world, known: rows_of_agent_tasks(world, known["run_id"], known["created_at"]),
    "tools": lambda world, known: rows_of_tools(world, known["run_id"], known["created_at"]),
}


def _bundle_again(store: Store, place: str) -> Iterator[str]:
    """Writes a world's bundle anew from the tables, in place of what is left of it."""
    import polars as pl

    mine = pl.col("world_id") == place.rpartition("/")[2]
    rows = [scan(store.files, store.snapshot(), name).filter(mine).collect().to_dicts() for name in ("worlds", "agent_tasks")]
    if not rows[0]:
        return
    world = world_of_rows(rows[0][0], rows[1])
    with store.writing():
        for entry in store.files.entries(place):
            store.files.delete(entry.path)
        put_bundle(store.files, place, world)
    yield f"{place} written again from the tables"
