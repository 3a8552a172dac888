"""The events of a run: worlds that were sealed, and too many rejections."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.job.tally import Tally
from tasks.job.telling import MOST_IDS, REJECTIONS, SEALED, store_resource, tell_rejections, tell_sealed


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The events that were emitted."""
    found: list[tuple[str, dict[str, Any]]] = []

    def emit(event: str, resource: dict[str, str], payload: dict[str, Any]) -> None:
        assert resource == store_resource("s3://bucket/loom")
        found.append((event, payload))

    monkeypatch.setattr("tasks.job.telling.emit_event", emit)
    return found


def test_a_store_is_named_by_a_digest_and_not_by_its_address() -> None:
    named = store_resource("s3://key:secret@bucket/loom")["prefect.resource.id"]
    assert named.startswith("worldloom.store.")
    assert "secret" not in named
    assert store_resource("./loom") == store_resource("./loom") != store_resource("./other")


def test_every_sealed_world_is_told_and_no_event_is_too_long(told: list[tuple[str, dict[str, Any]]]) -> None:
    ids = [f"world-{number}" for number in range(2 * MOST_IDS + 1)]
    tell_sealed("s3://bucket/loom", "run", ids)
    assert [event for event, _ in told] == [SEALED] * 3
    assert [world for _, payload in told for world in payload["world_ids"]] == ids
    assert max(len(payload["world_ids"]) for _, payload in told) == MOST_IDS
    assert {(payload["run_id"], payload["store"]) for _, payload in told} == {("run", "s3://bucket/loom")}


def test_no_worlds_no_event(told: list[tuple[str, dict[str, Any]]]) -> None:
    tell_sealed("s3://bucket/loom", "run", [])
    assert told == []


@pytest.mark.parametrize(
    ("sealed", "rejected", "bar", "tells"),
    [
        (8, 2, 0.2, False),
        (7, 3, 0.2, True),
        (0, 4, 0.2, False),
        (0, 5, 0.2, True),
        (5, 0, 0.0, False),
        (4, 1, 0.0, True),
        (0, 9, 1.0, False),
    ],
)
def test_rejections_are_told_only_over_the_bar_and_of_five_drafts_or_more(
    sealed: int, rejected: int, bar: float, tells: bool, told: list[tuple[str, dict[str, Any]]]
) -> None:
    tally = Tally(sealed=sealed, rejected=rejected, rejections={"seed": rejected})
    assert tell_rejections("s3://bucket/loom", "run", tally, bar) is tells
    assert [event for event, _ in told] == ([REJECTIONS] if tells else [])
    if tells:
        (payload,) = (payload for _, payload in told)
        rate = round(rejected / (sealed + rejected), 4)
        assert (payload["rejected"], payload["drafts"], payload["rate"], payload["bar"]) == (rejected, sealed + rejected, rate, bar)
        assert payload["by"] == {"seed": rejected}
