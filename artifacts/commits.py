"""Commits: the one way into the tables.

A commit writes its parts (each whole: written aside, synced, renamed), then publishes the next numbered snapshot, where no
snapshot of that number is. So a killed writer leaves nothing visible, and of two writers one is first; the other looks at what
the first published and tries again. Writers of one machine take turns, so that none is always second.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from artifacts.errors import CommitConflict
from artifacts.files import Files, refused
from artifacts.identity import digest_of_bytes
from artifacts.snapshots import Operation, Part, Snapshot, current_snapshot, part_table, path_of
from artifacts.tables import TABLES, Row, Table, arrow, arrow_table, key_of, table_named, unique_rows

ATTEMPTS = 50
DRAFT_TABLES = ("verdicts", "worlds", "agent_tasks", "tools", "lineage")
"""What a finished draft never gets more of; attempts are paid calls and are counted whoever was first."""

DISTINCT = frozenset((
    *("attempt_id", "request_digest", "trajectory_id", "episode_id", "task_id", "digest", "scenario_digest"),
    *("schema_sql", "seed_sql", "tools", "report", "task", "messages", "record"),
))  # fmt: skip
"""Columns whose values hardly ever repeat: a dictionary of them makes a file larger and a search slower."""

FEW_ROWS = 2_000
"""The keys of parts with no more rows than this are remembered: some 100 KB for the largest, a few for most."""

Keys = frozenset[tuple[Any, ...]]
Change = Callable[[Files, Snapshot], Snapshot | None]
"""From the present snapshot to the next one, its parts written; None where there is nothing to do."""


def commit(files: Files, rows: Mapping[str, Sequence[Row]], when: datetime | None = None) -> Snapshot:
    """Adds rows to tables, all or nothing, and gives the snapshot that holds them.

    A row whose key is already there is left out, and so is every row of a draft that was finished before (attempts apart):
    the first commit of a draft stands. So all the rows of one draft belong in one commit. The first successor of a world stands
    too: a draft that would be a second one is left out likewise. `when` dates the parts (now).
    Another writer's commit in between is looked at and the commit tried again; raises CommitConflict when that never ends,
    InvalidInput for rows that do not fit, Unwritable.
    """
    for name in rows:
        table_named(name)
    moment = when or datetime.now(UTC)

    def append(files: Files, current: Snapshot) -> Snapshot | None:
        fresh = unseen(files, current, rows)
        parts = tuple(write_part(files, TABLES[name], batch, moment) for name, batch in fresh.items())
        return following(current, current.parts + parts, moment) if parts else None

    return publish(files, append)


def publish(files: Files, change: Change) -> Snapshot:
    """Carries out a change of the present snapshot, again and again while other writers are first; gives the snapshot that stands.

    Raises CommitConflict when that never ends, Unwritable.
    """
    again = Retrying(
        retry=retry_if_exception_type(CommitConflict),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    return again(_publish_once, files, change)


def _publish_once(files: Files, change: Change) -> Snapshot:
    try:
        with files.in_turn():
            return _next(files, current_snapshot(files), change)
    except (OSError, NotImplementedError) as problem:
        raise refused(files.root, problem) from problem


def _next(files: Files, current: Snapshot, change: Change) -> Snapshot:
    try:
        changed = change(files, current)
        if changed is None:
            return current
        files.create(path_of(changed.number), changed.file_bytes())
    except FileExistsError as problem:
        raise CommitConflict(f"Another writer published snapshot {current.number + 1} first.", "Try again.") from problem
    return changed


def following(current: Snapshot, parts: tuple[Part, ...], moment: datetime, operation: Operation = "append") -> Snapshot:
    """The snapshot after this one, with these parts."""
    parent = current.id if current.number else None
    return Snapshot(number=current.number + 1, parent=parent, created_at=moment.isoformat(), parts=parts, operation=operation).sealed()


def write_part(files: Files, table: Table, rows: Sequence[Row], moment: datetime) -> Part:
    """A part is named by its content, so a commit that is tried again finds what it wrote before."""
    return put_part(files, table, arrow_table(table, rows), moment)


def put_part(files: Files, table: Table, content: Any, moment: datetime) -> Part:
    """An Arrow table of a table's schema as a part."""
    data = parquet_bytes(table, content)
    digest = digest_of_bytes(data)
    path = f"tables/{table.name}/date={moment.date().isoformat()}/part-{digest[:16]}.parquet"
    if files.size(path) != len(data):
        files.write(path, data)
    return Part(table=table.name, path=path, sha256=digest, rows=content.num_rows, bytes=len(data), schema_version=table.version)


