"""Writers at once, with kills, in small: what was acknowledged is there once, and no reader saw half a commit."""

from pathlib import Path

from artifacts.rows import row_of_attempt
from artifacts.store import open_store
from benchmarks.writers import ATTEMPTS_A_DRAFT, NOON, RUN, attempts_of, fought, half_there


def test_killed_writers_lose_nothing_and_show_no_half(tmp_path: Path) -> None:
    found = fought(f"{tmp_path}/loom", tmp_path, writers=4, kills=5)
    assert (found.lost, found.doubled, found.halves, found.faults) == (0, 0, [], [])
    assert found.kills == 9
    assert found.there >= found.acknowledged >= 5
    assert found.snapshots > 2


def test_half_a_commit_would_be_seen(tmp_path: Path) -> None:
    store = open_store(tmp_path / "loom")
    store.commit({"attempts": [row_of_attempt(attempt, RUN, NOON) for attempt in attempts_of("d")[: ATTEMPTS_A_DRAFT - 1]]}, NOON)
    assert half_there(store) == ["d at 1"]
