"""A world that takes another's place: both stay, one is current, and there is never a second successor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from artifacts.errors import UnknownName
from artifacts.fsck import check
from artifacts.retention import leftovers
from artifacts.rows import merged, rows_of_draft
from artifacts.store import Store, open_store
from artifacts.world import World


def successor_of(world: World, seed: int = 1) -> World:
    """The world drawn again, in the place of the one that is there."""
    return world.model_copy(update={"recipe": world.recipe.model_copy(update={"seed": seed, "parent": world.id})})


def keep(store: Store, noon: datetime, *worlds: World) -> None:
    """Publishes worlds in one commit."""
    for world in worlds:
        store.publish(world)
    store.commit(merged(rows_of_draft(f"draft-{w.id}", w.report, [], w, run_id="run-1", created_at=noon) for w in worlds), noon)


def ids(store: Store, superseded: bool = False) -> set[str]:
    return {summary.world_id for summary in store.worlds(superseded)}


def test_the_successor_is_listed_and_the_old_one_only_when_asked_for(store: Store, world: World, noon: datetime) -> None:
    new = successor_of(world)
    keep(store, noon, world)
    assert store.successors() == {}
    keep(store, noon, new)
    assert ids(store) == {new.id}
    assert ids(store, superseded=True) == {world.id, new.id}
    assert store.successors() == {world.id: new.id}
    assert store.world(world.id) == world
    assert {summary.parent_world_id for summary in store.worlds()} == {world.id}


def test_the_world_that_came_before_is_in_the_lineage(store: Store, world: World, noon: datetime) -> None:
    new = successor_of(world)
    keep(store, noon, world, new)
    edges = store.scan("lineage").filter(pl.col("relation") == "world<-world").select("child_id", "parent_id").collect().rows()
    assert edges == [(new.id, world.id)]
    assert not [fault for fault in check(store) if fault.kind in ("reference", "bundle", "leftover") and "run" not in fault.place]
    assert leftovers(store) == ()


def test_a_beginning_that_both_share_names_the_one_that_stands(store: Store, world: World, noon: datetime) -> None:
    new = successor_of(world)
    keep(store, noon, world, new)
    assert store.world("tea") == new
    keep(store, noon, world.model_copy(update={"me": 2}))
    with pytest.raises(UnknownName, match="begins the ids of 3 worlds"):
        store.world("tea")


def test_as_of_a_time_before_the_old_world_stands(store: Store, world: World, noon: datetime) -> None:
    keep(store, noon, world)
    before = store.snapshot().number
    keep(store, noon, successor_of(world))
    assert ids(store.as_of(str(before))) == {world.id}


@pytest.mark.parametrize("together", [True, False])
def test_the_second_successor_of_a_world_is_left_out_whole(together: bool, store: Store, world: World, noon: datetime) -> None:
    first, second = successor_of(world, 1), successor_of(world, 2)
    keep(store, noon, world)
    for batch in [(first, second)] if together else [(first,), (second,)]:
        keep(store, noon, *batch)
    assert ids(store) == {first.id}
    assert ids(store, superseded=True) == {world.id, first.id}
    for table in ("agent_tasks", "tools", "verdicts", "lineage"):
        assert second.id not in str(store.scan(table).collect().rows()), table
    assert {entry.path.split("/")[1] for entry in leftovers(store)} == {second.id}


def test_a_chain_has_one_end(store: Store, world: World, noon: datetime) -> None:
    second = successor_of(world)
    third = successor_of(second, 2)
    keep(store, noon, world, second, third)
    assert ids(store) == {third.id}
    assert store.successors() == {world.id: second.id, second.id: third.id}


def test_of_writers_at_the_same_time_one_is_first(tmp_path: Path, make_world: Callable[..., World], noon: datetime) -> None:
    store = open_store(tmp_path / "loom")
    old = [make_world(name) for name in ("Tea shop", "Clinic", "Library")]
    keep(store, noon, *old)

    def renew(seed: int) -> None:
        for world in old:
            keep(open_store(store.url), noon, successor_of(world, seed))

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(renew, range(1, 5)))
    assert set(store.successors()) == {world.id for world in old}
    assert ids(store) == set(store.successors().values())
    assert len(ids(store, superseded=True)) == 6
