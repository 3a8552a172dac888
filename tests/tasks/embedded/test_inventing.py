"""Invented scenarios: as many as are asked for, all of them new and fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from artifacts.scenario import Scenario
from tasks.embedded.inventing import SUITABLE, invent
from tasks.scenario import categories
from tasks.scenarios.pool import fill_to, shipped_scenarios, unfit


def _invent(category: str, examples: Sequence[str], avoid: Sequence[str], count: int) -> tuple[Scenario, ...]:
    return tuple(Scenario.model_validate(made) for made in invent(category, [*examples, *avoid], count))


def test_a_pool_of_a_thousand_is_filled_with_novel_and_fit_scenarios() -> None:
    pool = fill_to(1000, shipped_scenarios(), _invent)
    assert len(pool.scenarios) == 1000
    assert not pool.unfit
    assert not pool.missing
    assert set(Counter(s.category for s in pool.scenarios).values()) == {40}


def test_every_category_of_the_seeds_is_known() -> None:
    assert set(SUITABLE) == set(categories())


def test_known_names_are_not_repeated_and_the_rest_stays_in_order() -> None:
    first = invent("arts", (), 6)
    rest = invent("arts", [first[0]["name"].upper(), first[2]["name"]], 4)
    assert [s["name"] for s in rest][:2] == [first[1]["name"], first[3]["name"]]


def test_names_have_two_to_five_words_and_descriptions_are_fit() -> None:
    for category in SUITABLE:
        for made in _invent(category, (), (), 20):
            assert 2 <= len(made.name.split()) <= 5
            assert unfit(made) == ""


def test_a_used_up_lexicon_gives_fewer() -> None:
    assert len(invent("finance", (), 10_000)) < 10_000
