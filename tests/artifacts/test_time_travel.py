"""The past of a store: by number, by id, by time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from artifacts.attempt import Attempt
from artifacts.errors import InvalidInput, UnknownName, UnsupportedFormat
from artifacts.rows import row_of_attempt
from artifacts.snapshots import EMPTY, Snapshot, current_snapshot, history, path_of
from artifacts.store import Store, open_store

MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def three(store: Store, make_attempt: MakeAttempt, noon: datetime) -> list[Snapshot]:
    """Three commits, a day apart, of one attempt each."""
    return [
        store.commit({"attempts": [row_of_attempt(make_attempt(number), "run-1", noon)]}, noon + timedelta(days=number - 1))
        for number in (1, 2, 3)
    ]


def numbers_in(store: Store) -> list[int]:
    return [int(number) for number in store.scan("attempts").collect()["number"]]


def test_a_store_is_read_as_it_was(store: Store, three: list[Snapshot]) -> None:
    assert numbers_in(store.as_of("2")) == [1, 2]
    assert numbers_in(store.as_of(three[0].id)) == numbers_in(store.as_of(three[0].id[:8].upper())) == [1]
    assert numbers_in(store.as_of("2026-03-02T12:00")) == [1]
    assert numbers_in(store.as_of("2026-03-04")) == [1, 2]
    assert numbers_in(store.as_of("2026-03-04T13:00+01:00")) == [1, 2, 3]
    assert numbers_in(store.as_of("0")) == []
    assert [snapshot.number for snapshot in history(store.files)] == [3, 2, 1]


@pytest.mark.parametrize("when", ["7", "2026-03-01", "yesterday", "ffffffffff", "12", "0x"])
def test_a_past_that_is_not_there_is_one_clear_line(store: Store, three: list[Snapshot], when: str) -> None:
    with pytest.raises(UnknownName, match="There is no snapshot") as told:
        store.as_of(when)
    assert told.value.hint


def test_the_past_cannot_be_written(store: Store, three: list[Snapshot], make_attempt: MakeAttempt, noon: datetime) -> None:
    with pytest.raises(InvalidInput, match="as of snapshot 1"):
        store.as_of("1").commit({"attempts": [row_of_attempt(make_attempt(9), "run-1", noon)]})


def test_a_listing_that_comes_late_hides_nothing(store: Store, three: list[Snapshot], monkeypatch: pytest.MonkeyPatch) -> None:
    late = open_store(store.url)
    listed = late.files.names
    monkeypatch.setattr(late.files, "names", lambda folder: tuple(n for n in listed(folder) if n < "0000000002"))
    assert current_snapshot(late.files) == three[-1]
    monkeypatch.setattr(late.files, "names", lambda _folder: ())
    assert current_snapshot(late.files) == three[-1]
    assert current_snapshot(open_store(store.url + "-other").files) == EMPTY


def test_parts_of_a_newer_schema_ask_for_an_upgrade(store: Store, three: list[Snapshot]) -> None:
    newer = three[-1].model_copy(update={"parts": tuple(p.model_copy(update={"schema_version": 99}) for p in three[-1].parts)})
    store.files.write(path_of(3), newer.sealed().file_bytes())
    with pytest.raises(UnsupportedFormat, match="version 99 of the table 'attempts'"):
        store.scan("attempts")
