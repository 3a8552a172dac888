"""The cases, by what they are about."""

from __future__ import annotations

from typing import Any

from containers.conformance.suite import ANYTHING, Case, Expect, Judged

_KETTLE = {"product_id": 1, "quantity": 2}
_NO_ECHO = {"text": None, "number": None, "whole": None, "flag": None, "day": None, "moment": None, "words": None, "either": None}


def _echo(name: str, given: object, bound: Any = ANYTHING) -> Case:
    """One argument comes back as it was bound."""
    wanted = given if bound is ANYTHING else bound
    return Case(f"{name} {str(given)[:30]!r} comes back", (Expect("echo", {name: given}, {**_NO_ECHO, name: wanted}),))


def _wrong(label: str, arguments: object, says: str, tool: str = "echo", over_json: bool = True) -> Case:
    """Arguments that are refused before any statement runs."""
    return Case(f"refused: {label}", (Expect(tool, arguments, error="invalid_arguments", says=says),), over_json=over_json)


def _fails(label: str, tool: str, arguments: object, error: str, says: str = "") -> Case:
    """A single call that fails."""
    return Case(label, (Expect(tool, arguments, error=error, says=says),))


def _gives(label: str, tool: str, arguments: object, result: Any) -> Case:
    """A single call that succeeds."""
    return Case(label, (Expect(tool, arguments, result),))


READING = (
    _gives(
        "many gives typed objects in order",
        "list_orders",
        {},
        [
            {"id": 17, "status": "pending", "total_cents": 5800, "is_open": True},
            {"id": 18, "status": "shipped", "total_cents": 900, "is_open": False},
        ],
    ),
    _gives("a default fills an absent argument", "list_orders", {"limit": 1}, [ANYTHING]),
    _gives("an enum value selects", "list_orders", {"status": "shipped"}, [ANYTHING]),
    _gives("many gives an empty list", "list_orders", {"status": "cancelled"}, []),
    _gives("null stands for an absent optional argument", "list_orders", {"status": None}, [ANYTHING, ANYTHING]),
    _gives("one gives null where there is no row", "find_product", {"title": "Sofa"}, None),
    _gives(
        "one gives an object, whole reals as reals",
        "find_product",
        {"title": "Blue kettle"},
        {"id": 1, "sku": "K-1", "title": "Blue kettle", "price_cents": 2450, "weight": 1.25},
    ),
    _gives("NULL is null", "find_product", {"title": "Mug"}, {"id": 2, "sku": "M-1", "title": "Mug", "price_cents": 900, "weight": None}),
    _gives("value gives null", "do_nothing", {}, None),
    _gives("no arguments at all are an empty object", "do_nothing", None, None),
    _gives(
        "named queries nest",
        "get_order",
        {"order_id": 18},
        {
            "order": {"id": 18, "status": "shipped", "total_cents": 900},
            "items": [{"product_id": 2, "quantity": 1}],
            "doc": {"id": 18, "status": "shipped", "items": [{"sku": "M-1", "quantity": 1}]},
            "count": 1,
        },
    ),
    _gives("a count is a value", "count_up", {"limit": 1000}, 1000),
    _fails("require fails with its message filled", "get_order", {"order_id": 404}, "not_found", "There is no order 404."),
    _fails("an unknown tool", "no_such_tool", {}, "unknown_tool", "There is no tool 'no_such_tool'."),
    _fails("an empty tool name", "", {}, "unknown_tool"),
    _fails("a tool name with SQL", "x'; DROP TABLE users; --", {}, "unknown_tool"),
    _fails("a tool name of a million letters", "a" * 1_000_000, {}, "unknown_tool"),
)

