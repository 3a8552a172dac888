"""What goes and what stays: old snapshots, parts that nobody lists, what killed writers left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from artifacts.attempt import Attempt
from artifacts.compaction import compact
from artifacts.errors import CommitConflict, UnknownName
from artifacts.fsck import check
from artifacts.locking import LOCK
from artifacts.retention import expire, leftovers, sweep
from artifacts.rows import row_of_attempt, row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.snapshots import numbers
from artifacts.store import Store, open_store
from artifacts.world import World

MakeAttempt = Callable[..., Attempt]


def fill(store: Store, make_attempt: MakeAttempt, noon: datetime, count: int) -> None:
    run = RunRecord(run_id="run-1", flow="synthesize", state="started", model="test/none", started_at=noon)
    store.commit({"runs": [row_of_run(run, noon)]}, noon)
    for number in range(1, count + 1):
        store.commit({"attempts": [row_of_attempt(make_attempt(number), "run-1", noon)]}, noon + timedelta(days=number))


def test_old_snapshots_go_with_the_parts_that_only_they_list(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    fill(store, make_attempt, noon, 6)
    compact(store.files, noon + timedelta(days=7))
    rows = store.scan("attempts").collect().to_dicts()
    pinned = store.as_of("3").snapshot()
    cleaned = expire(store, timedelta(days=2), least=1, pinned=[pinned.id], now=noon + timedelta(days=9))
    assert numbers(store.files) == [3, 8]
    assert cleaned.snapshots == 6
    assert store.scan("attempts").collect().to_dicts() == rows
    assert store.as_of("3").scan("attempts").collect().height == 2
    with pytest.raises(UnknownName, match="no snapshot 5"):
        store.as_of("5")
    assert check(store) == ()


def test_the_newest_stay_however_old_they_are(store: Store, make_attempt: MakeAttempt, noon: datetime) -> None:
    fill(store, make_attempt, noon, 3)
    assert expire(store, timedelta(0), least=2, now=noon + timedelta(days=999)).snapshots == 2
    assert numbers(store.files) == [3, 4]
    assert expire(store, timedelta(0), least=0, now=noon + timedelta(days=999)).snapshots == 1
    assert check(store) == ()


def test_what_killed_writers_left_is_swept(store: Store, world: World, make_world: Callable[..., World], noon: datetime) -> None:
    store.publish(world)
    store.commit(rows_of_draft("draft", world.report, [], world, run_id="run-1", created_at=noon), noon)
    store.publish(make_world(seed=7))
    for path in ("tables/runs/date=2026-03-02/part-0123456789abcdef.parquet", "snapshots/.tmp-x", "worlds/.tmp-y/world.json"):
        store.files.write(path, b"junk")
    assert {entry.path.split("/")[0] for entry in leftovers(store)} == {"tables", "snapshots", "worlds"}
    assert sweep(store, young=timedelta(0)).files == 7 + 3
    assert leftovers(store) == ()
    assert store.world(world.id) == world


def test_what_is_young_on_an_object_store_may_be_another_machines(noon: datetime) -> None:
    store = open_store("memory://retention-young")
    store.files.write("tables/runs/date=2026-03-02/part-0123456789abcdef.parquet", b"junk")
    assert sweep(store).files == 0
    assert sweep(store, now=datetime.now(UTC) + timedelta(hours=2)).files == 1


def test_nothing_is_swept_while_another_process_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path / "loom")
    store.files.write("snapshots/.tmp-x", b"junk")
    code = (
        "import sys\nfrom pathlib import Path\nfrom artifacts.locking import writing\n"
        "with writing(Path(sys.argv[1])):\n print(flush=True)\n input()"
    )
    with subprocess.Popen([sys.executable, "-c", code, store.home], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(CommitConflict, match="Another process is writing"):
            sweep(store)
        with pytest.raises(CommitConflict, match="Another process is writing"):
            expire(store, timedelta(0))
        writer.kill()  # the lock goes with the process
    assert sweep(store).files == 1


def test_a_commit_waits_for_a_clean_up(tmp_path: Path, make_attempt: MakeAttempt, noon: datetime) -> None:
    store = open_store(tmp_path / "loom")
    code = (
        "import sys\nfrom pathlib import Path\nfrom artifacts.locking import cleaning\n"
        "with cleaning(Path(sys.argv[1])) as alone:\n print(alone, flush=True)\n input()"
    )
    with subprocess.Popen([sys.executable, "-c", code, store.home], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cleaner:
        assert cleaner.stdout is not None
        assert cleaner.stdin is not None
        assert cleaner.stdout.readline() == b"True\n"
        child = os.fork()
        if child == 0:
            with store.writing():
                os.write(1, b"")
            os._exit(0)
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        cleaner.stdin.write(b"\n")
        cleaner.stdin.close()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (store.home / LOCK).exists()