def parquet_bytes(table: Table, content: Any) -> bytes:
    """A Parquet file of an Arrow table, laid out as docs/decisions/0013 has measured it; pages carry checksums, for readers that look."""
    pq: Any = import_module("pyarrow.parquet")
    sink = io.BytesIO()
    repeating = [path for path in paths_of(content.schema) if path not in DISTINCT]
    pages = {"use_dictionary": repeating, "write_page_index": True, "write_page_checksum": True}
    pq.write_table(content, sink, compression="zstd", row_group_size=table.row_group, **pages)
    return sink.getvalue()


def paths_of(schema: Any) -> list[str]:
    """The columns of an Arrow schema as Parquet names them: a list's texts are a column of their own."""
    nested = arrow().types.is_list
    return [f"{field.name}.list.element" if nested(field.type) else field.name for field in schema]


def unseen(files: Files, current: Snapshot, rows: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """The rows that a snapshot does not hold yet, by table; tables without any are left out."""
    drafts = {row["draft_id"] for name, batch in rows.items() if name in DRAFT_TABLES for row in batch if row.get("draft_id")}
    finished = {key[0] for key in known_keys(files, current, "verdicts", drafts)}
    unfinished = _without_finished(rows, finished | second_successors(files, current, rows.get("worlds", ())))
    fresh = {
        name: unique_rows(TABLES[name], batch, known_keys(files, current, name, {key_of(TABLES[name], row)[0] for row in batch}))
        for name, batch in unfinished.items()
        if batch
    }
    return {name: batch for name, batch in fresh.items() if batch}


def second_successors(files: Files, current: Snapshot, worlds: Sequence[Row]) -> set[str]:
    """The drafts among these rows of `worlds` whose parent has another successor, in the snapshot or in an earlier row."""
    renewing = [row for row in worlds if row.get("parent_world_id") is not None]
    taken = successors(files, current) if renewing else {}
    return {row["draft_id"] for row in renewing if taken.setdefault(row["parent_world_id"], row["world_id"]) != row["world_id"]}


def successors(files: Files, current: Snapshot) -> dict[str, str]:
    """The worlds of a snapshot that another one takes the place of, with that other one."""
    named = (part_table(files, part, ["parent_world_id", "world_id"]) for part in current.parts_of("worlds"))
    pairs = (row for held in named for row in held.to_pylist())
    return {row["parent_world_id"]: row["world_id"] for row in pairs if row["parent_world_id"] is not None}


def finished_drafts(files: Files, current: Snapshot) -> set[str]:
    """The drafts with verdicts in a snapshot."""
    pc: Any = import_module("pyarrow.compute")
    columns = (part_table(files, part, ["draft_id"])["draft_id"] for part in current.parts_of("verdicts"))
    return {draft for column in columns for draft in pc.unique(column).to_pylist()}


def known_keys(files: Files, current: Snapshot, name: str, among: Iterable[Any]) -> Keys:
    """The keys of a table's rows whose first key column is one of these values."""
    pa, pc = arrow(), import_module("pyarrow.compute")
    wanted = pa.array(sorted(set(among)), pa.string())
    key = list(TABLES[name].key)
    found: set[tuple[Any, ...]] = set()
    for part in current.parts_of(name) if len(wanted) else ():
        held = _kept_keys(files, part) if part.rows <= FEW_ROWS else part_table(files, part, key)
        mine = held.filter(pc.is_in(held[key[0]], value_set=wanted))
        found.update(tuple(row[column] for column in key) for row in mine.to_pylist())
    return frozenset(found)


@lru_cache(maxsize=1024)
def _kept_keys(files: Files, part: Part) -> Any:
    """The keys of a small part, remembered: parts never change, and a writer that commits often looks at each of them again."""
    return part_table(files, part, list(TABLES[part.table].key))


def _without_finished(rows: Mapping[str, Sequence[Row]], finished: set[str]) -> Mapping[str, Sequence[Row]]:
    late = {row["world_id"] for row in rows.get("worlds", ()) if row["draft_id"] in finished}
    if not finished:
        return rows

    def kept(row: Row) -> bool:
        about = {row.get("world_id"), row.get("child_id"), row.get("parent_id")}
        return row.get("draft_id") not in finished and not about & late

    return {name: [row for row in batch if kept(row)] if name in DRAFT_TABLES else batch for name, batch in rows.items()}
