"""A small shop that uses every feature of worlds; the conformance cases run on it."""

from __future__ import annotations

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft

SCHEMA = """
-- people; the first is signed in
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, is_staff INTEGER NOT NULL DEFAULT 0,
  mentor_id INTEGER REFERENCES users(id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE products (
  id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
  price_cents INTEGER NOT NULL CHECK (price_cents >= 0), stock INTEGER NOT NULL CONSTRAINT stock_is_not_negative CHECK (stock >= 0),
  weight REAL
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL REFERENCES users(id),
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'shipped', 'cancelled')),
  total_cents INTEGER NOT NULL, note TEXT,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TEXT
);
CREATE TABLE order_items (
  order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE, line INTEGER NOT NULL,
  product_id INTEGER NOT NULL REFERENCES products(id), quantity INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, line)
);
CREATE TABLE tags (code TEXT PRIMARY KEY, label TEXT);
CREATE TABLE journal (entry TEXT NOT NULL);
CREATE INDEX orders_by_user ON orders(user_id, status);
CREATE VIEW order_docs AS
  SELECT o.id, o.user_id, json_object('id', o.id, 'status', o.status, 'items', json((
    SELECT json_group_array(json_object('sku', p.sku, 'quantity', i.quantity) ORDER BY i.line)
    FROM order_items i JOIN products p ON p.id = i.product_id WHERE i.order_id = o.id))) AS doc
  FROM orders o;
CREATE TRIGGER orders_touch AFTER UPDATE OF status ON orders BEGIN
  INSERT INTO journal (entry) VALUES (CASE WHEN new.status = 'cancelled' THEN 'cancelled ' ELSE 'changed ' END || new.id);
END;
CREATE TRIGGER no_free_lunch BEFORE INSERT ON orders WHEN new.total_cents = 13 BEGIN
  SELECT RAISE(ABORT, 'Thirteen cents bring bad luck.');
END
"""

SEED = """
INSERT INTO users VALUES (1, 'Ann; O''Hara', 'ann@example.org', 0, NULL), (2, 'Bo', 'bo@example.org', 1, NULL);
INSERT INTO products VALUES (1, 'K-1', 'Blue kettle', 2450, 5, 1.25), (2, 'M-1', 'Mug', 900, 12, NULL), (3, 'T-1', 'Tea', 333, 0, 0.5);
INSERT INTO orders (id, user_id, status, total_cents, created_at) VALUES
  (17, 1, 'pending', 5800, '2026-02-01 10:00:00'),
  (18, 1, 'shipped', 900, '2026-02-02 10:00:00'), (19, 2, 'pending', 333, '2026-02-03 10:00:00');
INSERT INTO order_items VALUES (17, 1, 1, 2), (17, 2, 2, 1), (18, 1, 2, 1), (19, 1, 3, 1);
INSERT INTO tags VALUES ('new', 'New'), ('sale', NULL);
INSERT INTO journal VALUES ('opened');
"""

ORDER_ID = {"type": "integer", "description": "Id of the order, as list_orders returns it."}
NOTHING = {"type": "object", "additionalProperties": False, "properties": {}}


def takes(required: list[str] | None = None, /, **properties: object) -> dict[str, object]:
    """The parameters of a tool; all are required unless a list says which."""
    names = list(properties) if required is None else required
    return {"type": "object", "additionalProperties": False, "required": names, "properties": properties}


def tool(name: str, parameters: dict[str, object], *program: dict[str, object]) -> Tool:
    """A tool with a description made from its name."""
    return Tool.model_validate({"name": name, "description": name.replace("_", " "), "parameters": parameters, "program": program})


PLACE_ORDER = tool(
    "place_order",
    takes(
        ["items"],
        items={
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["product_id", "quantity"],
                "properties": {"product_id": {"type": "integer"}, "quantity": {"type": "integer", "minimum": 1, "maximum": 99}},
            },
        },
        note={"type": "string", "maxLength": 100},
    ),
    {
        "refuse": "SELECT value->>'product_id' AS missing_id FROM json_each(:items)"
        " WHERE value->>'product_id' NOT IN (SELECT id FROM products)",
        "error": "not_found",
        "message": "There is no product {missing_id}.",
    },
    {
        "let": "SELECT COALESCE(SUM(p.price_cents * (j.value->>'quantity')), 0) AS total FROM json_each(:items) j"
        " JOIN products p ON p.id = j.value->>'product_id'"
    },
    {"run": "INSERT INTO orders (user_id, total_cents, note, updated_at) VALUES (:me, :total, :note, :now)", "expect": 1},
    {"let": "SELECT MAX(id) AS new_id FROM orders"},
    {
        "each": "SELECT key AS position, value->>'product_id' AS product_id, value->>'quantity' AS quantity"
        " FROM json_each(:items) ORDER BY key",
        "do": [
            {
                "require": "SELECT stock FROM products WHERE id = :product_id AND stock >= :quantity",
                "error": "conflict",
                "message": "Product {product_id} has fewer than {quantity} in stock.",
            },
            {"run": "UPDATE products SET stock = stock - :quantity WHERE id = :product_id", "expect": 1},
            {"run": "INSERT INTO order_items VALUES (:new_id, :position + 1, :product_id, :quantity)", "expect": 1},
        ],
    },
    {"return": "SELECT doc FROM order_docs WHERE id = :new_id", "shape": "value", "types": {"value": "json"}},
)

