"""Sealing, auditing and probing; and that diagnostics say what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.toolset import Tool
from artifacts.verdict import Pass, Reject
from artifacts.world import Draft, World
from tasks.gates import GATES, diagnose, judge
from tasks.gates.audit import audit
from tasks.gates.sameness import novel
from tasks.gates.sealing import accept_tools, seal
from tasks.gates.task_problems import Evidence
from tasks.trials.prober import bad_calls, key_parameters, probe
from tasks.trials.workbench import workbench_of


def sealed(draft: Draft) -> World:
    world = seal(accept_tools(draft))
    assert isinstance(world, World)
    return world


@pytest.mark.parametrize("name", ["shop", "library"])
def test_sealed_worlds_are_audited_from_their_content_alone(name: str, patched: Callable[..., Draft]) -> None:
    world = World.model_validate(sealed(patched(name)).model_dump(mode="json", by_alias=True))
    found = audit(world)
    assert found.agrees
    assert [v.gate for v in found.verdicts] == [g.name for g in GATES]
    assert found.verdicts == world.report


def test_an_audit_sees_an_edited_world(shop: Draft) -> None:
    world = sealed(shop)
    edited = world.model_copy(update={"seed_sql": world.seed_sql.replace("'kitchen', 3900", "'kitchen', 1000")})
    found = audit(edited)
    assert not found.agrees
    assert found.differences[0].endswith("the report says pass, the audit reject")


def test_an_audit_sees_an_edited_report(shop: Draft) -> None:
    world = sealed(shop)
    first, *rest = world.report
    assert audit(world.model_copy(update={"report": tuple(rest)})).differences == ("statements_safe: not in the report",)
    told = first.model_copy(update={"figures": {**first.figures, "tools": 99}})
    assert audit(world.model_copy(update={"report": (told, *rest)})).differences == ("statements_safe: tools was 99, is 7",)


def test_a_draft_that_a_gate_rejects_is_not_sealed(shop: Draft) -> None:
    found = seal(shop.model_copy(update={"tasks": shop.tasks[:2]}))
    assert isinstance(found, Reject)
    assert (found.gate, found.reason) == ("size_met", "tasks: There are 2 tasks; at least 5 are needed.")


def test_sealing_twice_gives_the_same_bytes(library: Draft) -> None:
    assert sealed(library).canonical() == sealed(library.model_copy()).canonical()


def test_accepted_tools_hold_examples_that_succeed_and_types(shop: Draft) -> None:
    accepted = accept_tools(shop)
    assert accept_tools(accepted) == accepted
    bench = workbench_of(accepted)
    for tool in accepted.tools:
        bench.environment.reset()
        assert bench.environment.call_tool(tool.name, tool.example).ok
    assert probe(next(t for t in accepted.tools if t.name == "cancel_order"), bench).tried == 1


def test_an_empty_draft_is_rejected_not_crashed_on(shop: Draft) -> None:
    empty = Draft(scenario=shop.scenario, recipe=Recipe(model="hand", size=Size(tables=1, rows=1, tools=1, tasks=1)))
    assert [d.code for d in diagnose(empty, "schema")] == ["schema.empty", "size.too_few"]
    assert isinstance(judge(empty)[-1], Reject)


def test_unknown_stages_are_refused(shop: Draft) -> None:
    with pytest.raises(KeyError):
        diagnose(shop, "packaging")


def test_all_defects_of_a_stage_are_told_at_once(patched: Callable[..., Draft]) -> None:
    draft = patched("shop", "schema", "REFERENCES users(id),\n  status", "REFERENCES usrs(id),\n  status")
    draft = draft.model_copy(
        update={"schema_sql": draft.schema_sql.replace("price_cents INTEGER", "price_cents REAL").replace("o.status", "o.state")}
    )
    found = {(d.code, d.place) for d in diagnose(draft, "schema")}
    assert found == {
        ("schema.unknown_parent", "table:orders"),
        ("schema.money_real", "table:products"),
        ("sql.unknown_column", "view:order_docs"),
    }


def test_one_broken_table_is_told_once(patched: Callable[..., Draft]) -> None:
    draft = patched("shop", "schema", "CREATE TABLE users (\n  id INTEGER PRIMARY KEY,", "CREATE TABLE users (\n  id INTEGER PRIMARY,")
    assert next((d.code, d.place) for d in diagnose(draft, "schema")) == ("sql.syntax", "table:users")
    assert not [d for d in diagnose(draft, "schema") if d.code == "schema.unknown_parent"]


def test_rows_are_named_by_the_authors_numbers(patched: Callable[..., Draft]) -> None:
    draft = patched("shop", "seed", "VALUES (3, 1, 'pending', 9000", "VALUES (3, 11, 'pending', 9000")
    first = diagnose(draft, "seed")[0]
    assert (first.place, first.hint) == ("row:orders:3", "There are 1, 2, 3.")
    assert "user_id = 11" in first.message


def test_rows_that_only_follow_another_fault_are_not_told(patched: Callable[..., Draft]) -> None:
    draft = patched("shop", "seed", "VALUES (4, 'Desk lamp', 'office'", "VALUES (4, 'Desk lamp', 'attic'")
    assert [d.place for d in diagnose(draft, "seed")] == ["row:products:4"]


def test_a_wrong_name_comes_with_the_right_one(patched: Callable[..., Draft]) -> None:
    draft = patched("shop", "tools", "SELECT id, rating, body FROM reviews", "SELECT id, ratng, body FROM reviews")
    (found,) = diagnose(draft, "tools")
    assert found.place == "tool:review_product/program/2"
    assert found.hint == "reviews: Did you mean rating?"


def test_other_tools_are_still_called_beside_a_broken_one(patched: Callable[..., Draft]) -> None:
    draft = patched("shop", "tools", "SELECT id, rating, body FROM reviews", "SELECT id, ratng, body FROM reviews")
    tools = [t.model_dump(mode="json", by_alias=True) for t in draft.tools]
    tools[3]["program"][1]["require"] = "SELECT 1 WHERE :status = 'open'"
    draft = draft.model_copy(update={"tools": tuple(Tool.model_validate(t) for t in tools)})
    assert {d.place for d in diagnose(draft, "tools")} == {"tool:review_product/program/2", "tool:cancel_order"}


def test_bad_calls_cover_types_missing_extra_and_unknown_ids(shop: Draft) -> None:
    bench = workbench_of(shop)
    tool = next(t for t in shop.tools if t.name == "place_order")
    keys = key_parameters(tool, bench.usages[tool.name].links, bench.catalog)
    kinds = [call.kind for call in bad_calls(tool, {"product_id": 1, "quantity": 1}, keys)]
    assert kinds == [
        "an unknown argument",
        "a list instead of arguments",
        "product_id left out",
        "quantity left out",
        "product_id of a wrong type",
        "quantity of a wrong type",
        "an unknown product_id",
    ]


def test_a_task_that_idleness_completes_is_rejected(shop: Draft) -> None:
    task = shop.tasks[0].model_copy(update={"answer": ("done",)})
    draft = shop.model_copy(update={"tasks": (task, *shop.tasks[1:])})
    codes = {d.code for d in diagnose(draft, "agent_tasks")}
    assert {"task.idle_scores", "task.unsupported_answer"} <= codes


def test_evidence_supports_what_follows_and_nothing_else() -> None:
    evidence = Evidence(
        [[{"name": "Blue kettle", "cents": 3900, "on": "2026-03-05 10:00:00"}, {"name": "Fork", "cents": 1100, "on": "2026-03-06"}], 7]
    )
    for value in ("Blue kettle", "blue KETTLE", 3900, 39.0, 5000, 2, 2800, 2500, "2026-03-05", True, None, "yes", "3900"):
        assert evidence.supports(value), value
    for value in ("Red kettle", 3901, "2026-04-05", 123456, "999"):
        assert not evidence.supports(value), value


def test_a_neighbour_with_the_same_schema_and_tools_is_a_duplicate(shop: Draft, library: Draft) -> None:
    assert isinstance(novel(shop, neighbours=(library,)), Pass)
    found = novel(shop, neighbours=(library, sealed(shop)))
    assert isinstance(found, Reject)
    assert found.evidence[0].code == "world.duplicate"


def test_duplicate_task_ids_are_told(shop: Draft) -> None:
    twin = AgentTask.model_validate({**shop.tasks[4].model_dump(mode="json"), "id": "t01"})
    assert "task.duplicate_id" in {d.code for d in diagnose(shop.model_copy(update={"tasks": (*shop.tasks[:4], twin)}), "agent_tasks")}
