"""Orders of items with lines, collected at a place."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features import orders_ideas
from tasks.embedded.steps import each, fresh, known, many, nested, one, refuse, require, run, tool

STATES = ("pending", "shipped", "delivered", "cancelled")


def build(studio: Studio) -> Part:
    """Two tables, seven tools, eight ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=_rows(studio),
        tools=(*_reading(studio), _place(studio), *_changing(studio), *_lines(studio)),
        ideas=orders_ideas.ideas(studio),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    order, item, person, place = (studio.term(role) for role in ("orders", "item", "person", "place"))
    return (
        f"""CREATE TABLE {order.table} (
  id INTEGER PRIMARY KEY,
  reference TEXT NOT NULL UNIQUE,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  {place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'shipped', 'delivered', 'cancelled')),
  total_cents INTEGER NOT NULL CHECK (total_cents >= 0),
  note TEXT,
  placed_at TEXT NOT NULL
);""",
        f"""CREATE TABLE {order.one}_lines (
  id INTEGER PRIMARY KEY,
  {order.key} INTEGER NOT NULL REFERENCES {order.table}(id),
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  unit_price_cents INTEGER NOT NULL,
  UNIQUE ({order.key}, {item.key})
);""",
    )


def _rows(studio: Studio) -> tuple[TableRows, ...]:
    order, item, person, place, rng = (*(studio.term(role) for role in ("orders", "item", "person", "place")), studio.rng)
    count, mine = rng.randint(11, 14), 6
    owners = [1] * mine + [rng.randint(2, len(studio.people)) for _ in range(count - mine)]
    states = ["pending", "pending", "shipped", "delivered", "pending", *(rng.choice(STATES) for _ in range(count - 6)), "cancelled"]
    orders: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    for number, (owner, state, code) in enumerate(zip(owners, states, rng.sample(range(1000, 9999), count), strict=True), 1):
        chosen = sorted(rng.sample(range(1, len(studio.items) + 1), 3 if number == 1 else rng.choice((1, 2, 2, 3))))
        bought = [(i, rng.randint(1, 4), studio.items[i - 1][1]) for i in chosen]
        lines += [(len(lines) + n, number, *line) for n, line in enumerate(bought, 1)]
        total = sum(quantity * price for _, quantity, price in bought)
        at = studio.moment(-9, -1) if state == "pending" else studio.moment(-70, -10)
        orders.append((number, f"{order.one[:2].upper()}-{code}", owner, rng.randint(1, len(studio.places)), state, total, None, at))
    head = ("id", "reference", person.key, place.key, "status", "total_cents", "note", "placed_at")
    return (
        TableRows(table=order.table, columns=head, rows=tuple(orders)),
        TableRows(table=f"{order.one}_lines", columns=("id", order.key, item.key, "quantity", "unit_price_cents"), rows=tuple(lines)),
    )


def shown(studio: Studio) -> dict[str, Any]:
    """The result of every tool that changes an order: its head and its lines."""
    order, item, place = studio.term("orders"), studio.term("item"), studio.term("place")
    return nested(
        **{
            order.one: one(
                f"SELECT o.id, o.reference, o.status, o.total_cents, p.name AS {place.one}, o.note, o.placed_at FROM {order.table} o JOIN {place.table} p ON p.id = o.{place.key} WHERE o.id = :{order.key}"
            ),
            "lines": many(
                f"SELECT l.{item.key}, i.name AS {item.one}, l.quantity, l.unit_price_cents FROM {order.one}_lines l JOIN {item.table} i ON i.id = l.{item.key} WHERE l.{order.key} = :{order.key} ORDER BY l.id"
            ),
        }
    )


def _mine(studio: Studio) -> dict[str, Any]:
    order, person = studio.term("orders"), studio.term("person")
    return require(
        f"SELECT status AS old_status FROM {order.table} WHERE id = :{order.key} AND {person.key} = :me",
        f"You have no {order.singular} {{{order.key}}}.",
    )


def _pending(studio: Studio) -> dict[str, Any]:
    order = studio.term("orders")
    return refuse(
        "SELECT :old_status AS found_status WHERE :old_status <> 'pending'",
        f"{order.singular.capitalize()} {{{order.key}}} is {{found_status}}, not pending.",
    )


def _id(studio: Studio) -> dict[str, str]:
    order = studio.term("orders")
    return {order.key: f"integer: Id of the {order.singular}, as list_my_{order.many} returns it."}


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    order, person, place = studio.term("orders"), studio.term("person"), studio.term("place")
    return (
        tool(
            f"list_my_{order.many}",
            f"Your {order.plural}, newest first, with the number of lines; of one status or of all.",
            {"status": f"one of pending|shipped|delivered|cancelled?: Only {order.plural} in this status."},
            many(
                f"SELECT o.id, o.reference, o.status, o.total_cents, p.name AS {place.one}, o.placed_at, (SELECT COUNT(*) FROM {order.one}_lines l WHERE l.{order.key} = o.id) AS line_count "
                f"FROM {order.table} o JOIN {place.table} p ON p.id = o.{place.key} WHERE o.{person.key} = :me AND (:status IS NULL OR o.status = :status) ORDER BY o.placed_at DESC, o.id"
            ),
        ),
        tool(f"get_{order.one}", f"One of your {order.plural} with its lines.", _id(studio), _mine(studio), shown(studio)),
    )


