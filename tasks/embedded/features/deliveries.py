"""Deliveries in slots of limited capacity, with their lines, changes and cancellations."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.deliveries_ideas import Words, ideas
from tasks.embedded.names import STREETS, TOWNS
from tasks.embedded.phrases import among, choice, unless
from tasks.embedded.steps import each, let, many, nested, one, refuse, require, run, tool

_WINDOWS = (("morning", "afternoon", "evening"), ("8 to 11", "11 to 14", "14 to 18"))


def build(studio: Studio) -> Part:
    """Three tables, seven tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("deliveries"),
        studio.term("person"),
        studio.term("item"),
        rng.choice(("planned", "scheduled")),
        rng.choice(_WINDOWS),
        rng.choice(("DL", "TRK", "PKT")),
        rng.choice((10, 15)),
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _arrange(w), *_changing(w)),
        ideas=ideas(w),
        intentions=(
            f"Arrange {w.d.a} on a day that suits me.",
            f"Move {w.d.a} to another slot.",
            f"Leave a note for whoever brings my {w.d.singular}.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    d = w.d
    return (
        f"""CREATE TABLE {d.one}_slots (
  id INTEGER PRIMARY KEY,
  day TEXT NOT NULL,
  time_window TEXT NOT NULL {among("time_window", w.windows)},
  capacity INTEGER NOT NULL CHECK (capacity > 0),
  UNIQUE (day, time_window)
);""",
        f"""CREATE TABLE {d.table} (
  id INTEGER PRIMARY KEY,
  reference TEXT NOT NULL UNIQUE,
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  slot_id INTEGER NOT NULL REFERENCES {d.one}_slots(id),
  address TEXT NOT NULL,
  instructions TEXT,
  status TEXT NOT NULL {among("status", w.statuses)}
);""",
        f"CREATE INDEX {d.table}_in_slot ON {d.table} (slot_id);",
        f"""CREATE TABLE {d.one}_lines (
  {d.key} INTEGER NOT NULL REFERENCES {d.table}(id),
  line INTEGER NOT NULL CHECK (line >= 1),
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND {w.most}),
  PRIMARY KEY ({d.key}, line),
  UNIQUE ({d.key}, {w.i.key})
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Slots 1 to 3 are past, 4 to 9 to come, 9 is full; mine: two to come, one on its way, one done, one cancelled."""
    rng = studio.rng
    days = sorted({studio.day(-40, -20), studio.day(-19, -10), studio.day(-9, -2)}) + sorted(
        {studio.day(a, a + 3) for a in (2, 6, 10, 14, 18)}
    )
    slots = [(n, day, rng.choice(w.windows), rng.randint(3, 4)) for n, day in enumerate(days, 1)]
    other = next(window for window in w.windows if window != slots[3][2])
    slots.append((9, slots[3][1], other, 1))
    plans = [
        (1, 5, w.soon),
        (1, 6, w.soon),
        (1, 3, "on its way"),
        (1, 1, "delivered"),
        (1, 7, "cancelled"),
        (2, 9, w.soon),
        (3, 4, w.soon),
        (4, 2, "delivered"),
        (2, 5, "cancelled"),
        (5, 8, w.soon),
    ]
    numbers = sorted(rng.sample(range(1_000, 4_000), len(plans)))
    home = f"{rng.randint(1, 90)} {rng.choice(STREETS)}, {rng.choice(TOWNS)}"
    rows, lines = [], []
    for n, (person, slot, status) in enumerate(plans, 1):
        address = home if person == 1 else f"{rng.randint(1, 90)} {rng.choice(STREETS)}, {rng.choice(TOWNS)}"
        note = rng.choice((None, "Ring twice.", "Leave it with a neighbour."))
        rows.append((n, f"{w.prefix}-{numbers[n - 1]}", person, slot, address, note, status))
        chosen = rng.sample(range(1, len(studio.items) + 1), rng.randint(2, 3) if n <= 2 else rng.randint(1, 2))
        lines += [(n, k, item, rng.randint(1, 4)) for k, item in enumerate(chosen, 1)]
    return (
        TableRows(table=f"{w.d.one}_slots", columns=("id", "day", "time_window", "capacity"), rows=tuple(slots)),
        TableRows(
            table=w.d.table,
            columns=("id", "reference", w.p.key, "slot_id", "address", "instructions", "status"),
            rows=tuple(rows),
        ),
        TableRows(table=f"{w.d.one}_lines", columns=(w.d.key, "line", w.i.key, "quantity"), rows=tuple(lines)),
    )


def _shown(w: Words) -> str:
    return f"SELECT d.id, d.reference, d.status, s.day, s.time_window, d.address, d.instructions FROM {w.d.table} d JOIN {w.d.one}_slots s ON s.id = d.slot_id"


def _free(w: Words) -> str:
    return f"s.capacity - (SELECT COUNT(*) FROM {w.d.table} x WHERE x.slot_id = s.id AND x.status <> 'cancelled')"


def _slot(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT s.day AS slot_day, {_free(w)} AS room FROM {w.d.one}_slots s WHERE s.id = :slot_id", "There is no slot {slot_id}."
        ),
        unless(":slot_day <= :today", "The slot on {slot_day} is over.", "invalid"),
        unless(":room < 1", "The slot on {slot_day} is full.", "limit"),
    )


def _mine(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT status AS was, slot_id AS old_slot FROM {w.d.table} WHERE id = :{w.d.key} AND {w.p.key} = :me",
            f"You have no {w.d.singular} {{{w.d.key}}}.",
        ),
        unless(f":was <> '{w.soon}'", f"{w.d.singular.capitalize()} {{{w.d.key}}} is {{was}}, not {w.soon}."),
    )


