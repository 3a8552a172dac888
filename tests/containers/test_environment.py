"""What holds for every environment, whatever is asked of it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifacts.errors import InvalidInput, StatementFailed, UnknownName
from artifacts.observation import Observation, RowChange
from artifacts.toolset import Tool
from artifacts.world import Clock, Draft
from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment

NAMES = [tool.name for tool in SHOP.tools]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-3, max_value=20)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["pending", "2026-03-02", "'; --", "\0", "\ud800"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)
ARGUMENT_NAMES = sorted({name for tool in SHOP.tools for name in tool.parameter_names})
ARGUMENTS = st.dictionaries(st.sampled_from(ARGUMENT_NAMES) | st.text(max_size=8), JSON, max_size=4) | JSON
PLAUSIBLE = st.sampled_from(
    [
        ("cancel_order", {"order_id": 17}),
        ("cancel_order", {"order_id": 18}),
        ("delete_order", {"order_id": 17}),
        ("delete_order", {"order_id": 20}),
        ("delete_order", {"order_id": 18}),
        ("place_order", {"items": [{"product_id": 2, "quantity": 3}]}),
        ("place_order", {"items": [{"product_id": 1, "quantity": 3}], "note": "n"}),
        ("place_order", {"items": [{"product_id": 2, "quantity": 1}, {"product_id": 3, "quantity": 1}]}),
        ("set_stock", {"product_id": 1, "stock": 5}),
        ("set_stock", {"product_id": 1, "stock": 6}),
        ("set_stock", {"product_id": 2, "stock": -1}),
        ("add_user", {"name": "a", "email": "a"}),
        ("add_user", {"name": "b", "email": "b", "is_staff": True}),
        ("drop_tag", {"code": "new"}),
        ("drop_tag", {"code": "sale"}),
        ("put_tag", {"code": "new", "label": "Newer"}),
        ("put_tag", {"label": "no code"}),
        ("put_tag", {"label": "no code either"}),
        ("plain_order", {"user_id": 2, "total_cents": 8}),
        ("plain_order", {"user_id": 2, "total_cents": 13}),
        ("set_mentor", {"user_id": 2, "mentor_id": 1}),
        ("set_mentor", {"user_id": 2, "mentor_id": 77}),
        ("rename_tag", {"code": "new", "to": "old"}),
        ("rename_tag", {"code": "old", "to": "new"}),
        ("fill_journal", {"rows": 2**60}),
        ("list_orders", {}),
    ]
)


def more_tools() -> Draft:
    """The shop with tools that put NULL into a key and change one."""
    text = {"type": "string"}
    put = {"run": "INSERT INTO tags VALUES (:code, :label) ON CONFLICT (code) DO UPDATE SET label = excluded.label", "expect": 1}
    rename = {"run": "UPDATE tags SET code = :to WHERE code = :code"}
    done = {"return": "SELECT COUNT(*) FROM tags", "shape": "value"}
    extra = [
        {
            "name": "put_tag",
            "description": "extra",
            "parameters": {"type": "object", "properties": {"code": text, "label": text}},
            "program": [put, done],
        },
        {
            "name": "rename_tag",
            "description": "extra",
            "parameters": {"type": "object", "properties": {"code": text, "to": text}},
            "program": [rename, done],
        },
    ]
    tools = tuple(Tool.model_validate(tool) for tool in extra)
    return SHOP.model_copy(update={"tools": (*SHOP.tools, *tools)})


BLUEPRINT = Blueprint.of(more_tools())
SHARED = Environment.fork(BLUEPRINT)
INITIAL_DIGEST = SHARED.state_digest()


def whole_difference(environment: Environment) -> list[dict[str, Any]]:
    """The difference by comparing all rows, as an oracle: rows of either state that the other does not hold."""
    found: list[dict[str, Any]] = []
    for table in BLUEPRINT.tables.values():
        for schema, other in (("final", "initial"), ("initial", "final")):
            rows = environment.query(f'SELECT * FROM {schema}."{table.name}" EXCEPT SELECT * FROM {other}."{table.name}"')
            found += [{"table": table.name, "side": schema, **row} for row in rows]
    return distinct(found)


def distinct(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In one order and without repeats, which EXCEPT does not keep."""
    by_text = {repr(row): row for row in rows}
    return [by_text[text] for text in sorted(by_text)]


