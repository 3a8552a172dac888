"""The embedded author's words for walks: natural, different from each other, and accepted as they are."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.world import Draft
from tasks.difficulty.spread import quotas
from tasks.embedded.chance import stream
from tasks.embedded.composer import compose
from tasks.embedded.naming import article, noun_phrase, plural
from tasks.embedded.phrasing import phrase, wishes
from tasks.embedded.workshop import draft_of
from tasks.gates import diagnose
from tasks.phrasing import view_of
from tasks.trials.workbench import workbench_of
from tasks.walk_tasks import choose_walks, walk_stream


def world(name: str, shares: tuple[int, int, int, int, int] | None = None) -> Draft:
    draft = draft_of(compose(f"Name: {name}", "0.0"))
    return draft.model_copy(update={"scenario": Scenario(name=name), "recipe": Recipe(model="x", size=Size(tasks=10), difficulty=shares)})


@pytest.mark.parametrize("name", ["Village bakery", "Dental practice", "Car rental"])
def test_words_for_walks_pass_every_gate_of_words(name: str) -> None:
    draft = world(name)
    bench = workbench_of(draft)
    walks = list(islice(walk_stream(draft), 6))
    said = [phrase(view_of(f"t{n:02d}", walk, bench), "0") for n, walk in enumerate(walks, 1)]
    tasks = tuple(walk.task(f"t{n:02d}", text) for n, (walk, text) in enumerate(zip(walks, said, strict=True), 1))
    problems = diagnose(draft.model_copy(update={"tasks": tasks}), "agent_tasks")
    assert [problem.line() for problem in problems if problem.place.endswith("/instruction")] == []
    assert not any(re.search(r"_|\\bid\\b|\\{|  ", text) for text in said)
    assert len({text[:12] for text in said}) >= 3, "openings vary"


def test_equal_walks_have_equal_words_and_other_keys_other_words() -> None:
    view = {
        "id": "t05",
        "about": [{"n": 1, "one": "order", "mine": True, "by": {"status": "pending", "placed at": "the latest"}}],
        "do": [{"do": "Cancel one of my pending orders", "to": {"order": 1}, "text": {"reason": "Found it elsewhere."}}],
    }
    assert phrase(view, "0") == phrase({**view, "instruction": "What was said before."}, "0")
    said = {phrase(view, n) for n in range(20)}
    assert len(said) > 8
    assert all(
        '"Found it elsewhere."' in text and "pending" in text and ("most recently placed" in text or "last" in text) for text in said
    )


def test_records_are_named_as_people_name_them() -> None:
    def named(*records: dict[str, object]) -> str:
        return noun_phrase(records[0], dict(enumerate(records, 1)), stream("any"))

    assert "OR-77" in named({"one": "order", "mine": True, "by": {"reference": "OR-77"}})
    assert named({"one": "member", "by": {"full name": "Ana Ruiz"}}) == "Ana Ruiz"
    assert named({"one": "product", "by": {"price": "the lowest"}}) == "the cheapest product"
    assert named({"every": "order", "mine": True, "by": {"status": "open"}}) == "all my open orders"
    assert named({"one": "bill", "by": {"due on": "5 March 2026"}}) == "the bill due on 5 March 2026"
    assert named({"one": "bill", "by": {"due on": "before 5 March 2026"}}) == "the bill due before 5 March 2026"
    review = {"one": "review", "of": 2, "by": {"total": "the highest"}}
    assert named(review, {"one": "member", "by": {"full name": "Ana Ruiz"}}) == "the review with the highest total of Ana Ruiz"
    assert (plural("class"), plural("entry"), plural("day")) == ("classes", "entries", "days")
    assert (article("order"), article("unit"), article("bill")) == ("an order", "a unit", "a bill")


def test_the_book_of_wishes_can_be_said() -> None:
    assert len(wishes()) > 40
    assert all(wish.say and all(text.count("[") == text.count("]") for text in wish.say) for wish in wishes())


def test_walks_fill_the_spread_that_was_asked_for() -> None:
    draft = world("Village bakery", (20, 20, 30, 20, 10))
    walks = choose_walks(draft, walk_stream(draft), 10, ())
    assert len(walks) == sum(quotas((20, 20, 30, 20, 10), 10).values())
    assert choose_walks(draft, walk_stream(draft), 0, ()) == ()