CHANGING = (
    _gives(
        "each puts stock back, run changes the order",
        "cancel_order",
        {"order_id": 17},
        {"id": 17, "status": "cancelled", "refunded_cents": 5800},
    ),
    Case(
        "a change is seen by later calls",
        (Expect("cancel_order", {"order_id": 17}), Expect("list_orders", {"status": "cancelled"}, [ANYTHING])),
    ),
    Case(
        "a bound row tells why a second call fails",
        (
            Expect("cancel_order", {"order_id": 17}),
            Expect("cancel_order", {"order_id": 17}, error="conflict", says="Order 17 is cancelled, not pending."),
        ),
    ),
    _fails("another user's order is not there", "cancel_order", {"order_id": 19}, "not_found", "You have no order 19."),
    _gives(
        "let binds, each follows the list's order",
        "place_order",
        {"items": [{"product_id": 2, "quantity": 1}, _KETTLE], "note": "gift"},
        {"id": 20, "status": "pending", "items": [{"sku": "M-1", "quantity": 1}, {"sku": "K-1", "quantity": 2}]},
    ),
    _fails(
        "refuse names the offender",
        "place_order",
        {"items": [_KETTLE, {"product_id": 99, "quantity": 1}]},
        "not_found",
        "There is no product 99.",
    ),
    _fails(
        "a failure inside each undoes the whole call",
        "place_order",
        {"items": [_KETTLE, {"product_id": 3, "quantity": 1}]},
        "conflict",
        "Product 3 has fewer than 1 in stock.",
    ),
    Case(
        "rows of one list see each other's changes",
        (Expect("place_order", {"items": [_KETTLE, _KETTLE, _KETTLE]}, error="conflict", says="Product 1 has fewer than 2"),),
    ),
    Case(
        "a failed call does not use up a number",
        (
            Expect("place_order", {"items": [_KETTLE, {"product_id": 3, "quantity": 1}]}, error="conflict"),
            Expect(
                "plain_order", {"user_id": 1, "total_cents": 5}, {"id": 20, "created_at": ANYTHING, "now": ANYTHING, "today": "2026-03-02"}
            ),
        ),
    ),
    Case(
        "a call does not see the last number of an earlier one",
        (Expect("last_number", {}, 0), Expect("add_user", {"name": "Cy", "email": "cy@x.org"}), Expect("last_number", {}, 0)),
    ),
    _gives("a deletion cascades", "delete_order", {"order_id": 17}, 17),
    _gives(
        "a boolean default binds as 0 and comes back as false",
        "add_user",
        {"name": "Cy", "email": "cy@x.org"},
        {"id": 3, "name": "Cy", "is_staff": False},
    ),
    _gives(
        "a boolean comes back as true",
        "add_user",
        {"name": "Cy", "email": "c", "is_staff": True},
        {"id": 3, "name": "Cy", "is_staff": True},
    ),
    _gives("a change of no row without expect is fine", "set_stock", {"product_id": 404, "stock": 1}, None),
    _fails("expect unmet is the environment's fault", "drop_tag", {"code": "none"}, "environment_error"),
    _fails("unique", "add_user", {"name": "x", "email": "bo@example.org"}, "constraint", "unique: another row already has this email."),
    _fails("not null", "add_user", {"name": "x"}, "constraint", "not null: email must have a value."),
    _fails(
        "check by constraint name", "set_stock", {"product_id": 1, "stock": -1}, "constraint", "check: the value of stock is not allowed."
    ),
    _fails("foreign key", "plain_order", {"user_id": 99, "total_cents": 1}, "constraint", "foreign key: "),
    _fails("a trigger's own rule", "plain_order", {"user_id": 1, "total_cents": 13}, "constraint", "rule: Thirteen cents bring bad luck."),
    _fails("a deferred foreign key", "set_mentor", {"user_id": 1, "mentor_id": 99}, "constraint", "foreign key: "),
    _gives("a deferred foreign key that holds", "set_mentor", {"user_id": 1, "mentor_id": 2}, 2),
)

TIME = (
    Case(
        "the clock starts at its start and advances a second a call, failures included",
        (
            Expect(
                "time_of_day",
                {},
                {"now": "2026-03-02 09:00:00", "stamp": "2026-03-02 09:00:00", "clock": "2026-03-02 09:00:00", "tomorrow": "2026-03-03"},
            ),
            Expect("no_such_tool", {}, error="unknown_tool"),
            Expect("time_of_day", {"x": 1}, error="invalid_arguments"),
            Expect(
                "time_of_day",
                {},
                {"now": "2026-03-02 09:00:03", "stamp": "2026-03-02 09:00:03", "clock": "2026-03-02 09:00:03", "tomorrow": "2026-03-03"},
            ),
        ),
    ),
    Case(
        "a column's default reads the world's clock",
        (
            Expect("do_nothing", {}),
            Expect(
                "plain_order",
                {"user_id": 1, "total_cents": 5},
                {"id": 20, "created_at": "2026-03-02 09:00:01", "now": "2026-03-02 09:00:01", "today": "2026-03-02"},
            ),
        ),
    ),
)

