"""Killed with -9 again and again, at any instant and in the middle of a commit, a run ends with the worlds of an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifacts.store import open_store
from benchmarks.kills import EARLY, LATE, Campaign, disturbed
from benchmarks.ways import Command

pytestmark = pytest.mark.xdist_group("server")

ORDER = {"worlds": 4, "tasks_per_world": 2}


def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    calm = Command(tmp_path / "calm", ORDER)
    assert calm.ensure() == 1
    assert calm.finish(240)
    outcome = disturbed(Command(tmp_path / "killed", ORDER), open_store(calm.store), Campaign(3, 4, 7, 6.0))
    assert outcome.kills
    assert outcome.sound, outcome
    assert outcome.snapshots >= 2


def test_few_kills_meet_every_victim_and_every_moment() -> None:
    drawn = [kill for kill, _ in zip(Campaign(12, 60, 5, 14.0).kills(("flow", "pool", "server", "everything")), range(12), strict=False)]
    assert {kill.victim for kill in drawn} == {"flow", "pool", "server", "everything"}
    assert {kill.moment for kill in drawn} == {*EARLY, *LATE}
    assert all(0 <= kill.after < 1 for kill in drawn)