CANCEL_ORDER = tool(
    "cancel_order",
    takes(order_id=ORDER_ID),
    {
        "require": "SELECT status, total_cents FROM orders WHERE id = :order_id AND user_id = :me",
        "error": "not_found",
        "message": "You have no order {order_id}.",
    },
    {"require": "SELECT 1 WHERE :status = 'pending'", "error": "conflict", "message": "Order {order_id} is {status}, not pending."},
    {
        "each": "SELECT product_id, quantity FROM order_items WHERE order_id = :order_id ORDER BY line",
        "do": [{"run": "UPDATE products SET stock = stock + :quantity WHERE id = :product_id", "expect": 1}],
    },
    {"run": "UPDATE orders SET status = 'cancelled', updated_at = :now WHERE id = :order_id", "expect": 1},
    {
        "return": "SELECT id, status, :total_cents AS refunded_cents FROM orders WHERE id = :order_id",
        "shape": "one",
        "types": {"refunded_cents": "integer"},
    },
)

TOOLS = (
    tool(
        "list_orders",
        takes(
            [],
            status={"type": "string", "enum": ["pending", "shipped", "cancelled"]},
            limit={"type": "integer", "minimum": 1, "maximum": 50, "default": 20},
        ),
        {
            "return": "SELECT id, status, total_cents, status = 'pending' AS is_open FROM orders"
            " WHERE user_id = :me AND (:status IS NULL OR status = :status) ORDER BY id LIMIT :limit",
            "shape": "many",
            "types": {"id": "integer", "status": "text", "total_cents": "integer", "is_open": "boolean"},
        },
    ),
    tool(
        "get_order",
        takes(order_id=ORDER_ID),
        {"require": "SELECT user_id FROM orders WHERE id = :order_id", "error": "not_found", "message": "There is no order {order_id}."},
        {
            "return": {
                "order": {"query": "SELECT id, status, total_cents FROM orders WHERE id = :order_id", "shape": "one"},
                "items": {
                    "query": "SELECT product_id, quantity FROM order_items WHERE order_id = :order_id ORDER BY line",
                    "shape": "many",
                },
                "doc": {"query": "SELECT doc FROM order_docs WHERE id = :order_id", "shape": "value", "types": {"value": "json"}},
                "count": {"query": "SELECT COUNT(*) FROM order_items WHERE order_id = :order_id", "shape": "value"},
            }
        },
    ),
    PLACE_ORDER,
    CANCEL_ORDER,
    tool(
        "delete_order",
        takes(order_id=ORDER_ID),
        {
            "require": "SELECT id FROM orders WHERE id = :order_id AND user_id = :me",
            "error": "not_found",
            "message": "No order {order_id}.",
        },
        {"run": "DELETE FROM orders WHERE id = :order_id", "expect": 1},
        {"return": "SELECT :order_id AS deleted_id", "shape": "value", "types": {"value": "integer"}},
    ),
    tool(
        "find_product",
        takes(title={"type": "string", "minLength": 1}),
        {
            "return": "SELECT id, sku, title, price_cents, weight FROM products WHERE title = :title",
            "shape": "one",
            "types": {"weight": "real"},
        },
    ),
    tool(
        "add_user",
        takes(["name"], name={"type": "string"}, email={"type": "string"}, is_staff={"type": "boolean", "default": False}),
        {"run": "INSERT INTO users (name, email, is_staff) VALUES (:name, :email, :is_staff)", "expect": 1},
        {
            "return": "SELECT id, name, is_staff FROM users WHERE id = last_insert_rowid()",
            "shape": "one",
            "types": {"is_staff": "boolean"},
        },
    ),
    tool(
        "set_stock",
        takes(product_id={"type": "integer"}, stock={"type": "integer"}),
        {"run": "UPDATE products SET stock = :stock WHERE id = :product_id"},
        {"return": "SELECT stock FROM products WHERE id = :product_id", "shape": "value"},
    ),
    tool(
        "plain_order",
        takes(user_id={"type": "integer"}, total_cents={"type": "integer"}),
        {"run": "INSERT INTO orders (user_id, total_cents) VALUES (:user_id, :total_cents)", "expect": 1},
        {"return": "SELECT id, created_at, :now AS now, :today AS today FROM orders ORDER BY id DESC LIMIT 1", "shape": "one"},
    ),
    tool(
        "drop_tag",
        takes(code={"type": "string"}),
        {"run": "DELETE FROM tags WHERE code = :code", "expect": 1},
        {"return": "SELECT COUNT(*) FROM tags", "shape": "value"},
    ),
    tool(
        "time_of_day",
        NOTHING,
        {
            "return": "SELECT :now AS now, CURRENT_TIMESTAMP AS stamp, datetime('now') AS clock, date('now', '+1 day') AS tomorrow",
            "shape": "one",
        },
    ),
    tool(
        "echo",
        takes(
            [],
            text={"type": "string"},
            number={"type": "number"},
            whole={"type": "integer"},
            flag={"type": "boolean"},
            day={"type": "string", "format": "date"},
            moment={"type": "string", "format": "date-time"},
            words={"type": "array", "items": {"type": "string"}, "maxItems": 5},
            either={"type": ["string", "integer"]},
        ),
        {
            "return": "SELECT :text AS text, :number AS number, :whole AS whole, :flag AS flag, :day AS day, :moment AS moment,"
            " :words AS words, :either AS either",
            "shape": "one",
            "types": {"flag": "boolean", "words": "json"},
        },
    ),
    tool(
        "count_up",
        takes(limit={"type": "integer"}),
        {"run": "INSERT INTO journal VALUES ('counting')"},
        {
            "return": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :limit) SELECT MAX(i) FROM n",
            "shape": "value",
        },
    ),
    tool(
        "many_rows",
        takes(rows={"type": "integer"}),
        {"run": "INSERT INTO journal VALUES ('listing')"},
        {
            "return": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT i FROM n ORDER BY i",
            "shape": "many",
        },
    ),
    tool(
        "large_text",
        takes(size={"type": "integer"}),
        {"return": "SELECT printf('%' || :size || 's', 'x')", "shape": "value"},
    ),
    tool(
        "large_number",
        takes(number={"type": "number"}),
        {"return": "SELECT :number * 10.0 AS product", "shape": "one"},
    ),
    tool(
        "set_mentor",
        takes(user_id={"type": "integer"}, mentor_id={"type": "integer"}),
        {"run": "UPDATE users SET mentor_id = :mentor_id WHERE id = :user_id", "expect": 1},
        {"return": "SELECT mentor_id FROM users WHERE id = :user_id", "shape": "value"},
    ),
    tool(
        "fill_journal",
        takes(rows={"type": "integer"}),
        {
            "run": "INSERT INTO journal WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
            " SELECT hex(zeroblob(400000)) FROM n"
        },
        {"return": "SELECT COUNT(*) FROM journal", "shape": "value"},
    ),
    tool(
        "each_of",
        takes(rows={"type": "integer"}),
        {
            "each": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT i FROM n ORDER BY i",
            "do": [{"run": "INSERT INTO journal VALUES (:i)", "expect": 1}],
        },
        {"return": "SELECT COUNT(*) FROM journal", "shape": "value"},
    ),
    tool(
        "sum_up",
        takes(whole={"type": "integer"}),
        {"return": "SELECT SUM(j.value) FROM json_each(json_array(:whole, :whole)) AS j", "shape": "value"},
    ),
    tool("last_number", NOTHING, {"return": "SELECT last_insert_rowid()", "shape": "value"}),
    tool("do_nothing", NOTHING, {"return": "SELECT NULL", "shape": "value"}),
)

