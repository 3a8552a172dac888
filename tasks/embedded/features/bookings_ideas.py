"""Ideas for tasks on bookings."""

from __future__ import annotations

from typing import Any

from tasks.embedded.feature import Desk, Idea, Script, Studio, Unfit, quoted, spoken_day, spoken_time, task


def ideas(studio: Studio) -> tuple[Idea, ...]:
    """Every idea, bound to the studio's words."""
    makers = (_book_first, _book_at, _move, _move_first, _cancel, _note, _remind, _next, _count, _with_whom)
    return tuple(maker(studio) for maker in makers)


def _mine(desk: Desk) -> dict[str, Any]:
    """One of my open bookings whose item I have booked only once."""
    booking, item, person = (desk.studio.term(role) for role in ("bookings", "item", "person"))
    return desk.one(
        f"SELECT b.id, b.slot_id, i.name, s.starts_at, s.{desk.studio.term('staff').key} AS staff_id FROM {booking.table} b JOIN {item.table} i ON i.id = b.{item.key} JOIN {booking.one}_slots s ON s.id = b.slot_id "
        f"WHERE b.{person.key} = 1 AND b.status = 'booked' GROUP BY b.{item.key} HAVING COUNT(*) = 1 ORDER BY b.id"
    )


def _called(desk: Desk, target: dict[str, Any]) -> str:
    booking = desk.studio.term("bookings")
    return desk.say(
        f'my {booking.singular} for "{target["name"]}"',
        f'the {booking.singular} for "{target["name"]}" that I have on {spoken_day(target["starts_at"])}',
    )


def _found(desk: Desk, script: Script, target: dict[str, Any]) -> dict[str, Any]:
    """Lists my open bookings and refers to the target's id."""
    booking, item = desk.studio.term("bookings"), desk.studio.term("item")
    listed = script.call(f"list_my_{booking.many}", status="booked")
    return {booking.key: listed.pick("id", **{item.one: target["name"]})}


def _free(desk: Desk) -> dict[str, Any]:
    booking, staff = desk.studio.term("bookings"), desk.studio.term("staff")
    return desk.one(
        f"SELECT s.id, s.starts_at, s.{staff.key} AS staff_id, t.full_name FROM {booking.one}_slots s JOIN {staff.table} t ON t.id = s.{staff.key} "
        "WHERE s.is_free = 1 AND s.starts_at > '2026-03-03' ORDER BY s.id"
    )


def _new(desk: Desk) -> tuple[dict[str, Any], str]:
    """An active item that I have not booked yet, and the check's condition for the new booking."""
    booking, item, person = (desk.studio.term(role) for role in ("bookings", "item", "person"))
    wanted = desk.one(
        f"SELECT id, name FROM {item.table} WHERE is_active = 1 AND id NOT IN (SELECT {item.key} FROM {booking.table} WHERE {person.key} = 1) ORDER BY id"
    )
    return (
        wanted,
        f"SELECT COUNT(*) = 1 FROM final.{booking.table} WHERE {person.key} = 1 AND {item.key} = {wanted['id']} AND status = 'booked'",
    )


def _book_first(studio: Studio) -> Idea:
    booking, item, staff = studio.term("bookings"), studio.term("item"), studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        wanted, there = _new(desk)
        who = _free(desk)
        script = desk.script()
        found = script.call(f"search_{item.many}", text=wanted["name"])
        people = script.call(f"list_{staff.many}")
        slots = script.call("list_free_slots", **{staff.key: people.pick("id", full_name=who["full_name"])})
        made = script.call(f"make_{booking.one}", **{item.key: found.pick("id", name=wanted["name"]), "slot_id": slots.ref("[0].id")})
        return task(
            script,
            desk.say(
                f'Make me {booking.a} for "{wanted["name"]}" in the first free slot of {who["full_name"]}, without a note, and tell me when it is.',
                f'I would like {booking.a} for "{wanted["name"]}" with {who["full_name"]}, as early as possible; no note. When will that be?',
            ),
            answer=[made.ref(".starts_at")],
            checks=((f"{booking.a} for {wanted['name']}", f"{there} AND slot_id = {slots.value[0]['id']}"),),
            writes=True,
        )

    return idea


def _book_at(studio: Studio) -> Idea:
    booking, item = studio.term("bookings"), studio.term("item")

    def idea(desk: Desk) -> dict[str, Any]:
        wanted, there = _new(desk)
        slot = _free(desk)
        note = desk.rng.choice(studio.domain.topics)
        script = desk.script()
        found = script.call(f"search_{item.many}", text=wanted["name"])
        slots = script.call("list_free_slots", day=slot["starts_at"][:10])
        chosen = slots.pick("id", starts_at=slot["starts_at"], **{studio.term("staff").one: slot["full_name"]})
        script.call(f"make_{booking.one}", **{item.key: found.pick("id", name=wanted["name"]), "slot_id": chosen, "note": note})
        return task(
            script,
            f'Please make {booking.a} for "{wanted["name"]}" with {slot["full_name"]} on {spoken_day(slot["starts_at"])} at {spoken_time(slot["starts_at"])}. '
            f'The note should read "{note}".',
            checks=((f"{booking.a} for {wanted['name']}", f"{there} AND slot_id = {slot['id']}"),),
            writes=True,
        )

    return idea


