"""Ideas for tasks on deliveries."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, quoted, spoken_day, task
from tasks.embedded.names import STREETS, TOWNS
from tasks.embedded.phrases import from_start

_NOTES = ("Please use the back entrance.", "The bell is broken, so knock.", "Call ten minutes before you come.", "Leave it in the porch.")


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    d: Term
    p: Term
    i: Term
    soon: str
    """The status of a delivery to come."""
    windows: tuple[str, ...]
    prefix: str
    most: int

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of a delivery."""
        return (self.soon, "on its way", "delivered", "cancelled")


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_arrange, _move, _note, _cancel, _confirm, _earliest, _when, _pieces))


def _mine(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(
        f"SELECT d.*, s.day, s.time_window FROM {w.d.table} d JOIN {w.d.one}_slots s ON s.id = d.slot_id WHERE d.{w.p.key} = 1 AND {condition}"
    )


def _slot(w: Words, desk: Desk, but: int = 0) -> dict[str, Any]:
    return desk.one(
        f"SELECT * FROM {w.d.one}_slots s WHERE s.day > :today AND s.id <> {but} AND s.capacity > (SELECT COUNT(*) FROM {w.d.table} x WHERE x.slot_id = s.id AND x.status <> 'cancelled')"
    )


def _arrange(w: Words, desk: Desk) -> dict[str, Any]:
    slot, address = _slot(w, desk), f"{desk.rng.randint(1, 90)} {desk.rng.choice(STREETS)}, {desk.rng.choice(TOWNS)}"
    items = desk.rng.sample(desk.rows(f"SELECT id, name FROM {w.i.table} WHERE is_active = 1 ORDER BY id"), 2)
    first, second = desk.rng.sample(range(1, 5), 2)
    script = desk.script()
    slots = script.call(f"list_{w.d.one}_slots")
    ids = [script.call(f"search_{w.i.many}", text=item["name"]).pick("id", name=item["name"]) for item in items]
    lines = [{w.i.key: item, "quantity": quantity} for item, quantity in zip(ids, (first, second), strict=True)]
    made = script.call(
        f"arrange_{w.d.one}", slot_id=slots.pick("id", day=slot["day"], time_window=slot["time_window"]), address=address, lines=lines
    )
    wish = (
        f'Arrange {w.d.a} for me on {spoken_day(slot["day"])}, {slot["time_window"]}, to {address}. First line: "{items[0]["name"]}", quantity {first}; '
        f'second line: "{items[1]["name"]}", quantity {second}. Then tell me its reference.'
    )
    check = (
        f"the {w.d.singular} is arranged",
        f"SELECT COUNT(*) = 1 FROM final.{w.d.table} WHERE {w.p.key} = 1 AND slot_id = {slot['id']} AND address = {quoted(address)} AND status = '{w.soon}'",
    )
    return task(script, wish, answer=[made.ref(".details.reference")], checks=(check,), writes=True)


def _move(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"d.status = '{w.soon}'")
    slot = _slot(w, desk, mine["slot_id"])
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}", status=w.soon)
    slots = script.call(f"list_{w.d.one}_slots", from_day=slot["day"], to_day=slot["day"])
    script.call(
        f"reschedule_{w.d.one}",
        **{w.d.key: listed.pick("id", reference=mine["reference"]), "slot_id": slots.pick("id", time_window=slot["time_window"])},
    )
    wish = desk.say(
        f"Move my {w.d.singular} {mine['reference']} to {spoken_day(slot['day'])}, {slot['time_window']}.",
        f"I won't be at home on {spoken_day(mine['day'])}. Have {w.d.singular} {mine['reference']} brought on {spoken_day(slot['day'])} ({slot['time_window']}) instead.",
    )
    check = ("it is in the new slot", f"SELECT slot_id = {slot['id']} FROM final.{w.d.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _note(w: Words, desk: Desk) -> dict[str, Any]:
    mine, note = _mine(w, desk, f"d.status = '{w.soon}'"), desk.rng.choice(_NOTES)
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}", status=w.soon)
    script.call(f"set_{w.d.one}_instructions", **{w.d.key: listed.pick("id", reference=mine["reference"]), "instructions": note})
    wish = desk.say(
        f'Leave these instructions for {w.d.singular} {mine["reference"]}, in place of any earlier ones: "{note}"',
        f'The driver of my {w.d.singular} on {spoken_day(mine["day"])} ({mine["reference"]}) should read exactly this: "{note}"',
    )
    check = ("the instructions are there", f"SELECT instructions IS {quoted(note)} FROM final.{w.d.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _cancel(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"d.status = '{w.soon}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}")
    script.call(f"cancel_{w.d.one}", **{w.d.key: listed.pick("id", reference=mine["reference"])})
    wish = desk.say(
        f"Cancel my {w.d.singular} {mine['reference']}.",
        f"I no longer need the {w.d.singular} planned for me on {spoken_day(mine['day'])}, {mine['time_window']} ({mine['reference']}). Call it off.",
    )
    check = ("it is cancelled", f"SELECT status = 'cancelled' FROM final.{w.d.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _confirm(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "d.status = 'on its way'")
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}", status="on its way")
    script.call(f"confirm_{w.d.one}", **{w.d.key: listed.pick("id", reference=mine["reference"])})
    wish = desk.say(
        f"The {w.d.singular} that was on its way to me has come. Please confirm it and give me its reference.",
        f"My {w.d.singular} that was under way has just arrived. Record that, and tell me which reference it had.",
    )
    check = ("it is delivered", f"SELECT status = 'delivered' FROM final.{w.d.table} WHERE id = {mine['id']}")
    return task(script, wish, answer=[mine["reference"]], checks=(check,), writes=True)


def _earliest(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"d.status = '{w.soon}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}")
    slots = script.call(f"list_{w.d.one}_slots")
    first = slots.value[0]
    same_day = [row for row in slots.value if row["day"] == first["day"]]
    if len(same_day) > 1 or first["day"] >= mine["day"]:
        return _when(w, desk)
    script.call(f"reschedule_{w.d.one}", **{w.d.key: listed.pick("id", reference=mine["reference"]), "slot_id": slots.ref("[0].id")})
    wish = f"Have my {w.d.singular} {mine['reference']} brought in the earliest slot that still has room. On which day is that?"
    check = ("it is in the earliest slot", f"SELECT slot_id = {first['id']} FROM final.{w.d.table} WHERE id = {mine['id']}")
    return task(script, wish, answer=[slots.ref("[0].day")], checks=(check,), writes=True)


def _when(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "d.status <> 'cancelled'")
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}")
    at = next(n for n, row in enumerate(listed.value) if row["id"] == mine["id"])
    wish = f"For which day and time of day is my {w.d.singular} {mine['reference']} booked?"
    return task(script, wish, answer=[listed.ref(f"[{at}].day"), listed.ref(f"[{at}].time_window")])


def _pieces(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "d.status <> 'cancelled'")
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}")
    seen = script.call(f"get_my_{w.d.one}", **{w.d.key: listed.pick("id", reference=mine["reference"])})
    wish = desk.say(
        f"How many pieces are in my {w.d.singular} {mine['reference']} altogether, over all its lines?",
        f"Add up the quantities in {w.d.singular} {mine['reference']} for me.",
    )
    return task(script, wish, answer=[sum(row["quantity"] for row in seen.value["lines"])])