def _place(studio: Studio) -> dict[str, Any]:
    order, item, person, place = (studio.term(role) for role in ("orders", "item", "person", "place"))
    wanted = f"json_extract(value, '$.{item.key}') AS wanted_item, json_extract(value, '$.quantity') AS wanted_quantity"
    return tool(
        f"place_{order.one}",
        f"Place {order.a} of active {item.plural}, at today's prices, to be handed over at one of the {place.plural}.",
        {
            place.key: f"integer: Id of the {place.singular}.",
            "lines": f'list of {{"{item.key}":"integer","quantity":"integer 1..99"}}: What is wanted, each {item.singular} once.',
            "note": "text?: A note for the staff.",
        },
        known(place),
        refuse("SELECT 1 AS none WHERE json_array_length(:lines) = 0", "Give at least one line.", "invalid"),
        refuse(
            f"SELECT {wanted} FROM json_each(:lines) WHERE json_extract(value, '$.{item.key}') NOT IN (SELECT id FROM {item.table} WHERE is_active = 1)",
            f"There is no active {item.singular} {{wanted_item}}.",
            "not_found",
        ),
        refuse(
            f"SELECT json_extract(value, '$.{item.key}') AS twice FROM json_each(:lines) GROUP BY twice HAVING COUNT(*) > 1",
            f"{item.singular.capitalize()} {{twice}} is in the list more than once.",
            "invalid",
        ),
        fresh(order.table, order.key),
        run(
            f"INSERT INTO {order.table} (id, reference, {person.key}, {place.key}, status, total_cents, note, placed_at) VALUES (:{order.key}, '{order.one[:2].upper()}-' || (10000 + :{order.key}), :me, :{place.key}, 'pending', "
            f"(SELECT COALESCE(SUM(i.price_cents * json_extract(w.value, '$.quantity')), 0) FROM json_each(:lines) w JOIN {item.table} i ON i.id = json_extract(w.value, '$.{item.key}')), :note, :now)"
        ),
        each(
            f"SELECT {wanted} FROM json_each(:lines) ORDER BY key",
            run(
                f"INSERT INTO {order.one}_lines ({order.key}, {item.key}, quantity, unit_price_cents) SELECT :{order.key}, id, :wanted_quantity, price_cents FROM {item.table} WHERE id = :wanted_item"
            ),
        ),
        shown(studio),
    )


def _changing(studio: Studio) -> tuple[dict[str, Any], ...]:
    order, place = studio.term("orders"), studio.term("place")
    return (
        tool(
            f"cancel_{order.one}",
            f"Cancel one of your pending {order.plural}.",
            {**_id(studio), "reason": "text?: Why; kept as the note."},
            _mine(studio),
            _pending(studio),
            run(f"UPDATE {order.table} SET status = 'cancelled', note = COALESCE(:reason, note) WHERE id = :{order.key}"),
            shown(studio),
        ),
        tool(
            f"redirect_{order.one}",
            f"Have one of your pending {order.plural} handed over at another {place.singular}.",
            {**_id(studio), place.key: f"integer: Id of the new {place.singular}."},
            _mine(studio),
            _pending(studio),
            known(place),
            run(f"UPDATE {order.table} SET {place.key} = :{place.key} WHERE id = :{order.key}"),
            shown(studio),
        ),
    )


def _lines(studio: Studio) -> tuple[dict[str, Any], ...]:
    order, item = studio.term("orders"), studio.term("item")
    lines = f"{order.one}_lines"
    total = run(
        f"UPDATE {order.table} SET total_cents = (SELECT COALESCE(SUM(quantity * unit_price_cents), 0) FROM {lines} WHERE {order.key} = :{order.key}) WHERE id = :{order.key}"
    )
    which = {**_id(studio), item.key: f"integer: Id of the {item.singular}."}
    there = require(
        f"SELECT id AS line_id FROM {lines} WHERE {order.key} = :{order.key} AND {item.key} = :{item.key}",
        f"{item.singular.capitalize()} {{{item.key}}} is not in {order.singular} {{{order.key}}}.",
    )
    return (
        tool(
            f"set_{order.one}_quantity",
            f"Set how many of {item.a} one of your pending {order.plural} holds; adds the line where it is missing.",
            {**which, "quantity": "integer 1..99: The new quantity."},
            _mine(studio),
            _pending(studio),
            require(
                f"SELECT price_cents AS price FROM {item.table} WHERE id = :{item.key} AND is_active = 1",
                f"There is no active {item.singular} {{{item.key}}}.",
            ),
            run(
                f"INSERT INTO {lines} ({order.key}, {item.key}, quantity, unit_price_cents) VALUES (:{order.key}, :{item.key}, :quantity, :price) "
                f"ON CONFLICT ({order.key}, {item.key}) DO UPDATE SET quantity = excluded.quantity"
            ),
            total,
            shown(studio),
        ),
        tool(
            f"remove_from_{order.one}",
            f"Take {item.a} out of one of your pending {order.plural}; the last line stays.",
            which,
            _mine(studio),
            _pending(studio),
            there,
            refuse(
                f"SELECT COUNT(*) AS line_count FROM {lines} WHERE {order.key} = :{order.key} HAVING COUNT(*) = 1",
                f"It is the last line; cancel the {order.singular} instead.",
            ),
            run(f"DELETE FROM {lines} WHERE id = :line_id"),
            total,
            shown(studio),
        ),
    )


def _intentions(studio: Studio) -> tuple[str, ...]:
    order, item, place = studio.term("orders"), studio.term("item"), studio.term("place")
    return (
        f"Place {order.a} of several {item.plural}, each in the quantity that I name, to be handed over at the {place.singular} nearest to me.",
        f"Cancel the pending {order.singular} that I placed on a given day and tell me what it would have cost.",
        f"Change the quantity of one {item.singular} in a pending {order.singular} and tell me the new total.",
        f"Tell me how much I have spent on all my delivered {order.plural} together.",
    )
