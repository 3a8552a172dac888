"""Stock of items at places, transfers between places, and restock requests."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features import inventory_ideas
from tasks.embedded.steps import fresh, known, many, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Three tables, seven tools, seven ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=_rows(studio),
        tools=(*_reading(studio), _transfer(studio), *_requests(studio)),
        ideas=inventory_ideas.ideas(studio),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    stock, item, person, place = (studio.term(role) for role in ("inventory", "item", "person", "place"))
    return (
        f"""CREATE TABLE {stock.table} (
  id INTEGER PRIMARY KEY,
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  {place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  reorder_level INTEGER NOT NULL CHECK (reorder_level >= 0),
  unit TEXT NOT NULL,
  UNIQUE ({item.key}, {place.key})
);""",
        f"""CREATE TABLE stock_transfers (
  id INTEGER PRIMARY KEY,
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  from_{place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  to_{place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  moved_at TEXT NOT NULL
);""",
        f"""CREATE TABLE restock_requests (
  id INTEGER PRIMARY KEY,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  {place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  status TEXT NOT NULL CHECK (status IN ('open', 'filled', 'withdrawn')),
  requested_at TEXT NOT NULL
);""",
    )


def _rows(studio: Studio) -> tuple[TableRows, ...]:
    stock, item, person, place, rng = (*(studio.term(role) for role in ("inventory", "item", "person", "place")), studio.rng)
    pairs = [(i, p) for i in range(1, len(studio.items) + 1) for p in range(1, len(studio.places) + 1)]
    kept = sorted(rng.sample(pairs, min(24, len(pairs))))
    held = tuple(
        (n, i, p, rng.randint(0, 24), rng.choice((3, 4, 5, 6)), rng.choice(studio.domain.units)) for n, (i, p) in enumerate(kept, 1)
    )
    moved = []
    for n in range(1, 6):
        source, target = rng.sample(range(1, len(studio.places) + 1), 2)
        moved.append((n, rng.randint(1, len(studio.items)), source, target, rng.randint(1, 6), studio.moment(-40, -2)))
    asked = [
        (
            n,
            1 if n <= 5 else rng.randint(2, len(studio.people)),
            i,
            p,
            rng.randint(2, 12),
            ("open", "open", "open", "filled", "withdrawn", *(rng.choice(("open", "filled", "withdrawn")) for _ in range(3)))[n - 1],
            studio.moment(-20, -1),
        )
        for n, (i, p) in enumerate(
            zip(rng.sample(range(1, len(studio.items) + 1), 8), rng.choices(range(1, len(studio.places) + 1), k=8), strict=True), 1
        )
    ]
    return (
        TableRows(table=stock.table, columns=("id", item.key, place.key, "quantity", "reorder_level", "unit"), rows=held),
        TableRows(
            table="stock_transfers",
            columns=("id", item.key, f"from_{place.key}", f"to_{place.key}", "quantity", "moved_at"),
            rows=tuple(moved),
        ),
        TableRows(
            table="restock_requests",
            columns=("id", person.key, item.key, place.key, "quantity", "status", "requested_at"),
            rows=tuple(asked),
        ),
    )


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    stock, item, person, place = (studio.term(role) for role in ("inventory", "item", "person", "place"))
    joined = f"FROM {stock.table} k JOIN {item.table} i ON i.id = k.{item.key} JOIN {place.table} p ON p.id = k.{place.key}"
    columns = f"i.name AS {item.one}, k.{item.key}, p.name AS {place.one}, k.{place.key}, k.quantity, k.reorder_level, k.unit"
    return (
        tool(
            f"list_{stock.many}",
            f"What is in stock, where, and how much of it; of one {item.singular} or at one {place.singular}.",
            {
                item.key: f"integer?: Only this {item.singular}.",
                place.key: f"integer?: Only this {place.singular}.",
                "low_only": "boolean? = false: Only what is below its reorder level.",
            },
            many(
                f"SELECT {columns} {joined} WHERE (:{item.key} IS NULL OR k.{item.key} = :{item.key}) AND (:{place.key} IS NULL OR k.{place.key} = :{place.key}) "
                "AND (:low_only = 0 OR k.quantity < k.reorder_level) ORDER BY i.name, p.name, k.id"
            ),
        ),
        tool(
            "list_stock_transfers",
            f"What was moved between {place.plural}, newest first.",
            {},
            many(
                f"SELECT t.id, i.name AS {item.one}, a.name AS from_{place.one}, b.name AS to_{place.one}, t.quantity, t.moved_at FROM stock_transfers t JOIN {item.table} i ON i.id = t.{item.key} "
                f"JOIN {place.table} a ON a.id = t.from_{place.key} JOIN {place.table} b ON b.id = t.to_{place.key} ORDER BY t.moved_at DESC, t.id DESC"
            ),
        ),
        tool(
            "list_my_restock_requests",
            "What you have asked to be restocked, newest first.",
            {"status": "one of open|filled|withdrawn?: Only requests in this status."},
            many(
                f"SELECT q.id, i.name AS {item.one}, p.name AS {place.one}, q.quantity, q.status, q.requested_at FROM restock_requests q JOIN {item.table} i ON i.id = q.{item.key} "
                f"JOIN {place.table} p ON p.id = q.{place.key} WHERE q.{person.key} = :me AND (:status IS NULL OR q.status = :status) ORDER BY q.requested_at DESC, q.id DESC"
            ),
        ),
    )


def _transfer(studio: Studio) -> dict[str, Any]:
    stock, item, place = studio.term("inventory"), studio.term("item"), studio.term("place")
    source, target = f"from_{place.key}", f"to_{place.key}"
    return tool(
        "transfer_stock",
        f"Move stock of {item.a} from one {place.singular} to another.",
        {
            item.key: f"integer: Id of the {item.singular}.",
            source: f"integer: Id of the {place.singular} that gives.",
            target: f"integer: Id of the {place.singular} that takes.",
            "quantity": "integer 1..: How many.",
        },
        refuse(f"SELECT 1 AS same WHERE :{source} = :{target}", f"Give two different {place.plural}.", "invalid"),
        require(
            f"SELECT quantity AS available, unit AS stock_unit FROM {stock.table} WHERE {item.key} = :{item.key} AND {place.key} = :{source}",
            f"{item.singular.capitalize()} {{{item.key}}} is not kept at {place.singular} {{{source}}}.",
        ),
        require(f"SELECT id AS taking_id FROM {place.table} WHERE id = :{target}", f"There is no {place.singular} {{{target}}}."),
        refuse("SELECT :available AS most WHERE :quantity > :available", "Only {most} are there.", "conflict"),
        run(f"UPDATE {stock.table} SET quantity = quantity - :quantity WHERE {item.key} = :{item.key} AND {place.key} = :{source}"),
        run(
            f"INSERT INTO {stock.table} ({item.key}, {place.key}, quantity, reorder_level, unit) VALUES (:{item.key}, :{target}, :quantity, 0, :stock_unit) "
            f"ON CONFLICT ({item.key}, {place.key}) DO UPDATE SET quantity = quantity + excluded.quantity"
        ),
        run(
            f"INSERT INTO stock_transfers ({item.key}, {source}, {target}, quantity, moved_at) VALUES (:{item.key}, :{source}, :{target}, :quantity, :now)"
        ),
        many(
            f"SELECT p.name AS {place.one}, k.quantity FROM {stock.table} k JOIN {place.table} p ON p.id = k.{place.key} WHERE k.{item.key} = :{item.key} AND k.{place.key} IN (:{source}, :{target}) ORDER BY p.name"
        ),
    )


def _requests(studio: Studio) -> tuple[dict[str, Any], ...]:
    stock, item, person, place = (studio.term(role) for role in ("inventory", "item", "person", "place"))
    which = {item.key: f"integer: Id of the {item.singular}.", place.key: f"integer: Id of the {place.singular}."}
    kept = require(
        f"SELECT id AS stock_id FROM {stock.table} WHERE {item.key} = :{item.key} AND {place.key} = :{place.key}",
        f"{item.singular.capitalize()} {{{item.key}}} is not kept at {place.singular} {{{place.key}}}.",
    )
    return (
        tool(
            "request_restock",
            f"Ask that more of {item.a} be brought to {place.a}.",
            {**which, "quantity": "integer 1..500: How many."},
            known(item),
            known(place),
            refuse(
                f"SELECT id FROM restock_requests WHERE {person.key} = :me AND {item.key} = :{item.key} AND {place.key} = :{place.key} AND status = 'open'",
                "Your request {id} for this is open already.",
            ),
            fresh("restock_requests", "request_id"),
            run(
                f"INSERT INTO restock_requests (id, {person.key}, {item.key}, {place.key}, quantity, status, requested_at) VALUES (:request_id, :me, :{item.key}, :{place.key}, :quantity, 'open', :now)"
            ),
            one(f"SELECT id, {item.key}, {place.key}, quantity, status FROM restock_requests WHERE id = :request_id"),
        ),
        tool(
            "withdraw_restock_request",
            "Withdraw one of your open restock requests.",
            {"request_id": "integer: Id of the request, as list_my_restock_requests returns it."},
            require(
                f"SELECT quantity AS asked FROM restock_requests WHERE id = :request_id AND {person.key} = :me AND status = 'open'",
                "You have no open request {request_id}.",
            ),
            run("UPDATE restock_requests SET status = 'withdrawn' WHERE id = :request_id"),
            one("SELECT id, status, quantity FROM restock_requests WHERE id = :request_id"),
        ),
        tool(
            "set_reorder_level",
            f"Set the stock below which {item.a} counts as low at {place.a}.",
            {**which, "reorder_level": "integer 0..500: The new level."},
            kept,
            run(f"UPDATE {stock.table} SET reorder_level = :reorder_level WHERE id = :stock_id"),
            one(f"SELECT {item.key}, {place.key}, quantity, reorder_level FROM {stock.table} WHERE id = :stock_id"),
        ),
    )


def _intentions(studio: Studio) -> tuple[str, ...]:
    item, place = studio.term("item"), studio.term("place")
    return (
        f"Tell me at which {place.plural} a given {item.singular} is in stock and how many there are in all.",
        f"Move some stock of one {item.singular} from one {place.singular} to another and tell me what remains.",
        f"Ask for a restock of the {item.plural} that are below their reorder level at a given {place.singular}.",
        "Withdraw the restock request that I no longer need.",
    )
