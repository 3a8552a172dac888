"""Shards without a server: every draft in one share, what is told of those that fail, and when the rest is called off."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed, Running
from pydantic import ValidationError

from artifacts.errors import UserError
from flows import shards
from flows.shards import causes, check_shards, looked_after, troubles
from flows.states import BUDGET, CUT_SHORT, INNER, name_for_causes
from tasks.job.order import Order, Share
from tasks.job.stopping import Stop

RUNS = [UUID(int=number) for number in range(1, 4)]


@given(drafts=st.integers(0, 200), of=st.integers(1, 64))
@settings(max_examples=50)
def test_every_draft_is_in_one_share(drafts: int, of: int) -> None:
    plan = list(range(drafts))
    parts = [plan[share.number - 1 :: share.of] for share in (Share(number=number, of=of) for number in range(1, of + 1))]
    assert sorted(draft for part in parts for draft in part) == plan
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("wrong", [{"number": 3, "of": 2}, {"number": 0, "of": 2}, {"number": 1, "of": 65}])
def test_a_share_that_is_none_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Share(**wrong)


def test_a_share_is_not_split_again() -> None:
    with pytest.raises(ValidationError, match="not split again"):
        Order(shards=2, share=Share(number=1, of=2))


def test_without_a_factory_shards_are_refused_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "configured_url", lambda: None)
    with pytest.raises(UserError, match="worldloom up"):
        check_shards(Order(shards=2))
    check_shards(Order())


def test_a_shard_that_fails_is_told_with_its_reason() -> None:
    states: dict[UUID, State[Any] | None] = dict(zip(RUNS, [Completed(), Crashed(message="killed"), None], strict=True))
    assert troubles(RUNS, states) == ["shard 2 of 3: Crashed: killed", "shard 3: unknown"]


def test_a_parent_ends_in_the_name_of_what_its_shards_met() -> None:
    states: dict[UUID, State[Any] | None] = dict(
        zip(RUNS, [Completed(), Failed(name="Model unreachable"), Completed(name=BUDGET)], strict=True)
    )
    assert causes(states) == ("ModelUnavailable", "BudgetSpent")
    assert name_for_causes(causes(states)) == "Model unreachable"
    assert [line.split(":")[0] for line in troubles(RUNS, states)] == ["shard 2 of 3", "shard 3 of 3"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("Completed", BUDGET), BUDGET),
        ((BUDGET, "Crashed"), CUT_SHORT),
        (("Cancelled", "Completed"), CUT_SHORT),
        (("Crashed", "Disk full"), "Disk full"),
        (("Inner fault", BUDGET), INNER),
    ],
)
def test_a_spent_budget_is_said_only_where_nothing_failed(names: tuple[str, ...], said: str) -> None:
    states: dict[UUID, State[Any] | None] = {run: Failed(name=name) for run, name in zip(RUNS, names, strict=False)}
    assert name_for_causes(causes(states)) == said


class Server:
    """States of runs, a step at each look; what is cancelled ends at the next one, unless it is stubborn."""

    def __init__(self, *steps: list[State[Any]], stubborn: bool = False) -> None:
        self.steps = list(steps)
        self.stubborn = stubborn
        self.cancelled = 0

    def states_of(self, runs: list[UUID]) -> dict[UUID, State[Any]]:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        ended = bool(self.cancelled) and not self.stubborn
        return {run: Cancelled() if ended and not state.is_final() else state for run, state in zip(runs, step, strict=True)}

    def cancel(self, _states: object) -> None:
        self.cancelled += 1


def looked_after_with(server: Server, stop: Stop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    now = [0.0]
    monkeypatch.setattr(shards, "states_of", server.states_of)
    monkeypatch.setattr(shards, "cancel", server.cancel)
    monkeypatch.setattr("flows.shards.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return [state.name or "" for state in looked_after(RUNS, stop, lambda _states: None, lambda: now[0]).values() if state]


def test_shards_are_waited_for_until_the_last_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    going: list[State[Any]] = [Running(), Running(), Running()]
    server = Server(going, going, [Completed(), Crashed(), Running()], [Completed(), Crashed(), Completed()])
    assert looked_after_with(server, Stop(), monkeypatch) == ["Completed", "Crashed", "Completed"]
    assert server.cancelled == 0


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_wish_to_stop_cancels_them_once_and_does_not_wait_for_ever(stubborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()
    stop.ask(interrupted=True)
    server = Server([Completed(), Running(), Running()], stubborn=stubborn)
    assert looked_after_with(server, stop, monkeypatch) == ["Completed", *["Running" if stubborn else "Cancelled"] * 2]
    assert server.cancelled == 1