def _lines(w: Words, key: str) -> str:
    return f"SELECT n.line, n.{w.i.key}, i.name AS {w.i.one}_name, n.quantity FROM {w.d.one}_lines n JOIN {w.i.table} i ON i.id = n.{w.i.key} WHERE n.{w.d.key} = :{key} ORDER BY n.line"


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        tool(
            f"list_my_{w.d.many}",
            f"Your {w.d.plural}, the latest day first.",
            {"status": f"{choice(w.statuses, optional=True)}: Only those with this status."},
            many(f"{_shown(w)} WHERE d.{w.p.key} = :me AND (:status IS NULL OR d.status = :status) ORDER BY s.day DESC, d.id"),
        ),
        tool(
            f"get_my_{w.d.one}",
            f"One of your {w.d.plural} with its lines in order.",
            {w.d.key: f"integer: Id of the {w.d.singular}."},
            require(
                f"SELECT 1 AS known FROM {w.d.table} WHERE id = :{w.d.key} AND {w.p.key} = :me",
                f"You have no {w.d.singular} {{{w.d.key}}}.",
            ),
            nested(details=one(f"{_shown(w)} WHERE d.id = :{w.d.key}"), lines=many(_lines(w, w.d.key))),
        ),
        tool(
            f"list_{w.d.one}_slots",
            "Slots to come that still have room, the earliest first.",
            {"from_day": "date?: Not before this day, as YYYY-MM-DD.", "to_day": "date?: Not after this day, as YYYY-MM-DD."},
            many(
                f"SELECT s.id, s.day, s.time_window, {_free(w)} AS free_places FROM {w.d.one}_slots s WHERE s.day > :today AND {_free(w)} > 0 "
                "AND (:from_day IS NULL OR s.day >= :from_day) AND (:to_day IS NULL OR s.day <= :to_day) ORDER BY s.day, s.id"
            ),
        ),
    )


