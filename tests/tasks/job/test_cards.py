"""What a run shows: figures that add up, unknown ones left empty, long lists cut and said so."""

from __future__ import annotations

from typing import Any

import pytest

from artifacts.attempt import Attempt
from artifacts.errors import InvalidInput, UserError
from artifacts.verdict import Diagnostic, Reject
from tasks.job.cards import MOST_NAMED, MOST_ROWS, cards, funnel, percent, rejections, spending, summary, worlds
from tasks.job.order import Order, targeted
from tasks.job.posting import Board
from tasks.job.tally import MadeWorld, Tally, Woven, counted


def attempt(stage: str, draft: str = "d1", accepted: bool = True, **more: Any) -> Attempt:
    plain = {"attempt_id": f"{draft}/{stage}/{more.get('number', 1)}", "draft_id": draft, "stage": stage, "number": 1}
    return Attempt.model_validate({**plain, "model": "m/one", "request_digest": "0", "accepted": accepted, **more})


def ended() -> Tally:
    """Three drafts planned: one rejected at its tools, one unfinished, one finished by an earlier run."""
    refused = Reject(gate="tools", reason="no way", evidence=(Diagnostic(code="tool.x", place="tool:a", message="bad"),))
    tally = Tally(planned=3, known=1)
    paid = (attempt("schema", "d1", False, input_tokens=10, output_tokens=4, cost_usd=0.5), attempt("schema", "d1", number=2))
    tally = counted(tally, Woven(draft_id="d1", name="One", attempts=(*paid, attempt("tools", "d1", False)), rejection=refused))
    asked = (attempt("schema", "d2", recalled=True),)
    return counted(tally, Woven(draft_id="d2", name="Two", attempts=asked, fault="the service is away", cause="ModelUnavailable"))


def test_the_funnel_adds_up() -> None:
    rows = {row["stage"]: row for row in funnel(ended())}
    assert rows["planned"]["drafts"] == 3
    assert (rows["schema"]["drafts"], rows["schema"]["at first"], rows["schema"]["mended"], rows["schema"]["rejected"]) == (2, 1, 1, 0)
    assert (rows["tools"]["drafts"], rows["tools"]["mended"], rows["tools"]["rejected"]) == (1, 0, 1)
    assert (rows["sealed"]["drafts"], rows["unfinished"]["drafts"], rows["finished by an earlier run"]["drafts"]) == (0, 1, 1)
    assert len({tuple(row) for row in funnel(ended())}) == 1
    assert percent(ended()) == 100.0
    assert percent(Tally()) == 0.0


def test_what_is_unknown_stays_empty() -> None:
    rows = {row["stage"]: row for row in spending(ended().attempts)}
    assert (rows["schema"]["calls"], rows["schema"]["recalled"]) == (2, 1)
    assert (rows["schema"]["tokens in"], rows["schema"]["dollars"]) == (None, None)
    known = [attempt("seed", input_tokens=7, output_tokens=2, cost_usd=0.25), attempt("seed", "d3", recalled=True)]
    assert spending(known)[-1] == {
        "stage": "in all",
        "model": "",
        "calls": 1,
        "recalled": 1,
        "accepted": 2,
        "tokens in": 7,
        "tokens out": 2,
        "dollars": 0.25,
    }
    assert spending([]) == []


def test_a_rejection_leads_to_its_evidence() -> None:
    (row,) = rejections(ended(), "./loom")
    assert (row["draft"], row["by"], row["why"]) == ("d1", "tools", "no way")
    assert "draft_id = 'd1'" in row["evidence"]


def test_many_worlds_are_one_table_and_not_a_flood() -> None:
    made = tuple(MadeWorld(f"w{n}", "retail", 12, 30, 10, "3: 10") for n in range(300))
    tally = Tally(planned=1_000, sealed=1_000, made=made)
    assert len(worlds(tally)) == MOST_ROWS + 1
    assert worlds(tally)[-1] == {"world": f"… and {1_000 - MOST_ROWS} more, in the manifests"}
    assert len(cards(tally, "./loom")) == 3


def test_the_summary_says_what_is_left_to_do() -> None:
    text = summary(ended(), "./loom")
    assert "# 0 worlds sealed" in text
    assert "- the service is away" in text
    assert "resume" in text


def test_the_summary_names_the_worlds_and_says_how_many_more_there_are() -> None:
    made = tuple(MadeWorld(f"clinic-{number}", "health", 5, 12, 10, "1: 10") for number in range(MOST_NAMED + 10))
    lines = summary(Tally(planned=400, sealed=400, made=made), "./loom").splitlines()
    assert "- `clinic-0`: 12 tools, 10 tasks" in lines
    assert f"- … and {400 - MOST_NAMED} more" in lines
    assert sum(line.startswith("- ") for line in lines) == MOST_NAMED + 1
    assert "more" not in summary(Tally(planned=1, sealed=1, made=made[:1]), "./loom")


def test_the_bar_moves_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[float] = []

    def make(done: float, **_: Any) -> str:
        moves.append(done)
        return "bar"

    def move(_bar: str, done: float, _about: str) -> None:
        moves.append(done)

    monkeypatch.setattr("tasks.job.posting.create_progress_artifact", make)
    monkeypatch.setattr("tasks.job.posting.update_progress_artifact", move)
    now = [0.0]
    board = Board("./loom", lambda: now[0])
    for done in range(100):
        now[0] += 0.125
        board.listen(Tally(planned=100, sealed=done))
    assert len(moves) == 5
    assert moves == sorted(moves)


def test_an_order_that_says_nothing_takes_what_is_set() -> None:
    targets = {"worlds": 12, "tasks_per_world": 4}
    assert targeted(Order(), targets) == Order(worlds=12, tasks_per_world=4)
    assert targeted(Order(names=("Shop",)), targets) == Order(names=("Shop",))
    with pytest.raises(UserError, match="No scenarios were given"):
        targeted(Order(), {})
    with pytest.raises(InvalidInput, match="worlds: Input should be greater"):
        targeted(Order(), {"worlds": 0})
    with pytest.raises(InvalidInput, match="colour"):
        targeted(Order(), {"worlds": 1, "colour": "red"})
