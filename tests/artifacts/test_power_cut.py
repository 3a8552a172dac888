"""A power cut at any instant of a commit: the store opens, what was acknowledged is there and whole, and the next run goes on.

After "All File Systems Are Not Created Equal" (ALICE, Pillai and others, OSDI 2014): a file's bytes are sure once the file was synced, its
name once its folder was. A name that is not sure may be lost or kept, each for itself; bytes that are not sure are torn in half.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pytest

from artifacts.files import TEMPORARY
from artifacts.fsck import check
from artifacts.mending import mend
from artifacts.rows import row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from artifacts.world import World

MakeWorld = Callable[..., World]
SEEDS = (1, 2)
FEWEST_STATES = 50
"""Two commits leave some hundreds of different states; far fewer mean that nothing was listened to."""

Names = Mapping[str, int]
"""What a folder holds: names, each with its inode."""

NOTHING: Names = {}


Tree = frozenset[tuple[str, bytes | None]]
"""A folder's files by path, with their bytes; None for a folder."""


class Place(NamedTuple):
    """A name in a folder that is not sure: it may lead to one of two inodes, or to none."""

    folder: int
    name: str


class Disk:
    """A folder as the disk has it: it listens to every sync, by standing in for `os.fsync`, and tells what each instant may leave."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sync = os.fsync
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, Names] = {root.stat().st_ino: {}}
        self._open: list[int] = []
        self.acknowledged = 0
        self.states: dict[Tree, tuple[Tree, int]] = {}

    def fsync(self, handle: int) -> None:
        """Notes what may be left just before a sync, syncs, and notes what is sure from now on."""
        self.note()
        self._sync(handle)
        self._open.append(os.dup(handle))  # while it is open, no other file gets its inode
        place, inode = Path(os.readlink(f"/proc/self/fd/{handle}")), os.fstat(handle).st_ino
        if place.is_dir():
            self._names[inode] = names_in(place)
        else:
            self._bytes[inode] = place.read_bytes()
        self.note()

    def note(self) -> None:
        """Notes every state that a power cut at this instant may leave, with how many commits were acknowledged by then."""
        now, held = {}, dict[int, bytes]()
        for folder, _, files in os.walk(self.root):
            now[Path(folder).stat().st_ino] = names_in(Path(folder))
            held.update({path.stat().st_ino: path.read_bytes() for path in (Path(folder) / name for name in files)})
        unsure = unsure_places(now, self._names)
        torn = {inode: self._bytes.get(inode, data[: len(data) // 2]) for inode, data in held.items()}
        for kept in chosen(unsure):
            tree = tree_of(self.root.stat().st_ino, folders_with(now, self._names, frozenset(kept)), {**self._bytes, **torn})
            known, acknowledged = self.states.get(visible(tree), (tree, 0))
            self.states[visible(tree)] = known, max(self.acknowledged, acknowledged)

    def acknowledge(self, count: int) -> None:
        """Notes that so many worlds were told to be there: they are in every state from now on."""
        self.acknowledged = count
        self.note()

    def close(self) -> None:
        """Lets the files go."""
        for handle in self._open:
            os.close(handle)


def names_in(folder: Path) -> Names:
    """What a folder holds now."""
    return {entry.name: entry.inode() for entry in os.scandir(folder)}


def unsure_places(now: Mapping[int, Names], sure: Mapping[int, Names]) -> list[Place]:
    """Every name that stands otherwise than it was synced."""
    return [
        Place(folder, name)
        for folder, names in now.items()
        for name in sorted({*names, *sure.get(folder, NOTHING)})
        if names.get(name) != sure.get(folder, NOTHING).get(name)
    ]


def chosen(places: Sequence[Place], most: int = 3) -> Iterator[tuple[Place, ...]]:
    """Every choice of the places that reach the disk; of many, those of the last ones, with all before them or none."""
    early, late = tuple(places[:-most]), places[-most:]
    for size in range(len(late) + 1):
        for kept in combinations(late, size):
            yield kept
            if early:
                yield (*early, *kept)


def folders_with(now: Mapping[int, Names], sure: Mapping[int, Names], kept: frozenset[Place]) -> Mapping[int, Names]:
    """The folders as they were synced, with the changes that were kept."""
    found: dict[int, dict[str, int]] = {folder: dict(names) for folder, names in sure.items()}
    for place in kept:
        names = found.setdefault(place.folder, {})
        inode = now[place.folder].get(place.name)
        if inode is None:
            names.pop(place.name, None)
        else:
            names[place.name] = inode
    for folder in now:
        found.setdefault(folder, {})
    return found


def tree_of(root: int, folders: Mapping[int, Names], held: Mapping[int, bytes]) -> Tree:
    """What can be reached from the root."""
    found: dict[str, bytes | None] = {}

    def walk(folder: int, prefix: str) -> None:
        for name, inode in folders[folder].items():
            path = prefix + name
            found[path] = None if inode in folders else held.get(inode, b"")
            if inode in folders:
                walk(inode, f"{path}/")

    walk(root, "")
    return frozenset(found.items())


def visible(tree: Tree) -> Tree:
    """The tree without what is in unfinished places: states that differ there only are one."""
    return frozenset((path, data) for path, data in tree if TEMPORARY not in path)


def laid_out(tree: Tree, folder: Path) -> Path:
    """The tree as files, where the machine comes up again."""
    folder.mkdir()
    for path, data in sorted(tree, key=itemgetter(0)):
        target = folder / path
        target.mkdir() if data is None else target.write_bytes(data)
    return folder


def woven(store: Store, make_world: MakeWorld, noon: datetime, told: Callable[[int], None] = lambda _: None) -> None:
    """A run of two worlds, each committed by itself; says after each how many there are."""
    run = RunRecord(run_id="run-1", flow="synthesize", state="started", model="test/none", started_at=noon)
    store.commit({"runs": [row_of_run(run, noon)]}, noon)
    for count, seed in enumerate(SEEDS, start=1):
        if f"d{seed}" in store.finished_drafts():
            continue
        world = make_world(seed=seed)
        store.publish(world)
        store.commit(rows_of_draft(f"d{seed}", world.report, [], world, run_id="run-1", created_at=noon), noon)
        told(count)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    (tmp_path / "disk").mkdir()
    disk = Disk(tmp_path / "disk")
    monkeypatch.setattr(os, "fsync", disk.fsync)
    yield disk
    disk.close()


def test_a_power_cut_loses_nothing_that_was_acknowledged(
    disk: Disk, make_world: MakeWorld, noon: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    woven(open_store(disk.root / "loom"), make_world, noon, disk.acknowledge)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    assert len(disk.states) > FEWEST_STATES
    for number, (tree, acknowledged) in enumerate(disk.states.values()):
        store = open_store(laid_out(tree, tmp_path / str(number)) / "loom")
        assert len(store.worlds()) >= acknowledged, sorted(path for path, _ in tree)
        woven(store, make_world, noon)
        assert {fault.kind for fault in check(store)} <= {"leftover"}, check(store)
        assert [summary.digest for summary in store.worlds()] == [make_world(seed=seed).digest for seed in SEEDS]
    mend(store, check(store))
    assert check(store) == ()