def as_sides(changes: tuple[RowChange, ...]) -> list[dict[str, Any]]:
    sides = [("final", change.table, change.after) for change in changes] + [("initial", change.table, change.before) for change in changes]
    return distinct([{"table": table, "side": side, **row} for side, table, row in sides if row is not None])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES) | st.text(max_size=10), ARGUMENTS)
def test_arbitrary_arguments_never_raise_and_errors_change_nothing(name: str, arguments: object) -> None:
    SHARED.reset()
    observation = SHARED.call_tool(name, arguments)
    json.dumps(observation.payload(), allow_nan=False).encode()
    if not observation.ok:
        assert SHARED.state_digest() == INITIAL_DIGEST
        assert SHARED.difference() == ()


class Hostile(dict[str, object]):
    def items(self) -> Any:
        raise RuntimeError("never called")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("never compared")

    __hash__ = None


def circle() -> list[object]:
    around: list[object] = []
    around.append(around)
    return around


def deep(levels: int) -> list[object]:
    nested: list[object] = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", Hostile(), 1j, circle(), deep(10_000), (1, 2), lambda: 1, float("nan"), {1: 2}]
)
@pytest.mark.parametrize("name", ["text", "words", "whole", "number", "flag", "either"])
def test_what_is_no_json_is_refused(environment: Environment, name: str, value: object) -> None:
    for arguments in (value, {name: value}, {value if isinstance(value, (bytes, complex)) else name: value}):
        assert environment.call_tool("echo", arguments).error == "invalid_arguments"


@pytest.mark.parametrize("name", [None, 5, b"echo", ["echo"], {}, object(), "échо", "\0", "echo\0"])
def test_any_tool_name_is_answered(environment: Environment, name: Any) -> None:
    assert environment.call_tool(name, {}).error == "unknown_tool"


@settings(max_examples=60, deadline=None)
@given(st.lists(PLAUSIBLE, max_size=8), st.lists(PLAUSIBLE, max_size=4))
def test_episodes_are_atomic_exact_and_leave_no_trace(first: list[tuple[str, Any]], second: list[tuple[str, Any]]) -> None:
    SHARED.reset()
    for name, arguments in first:
        before = SHARED.state_digest()
        observation = SHARED.call_tool(name, arguments)
        assert observation.ok or SHARED.state_digest() == before
    assert as_sides(SHARED.difference()) == whole_difference(SHARED)
    SHARED.reset()
    assert SHARED.state_digest() == INITIAL_DIGEST
    assert SHARED.difference() == ()
    with Environment.fork(BLUEPRINT) as fresh:
        again = [(SHARED.call_tool(*call), SHARED.state_digest()) for call in second]
        assert again == [(fresh.call_tool(*call), fresh.state_digest()) for call in second]
        assert SHARED.difference() == fresh.difference()


def test_scoring_changes_nothing(environment: Environment) -> None:
    environment.call_tool("cancel_order", {"order_id": 17})
    before = environment.state_digest(), environment.difference()
    first = environment.score("t01")
    assert environment.score("t01") == first
    assert (environment.state_digest(), environment.difference()) == before
    assert environment.call_tool("time_of_day", {}).result["now"] == "2026-03-02 09:00:01"


def test_forks_share_nothing_that_changes(blueprint: Blueprint) -> None:
    with Environment.fork(blueprint) as one, Environment.fork(blueprint) as other:
        digest = other.state_digest()
        assert one.call_tool("cancel_order", {"order_id": 17}).ok
        assert other.state_digest() == digest
        assert other.difference() == ()
        assert other.query("SELECT status FROM initial.orders WHERE id = 17") == [{"status": "pending"}]


def test_difference_tells_whole_rows(environment: Environment) -> None:
    environment.call_tool("set_stock", {"product_id": 3, "stock": 4})
    environment.call_tool("drop_tag", {"code": "sale"})
    tea = {"id": 3, "sku": "T-1", "title": "Tea", "price_cents": 333, "stock": 0, "weight": 0.5}
    assert environment.difference() == (
        RowChange(table="products", key=(3,), before=tea, after={**tea, "stock": 4}),
        RowChange(table="tags", key=("sale",), before={"code": "sale", "label": None}, after=None),
    )


