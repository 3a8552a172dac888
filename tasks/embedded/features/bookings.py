"""Bookings of items with staff, in slots that are free or taken."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features import bookings_ideas
from tasks.embedded.steps import fresh, many, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Three tables, eight tools, eight ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=_rows(studio),
        tools=(*_reading(studio), _book(studio), _move(studio), *_changing(studio)),
        ideas=bookings_ideas.ideas(studio),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    booking, item, person, staff = (studio.term(role) for role in ("bookings", "item", "person", "staff"))
    return (
        f"""CREATE TABLE {booking.one}_slots (
  id INTEGER PRIMARY KEY,
  {staff.key} INTEGER NOT NULL REFERENCES {staff.table}(id),
  starts_at TEXT NOT NULL,
  is_free INTEGER NOT NULL DEFAULT 1 CHECK (is_free IN (0, 1)),
  UNIQUE ({staff.key}, starts_at)
);""",
        f"""CREATE TABLE {booking.table} (
  id INTEGER PRIMARY KEY,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  slot_id INTEGER NOT NULL REFERENCES {booking.one}_slots(id),
  status TEXT NOT NULL CHECK (status IN ('booked', 'completed', 'cancelled')),
  note TEXT
);""",
        f"""CREATE TABLE {booking.one}_reminders (
  id INTEGER PRIMARY KEY,
  {booking.key} INTEGER NOT NULL REFERENCES {booking.table}(id),
  hours_before INTEGER NOT NULL CHECK (hours_before BETWEEN 1 AND 168),
  UNIQUE ({booking.key}, hours_before)
);""",
    )


def _slots(studio: Studio) -> list[tuple[int, int, str, int]]:
    """(id, staff, start, free): the past all taken, the future half free; no staff member twice at one time."""
    rng = studio.rng
    slots: set[tuple[int, str]] = set()
    while len(slots) < 8:
        slots.add((rng.randint(1, len(studio.staff)), studio.moment(-40, -2)))
    while len(slots) < 30:
        slots.add((rng.randint(1, len(studio.staff)), studio.moment(1, 21)))
    ordered = sorted(slots, key=lambda slot: (slot[1], slot[0]))
    taken = set(range(8)) | set(rng.sample(range(8, 30), 9))
    return [(n + 1, staff, at, int(n not in taken)) for n, (staff, at) in enumerate(ordered)]


def _rows(studio: Studio) -> tuple[TableRows, ...]:
    booking, item, person, staff, rng = (*(studio.term(role) for role in ("bookings", "item", "person", "staff")), studio.rng)
    slots = _slots(studio)
    taken = [slot for slot, _, _, free in slots if not free]
    mine = set(taken[:3]) | set(rng.sample(taken[8:], 4))
    chosen = rng.sample(range(1, len(studio.items) + 1), min(len(taken), len(studio.items)))
    bookings = tuple(
        (
            n,
            1 if slot in mine else rng.randint(2, len(studio.people)),
            chosen[n % len(chosen)],
            slot,
            "booked" if n > 8 else rng.choice(("completed", "completed", "cancelled")),
            rng.choice((None, None, *studio.domain.topics[:2])),
        )
        for n, slot in enumerate(taken, 1)
    )
    reminded = [row[0] for row in bookings if row[4] == "booked"][::2]
    return (
        TableRows(table=f"{booking.one}_slots", columns=("id", staff.key, "starts_at", "is_free"), rows=tuple(slots)),
        TableRows(table=booking.table, columns=("id", person.key, item.key, "slot_id", "status", "note"), rows=bookings),
        TableRows(
            table=f"{booking.one}_reminders",
            columns=("id", booking.key, "hours_before"),
            rows=tuple((n, b, rng.choice((2, 24, 48))) for n, b in enumerate(reminded, 1)),
        ),
    )


def _selected(studio: Studio, where: str) -> str:
    booking, item, person, staff = (studio.term(role) for role in ("bookings", "item", "person", "staff"))
    return (
        f"SELECT b.id, i.name AS {item.one}, b.{item.key}, s.starts_at, t.full_name AS {staff.one}, b.status, b.note FROM {booking.table} b "
        f"JOIN {booking.one}_slots s ON s.id = b.slot_id JOIN {item.table} i ON i.id = b.{item.key} JOIN {staff.table} t ON t.id = s.{staff.key} "
        f"WHERE b.{person.key} = :me AND {where}"
    )


def _shown(studio: Studio) -> dict[str, Any]:
    return one(_selected(studio, f"b.id = :{studio.term('bookings').key}"))


def _id(studio: Studio) -> dict[str, str]:
    booking = studio.term("bookings")
    return {booking.key: f"integer: Id of the {booking.singular}, as list_my_{booking.many} returns it."}


def _mine(studio: Studio) -> dict[str, Any]:
    booking, person = studio.term("bookings"), studio.term("person")
    return require(
        f"SELECT status AS old_status, slot_id AS old_slot FROM {booking.table} WHERE id = :{booking.key} AND {person.key} = :me",
        f"You have no {booking.singular} {{{booking.key}}}.",
    )


def _open(studio: Studio) -> dict[str, Any]:
    booking = studio.term("bookings")
    return refuse(
        "SELECT :old_status AS found_status WHERE :old_status <> 'booked'",
        f"{booking.singular.capitalize()} {{{booking.key}}} is {{found_status}}.",
    )


def _free_slot(studio: Studio) -> dict[str, Any]:
    booking = studio.term("bookings")
    return require(
        f"SELECT starts_at AS slot_start FROM {booking.one}_slots WHERE id = :slot_id AND is_free = 1 AND starts_at > :now",
        "Slot {slot_id} is not free.",
        "conflict",
    )


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    booking, staff = studio.term("bookings"), studio.term("staff")
    return (
        tool(
            f"list_my_{booking.many}",
            f"Your {booking.plural} with time and {staff.singular}, earliest first.",
            {"status": f"one of booked|completed|cancelled?: Only {booking.plural} in this status."},
            many(_selected(studio, "(:status IS NULL OR b.status = :status) ORDER BY s.starts_at, b.id")),
        ),
        tool(
            "list_free_slots",
            f"Slots that can still be booked, earliest first, of one {staff.singular} or on one day.",
            {staff.key: f"integer?: Only this {staff.singular}.", "day": "date?: Only this day."},
            many(
                f"SELECT s.id, s.starts_at, t.full_name AS {staff.one} FROM {booking.one}_slots s JOIN {staff.table} t ON t.id = s.{staff.key} WHERE s.is_free = 1 AND s.starts_at > :now "
                f"AND (:{staff.key} IS NULL OR s.{staff.key} = :{staff.key}) AND (:day IS NULL OR substr(s.starts_at, 1, 10) = :day) ORDER BY s.starts_at, s.id"
            ),
        ),
        tool(
            f"list_{booking.one}_reminders",
            f"The reminders set for one of your {booking.plural}.",
            _id(studio),
            _mine(studio),
            many(f"SELECT id, hours_before FROM {booking.one}_reminders WHERE {booking.key} = :{booking.key} ORDER BY hours_before"),
        ),
    )


def _book(studio: Studio) -> dict[str, Any]:
    booking, item, person = studio.term("bookings"), studio.term("item"), studio.term("person")
    return tool(
        f"make_{booking.one}",
        f"Make {booking.a} for {item.a} in a free slot.",
        {
            item.key: f"integer: Id of the {item.singular}.",
            "slot_id": "integer: Id of the slot, as list_free_slots returns it.",
            "note": "text?: A note.",
        },
        require(
            f"SELECT name AS item_name FROM {item.table} WHERE id = :{item.key} AND is_active = 1",
            f"There is no active {item.singular} {{{item.key}}}.",
        ),
        _free_slot(studio),
        fresh(booking.table, booking.key),
        run(
            f"INSERT INTO {booking.table} (id, {person.key}, {item.key}, slot_id, status, note) VALUES (:{booking.key}, :me, :{item.key}, :slot_id, 'booked', :note)"
        ),
        run(f"UPDATE {booking.one}_slots SET is_free = 0 WHERE id = :slot_id"),
        _shown(studio),
    )


def _move(studio: Studio) -> dict[str, Any]:
    booking = studio.term("bookings")
    return tool(
        f"move_{booking.one}",
        f"Move one of your {booking.plural} to another free slot; the old slot becomes free.",
        {**_id(studio), "slot_id": "integer: Id of the new slot, as list_free_slots returns it."},
        _mine(studio),
        _open(studio),
        _free_slot(studio),
        run(f"UPDATE {booking.one}_slots SET is_free = 1 WHERE id = :old_slot"),
        run(f"UPDATE {booking.one}_slots SET is_free = 0 WHERE id = :slot_id"),
        run(f"UPDATE {booking.table} SET slot_id = :slot_id WHERE id = :{booking.key}"),
        _shown(studio),
    )


def _changing(studio: Studio) -> tuple[dict[str, Any], ...]:
    booking = studio.term("bookings")
    return (
        tool(
            f"cancel_{booking.one}",
            f"Cancel one of your {booking.plural} and free its slot.",
            _id(studio),
            _mine(studio),
            _open(studio),
            run(f"UPDATE {booking.one}_slots SET is_free = 1 WHERE id = :old_slot"),
            run(f"UPDATE {booking.table} SET status = 'cancelled' WHERE id = :{booking.key}"),
            _shown(studio),
        ),
        tool(
            f"set_{booking.one}_note",
            f"Replace the note on one of your {booking.plural}.",
            {**_id(studio), "note": "text: The new note."},
            _mine(studio),
            _open(studio),
            run(f"UPDATE {booking.table} SET note = :note WHERE id = :{booking.key}"),
            _shown(studio),
        ),
        tool(
            f"add_{booking.one}_reminder",
            f"Have a reminder sent some hours before one of your {booking.plural}.",
            {**_id(studio), "hours_before": "integer 1..168: How many hours before."},
            _mine(studio),
            _open(studio),
            refuse(
                f"SELECT id FROM {booking.one}_reminders WHERE {booking.key} = :{booking.key} AND hours_before = :hours_before",
                "There is such a reminder already: {id}.",
            ),
            fresh(f"{booking.one}_reminders", "reminder_id"),
            run(
                f"INSERT INTO {booking.one}_reminders (id, {booking.key}, hours_before) VALUES (:reminder_id, :{booking.key}, :hours_before)"
            ),
            one(f"SELECT id, {booking.key}, hours_before FROM {booking.one}_reminders WHERE id = :reminder_id"),
        ),
    )


def _intentions(studio: Studio) -> tuple[str, ...]:
    booking, item, staff = studio.term("bookings"), studio.term("item"), studio.term("staff")
    return (
        f"Make {booking.a} for one {item.singular} in the first free slot of a given {staff.singular} and remind me a day before.",
        f"Move my {booking.singular} for a given {item.singular} to the earliest free slot.",
        f"Cancel the {booking.singular} that I have on a given day so that its slot becomes free.",
        f"Tell me when my next {booking.singular} is, what it is for and which {staff.singular} I will see.",
    )
