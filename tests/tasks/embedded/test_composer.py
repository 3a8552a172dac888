"""Plans: their size, their variety, and that nothing but the scenario and the seed decides them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from artifacts.identity import digest_of
from containers.initial_state import failed_statements
from tasks.embedded.composer import EXTRAS, Plan, compose, writes
from tasks.embedded.domain import domains
from tasks.embedded.inventing import SUITABLE, invent
from tasks.embedded.workshop import draft_of
from tasks.scenarios.pool import shipped_scenarios

TEXT = "Name: {}\nCategory: {}\nDescription: {}"


@cache
def scenarios() -> tuple[str, ...]:
    """A thousand scenarios: the shipped ones and invented ones of every category."""
    shipped = [(s.name, s.category, s.description) for s in shipped_scenarios()]
    made = [(s["name"], c, s["description"]) for c in SUITABLE for s in invent(c, (), 60)]
    return tuple(TEXT.format(*parts) for parts in (*shipped, *made))[:1000]


def content(plan: Plan) -> str:
    """The digest of a plan's schema, rows and tools."""
    return digest_of([list(plan.ddl), [t.canonical() for t in plan.rows], list(plan.tools)])


def shape(plan: Plan) -> frozenset[str]:
    """The names of a plan's tables."""
    return frozenset(table.table for table in plan.rows)


def test_a_thousand_scenarios_give_a_thousand_worlds_of_many_shapes() -> None:
    plans = [compose.__wrapped__(text) for text in scenarios()]
    assert len(plans) == 1000
    assert len({content(plan) for plan in plans}) == 1000
    assert len({shape(plan) for plan in plans}) > 900
    assert len({plan.features for plan in plans}) > 700
    assert len({plan.domain.term("item").table for plan in plans}) > 25


@pytest.mark.parametrize("text", scenarios()[::20])
def test_a_plan_is_of_typical_size(text: str) -> None:
    plan = compose(text)
    assert 12 <= len(plan.rows) <= 20
    assert 100 <= sum(len(table.rows) for table in plan.rows) <= 300
    assert 25 <= len(plan.tools) <= 40
    assert sum(map(writes, plan.tools)) >= 8
    assert len(plan.intentions) >= 10
    assert len(plan.features) >= 4
    assert len({tool["name"] for tool in plan.tools}) == len(plan.tools)


@pytest.mark.parametrize("name", sorted(domains()))
def test_every_domain_makes_a_plan_that_loads(name: str) -> None:
    domain = domains()[name]
    plan = compose(TEXT.format(f"{domain.keywords[0]} {domain.keywords[1]}", domain.category, " ".join(domain.keywords)))
    assert plan.domain.name in (name, "woven", *domains())
    draft = draft_of(plan)
    assert failed_statements(draft.schema_sql, draft.seed_sql, draft.clock) == ()


def test_every_table_has_rows_and_every_row_its_columns() -> None:
    plan = compose(scenarios()[0])
    created = [sql.split()[2] for sql in plan.ddl if sql.startswith("CREATE TABLE")]
    assert created == [table.table for table in plan.rows]
    assert all(len(row) == len(table.columns) for table in plan.rows for row in table.rows)


def test_seed_and_every_part_of_the_scenario_count() -> None:
    one = compose(TEXT.format("Toy library", "clubs", "Children borrow toys."))
    others = (
        compose(TEXT.format("Toy library", "clubs", "Children borrow toys."), "1"),
        compose(TEXT.format("Toy library", "clubs", "Children borrow trains.")),
        compose(TEXT.format("Toy library", "education", "Children borrow toys.")),
    )
    assert len({content(plan) for plan in (one, *others)}) == 4


def test_features_that_the_text_speaks_of_come_first() -> None:
    said = "People file a complaint ticket, an issue report or a fault; tickets and problems are the daily work."
    plans = [compose(TEXT.format(f"Canal office {n}", "public services", said)) for n in range(12)]
    assert sum("tickets" in plan.features for plan in plans) >= 10


def test_extras_do_not_clash_with_one_another() -> None:
    plan = compose(scenarios()[3])
    names = [tool["name"] for build in EXTRAS.values() for tool in build(plan.studio).tools]
    assert len(set(names)) == len(names)


def test_other_processes_agree() -> None:
    """Python's own hash order must not matter."""
    code = (
        "import json,sys;from artifacts.identity import digest_of;from tasks.embedded.composer import compose;"
        "from tasks.embedded.workshop import Workshop;p=compose(sys.argv[1]);w=Workshop(p);"
        "print(digest_of([list(p.ddl),[t.canonical() for t in p.rows],list(p.tools),list(w.tasks(4)),w.examples]))"
    )
    text = scenarios()[7]
    said = {
        subprocess.run(
            [sys.executable, "-c", code, text], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": salt}
        ).stdout
        for salt in ("0", "1", "4711")
    }
    assert len(said) == 1
    assert json.dumps(said.pop()) != '""'
