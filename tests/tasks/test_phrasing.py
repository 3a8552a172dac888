"""What the author of a walk's words is told, and what is held against the words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artifacts.agent_task import Condition
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.agent_tasks import worded
from tasks.phrasing import PhraseDraft, in_short, spoken, view_of
from tasks.trials.workbench import workbench_of
from tasks.walk_tasks import Phrased, phrase_problems
from tasks.walks.walk import Asked, Said, Selector, Setting, Walk, WalkStep

SHOP = Path(__file__).parent / "gates" / "worlds" / "shop"
ORDERS = Condition(name="my latest pending order", table="orders", sql="SELECT id FROM orders WHERE id = 2")
PRODUCTS = Condition(name="the red kettle", table="products", sql="SELECT id FROM products WHERE id = 1")


@pytest.fixture(scope="module")
def shop() -> Draft:
    return Draft(
        scenario=Scenario(name="Shop"),
        recipe=Recipe(model="hand"),
        schema_sql=(SHOP / "schema.sql").read_text(),
        seed_sql=(SHOP / "seed.sql").read_text(),
        tools=tuple(Tool.model_validate(tool) for tool in json.loads((SHOP / "tools.json").read_text())),
    )


def walk_of(shop: Draft) -> Walk:
    """A walk over the small shop: the facts matter here, not whether the calls succeed."""
    tool = next(tool for tool in shop.tools if "INSERT" in json.dumps(tool.model_dump(mode="json")) or "UPDATE" in str(tool.program))
    order = Selector(
        noun="order",
        condition=ORDERS,
        keys=(2,),
        said=(
            Said(label="status", column="orders.status", value="in_transit"),
            Said(label="placed at", column="orders.placed_at", relation="latest", value="2026-03-01 10:00:00"),
        ),
        mine="orders.user_id",
    )
    product = Selector(
        noun="product", condition=PRODUCTS, keys=(1,), said=(Said(label="name", column="products.name", value="Red kettle"),), within=0
    )
    key = next(iter(tool.parameter_names))
    step = WalkStep(tool=tool.name, does=tool.description, arguments={key: {"$ref": "0[0].id"}}, writes=True, selectors=(0,))
    return Walk(
        id="w1",
        kind="mixed",
        steps=(step,),
        selectors=(order, product),
        settings=(Setting(step=0, parameter="amount_cents", label="amount", value=1250),),
        asked=(Asked(label="price in cents", value=300, reference={"$ref": "0.price_cents"}, selector=1, after=True),),
    )


def test_a_view_holds_facts_in_words_and_no_ids(shop: Draft) -> None:
    view = view_of("t05", walk_of(shop), workbench_of(shop))
    assert view["id"] == "t05"
    assert view["about"] == [
        {"n": 1, "one": "order", "mine": True, "by": {"status": "in transit", "placed at": "the latest"}},
        {"n": 2, "one": "product", "of": 1, "by": {"name": "Red kettle"}},
    ]
    assert view["do"][0]["with"] == {"amount": "12.50"}
    assert list(view["do"][0]["to"].values()) == [1]
    assert view["ask"] == [{"what": "price in cents", "of": 2, "when": "after the change"}]
    assert "_" not in json.dumps(view)


def test_values_are_said_as_people_say_them() -> None:
    assert spoken(1999, "orders.total_cents") == "19.99"
    assert spoken("2026-03-05", "orders.due_on") == "5 March 2026"
    assert spoken("2026-03-05 14:30:00", "slots.starts_at") == "5 March 2026, 14:30"
    assert spoken("Red kettle", "products.name") == "Red kettle"
    assert in_short("Cancel one of your orders; you get the money back. More.") == "Cancel one of my orders"
    assert in_short("Mark what you saw as cleared by you.") == "Mark what I saw as cleared by me"


def test_each_fact_that_is_left_out_is_told(shop: Draft) -> None:
    phrased = Phrased("t05", walk_of(shop))

    def missing(text: str) -> list[str]:
        task = phrased.walk.task("t05", text)
        return [problem.message for problem in phrase_problems(phrased, task, shop)]

    assert missing("Cancel my most recent order in transit, the one with the Red kettle, over 12.50.") == []
    assert len(missing("Cancel my order in transit, the one with the Red kettle.")) == 1, "no superlative"
    assert len(missing("Cancel my latest order in transit.")) == 1, "no kettle"
    assert len(missing("Cancel my latest order with the Red kettle.")) == 1, "no status"
    assert {problem.place for problem in phrase_problems(phrased, phrased.walk.task("t05", "Do it."), shop)} == {"task:t05/instruction"}


def test_words_go_to_the_walk_that_they_name_and_count_as_a_try(shop: Draft) -> None:
    walk = walk_of(shop)
    before = (Phrased("t05", walk), Phrased("t06", walk, "Kept.", 1), Phrased("t07", walk, "Old.", 1))
    answered = [
        PhraseDraft(id="T05", instruction=" First \n words. "),
        PhraseDraft(id="t05", instruction="Second words."),
        PhraseDraft(id="t06", instruction="Not asked for."),
    ]
    after = worded(before, answered, frozenset(("t05", "t07")))
    assert [(one.instruction, one.tries) for one in after] == [("First words.", 1), ("Kept.", 1), ("Old.", 2)]