ECHOES = (
    _echo("text", "plain"),
    _echo("text", ""),
    _echo("text", "'; DROP TABLE orders; --"),
    _echo("text", '" OR 1=1 --'),
    _echo("text", "{order_id} :me ? %s"),
    _echo("text", "line\nbreak\ttab"),
    _echo("text", "Zürich 東京 🚲 e\u0301"),
    _echo("text", "\u202eright to left"),
    _echo("text", "x" * 20_000),
    _echo("number", 1.5),
    _echo("number", 3),
    _echo("number", -0.0),
    _echo("number", 1e300),
    _echo("whole", 2**63 - 1),
    _echo("whole", -(2**63)),
    _echo("whole", 7.0, 7),
    _echo("flag", True),
    _echo("flag", False),
    _echo("day", "2028-02-29"),
    _echo("moment", "2026-03-02 09:00:00"),
    _echo("moment", "2026-03-02T09:00Z", "2026-03-02 09:00:00"),
    _echo("words", []),
    _echo("words", ["a", 'quote " and \\', "é"]),
    _echo("either", "text"),
    _echo("either", 5),
    _echo("text", None),
)

WRONG = (
    _wrong("arguments that are a list", [], "must be one JSON object"),
    _wrong("arguments that are text", '{"text": "x"}', "must be one JSON object"),
    _wrong("arguments that are a number", 5, "must be one JSON object"),
    _wrong("an unknown argument", {"colour": "red"}, "There is no argument 'colour'"),
    _wrong("an empty argument name", {"": 1}, "There is no argument ''"),
    _wrong("a reserved name", {"me": 2}, "There is no argument 'me'"),
    _wrong("a missing argument", {}, "The argument 'order_id' is missing.", "get_order"),
    _wrong("null for a required argument", {"order_id": None}, "'order_id' must be an integer.", "get_order"),
    _wrong("text for an integer", {"order_id": "17"}, "'order_id' must be an integer.", "get_order"),
    _wrong("a boolean for an integer", {"order_id": True}, "'order_id' must be an integer.", "get_order"),
    _wrong("a fraction for an integer", {"order_id": 1.5}, "'order_id' must be an integer.", "get_order"),
    _wrong("a list for an integer", {"order_id": [17]}, "'order_id' must be an integer.", "get_order"),
    _wrong("an object for an integer", {"order_id": {"$ref": "0"}}, "'order_id' must be an integer.", "get_order"),
    _wrong("2**63", {"whole": 2**63}, "'whole' must fit in 64 bits."),
    _wrong("-2**63 - 1", {"whole": -(2**63) - 1}, "'whole' must fit in 64 bits."),
    _wrong("10**400", {"whole": 10**400}, "'whole' must fit in 64 bits."),
    _wrong("a huge whole number", {"number": 10**400}, "'number' must fit in 64 bits."),
    _wrong("1e300 for an integer", {"whole": 1e300}, "'whole' must be an integer."),
    _wrong("NaN", {"number": float("nan")}, "must be a finite number", over_json=False),
    _wrong("infinity", {"number": float("inf")}, "must be a finite number", over_json=False),
    _wrong("text for a number", {"number": "1"}, "'number' must be a finite number."),
    _wrong("a boolean for a number", {"number": False}, "'number' must be a finite number."),
    _wrong("a number for text", {"text": 5}, "'text' must be text."),
    _wrong("a boolean for text", {"text": True}, "'text' must be text."),
    _wrong("a number for a boolean", {"flag": 1}, "'flag' must be true or false."),
    _wrong("text for a boolean", {"flag": "true"}, "'flag' must be true or false."),
    _wrong("NUL in text", {"text": "a\0b"}, "a character that is not allowed"),
    _wrong("half a surrogate pair", {"text": "\ud800"}, "a character that is not allowed"),
    _wrong("a megabyte of text", {"text": "x" * 1_000_000}, "at most 20000 characters"),
    _wrong("text that is too short", {"title": ""}, "at least 1 characters", "find_product"),
    _wrong("a value outside the enum", {"status": "lost"}, "must be one of 'pending', 'shipped', 'cancelled'", "list_orders"),
    _wrong("a value of another case than the enum's", {"status": "Pending"}, "must be one of", "list_orders"),
    _wrong("below the minimum", {"limit": 0}, "'limit' must be at least 1.", "list_orders"),
    _wrong("above the maximum", {"limit": 51}, "'limit' must be at most 50.", "list_orders"),
    _wrong("a day that does not exist", {"day": "2026-02-30"}, "must be a date written YYYY-MM-DD"),
    _wrong("a day in words", {"day": "tomorrow"}, "must be a date written YYYY-MM-DD"),
    _wrong("a day with other digits", {"day": "２０２６-03-02"}, "must be a date written YYYY-MM-DD"),
    _wrong("a time that does not exist", {"moment": "2026-03-02 25:00:00"}, "must be a date and time"),
    _wrong("a day for a time", {"moment": "2026-03-02"}, "must be a date and time"),
    _wrong("text for a list", {"words": "a"}, "'words' must be a list."),
    _wrong("a list that is too long", {"words": ["a"] * 6}, "'words' must have 0 to 5 items."),
    _wrong("a list item of a wrong type", {"words": ["a", 1]}, "'words[1]' must be text."),
    _wrong("a list item with NUL", {"words": ["\0"]}, "'words[0]' holds a character that is not allowed."),
    _wrong("neither of two types", {"either": 1.5}, "'either' must be"),
    _wrong("no items", {"items": []}, "'items' must have 1 to 20 items.", "place_order"),
    _wrong("an item without its fields", {"items": [{}]}, "'items[0].product_id' is missing.", "place_order"),
    _wrong("an item with another field", {"items": [{**_KETTLE, "price": 0}]}, "'items[0]' has no 'price'", "place_order"),
    _wrong("an item that is no object", {"items": [1]}, "'items[0]' must be an object.", "place_order"),
    _wrong(
        "a wrong type inside an item",
        {"items": [{"product_id": "1", "quantity": 1}]},
        "'items[0].product_id' must be an integer.",
        "place_order",
    ),
    _wrong(
        "too much inside an item", {"items": [{"product_id": 1, "quantity": 100}]}, "'items[0].quantity' must be at most 99.", "place_order"
    ),
)

