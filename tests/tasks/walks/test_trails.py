"""The pieces of a walk on the small shop: rows found, rows named, checks made, and what is not worth being a walk."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from random import Random

import pytest

from artifacts.world import Draft
from containers.reference import resolve
from tasks.trials.workbench import Workbench
from tasks.walks.acting import Ground
from tasks.walks.checks import checks_of
from tasks.walks.finding import find, find_all
from tasks.walks.finishing import finished
from tasks.walks.selecting import Term, View, many_rows, one_row, scope_of, selector_of
from tasks.walks.settings import setting_values
from tasks.walks.trail import Trail
from tasks.walks.walk import Asked

MORE = """
INSERT INTO products VALUES (6, 'Bread knife holder', 'kitchen', 4500, 2), (7, 'Hand rake', 'garden', 990, 1);
"""


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # variety, not secrecy


@pytest.fixture
def ground(patched: Callable[[str, str], Draft]) -> Ground:
    draft = patched("shop", MORE)
    return Ground(Workbench(draft, draft.tools))


def seen(ground: Ground, table: str) -> View:
    place = ground.places[table]
    return View(place, tuple(place.rows), place.facts, scope_of(place, "", None, ground))


def test_a_name_that_stands_in_another_names_nothing_and_ties_are_not_picked(ground: Ground) -> None:
    view = seen(ground, "products")
    ways = [found for key in view.keys for found in one_row(view, key, ground, chance(1))]
    said = {(found.keys[0], s.label, s.relation) for found in ways for s in found.said}
    assert (2, "name", "is") not in said
    assert (6, "name", "is") in said
    whole = {(found.keys[0], found.said[0].relation) for found in ways if len(found.said) == 1 and found.said[0].label == "price"}
    assert not whole & {(4, "greatest"), (6, "greatest"), (5, "least"), (7, "least")}


def test_a_selector_whose_query_gives_other_rows_is_none(ground: Ground) -> None:
    view = seen(ground, "products")
    office = next(fact for fact in view.facts if fact.column == "category")
    assert selector_of(view, (Term(office, "is", "office"),), (4, 5), ground) is not None
    assert selector_of(view, (Term(office, "is", "office"),), (4,), ground) is None


def test_limits_are_round_and_lie_between_the_rows(ground: Ground) -> None:
    view = seen(ground, "products")
    limits = {s.value for found in many_rows(view, ground, chance(3)) for s in found.said if s.relation in ("more than", "less than")}
    assert limits
    assert not limits & {row["price_cents"] for row in view.place.rows.values()}


@pytest.mark.parametrize("seed", range(30))
def test_rows_found_stay_found_when_more_are_looked_for(ground: Ground, seed: int) -> None:
    trail = Trail(ground, chance(seed))
    _, several = find_all(trail, ground.places["products"], frozenset(range(1, 8)), 4)
    named = dict(zip(trail.selectors[0].keys, several, strict=True))
    found = {key: find(trail, ground.places["orders"], key) for key in (1, 3, 4)}
    found |= {10 + key: find(trail, ground.places["products"], key) for key in (1, 4)}
    assert {key: resolve({"$ref": one.path}, trail.results) for key, one in named.items()} == {key: key for key in named}
    assert {key: resolve({"$ref": one.path}, trail.results) for key, one in found.items()} == {1: 1, 3: 3, 4: 4, 11: 1, 14: 4}


def test_a_new_row_that_takes_another_s_place_is_no_check(ground: Ground) -> None:
    ground.walking.reset()
    assert ground.walking.call_tool("place_order", {"product_id": 5, "quantity": 2}).ok
    assert ground.walking.call_tool("cancel_order", {"order_id": 4}).ok
    checks = checks_of(ground.walking.difference(), frozenset({"orders.created_at", "orders.updated_at"}), ground)
    assert checks
    assert not any('FROM final."orders"' in check.sql and "COUNT" in check.sql for check in checks)


def test_calls_that_nobody_needs_make_no_walk_and_idle_selectors_are_left_out(ground: Ground) -> None:
    trail = Trail(ground, chance(0))
    found = find(trail, ground.places["orders"], 4)
    idle = find(trail, ground.places["orders"], 3)
    assert trail.call(ground.tools["cancel_order"], {"order_id": {"$ref": found.path}}, (found.selector,)) is not None
    walk = finished(trail, "w1")
    assert walk is not None
    assert idle.selector != found.selector
    assert [selector.keys for selector in walk.selectors] == [(4,)]
    assert trail.call(ground.tools["spending"], {}) is not None
    assert finished(trail, "w1") is None


def test_an_answer_that_the_reference_does_not_find_makes_no_walk(ground: Ground) -> None:
    trail = Trail(ground, chance(0))
    step = trail.call(ground.tools["spending"], {})
    trail.asked.append(Asked(label="spent", value=14880, reference={"$ref": f"{step}.spent_cents"}))
    assert trail.results[0]["spent_cents"] == 14880
    assert finished(trail, "w1") is not None
    trail.asked.append(Asked(label="orders", value=7, reference={"$ref": f"{step}.orders"}))
    assert finished(trail, "w1") is None


def test_values_to_set_are_real_for_their_column(ground: Ground) -> None:
    placing = list(islice(setting_values(ground, ground.tools["place_order"], "quantity", chance(2)), 9))
    assert placing
    assert all(1 <= value <= 20 for value in placing)
    body = next(setting_values(ground, ground.tools["review_product"], "body", chance(2)))
    assert body.endswith(".")
    assert list(setting_values(ground, ground.tools["list_orders"], "status", chance(5))) != []
