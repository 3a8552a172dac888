"""Catalog, total orders, lineage, result types: what is derived from SQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.toolset import Query, Return, Tool
from artifacts.world import Draft
from tasks.sql.lineage import given_columns, links_of, tool_graph, usage_of
from tasks.sql.ordering import missing_from_order
from tasks.sql.result_types import with_types
from tasks.sql.scratch import catalog_of, describe

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE,
  active INTEGER NOT NULL CHECK (active IN (0, 1)), meta TEXT CHECK (json_valid(meta)));
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id), created_at TEXT,
  status TEXT CHECK (status IN ('open', 'shut')),
  weight REAL CHECK (weight > 0), size INTEGER CHECK (size BETWEEN 1 AND 9));
CREATE TABLE items (order_id INTEGER REFERENCES orders, line INTEGER, product TEXT, qty INTEGER, PRIMARY KEY (order_id, line));
CREATE VIEW docs AS SELECT o.id, o.user_id, o.created_at, u.name,
  (SELECT json_group_array(json_object('line', i.line) ORDER BY i.line) FROM items i WHERE i.order_id = o.id) AS items
  FROM orders o JOIN users u ON u.id = o.user_id;
CREATE VIEW totals AS SELECT order_id, sum(qty) AS n FROM items GROUP BY order_id;
"""


def test_catalog_reads_keys_checks_and_views() -> None:
    catalog = catalog_of(SCHEMA)
    orders = catalog.tables["orders"]
    assert orders.primary_key == ("id",)
    assert orders.parent_of("user_id") == ("users", "id")
    assert catalog.tables["items"].foreign_keys[0].parent_columns == ("id",)
    assert catalog.tables["items"].keys == (("order_id", "line"),)
    assert catalog.tables["users"].keys == (("id",), ("email",))
    assert orders.columns["status"].choices == ("open", "shut")
    assert (orders.columns["size"].least, orders.columns["size"].most) == (1, 9)
    assert set(catalog.views) == {"docs", "totals"}
    assert catalog.column("DOCS", "Name") is not None


TOTAL = [
    (True, "SELECT * FROM orders ORDER BY created_at, id"),
    (False, "SELECT * FROM orders ORDER BY created_at"),
    (False, "SELECT * FROM orders"),
    (True, "SELECT o.id, u.name FROM orders o JOIN users u ON u.id = o.user_id WHERE u.id = :me ORDER BY o.created_at DESC, o.id"),
    (False, "SELECT o.id, i.line FROM orders o JOIN items i ON i.order_id = o.id ORDER BY o.id"),
    (True, "SELECT o.id, i.line FROM orders o JOIN items i ON i.order_id = o.id ORDER BY o.id, i.line"),
    (True, "SELECT i.line FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id = :order_id ORDER BY i.line"),
    (True, "SELECT status, count(*) AS n FROM orders GROUP BY status ORDER BY n, status"),
    (False, "SELECT status, count(*) AS n FROM orders GROUP BY status ORDER BY n"),
    (True, "SELECT DISTINCT status FROM orders ORDER BY status"),
    (False, "SELECT DISTINCT status, user_id FROM orders ORDER BY status"),
    (True, "SELECT * FROM docs ORDER BY created_at, id"),
    (False, "SELECT * FROM docs ORDER BY created_at"),
    (True, "SELECT * FROM totals ORDER BY order_id"),
    (True, "SELECT strftime('%Y-%m', created_at) AS month, count(*) FROM orders GROUP BY month ORDER BY month"),
    (
        True,
        "SELECT u.name, count(o.id) AS n FROM users u LEFT JOIN orders o ON o.user_id = u.id GROUP BY u.id ORDER BY n, u.id",
    ),
    (True, "SELECT o.id FROM json_each(:ids) j JOIN orders o ON o.id = j.value ORDER BY j.key"),
    (
        True,
        "WITH x AS (SELECT user_id, 1 AS n FROM orders GROUP BY user_id) SELECT * FROM x JOIN users u ON u.id = user_id ORDER BY u.email",
    ),
    (True, "SELECT count(*) FROM orders"),
    (True, "SELECT id FROM orders UNION SELECT id FROM users ORDER BY 1"),
    (False, "SELECT id FROM orders UNION SELECT id FROM users"),
    (True, "SELECT id, name FROM users ORDER BY 2 COLLATE NOCASE, 1"),
    (False, "SELECT u.id FROM users u, orders o ORDER BY u.id"),
]