BOUNDS = (
    _fails("a recursion that never ends", "count_up", {"limit": 2**62}, "too_large", "too many steps"),
    _fails("a change that never ends", "fill_journal", {"rows": 2**62}, "too_large"),
    Case(
        "a change that never ends leaves earlier calls done",
        (
            Expect("cancel_order", {"order_id": 17}),
            Expect("fill_journal", {"rows": 2**62}, error="too_large"),
            Expect("list_orders", {"status": "cancelled"}, [ANYTHING]),
            Expect(
                "plain_order",
                {"user_id": 1, "total_cents": 5},
                {"id": 20, "created_at": "2026-03-02 09:00:03", "now": ANYTHING, "today": ANYTHING},
            ),
        ),
    ),
    _fails("a result of too many rows", "many_rows", {"rows": 1_001}, "too_large", "ask for less"),
    Case("a result of many rows", (Expect("many_rows", {"rows": 1_000}),)),
    _fails("a value that is too large", "large_text", {"size": 2**31 - 1}, "too_large"),
    _fails("a text that is too large", "large_text", {"size": 600_000}, "too_large"),
    _fails("a number that becomes infinite", "large_number", {"number": 1.7e308}, "too_large"),
    _fails("a sum that overflows", "sum_up", {"whole": 2**63 - 1}, "too_large"),
    _fails("too many rows for each", "each_of", {"rows": 1_001}, "too_large"),
    Case("many rows for each", (Expect("each_of", {"rows": 1_000}, 1_001),)),
)