def test_faults_are_kept_apart_and_forgotten_on_reset(environment: Environment) -> None:
    assert environment.call_tool("drop_tag", {"code": "none"}) == Observation(
        None, "environment_error", "The environment failed; this is not your fault."
    )
    assert environment.faults == ["drop_tag: A change touched 0 rows, not 1."]
    environment.reset()
    assert environment.faults == []


def test_a_closed_environment_answers_still(blueprint: Blueprint) -> None:
    environment = Environment.fork(blueprint)
    environment.close()
    assert environment.call_tool("echo", {}).error == "environment_error"


def test_clock_and_user_are_the_worlds() -> None:
    draft = SHOP.model_copy(update={"clock": Clock(start="1999-12-31 23:59:58", step_seconds=3), "me": 2})
    with Environment.fork(Blueprint.of(draft)) as environment:
        assert environment.call_tool("time_of_day", {}).result["tomorrow"] == "2000-01-01"
        assert environment.call_tool("time_of_day", {}).result["stamp"] == "2000-01-01 00:00:01"
        assert [order["id"] for order in environment.call_tool("list_orders", {}).result] == [19]
        environment.reset()
        assert environment.call_tool("time_of_day", {}).result["now"] == "1999-12-31 23:59:58"


@pytest.mark.parametrize("start", ["", "2026-03-02", "tomorrow", "2026-13-01 00:00:00"])
def test_a_clock_that_cannot_start_is_told(start: str) -> None:
    with pytest.raises(InvalidInput, match="clock"):
        Blueprint.of(SHOP.model_copy(update={"clock": Clock(start=start)}))


def test_a_broken_schema_raises_and_an_empty_world_runs() -> None:
    with pytest.raises(StatementFailed):
        Blueprint.of(SHOP.model_copy(update={"schema_sql": "CREATE TABEL x (y)"}))
    empty = SHOP.model_copy(update={"schema_sql": "", "seed_sql": "", "tools": (), "tasks": ()})
    with Environment.fork(Blueprint.of(empty)) as environment:
        assert environment.list_tools() == []
        assert environment.difference() == ()
        assert environment.call_tool("anything", {}).error == "unknown_tool"


def test_queries_read_and_only_read(environment: Environment) -> None:
    assert environment.query("SELECT id, name FROM users WHERE id = :id", {"id": 2}) == [{"id": 2, "name": "Bo"}]
    assert environment.query("SELECT id FROM users WHERE FALSE") == []
    assert environment.query("SELECT x'00ff' AS b, :me AS me") == [{"b": {"blob": "00ff"}, "me": 1}]
    assert environment.query("SELECT name FROM pragma_table_info('tags')") == [{"name": "code"}, {"name": "label"}]
    for sql in ("DELETE FROM users", "SELECT missing FROM users", "SELECT :unbound", "INSERT INTO tags VALUES ('a', 'b') RETURNING code"):
        with pytest.raises(InvalidInput):
            environment.query(sql)
    assert environment.difference() == ()


def test_an_unknown_task_is_told(environment: Environment) -> None:
    with pytest.raises(UnknownName, match="no task 't99'"):
        environment.score("t99")


def test_threads_share_a_blueprint() -> None:
    blueprint = Blueprint.of(SHOP)
    barrier = threading.Barrier(8)

    def episode(number: int) -> tuple[str, str]:
        barrier.wait(timeout=60)
        with Environment.fork(blueprint) as environment:
            for _ in range(number):
                environment.call_tool("do_nothing", {})
            environment.reset()
            for _ in range(20):
                environment.call_tool("place_order", {"items": [{"product_id": 2, "quantity": 1}]})
            digest = environment.state_digest()
            environment.reset()
            environment.call_tool("cancel_order", {"order_id": 17})
            return digest, environment.score("t01").outcome

    with ThreadPoolExecutor(8) as pool:
        results = set(pool.map(episode, range(8)))
    assert len(results) == 1
    assert results.pop()[1] == "completed"
