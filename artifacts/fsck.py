"""Checking a whole store: every hash, key and reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from artifacts.bundle import get_bundle
from artifacts.errors import UserError
from artifacts.files import Files
from artifacts.retention import leftovers
from artifacts.snapshots import Part, Snapshot, load, numbers, part_bytes, part_source, part_table, path_of, scan
from artifacts.store import Store
from artifacts.tables import TABLES, columns_of

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["snapshot", "part", "key", "reference", "bundle", "leftover"]

MOST_NAMED = 3
"""How many rows of one kind of fault are named; the others are counted."""

NEWER = "is of a newer table"
"""Nothing is wrong with such a part, so nothing is to be mended: it takes a newer version to look at it."""


class Fault(NamedTuple):
    """One thing that is wrong: its kind, the file or column that it is about, what is wrong, and whether it can be mended."""

    kind: Kind
    place: str
    problem: str
    mendable: bool = False


class Reference(NamedTuple):
    """A column whose values name rows of other tables; with `relation`, only in rows of `lineage` with that relation."""

    table: str
    column: str
    to: str
    key: str
    relation: str = ""


REFERENCES = (
    *(Reference(table, "world_id", "worlds", "world_id") for table in ("agent_tasks", "tools", "verdicts", "images", "trajectories")),
    Reference("worlds", "parent_world_id", "worlds", "world_id"),
    *(Reference(table, "run_id", "runs", "run_id") for table in ("worlds", "attempts", "verdicts", "trajectories", "checkpoints")),
    Reference("trajectories", "task_id", "agent_tasks", "task_id"),
    *(Reference("lineage", "child_id", "worlds", "world_id", f"world<-{kind}") for kind in ("scenario", "run", "attempt", "world")),
    Reference("lineage", "parent_id", "runs", "run_id", "world<-run"),
    Reference("lineage", "parent_id", "attempts", "attempt_id", "world<-attempt"),
    Reference("lineage", "parent_id", "worlds", "world_id", "world<-world"),
    Reference("lineage", "child_id", "agent_tasks", "task_id", "agent_task<-world"),
    Reference("lineage", "parent_id", "worlds", "world_id", "agent_task<-world"),
    *(
        Reference("lineage", "child_id", "trajectories", "trajectory_id", f"trajectory<-{kind}")
        for kind in ("agent_task", "run", "checkpoint")
    ),
    Reference("lineage", "parent_id", "agent_tasks", "task_id", "trajectory<-agent_task"),
    Reference("lineage", "parent_id", "runs", "run_id", "trajectory<-run"),
    Reference("lineage", "parent_id", "checkpoints", "checkpoint_id", "trajectory<-checkpoint"),
    Reference("trajectories", "checkpoint_id", "checkpoints", "checkpoint_id"),
    Reference("checkpoints", "parent_checkpoint_id", "checkpoints", "checkpoint_id"),
    *(Reference("lineage", "child_id", "checkpoints", "checkpoint_id", f"checkpoint<-{kind}") for kind in ("run", "checkpoint", "world")),
    Reference("lineage", "parent_id", "runs", "run_id", "checkpoint<-run"),
    Reference("lineage", "parent_id", "checkpoints", "checkpoint_id", "checkpoint<-checkpoint"),
    Reference("lineage", "parent_id", "worlds", "world_id", "checkpoint<-world"),
)
"""Every column that names a row elsewhere; a null names nothing."""


def check(store: Store) -> tuple[Fault, ...]:
    """Everything that is wrong with a store, in the order in which it is looked at; empty for a sound one."""
    files = store.files
    snapshots, faults = _snapshots(files)
    if not snapshots:
        return (*faults, *_leftovers(store, bool(faults)))
    damage = {part.path: problem for part in _distinct(snapshots) for problem in [_part_problem(files, part)] if problem}
    faults += [Fault("part", path, problem, mendable=not problem.startswith(NEWER)) for path, problem in damage.items()]
    newest = snapshots[-1]
    whole = newest.model_copy(update={"parts": tuple(part for part in newest.parts if part.path not in damage)})
    lacking = frozenset(part.table for part in newest.parts if part.path in damage)
    faults += [*_keys(files, whole), *_references(files, whole, lacking), *_bundles(store, whole)]
    unsure = any(fault.kind == "snapshot" for fault in faults) or any(part.path in damage for part in newest.parts_of("worlds"))
    return (*faults, *_leftovers(store, unsure))


def _snapshots(files: Files) -> tuple[list[Snapshot], list[Fault]]:
    """The snapshots that can be read, oldest first, and what is wrong with the others and with the chain."""
    found: list[Snapshot] = []
    faults: list[Fault] = []
    held = numbers(files)
    for number in held:
        try:
            snapshot = load(files, number)
        except UserError as problem:
            faults.append(Fault("snapshot", path_of(number), f"cannot be read: {problem.message}"))
            continue
        before = found[-1] if found else None
        if snapshot.number != number:
            faults.append(Fault("snapshot", path_of(number), f"says that it is number {snapshot.number}"))
        elif before is not None and before.number == number - 1 and snapshot.parent != before.id:
            faults.append(Fault("snapshot", path_of(number - 1), f"is not the one that snapshot {number} came out of: it was edited"))
        found.append(snapshot)
    return found, faults


def _distinct(snapshots: Iterable[Snapshot]) -> Iterator[Part]:
    seen: set[Part] = set()
    for part in (part for snapshot in snapshots for part in snapshot.parts):
        if part not in seen:
            seen.add(part)
            yield part


def _part_problem(files: Files, part: Part) -> str:
    """What is wrong with a part's file; empty where nothing is."""
    table = TABLES.get(part.table)
    if table is None or part.schema_version > table.version:
        return f"{NEWER} '{part.table}' (version {part.schema_version})"
    if (size := files.size(part.path)) != part.bytes:
        return "is missing" if size is None else f"has {size} bytes, not {part.bytes}"
    try:
        part_bytes(files, part)
    except UserError:
        return "was changed: its SHA-256 is another"
    try:
        rows = part_table(files, part, [])
    except UserError:
        return "is not Parquet"
    names = {column.name for column in columns_of(table, part.schema_version)}
    if lacking := names - set(_names_in(files, part)):
        return f"lacks the column {sorted(lacking)[0]}"
    return "" if rows.num_rows == part.rows else f"has {rows.num_rows} rows, not {part.rows}"