TASKS = tuple(
    AgentTask.model_validate(task)
    for task in (
        {
            "id": "t01",
            "instruction": "Cancel my pending order for the blue kettle.",
            "kind": "write",
            "solution": [
                {"tool": "list_orders", "arguments": {"status": "pending"}},
                {"tool": "cancel_order", "arguments": {"order_id": {"$ref": "0[0].id"}}},
            ],
            "checks": [
                {"name": "the order is cancelled", "sql": "SELECT status = 'cancelled' FROM final.orders WHERE id = 17"},
                {
                    "name": "stock is back",
                    "sql": "SELECT f.stock = i.stock + 2 FROM final.products f JOIN initial.products i USING (id) WHERE id = 1",
                },
            ],
            "free_columns": ["orders.updated_at"],
        },
        {
            "id": "t02",
            "instruction": "What does the blue kettle cost, in euros?",
            "kind": "read",
            "solution": [{"tool": "find_product", "arguments": {"title": "Blue kettle"}}],
            "answer": [24.5],
        },
        {
            "id": "t03",
            "instruction": "Order two mugs with the note 'gift', and tell me how many mugs are left.",
            "kind": "mixed",
            "solution": [
                {"tool": "find_product", "arguments": {"title": "Mug"}},
                {
                    "tool": "place_order",
                    "arguments": {"items": [{"product_id": {"$ref": "0.id"}, "quantity": 2}], "note": "gift"},
                },
            ],
            "answer": [10],
            "checks": [
                {
                    "name": "there is an order",
                    "sql": "SELECT COUNT(*) = 1 FROM final.orders WHERE note LIKE 'gift' AND user_id = 1 AND id > 19",
                },
                {"name": "ten are left", "sql": "SELECT stock = 10 FROM products WHERE sku = 'M-1'"},
            ],
            "free_columns": ["orders.updated_at", "orders.created_at"],
            "fuzzy_columns": ["orders.note"],
        },
    )
)

SHOP = Draft(
    scenario=Scenario(name="Shop", description="A small shop.", category="Retail"),
    recipe=Recipe(model="none"),
    schema_sql=SCHEMA,
    seed_sql=SEED,
    tools=TOOLS,
    tasks=TASKS,
)
