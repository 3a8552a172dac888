"""Streams: every sample once for any ranks and workers, and on from anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifacts.errors import InvalidInput, UnknownName
from artifacts.store import Store
from training.selection import Selection
from training.stream import Position, Stream
from training.worlds import Charge, Worlds

pq: Any = import_module("pyarrow.parquet")  # it carries no types
Shelve = Callable[[list[int], int], Store]
FORGIVING = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ids(samples: Any) -> list[str]:
    return [sample["task_id"] for sample in samples]


def every(store: Store) -> list[str]:
    return sorted(store.scan("agent_tasks").select("task_id").collect()["task_id"])


def crew(store: Store, ranks: int, workers: int = 0, **more: Any) -> list[Stream]:
    return [Stream(store, "agent_tasks", rank=rank, ranks=ranks, workers=workers, **more) for rank in range(ranks)]


def saved(streams: list[Stream]) -> Position:
    """The position of all ranks, after a way through JSON."""
    position = streams[0].position([json.loads(json.dumps(stream.state())) for stream in streams])
    return Position.model_validate_json(position.model_dump_json())


@FORGIVING
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), row_group=st.integers(1, 9), ranks=st.integers(1, 5), seed=st.integers(0, 9)
)
def test_every_sample_once_for_any_ranks_and_groups(shelve: Shelve, sizes: list[int], row_group: int, ranks: int, seed: int) -> None:
    store = shelve(sizes, row_group)
    found = [ids(stream) for stream in crew(store, ranks, seed=seed)]
    assert sorted(task for one in found for task in one) == every(store)
    assert max(map(len, found)) - min(map(len, found)) <= 1


@FORGIVING
@given(data=st.data(), row_group=st.integers(1, 9), changes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_every_sample_once_when_ranks_come_and_go(shelve: Shelve, data: st.DataObject, row_group: int, changes: list[int]) -> None:
    store = shelve([3, 2], row_group)
    taken: list[str] = []
    position: Position | None = None
    for ranks in changes:
        streams = crew(store, ranks)
        for stream in streams:
            if position:
                stream.resume(position)
            taken += ids(islice(stream, data.draw(st.integers(0, 4))))
        position = saved(streams)
    (last,) = crew(store, 1)
    assert position is not None
    last.resume(position)
    assert sorted(taken + ids(last)) == every(store)


@FORGIVING
@given(first=st.integers(0, 8), second=st.integers(0, 7))
def test_resuming_twice_gives_the_very_same_order(shelve: Shelve, first: int, second: int) -> None:
    store = shelve([4, 3], 4)
    (whole,) = crew(store, 1, seed=3)
    expected = ids(whole)
    found: list[str] = []
    position: Position | None = None
    for take in (first, second, None):
        (stream,) = crew(store, 1, seed=3)
        if position:
            stream.resume(position)
        found += ids(islice(stream, take))
        position = saved([stream])
    assert found == expected


def test_workers_resume_in_the_very_same_order(shelve: Shelve) -> None:
    store = shelve([4, 3], 2)
    (whole,) = crew(store, 1, workers=2)
    expected = ids(whole)
    assert sorted(expected) == every(store)
    found: list[str] = []
    position: Position | None = None
    for take in (5, 4, None):
        (stream,) = crew(store, 1, workers=2)
        if position:
            stream.resume(position)
        found += ids(islice(stream, take))
        position = saved([stream])
    assert found == expected


def test_workers_may_change_while_an_epoch_goes_on(shelve: Shelve) -> None:
    store = shelve([4, 3], 2)
    streams = crew(store, 2, workers=2)
    taken = [task for stream in streams for task in ids(islice(stream, 3))]
    (alone,) = crew(store, 1, workers=0)
    alone.resume(saved(streams))
    assert sorted(taken + ids(alone)) == every(store)


def test_the_order_is_another_in_another_epoch_and_for_another_seed(shelve: Shelve) -> None:
    store = shelve([6], 3)
    orders = []
    for seed in (0, 1):
        stream = Stream(store, "agent_tasks", seed=seed)
        orders.append(ids(stream))
        stream.next_epoch()
        orders.append(ids(stream))
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == every(store) for order in orders)


def test_a_newer_snapshot_counts_from_the_next_epoch_on_when_asked(shelve: Shelve, more_worlds: Callable[[Store, range], None]) -> None:
    store = shelve([2], 3)
    stream = Stream(store, "agent_tasks")
    older = every(store)
    more_worlds(store, range(2, 4))
    assert sorted(ids(stream)) == older
    stream.next_epoch()
    assert sorted(ids(stream)) == older
    stream.next_epoch(store.snapshot().number)
    assert sorted(ids(stream)) == every(store) != older


def test_filters_choose_by_task_and_world(shelve: Shelve) -> None:
    store = shelve([5, 4], 4)
    rows = store.scan("agent_tasks").join(store.scan("worlds").select("world_id", "category"), on="world_id").collect().to_dicts()
    selection = Selection(kind=("read", "mixed"), category=("home",), split=("train",))
    expected = [r["task_id"] for r in rows if r["kind"] != "write" and r["category"] == "home" and r["split"] == "train"]
    assert expected
    assert sorted(ids(Stream(store, "agent_tasks", selection))) == sorted(expected)
    assert ids(Stream(store, "agent_tasks", Selection(category=("sea",)))) == []
    assert len(list(Stream(store, "worlds", Selection(category=("home",))))) == 3


def test_the_last_tasks_of_a_world_can_be_held_out(shelve: Shelve, played_store: Store) -> None:
    store = shelve([3], 2)
    found = ids(Stream(store, "agent_tasks", Selection(first_tasks=2)))
    assert sorted(found) == [task for task in every(store) if task.endswith(("t01", "t02"))]
    episodes = list(Stream(played_store, "trajectories", Selection(first_tasks=1), columns=("task_id",)))
    assert {episode["task_id"][-3:] for episode in episodes} == {"t01"}


def test_only_the_columns_that_are_asked_are_read(shelve: Shelve) -> None:
    assert next(iter(Stream(shelve([1], 3), "agent_tasks", columns=("kind", "origin")))).keys() == {"kind", "origin"}


def test_a_filter_that_makes_no_sense_is_refused(shelve: Shelve) -> None:
    with pytest.raises(InvalidInput, match="have no outcome"):
        Stream(shelve([1], 3), "agent_tasks", Selection(outcome=("completed",)))


def test_a_job_with_other_samples_does_not_resume(shelve: Shelve) -> None:
    store = shelve([2], 3)
    position = saved(crew(store, 1))
    with pytest.raises(InvalidInput, match="other samples"):
        Stream(store, "agent_tasks", seed=1).resume(position)


def test_a_snapshot_that_is_gone_is_said(shelve: Shelve) -> None:
    store = shelve([1, 1], 3)
    position = saved(crew(store.as_of("1"), 1))
    (Path(store.url) / "snapshots" / f"{1:010d}.json").unlink()
    with pytest.raises(UnknownName, match="no snapshot 1"):
        Stream(store, "agent_tasks").resume(position)


def test_a_damaged_part_is_one_clear_error(shelve: Shelve) -> None:
    store = shelve([3], 2)
    (part,) = store.parts("agent_tasks")
    stream = Stream(store, "agent_tasks")
    data = bytearray(Path(part).read_bytes())
    data[4:200] = bytes(196)
    Path(part).write_bytes(bytes(data))
    with pytest.raises(InvalidInput, match=r"part-.*changed"):
        stream.check()
    with pytest.raises(InvalidInput, match=r"part-.*changed"):
        list(Stream(store, "agent_tasks"))


def flipped_in_silence(part: Path) -> None:
    """Flips a bit of a part so that its instructions still decode, as another text."""
    data, before, group = part.read_bytes(), pq.read_table(part)["instruction"], pq.read_metadata(part).row_group(0)
    (column,) = (group.column(n) for n in range(group.num_columns) if group.column(n).path_in_schema == "instruction")
    start = column.dictionary_page_offset or column.data_page_offset
    for place in reversed(range(start, start + column.total_compressed_size)):
        part.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with suppress(OSError, ValueError):
            if pq.read_table(part)["instruction"].to_pylist() != before.to_pylist():
                return
    pytest.fail("no bit can be flipped without an error")


def test_a_flipped_bit_that_still_decodes_is_named(shelve: Shelve) -> None:
    store = shelve([3], 9)
    flipped_in_silence(Path(store.parts("agent_tasks")[0]))
    with pytest.raises(InvalidInput, match=r"part-.*changed"):
        list(Stream(store, "agent_tasks"))
    assert len(list(Stream(store, "agent_tasks", columns=("task_id",)))) == 9, "what is not read is not looked at"


def test_an_empty_store_has_no_samples(shelve: Shelve) -> None:
    store = shelve([], 2)
    stream = Stream(store, "agent_tasks")
    assert (list(stream), stream.samples) == ([], 0)


def test_tasks_come_with_their_worlds(shelve: Shelve) -> None:
    store = shelve([3, 2], 2)
    worlds = Worlds(store)
    charges: list[Charge] = list(Stream(store, "agent_tasks", make=worlds.charge))
    assert sorted(charge.task_id for charge in charges) == every(store)
    for charge in charges:
        assert charge.task_id == f"{charge.world.id}-{charge.task.id}"
        assert charge.task in charge.world.tasks
    assert worlds.tools(charges[0].world.id)[0]["function"]["name"] == "read_note"
    with pytest.raises(UnknownName, match="no world 'nowhere'"):
        worlds.world("nowhere")