def _names_in(files: Files, part: Part) -> list[str]:
    pq: Any = import_module("pyarrow.parquet")
    return list(pq.read_schema(part_source(files, part)).names)


def _keys(files: Files, snapshot: Snapshot) -> Iterator[Fault]:
    """Keys that stand twice."""
    import polars as pl

    for name, table in TABLES.items():
        keys = scan(files, snapshot, name).select(table.key)
        twice = keys.group_by(table.key).len().filter(pl.col("len") > 1).sort(table.key).collect()
        if twice.height:
            named = "; ".join(", ".join(f"{value}" for value in row[:-1]) for row in twice.head(MOST_NAMED).iter_rows())
            yield Fault("key", name, f"{twice.height} keys stand more than once: {named}{' …' if twice.height > MOST_NAMED else ''}")


def _references(files: Files, snapshot: Snapshot, lacking: frozenset[str]) -> Iterator[Fault]:
    """Values that name a row which is not there; nobody can say so of rows of a table that lacks a part."""
    for reference in REFERENCES:
        lost = [] if reference.to in lacking else _dangling(files, snapshot, reference)
        if lost:
            where = f"{reference.table}.{reference.column}" + (f" ({reference.relation})" if reference.relation else "")
            named = f"{', '.join(lost[:MOST_NAMED])}{' …' if len(lost) > MOST_NAMED else ''}"
            yield Fault("reference", where, f"{len(lost)} values are not in {reference.to}.{reference.key}: {named}")


def _dangling(files: Files, snapshot: Snapshot, reference: Reference) -> list[str]:
    import polars as pl

    rows: pl.LazyFrame = scan(files, snapshot, reference.table)
    if reference.relation:
        rows = rows.filter(pl.col("relation") == reference.relation)
    named = rows.select(pl.col(reference.column).alias("id")).drop_nulls().unique()
    held = scan(files, snapshot, reference.to).select(pl.col(reference.key).alias("id")).unique()
    return list(named.join(held, on="id", how="anti").sort("id").collect()["id"])


def _bundles(store: Store, snapshot: Snapshot) -> Iterator[Fault]:
    """Sealed worlds whose bundle is missing, was edited, or is another's; each can be written again from the tables."""
    for row in scan(store.files, snapshot, "worlds").select("world_id", "digest").sort("world_id").collect().iter_rows(named=True):
        place = f"worlds/{row['world_id']}"
        if not store.files.names(place):
            yield Fault("bundle", place, "is missing", mendable=True)
            continue
        try:
            digest = get_bundle(store.files, place).digest
        except UserError as problem:
            yield Fault("bundle", place, problem.message, mendable=True)
            continue
        if digest != row["digest"]:
            yield Fault("bundle", place, f"holds another world, of digest {digest[:12]}", mendable=True)


def _leftovers(store: Store, unsure: bool) -> Iterator[Fault]:
    """Files that belong to nothing; while a snapshot or the list of worlds cannot be read, nobody can say which do."""
    if not unsure:
        yield from (Fault("leftover", entry.path, "belongs to nothing", mendable=True) for entry in leftovers(store))