def _arrange(w: Words) -> dict[str, Any]:
    d, key = w.d, w.i.key
    return tool(
        f"arrange_{d.one}",
        f"Have {w.i.plural} brought in a slot to come; the lines keep the order given.",
        {
            "slot_id": f"integer: Id of the slot, as list_{d.one}_slots returns it.",
            "address": "text: Where it goes.",
            "lines": f'list of {{"{key}": "integer", "quantity": "integer 1..{w.most}"}}: What is brought, each {w.i.singular} once.',
        },
        *_slot(w),
        unless("trim(:address) = ''", "The address must not be empty.", "invalid"),
        unless("json_array_length(:lines) = 0", "Name at least one line.", "invalid"),
        refuse(
            f"SELECT json_extract(value, '$.{key}') AS unknown FROM json_each(:lines) WHERE json_extract(value, '$.{key}') NOT IN (SELECT id FROM {w.i.table}) ORDER BY key LIMIT 1",
            f"There is no {w.i.singular} {{unknown}}.",
            "not_found",
        ),
        refuse(
            f"SELECT json_extract(value, '$.{key}') AS twice FROM json_each(:lines) GROUP BY json_extract(value, '$.{key}') HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 1",
            f"The {w.i.singular} {{twice}} stands in more than one line.",
            "invalid",
        ),
        let(
            f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id, '{w.prefix}-' || (4000 + COALESCE(MAX(id), 0) + 1) AS new_reference FROM {d.table}"
        ),
        run(
            f"INSERT INTO {d.table} (id, reference, {w.p.key}, slot_id, address, status) VALUES (:new_id, :new_reference, :me, :slot_id, :address, '{w.soon}')"
        ),
        each(
            f"SELECT key + 1 AS line_number, json_extract(value, '$.{key}') AS item, json_extract(value, '$.quantity') AS pieces FROM json_each(:lines) ORDER BY key",
            run(f"INSERT INTO {d.one}_lines ({d.key}, line, {key}, quantity) VALUES (:new_id, :line_number, :item, :pieces)"),
        ),
        nested(details=one(f"{_shown(w)} WHERE d.id = :new_id"), lines=many(_lines(w, "new_id"))),
    )


def _changing(w: Words) -> tuple[dict[str, Any], ...]:
    d = w.d
    key = {d.key: f"integer: Id of the {d.singular}."}
    result = one(f"{_shown(w)} WHERE d.id = :{d.key}")
    move = tool(
        f"reschedule_{d.one}",
        f"Move one of your {d.plural} that is {w.soon} to another slot with room.",
        {**key, "slot_id": f"integer: Id of the new slot, as list_{d.one}_slots returns it."},
        *_mine(w),
        unless(":old_slot = :slot_id", "It is in that slot already."),
        *_slot(w),
        run(f"UPDATE {d.table} SET slot_id = :slot_id WHERE id = :{d.key}"),
        result,
    )
    note = tool(
        f"set_{d.one}_instructions",
        f"Leave instructions for one of your {d.plural} that is {w.soon}; they replace earlier ones.",
        {**key, "instructions": "text: What the driver should know."},
        *_mine(w),
        unless("trim(:instructions) = ''", "The instructions must not be empty.", "invalid"),
        run(f"UPDATE {d.table} SET instructions = :instructions WHERE id = :{d.key}"),
        result,
    )
    cancel = tool(
        f"cancel_{d.one}",
        f"Cancel one of your {d.plural} that is {w.soon}.",
        key,
        *_mine(w),
        run(f"UPDATE {d.table} SET status = 'cancelled' WHERE id = :{d.key}"),
        result,
    )
    confirm = tool(
        f"confirm_{d.one}",
        f"Confirm that one of your {d.plural} that was on its way has arrived.",
        key,
        require(f"SELECT status AS was FROM {d.table} WHERE id = :{d.key} AND {w.p.key} = :me", f"You have no {d.singular} {{{d.key}}}."),
        unless(":was <> 'on its way'", f"{d.singular.capitalize()} {{{d.key}}} is {{was}}, not on its way."),
        run(f"UPDATE {d.table} SET status = 'delivered' WHERE id = :{d.key}"),
        result,
    )
    return (move, note, cancel, confirm)