SCORING = (
    Case("nothing done scores 0 on a write task", (), Judged("t01", None, "agent_error", (0, 4))),
    Case(
        "the reference completes",
        (Expect("list_orders", {"status": "pending"}), Expect("cancel_order", {"order_id": 17})),
        Judged("t01", None, "completed", (0, 0)),
    ),
    Case(
        "another way completes too",
        (Expect("cancel_order", {"order_id": 17}), Expect("do_nothing", {})),
        Judged("t01", "done", "completed", (0, 0)),
    ),
    Case(
        "a change beside the task is collateral",
        (Expect("cancel_order", {"order_id": 17}), Expect("set_stock", {"product_id": 3, "stock": 9})),
        Judged("t01", None, "partial", (1, 0)),
    ),
    Case(
        "only a wrong change is the agent's error",
        (Expect("set_stock", {"product_id": 3, "stock": 9}),),
        Judged("t01", None, "agent_error", (1, 4)),
    ),
    Case("half of the work is partial", (Expect("set_stock", {"product_id": 1, "stock": 7}),), Judged("t01", None, "partial", (0, 3))),
    Case(
        "a change taken back is none",
        (
            Expect("set_stock", {"product_id": 3, "stock": 9}),
            Expect("set_stock", {"product_id": 3, "stock": 0}),
            Expect("cancel_order", {"order_id": 17}),
        ),
        Judged("t01", None, "completed", (0, 0)),
    ),
    Case("no answer to a question", (), Judged("t02", None, "agent_error", (0, 0))),
    Case("an empty answer to a question", (), Judged("t02", "", "agent_error", (0, 0))),
    Case("a right answer", (Expect("find_product", {"title": "Blue kettle"}),), Judged("t02", "It costs €24.50.", "completed", (0, 0))),
    Case("a right answer as a number", (), Judged("t02", 24.5, "completed", (0, 0))),
    Case("a wrong answer", (), Judged("t02", "It costs 25.40", "agent_error", (0, 0))),
    Case("a right answer with a change beside it", (Expect("drop_tag", {"code": "sale"}, 1),), Judged("t02", "24.50", "partial", (1, 0))),
    Case(
        "work and answer, the note fuzzy",
        (Expect("place_order", {"items": [{"product_id": 2, "quantity": 2}], "note": " GIFT "}),),
        Judged("t03", "10 mugs are left", "partial", (0, 0)),
    ),
    Case(
        "work and answer",
        (Expect("place_order", {"items": [{"product_id": 2, "quantity": 2}], "note": "Gift"}),),
        Judged("t03", "10 mugs are left", "completed", (0, 0)),
    ),
    Case(
        "work without its answer",
        (Expect("place_order", {"items": [{"product_id": 2, "quantity": 2}], "note": "gift"}),),
        Judged("t03", None, "partial", (0, 0)),
    ),
    Case("an answer without its work", (), Judged("t03", "10", "partial", (0, 3))),
    Case(
        "new rows match under another number",
        (
            Expect("place_order", {"items": [{"product_id": 1, "quantity": 1}]}),
            Expect("delete_order", {"order_id": 20}),
            Expect("set_stock", {"product_id": 1, "stock": 5}),
            Expect(
                "place_order",
                {"items": [{"product_id": 2, "quantity": 2}], "note": "gift"},
                {"id": 21, "status": "pending", "items": [ANYTHING]},
            ),
        ),
        Judged("t03", "10", "completed", (0, 0)),
    ),
    Case(
        "a second order is collateral",
        (
            Expect("place_order", {"items": [{"product_id": 2, "quantity": 2}], "note": "gift"}),
            Expect("place_order", {"items": [{"product_id": 1, "quantity": 1}], "note": "also"}),
        ),
        Judged("t03", "10", "partial", (3, 0)),
    ),
    Case(
        "the environment's fault is not the agent's",
        (Expect("drop_tag", {"code": "none"}, error="environment_error"),),
        Judged("t02", "24.50", "environment_error", (0, 0)),
    ),
)

CASES: tuple[Case, ...] = READING + CHANGING + TIME + ECHOES + WRONG + BOUNDS + SCORING
