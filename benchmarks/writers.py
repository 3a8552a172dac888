"""Many writers at once, killed as they go: is every acknowledged row there once, and did a reader ever see half a commit?

`python -m benchmarks.writers --writers 8 --seconds 60` lets eight processes commit into one store while they are killed one after
another and started again, while the store is compacted, and while a reader looks at every snapshot.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from artifacts.attempt import Attempt
from artifacts.compaction import compact
from artifacts.fsck import check
from artifacts.retention import sweep
from artifacts.rows import row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from artifacts.verdict import Reject

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ATTEMPTS_A_DRAFT = 3
POLL_SECONDS = 0.01
COMPACT_SECONDS = 2.0
RUN = "run-writers"


class Fought(NamedTuple):
    """What became of the rows: drafts acknowledged and there, snapshots looked at, and all that should not be."""

    acknowledged: int
    there: int
    lost: int
    doubled: int
    kills: int
    snapshots: int
    halves: list[str]
    leftovers: int
    faults: list[str]
    seconds: float


def write(url: str, ledger: Path, key: str) -> None:
    """Commit one draft after another, and note each once it has been acknowledged; until killed."""
    store = open_store(url)
    with ledger.open("a") as book:
        for number in count():
            draft = f"{key}-{number}"
            store.commit(
                rows_of_draft(draft, (Reject(gate="novel", reason="near"),), attempts_of(draft), None, run_id=RUN, created_at=NOON)
            )
            book.write(f"{draft}\n")
            book.flush()
            os.fsync(book.fileno())


def attempts_of(draft: str) -> list[Attempt]:
    """The attempts of one draft."""
    figures: dict[str, Any] = {"stage": "schema", "model": "bench/none", "request_digest": "0" * 64, "accepted": False}
    return [Attempt(attempt_id=f"{draft}/{n}", draft_id=draft, number=n, **figures) for n in range(1, ATTEMPTS_A_DRAFT + 1)]


def read(url: str) -> None:
    """Look at every snapshot that is newest at some moment until standard input ends; print what was half there."""
    store, seen = open_store(url), 0
    halves: list[str] = []
    last = -1
    while not _ended():
        now = store.as_of(str(store.snapshot().number))
        if now.snapshot().number > last:
            last, seen = now.snapshot().number, seen + 1
            halves += half_there(now)
    print(json.dumps({"snapshots": seen, "halves": halves}))


def _ended() -> bool:
    return bool(select.select([sys.stdin], [], [], POLL_SECONDS)[0])


def half_there(store: Store) -> list[str]:
    """The drafts of which a snapshot holds some rows and lacks others."""
    calls = Counter(store.scan("attempts").select("draft_id").collect()["draft_id"])
    verdicts = Counter(store.scan("verdicts").select("draft_id").collect()["draft_id"])
    return [
        f"{draft} at {store.snapshot().number}" for draft in calls | verdicts if (calls[draft], verdicts[draft]) != (ATTEMPTS_A_DRAFT, 1)
    ]


@contextmanager
def process(*words: object) -> Iterator[subprocess.Popen[str]]:
    """One of this module's roles in a process of its own, killed in the end if it has not ended."""
    command = [sys.executable, "-m", "benchmarks.writers", *map(str, words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


class Crew:
    """The writers, each with a ledger of what was acknowledged; one that is killed is followed by another."""

    def __init__(self, url: str, folder: Path, size: int, held: ExitStack) -> None:
        self.url, self.folder, self.held = url, folder, held
        self.numbers = count()
        self.working = [self._start() for _ in range(size)]

    def _start(self) -> tuple[subprocess.Popen[str], Path]:
        key = f"w{next(self.numbers)}"
        ledger = self.folder / f"{key}.txt"
        ledger.touch()
        return self.held.enter_context(process("write", self.url, ledger, key)), ledger

    def busy(self) -> list[int]:
        """The places of the writers that have had something acknowledged."""
        for child, ledger in self.working:
            if child.poll() is not None:
                raise SystemExit(f"the writer of {ledger.name} ended by itself, with code {child.returncode}")
        return [place for place, (_, ledger) in enumerate(self.working) if ledger.stat().st_size]

    def kill(self, place: int, follow: bool = True) -> None:
        """kill -9 for one of them, at whatever it is doing."""
        child, _ = self.working[place]
        child.kill()
        child.wait()
        if follow:
            self.working[place] = self._start()

    def acknowledged(self) -> list[str]:
        """Every draft that a writer was told is there."""
        return [line for ledger in sorted(self.folder.glob("w*.txt")) for line in ledger.read_text().splitlines()]


def fought(url: str, folder: Path, writers: int, kills: int, seconds: float = 0.0) -> Fought:
    """Let writers, a reader, a compaction and a killer at one store, for so long or until so many were killed; look at what is left."""
    store = open_store(url)
    record = RunRecord(run_id=RUN, flow="writers", state="started", model="bench/none", started_at=NOON)
    store.commit({"runs": [row_of_run(record, NOON)]})
    began = time.monotonic()
    with ExitStack() as held:
        reader = held.enter_context(process("read", url))
        crew = Crew(url, folder, writers, held)
        done = _struggle(store, crew, kills, seconds)
        for place in range(writers):
            crew.kill(place, follow=False)
        seen = json.loads(reader.communicate("")[0])
    return _judged(open_store(url), crew.acknowledged(), done + writers, seen, time.monotonic() - began)


def _struggle(store: Store, crew: Crew, kills: int, seconds: float) -> int:
    """Kill a writer that is at work, again and again, as evenly as they get to work; gives the number of kills."""
    began, done, compacted = time.monotonic(), 0, 0.0
    draw = random.Random(0)  # noqa: S311 - no secret
    while (passed := time.monotonic() - began) < seconds or (not seconds and done < kills):
        time.sleep(POLL_SECONDS)
        if passed - compacted > COMPACT_SECONDS:
            compact(store.files)
            compacted = passed
        if done < kills and passed >= seconds * done / kills and (busy := crew.busy()):
            crew.kill(draw.choice(busy))
            done += 1
    return done


def _judged(store: Store, acknowledged: Sequence[str], kills: int, seen: dict[str, Any], seconds: float) -> Fought:
    there = Counter(store.scan("verdicts").collect()["draft_id"])
    doubled = sum(times > 1 for times in there.values()) + sum(times > 1 for times in Counter(acknowledged).values())
    leftovers = sweep(store).files
    faults = [f"{fault.kind} {fault.place}: {fault.problem}" for fault in check(store)]
    lost = len(set(acknowledged) - set(there))
    halves = seen["halves"] + half_there(store)
    return Fought(len(acknowledged), len(there), lost, doubled, kills, seen["snapshots"], halves, leftovers, faults, seconds)


def main() -> None:
    """Play one of the roles, or measure."""
    role, *words = sys.argv[1:] or [""]
    if role == "write":
        write(words[0], Path(words[1]), words[2])
    elif role == "read":
        read(words[0])
    else:
        measure()


def measure() -> None:
    """Let them all loose and print what was found; exit code 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writers", description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kills", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fought(f"{folder}/loom", Path(folder), options.writers, options.kills, options.seconds)
    print(json.dumps(found._asdict(), indent=2))
    if found.lost or found.doubled or found.halves or found.faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