def _move(studio: Studio) -> Idea:
    booking = studio.term("bookings")

    def idea(desk: Desk) -> dict[str, Any]:
        target, slot = _mine(desk), _free(desk)
        script = desk.script()
        mine = _found(desk, script, target)
        slots = script.call("list_free_slots", day=slot["starts_at"][:10])
        chosen = slots.pick("id", starts_at=slot["starts_at"], **{studio.term("staff").one: slot["full_name"]})
        script.call(f"move_{booking.one}", **mine, slot_id=chosen)
        return task(
            script,
            f"Something came up. Move {_called(desk, target)} to {spoken_day(slot['starts_at'])} at {spoken_time(slot['starts_at'])} with {slot['full_name']}.",
            checks=(("it is moved", f"SELECT slot_id = {slot['id']} FROM final.{booking.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _move_first(studio: Studio) -> Idea:
    booking, staff = studio.term("bookings"), studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _mine(desk)
        script = desk.script()
        mine = _found(desk, script, target)
        slots = script.call("list_free_slots")
        if len(slots.value) < 2 or slots.value[0]["starts_at"] == slots.value[1]["starts_at"]:
            raise Unfit("no single earliest slot")
        moved = script.call(f"move_{booking.one}", **mine, slot_id=slots.ref("[0].id"))
        return task(
            script,
            f"Move {_called(desk, target)} to the earliest free slot that anyone has, and tell me the new time and the {staff.singular}.",
            answer=[moved.ref(".starts_at"), moved.ref(f".{staff.one}")],
            checks=(("it is moved", f"SELECT slot_id = {slots.value[0]['id']} FROM final.{booking.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _cancel(studio: Studio) -> Idea:
    booking = studio.term("bookings")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _mine(desk)
        script = desk.script()
        script.call(f"cancel_{booking.one}", **_found(desk, script, target))
        return task(
            script,
            desk.say(f"Please cancel {_called(desk, target)}.", f"I cannot come. Cancel {_called(desk, target)}."),
            checks=(("it is cancelled", f"SELECT status = 'cancelled' FROM final.{booking.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _note(studio: Studio) -> Idea:
    booking = studio.term("bookings")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _mine(desk)
        note = desk.rng.choice(studio.domain.topics[2:])
        script = desk.script()
        script.call(f"set_{booking.one}_note", **_found(desk, script, target), note=note)
        return task(
            script,
            f'Set the note on {_called(desk, target)} to "{note}".',
            checks=(("the note is set", f"SELECT note = {quoted(note)} FROM final.{booking.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _remind(studio: Studio) -> Idea:
    booking = studio.term("bookings")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _mine(desk)
        hours = desk.rng.choice((1, 3, 6, 12, 36, 72))
        script = desk.script()
        script.call(f"add_{booking.one}_reminder", **_found(desk, script, target), hours_before=hours)
        return task(
            script,
            f"Remind me {hours} hour{'s' if hours > 1 else ''} before {_called(desk, target)}.",
            checks=(
                (
                    "the reminder is set",
                    f"SELECT COUNT(*) = 1 FROM final.{booking.one}_reminders WHERE {booking.key} = {target['id']} AND hours_before = {hours}",
                ),
            ),
            writes=True,
        )

    return idea


def _next(studio: Studio) -> Idea:
    booking, item, staff = studio.term("bookings"), studio.term("item"), studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        script = desk.script()
        listed = script.call(f"list_my_{booking.many}", status="booked")
        if not listed.value:
            raise Unfit("nothing booked")
        return task(
            script,
            desk.say(
                f"What is my next {booking.singular} for, when is it, and with whom?",
                f"When is the first of my coming {booking.plural}, what is it for and which {staff.singular} will I see?",
            ),
            answer=[listed.ref(f"[0].{item.one}"), listed.ref("[0].starts_at"), listed.ref(f"[0].{staff.one}")],
        )

    return idea


def _count(studio: Studio) -> Idea:
    booking = studio.term("bookings")

    def idea(desk: Desk) -> dict[str, Any]:
        slot = _free(desk)
        script = desk.script()
        slots = script.call("list_free_slots", day=slot["starts_at"][:10])
        mine = script.call(f"list_my_{booking.many}", status="booked")
        return task(
            script,
            f"How many free slots are there on {spoken_day(slot['starts_at'])}, and how many {booking.plural} do I have coming up in all?",
            answer=[len(slots.value), len(mine.value)],
        )

    return idea


def _with_whom(studio: Studio) -> Idea:
    staff = studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _mine(desk)
        script = desk.script()
        booking, item = studio.term("bookings"), studio.term("item")
        listed = script.call(f"list_my_{booking.many}", status="booked")
        where = {item.one: target["name"]}
        return task(
            script,
            f"Which {staff.singular} will I see at {_called(desk, target)}, and at what time does it start?",
            answer=[listed.pick(staff.one, **where), listed.pick("starts_at", **where)],
        )

    return idea
