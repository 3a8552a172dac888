"""The definition of quality has a name, and a world's report says which one judged it."""

from __future__ import annotations

from typing import Any

from artifacts.verdict import Pass, Reject
from artifacts.world import Draft
from tasks.gates import GATES, Gate, definition, definition_of, failing_stage, judge


def passing(name: str) -> Gate:
    return Gate(name, lambda _draft: Pass(gate=name, figures={"seen": 1}))


def test_a_gate_more_an_order_and_a_version_make_another_definition() -> None:
    one, two = passing("one"), passing("two")
    named = [definition(gates) for gates in [(one,), (one, two), (two, one), (one, two._replace(version=2))]]
    assert len(set(named)) == len(named)
    assert definition() == definition(GATES)


def test_a_report_says_which_definition_judged_it(shop: Draft) -> None:
    gates = (passing("one"), passing("two")._replace(version=3))
    report = [found.canonical() for found in judge(shop, gates)]
    assert [verdict["figures"] for verdict in report] == [{"seen": 1}, {"seen": 1, "version": 3}]
    assert definition_of(report) == definition(gates)


def test_the_first_stage_that_the_gates_reject_is_named(shop: Draft) -> None:
    assert failing_stage(shop) is None
    changes: dict[str, dict[str, Any]] = {
        "schema": {"schema_sql": shop.schema_sql + "CREATE TABLE keyless(a);"},
        "seed": {"seed_sql": shop.seed_sql + "INSERT INTO nowhere VALUES (1);"},
        "tools": {"tools": shop.tools[:1]},
        "agent_tasks": {"tasks": shop.tasks[:1]},
    }
    for stage, change in changes.items():
        found = failing_stage(shop.model_copy(update=change))
        assert found is not None, stage
        assert found[0] == stage
        assert isinstance(found[1], Reject)