@pytest.mark.parametrize(("total", "sql"), TOTAL)
def test_total_orders_are_told_from_partial_ones(total: bool, sql: str) -> None:
    assert (not missing_from_order(sql, SCHEMA)) is total


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT * FROM orders ORDER BY created_at", ("orders.id",)),
        ("SELECT u.id FROM users u LEFT JOIN orders o ON o.user_id = u.id ORDER BY u.name, u.id", ("o.id",)),
        ("SELECT o.id, u.name FROM orders o JOIN users u ON u.id = o.user_id ORDER BY o.size", ("o.id",)),
        ("SELECT o.id, i.line FROM orders o JOIN items i ON i.order_id = o.id ORDER BY o.id", ("i.line",)),
        ("SELECT u.id, j.key FROM users u, json_each(:ids) j ORDER BY u.id", ("j.key",)),
        ("SELECT status, size, count(*) FROM orders GROUP BY status, size ORDER BY size", ("status",)),
    ],
)
def test_what_an_order_lacks_is_named(sql: str, missing: tuple[str, ...]) -> None:
    assert missing_from_order(sql, SCHEMA) == missing


@pytest.mark.parametrize(
    ("sql", "links"),
    [
        (
            "SELECT 1 FROM orders WHERE id = :order_id AND size > :least",
            {("order_id", "", "orders", "id", "equals"), ("least", "", "orders", "size", "compares")},
        ),
        ("SELECT 1 FROM users u WHERE lower(u.email) = lower(:email)", {("email", "", "users", "email", "equals")}),
        ("SELECT 1 FROM docs WHERE name LIKE '%' || :q || '%'", {("q", "", "users", "name", "compares")}),
        ("SELECT 1 FROM orders WHERE id IN (SELECT value FROM json_each(:ids))", {("ids", "[]", "orders", "id", "equals")}),
        ("SELECT 1 FROM json_each(:ids) j JOIN orders o ON o.id = j.value", {("ids", "[]", "orders", "id", "equals")}),
        (
            "UPDATE orders SET status = :status WHERE id = :id",
            {("status", "", "orders", "status", "set"), ("id", "", "orders", "id", "equals")},
        ),
        (
            "INSERT INTO items (order_id, product) VALUES (:order_id, trim(:what))",
            {("order_id", "", "items", "order_id", "insert"), ("what", "", "items", "product", "insert")},
        ),
        (
            "INSERT INTO items (order_id, qty) SELECT :o, value ->> '$.qty' FROM json_each(:lines)",
            {("o", "", "items", "order_id", "insert"), ("lines", "[].qty", "items", "qty", "insert")},
        ),
    ],
)
def test_parameters_are_linked_to_columns(sql: str, links: set[tuple[str, ...]]) -> None:
    assert {tuple(link) for link in links_of(sql, SCHEMA)} == links


def test_results_are_traced_through_views_and_json() -> None:
    given = given_columns("SELECT d.id, d.items, upper(d.name) AS name FROM docs d", SCHEMA)
    assert {("orders", "id"), ("items", "line"), ("users", "name")} <= given


def test_what_a_tool_does_is_derived(shop: Draft) -> None:
    by_name = {tool.name: usage_of(tool, shop.schema_sql) for tool in shop.tools}
    cancel = by_name["cancel_order"]
    assert cancel.writes == ("orders", "products")
    assert set(cancel.mutates) == {("orders", "status"), ("orders", "updated_at"), ("products", "stock")}
    assert ("orders", "total_cents") in cancel.reads
    assert by_name["list_orders"].only_reads


def test_triggers_count_as_writes(library: Draft) -> None:
    borrow = next(usage_of(tool, library.schema_sql) for tool in library.tools if tool.name == "borrow_book")
    assert borrow.writes == ("holds", "loans")


