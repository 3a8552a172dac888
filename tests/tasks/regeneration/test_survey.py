"""A look over a store: which worlds are out of date, by what is on record there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from artifacts.errors import UnknownName
from artifacts.rows import rows_of_draft
from artifacts.store import Store
from artifacts.tables import TABLES
from artifacts.verdict import Pass, Reject
from artifacts.world import World
from tasks.gates import definition
from tasks.recipes import program_digests
from tasks.regeneration.judging import Judgement, judge_here
from tasks.regeneration.order import RegenerateOrder
from tasks.regeneration.survey import survey

Make = Callable[..., World]
Keep = Callable[..., None]
OLD = {**program_digests(), "tools": "0" * 12}
WHEN = datetime(2026, 3, 3, tzinfo=UTC)


def nobody(world_ids: Sequence[str]) -> Sequence[Judgement]:
    raise AssertionError(f"nothing was to be judged, but {world_ids}")


def stale(store: Store, order: RegenerateOrder | None = None) -> dict[str, list[str]]:
    return {again.world_id: [f.reason for f in again.findings] for again in survey(store, order or RegenerateOrder(), nobody).renewals}


def test_worlds_are_found_by_their_recipe(store: Store, world: Make, kept: Keep) -> None:
    fresh, old = world("Shop"), world("Library", programs=OLD)
    kept(store, fresh, old)
    assert stale(store) == {old.id: ["program"]}
    assert stale(store, RegenerateOrder(worlds=("shop",))) == {}
    assert stale(store, RegenerateOrder(reasons=("solved",))) == {}


def test_a_world_with_a_successor_is_not_looked_at(store: Store, world: Make, kept: Keep) -> None:
    old = world(programs=OLD)
    new = world(parent=old.id)
    kept(store, old, new)
    assert survey(store, RegenerateOrder(), nobody).looked_at == 1
    assert stale(store) == {}
    with pytest.raises(UnknownName, match=f"superseded by {new.id}"):
        stale(store, RegenerateOrder(worlds=(old.id,)))


def test_a_successor_that_was_rejected_is_not_tried_again(store: Store, world: Make, kept: Keep) -> None:
    old = world(programs=OLD)
    kept(store, old)
    (again,) = survey(store, RegenerateOrder(), nobody).renewals
    no = Reject(gate="tools_work", reason="they do not")
    store.commit(rows_of_draft(again.draft_id, [no], [], None, run_id="run-1", created_at=WHEN), WHEN)
    seen = survey(store, RegenerateOrder(), nobody)
    assert (seen.renewals, [refused.world_id for refused in seen.refused]) == ((), [old.id])
    assert store.successors() == {}


def test_at_most_so_many_at_once_the_oldest_first(store: Store, world: Make, kept: Keep) -> None:
    worlds = [world(f"Shop {number}", programs=OLD) for number in range(5)]
    kept(store, *worlds)
    found = survey(store, RegenerateOrder(most_worlds=2), nobody).renewals
    assert [again.world_id for again in found] == [summary.world_id for summary in store.worlds()][:2]


def test_worlds_that_other_gates_judged_are_judged_again(store: Store, world: Make, kept: Keep) -> None:
    doubted = world("Doubted").model_copy(update={"report": (Pass(gate="of_old"),)})
    kept(store, world("Sure"), doubted)
    asked: list[str] = []

    def judge(verdict: Judgement) -> Callable[[Sequence[str]], Sequence[Judgement]]:
        def found(world_ids: Sequence[str]) -> Sequence[Judgement]:
            asked.extend(world_ids)
            return [verdict.model_copy(update={"world_id": world_id}) for world_id in world_ids]

        return found

    order = RegenerateOrder()
    assert survey(store, order, judge(Judgement(world_id=""))).renewals == ()
    (again,) = survey(store, order, judge(Judgement(world_id="", stage="seed", why="seed_loads: no"))).renewals
    assert (again.world_id, again.stage, asked) == (doubted.id, "seed", [doubted.id] * 2)
    assert survey(store, order, judge(Judgement(world_id="", problem="damaged"))).problems == ((doubted.id, "damaged"),)


def test_todays_gates_judge_from_the_bundle(store: Store, world: Make, kept: Keep) -> None:
    lame, broken = world("Lame"), world("Broken")
    kept(store, lame, broken)
    store.files.write(f"worlds/{broken.id}/seed.sql", b"-- edited")
    judged, told = judge_here([lame.id, broken.id], store.url, definition())
    assert judged.finding is not None
    assert (judged.finding.reason, judged.finding.stage) == ("gates", "tools")  # it writes to no table
    assert told.finding is None
    assert "seed.sql was edited" in told.problem


def test_episodes_of_a_policy_are_counted(store: Store, world: Make, kept: Keep) -> None:
    solved, unsolved = world("Solved"), world("Unsolved")
    kept(store, solved, unsolved)
    rows = [episode(solved, n, "completed") for n in range(20)] + [episode(unsolved, n, "agent_error") for n in range(20)]
    rows += [episode(solved, 100 + n, "environment_error") for n in range(20)]
    store.commit({"trajectories": rows}, WHEN)
    assert stale(store) == {solved.id: ["solved"]}
    assert stale(store, RegenerateOrder(solved_episodes=21)) == {}


def episode(world: World, number: int, outcome: str) -> dict[str, object]:
    """A row of `trajectories`, empty but for what is looked at."""
    empty = {"text": "", "integer": 0, "real": 0.0, "boolean": False, "json": "[]", "texts": [], "time": WHEN, "bytes": b""}
    row = {column.name: empty[column.type] for column in TABLES["trajectories"].columns}
    mine = {"trajectory_id": f"{world.id}/{number}", "world_id": world.id, "policy": "openai/strong", "outcome": outcome}
    return {**row, **mine}
