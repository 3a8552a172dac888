"""Compaction: many small parts become few large ones, with the same rows in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from artifacts.commits import following, publish, put_part
from artifacts.files import Files
from artifacts.snapshots import Part, Snapshot, current_snapshot, part_table, readable_parts
from artifacts.tables import TABLES, arrow

TARGET_BYTES = 64 * 1024 * 1024
"""A part of this size is left alone."""

LEAST_PARTS = 2


class Compacted(NamedTuple):
    """What a compaction did to one table."""

    table: str
    parts_before: int
    parts_after: int
    bytes_before: int
    bytes_after: int


def compact(
    files: Files, when: datetime | None = None, target: int = TARGET_BYTES, tables: Sequence[str] = tuple(TABLES)
) -> tuple[Snapshot, tuple[Compacted, ...]]:
    """Puts runs of small parts of each table together, and publishes a snapshot with the same rows in fewer parts.

    A commit that came in between keeps its parts. Older snapshots go on listing the small parts until retention takes them away.
    Raises CommitConflict, Unwritable, InvalidInput for a damaged part.
    """
    compaction = _Compaction(files, when or datetime.now(UTC), {})
    current = current_snapshot(files)
    for name in tables:
        compaction.prepare(current, name, target)
    done: list[Compacted] = []

    def change(_files: Files, current: Snapshot) -> Snapshot | None:
        done.clear()
        parts: list[Part] = []
        for name in dict.fromkeys(part.table for part in current.parts):  # tables of a newer version among them
            before = current.parts_of(name)
            after = tuple(compaction.parts(before))
            parts.extend(after)
            if after != before:
                done.append(Compacted(name, len(before), len(after), sum(p.bytes for p in before), sum(p.bytes for p in after)))
        return following(current, tuple(parts), compaction.moment, "compact") if done else None

    return publish(files, change), tuple(done)


class _Compaction(NamedTuple):
    """What was put together, by the first part of each run: the parts of the run, and the one that takes their place."""

    files: Files
    moment: datetime
    together: dict[Part, tuple[tuple[Part, ...], Part]]

    def prepare(self, current: Snapshot, name: str, target: int) -> None:
        """Puts every run of small parts of a table together: the long work, while others may publish."""
        for run in _runs(readable_parts(self.files, current, name), target):
            if len(run) >= LEAST_PARTS:
                content: Any = arrow().concat_tables([part_table(self.files, part) for part in run])
                self.together[run[0]] = (tuple(run), put_part(self.files, TABLES[name], content.combine_chunks(), self.moment))

    def parts(self, before: tuple[Part, ...]) -> Iterator[Part]:
        """A table's parts with what was put together in the place of its runs; what came in between stays."""
        place = 0
        while place < len(before):
            run, whole = self.together.get(before[place], ((), before[place]))
            if run and before[place : place + len(run)] == run:
                yield whole
                place += len(run)
            else:
                yield before[place]
                place += 1


def _runs(parts: Sequence[Part], target: int) -> Iterator[list[Part]]:
    """Neighbouring parts that make up about one target together; a large part stands alone."""
    run: list[Part] = []
    for part in parts:
        if run and sum(p.bytes for p in run) + part.bytes > target:
            yield run
            run = []
        run.append(part)
    if run:
        yield run