def test_the_graph_says_which_result_feeds_which_parameter(shop: Draft, library: Draft) -> None:
    graph = tool_graph(shop.tools, shop.schema_sql)
    assert graph.edges["list_orders", "cancel_order"]["feeds"] == ("order_id",)
    assert not graph.has_edge("list_products", "cancel_order")
    assert tool_graph(library.tools, library.schema_sql).edges["my_loans", "return_books"]["feeds"] == ("loan_ids[]",)


def typed(sql: str, shape: str = "one", parameters: dict[str, object] | None = None) -> dict[str, str]:
    step = Return.model_validate({"return": sql, "shape": shape})
    tool = Tool(name="a_tool", description="x", parameters={"type": "object", "properties": parameters or {}}, program=(step,))
    last = with_types(tool, SCHEMA).program[-1]
    assert isinstance(last, Return)
    return dict(last.types)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("u.id", "integer"),
        ("u.name", "text"),
        ("u.active", "boolean"),
        ("u.meta", "json"),
        ("o.weight", "real"),
        ("o.weight * 2", "real"),
        ("o.size + 1", "integer"),
        ("o.size > 3", "boolean"),
        ("NOT u.active", "boolean"),
        ("EXISTS (SELECT 1 FROM items)", "boolean"),
        ("(SELECT count(*) FROM items)", "integer"),
        ("COALESCE(SUM(o.size), 0)", "integer"),
        ("AVG(o.size)", "real"),
        ("MAX(o.created_at)", "text"),
        ("ROUND(o.weight, 1)", "real"),
        ("u.name || '!'", "text"),
        ("json_object('a', 1)", "json"),
        ("(SELECT items FROM docs d WHERE d.id = o.id)", "json"),
        ("CAST(u.name AS INTEGER)", "integer"),
        ("CASE WHEN u.active THEN 'yes' ELSE 'no' END", "text"),
        ("CASE WHEN o.size > 3 THEN 1 ELSE 0 END", "integer"),
        ("date(o.created_at, '+1 day')", "text"),
        (":days", "integer"),
        (":me", "integer"),
        (":today", "text"),
        ("length(u.name)", "integer"),
        ("COUNT(*) OVER ()", "integer"),
        ("iif(u.active, 1.5, 2)", "real"),
        ("NULL", None),
        ("json_extract(u.meta, '$.a')", None),
        ("u.name + 1", None),
    ],
)
def test_result_types(expression: str, kind: str | None) -> None:
    found = typed(f"SELECT {expression} AS x FROM users u JOIN orders o ON o.user_id = u.id", parameters={"days": {"type": "integer"}})
    assert found == ({} if kind is None else {"x": kind})


def test_types_of_values_and_named_queries_and_stars() -> None:
    assert typed("SELECT COUNT(*) FROM users", "value") == {"value": "integer"}
    assert typed("SELECT * FROM docs", "many")["items"] == "json"
    step = Return.model_validate({"return": {"who": {"query": "SELECT active FROM users WHERE id = :me", "shape": "one"}}})
    tool = Tool(name="a_tool", description="x", parameters={"type": "object"}, program=(step,))
    last = with_types(tool, SCHEMA).program[-1]
    assert isinstance(last, Return)
    assert isinstance(last.returns, dict)
    assert last.returns["who"] == Query(query="SELECT active FROM users WHERE id = :me", shape="one", types={"active": "boolean"})


def test_a_bound_name_has_the_type_of_its_column(patched: Callable[..., Draft]) -> None:
    draft = patched("shop")
    cancel = next(tool for tool in draft.tools if tool.name == "cancel_order")
    last = with_types(cancel, draft.schema_sql).program[-1]
    assert isinstance(last, Return)
    assert last.types == {"id": "integer", "status": "text", "refunded_cents": "integer"}


def test_sqlite_says_what_a_statement_reads_and_writes() -> None:
    found = describe(SCHEMA, "UPDATE orders SET size = 1 WHERE id = :id")
    assert found.writes == {("update", "orders", "size")}
    assert describe(SCHEMA, "SELECT nme FROM users").error == "no such column: nme"
    assert describe(SCHEMA, 'SELECT "open"').error.startswith('no such column: "open"')
    assert not describe(SCHEMA, "SELECT count(*) FROM final.users f JOIN initial.users i ON i.id = f.id", check=True).error
