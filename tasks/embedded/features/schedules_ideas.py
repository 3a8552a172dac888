"""Ideas for tasks on schedules."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, spoken_day, spoken_time, task
from tasks.embedded.phrases import from_start


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    s: Term
    p: Term
    place: Term
    notice: int
    """How many days ahead a place can be given up."""
    can_stop: bool


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    stop = (_stop,) if w.can_stop else ()
    return tuple(from_start(idea, w) for idea in (_sign_up, _leave, _wait, *stop, _swap, _next, _room, _hours, _earliest))


def _base(w: Words) -> str:
    return f"SELECT s.*, l.name AS at, (SELECT COUNT(*) FROM {w.s.one}_signups u WHERE u.{w.s.key} = s.id) AS taken FROM {w.s.table} s JOIN {w.place.table} l ON l.id = s.{w.place.key} WHERE s.starts_at > :now AND s.cancelled = 0"


def _mine(w: Words, table: str = "signups") -> str:
    return f"s.id IN (SELECT {w.s.key} FROM {w.s.one}_{table} WHERE {w.p.key} = 1)"


def _foreign(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    """A shift to come for which I neither signed up nor wait, and that clashes with none of mine."""
    clash = f"EXISTS (SELECT 1 FROM {w.s.table} o JOIN {w.s.one}_signups x ON x.{w.s.key} = o.id WHERE x.{w.p.key} = 1 AND date(o.starts_at) = date(s.starts_at))"
    sql = f"SELECT * FROM ({_base(w)} AND NOT {_mine(w)} AND NOT {_mine(w, 'waiting')} AND NOT {clash}) WHERE {condition}"
    return desk.one(sql)


def _called(w: Words, row: dict[str, Any]) -> str:
    return f'"{row["activity"]}" {w.s.singular} at {row["at"]} on {spoken_day(row["starts_at"])}'


def _check(w: Words, name: str, row: dict[str, Any], count: int, table: str = "signups") -> tuple[str, str]:
    return name, f"SELECT COUNT(*) = {count} FROM final.{w.s.one}_{table} WHERE {w.s.key} = {row['id']} AND {w.p.key} = 1"


def _sign_up(w: Words, desk: Desk) -> dict[str, Any]:
    row = _foreign(w, desk, "taken < capacity")
    script = desk.script()
    listed = script.call(f"list_{w.s.many}", day=row["starts_at"][:10])
    script.call(f"sign_up_for_{w.s.one}", **{w.s.key: listed.pick("id", starts_at=row["starts_at"])})
    wish = desk.say(
        f"Sign me up for the {_called(w, row)}. At what time does it end?",
        f"I would like to take the {_called(w, row)}, starting at {spoken_time(row['starts_at'])}. Put me down and tell me until when it goes.",
    )
    return task(script, wish, answer=[spoken_time(row["ends_at"])], checks=(_check(w, "I have a place", row, 1),), writes=True)


def _leave(w: Words, desk: Desk) -> dict[str, Any]:
    row = desk.one(f"{_base(w)} AND {_mine(w)}")
    script = desk.script()
    listed = script.call(f"list_my_{w.s.many}")
    script.call(f"leave_{w.s.one}", **{w.s.key: listed.pick("id", starts_at=row["starts_at"])})
    wish = desk.say(f"I cannot make the {_called(w, row)}. Give up my place.", f"Please take me off the {_called(w, row)}.")
    return task(script, wish, checks=(_check(w, "my place is given up", row, 0),), writes=True)


def _wait(w: Words, desk: Desk) -> dict[str, Any]:
    row = _foreign(w, desk, "taken >= capacity")
    script = desk.script()
    listed = script.call(f"list_{w.s.many}")
    placed = script.call(f"wait_for_{w.s.one}", **{w.s.key: listed.pick("id", starts_at=row["starts_at"])})
    wish = desk.say(
        f"The {_called(w, row)} is full. Put me on its waiting list and tell me my place.",
        f"I would love to join the {_called(w, row)}, but it has no room. Let me wait for a place; which position do I get?",
    )
    return task(script, wish, answer=[placed.ref(".position")], checks=(_check(w, "I wait for it", row, 1, "waiting"),), writes=True)


def _stop(w: Words, desk: Desk) -> dict[str, Any]:
    row = desk.one(f"{_base(w)} AND {_mine(w, 'waiting')}")
    script = desk.script()
    listed = script.call(f"list_my_{w.s.many}")
    script.call(f"stop_waiting_for_{w.s.one}", **{w.s.key: listed.pick("id", starts_at=row["starts_at"])})
    wish = f"I have other plans by now: take me off the waiting list of the {_called(w, row)}."
    return task(script, wish, checks=(_check(w, "I wait no more", row, 0, "waiting"),), writes=True)


def _swap(w: Words, desk: Desk) -> dict[str, Any]:
    old, new = desk.one(f"{_base(w)} AND {_mine(w)}"), _foreign(w, desk, "taken < capacity")
    script = desk.script()
    mine, listed = script.call(f"list_my_{w.s.many}"), script.call(f"list_{w.s.many}", with_room=True)
    script.call(
        f"swap_{w.s.one}",
        **{w.s.key: listed.pick("id", starts_at=new["starts_at"]), "given_up_id": mine.pick("id", starts_at=old["starts_at"])},
    )
    wish = desk.say(
        f"Swap my {_called(w, old)} for the {_called(w, new)}.",
        f"I want to do the {_called(w, new)} instead of the {_called(w, old)}. Please arrange that.",
    )
    checks = (_check(w, "the new one is mine", new, 1), _check(w, "the old one is given up", old, 0))
    return task(script, wish, checks=checks, writes=True)


def _next(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.s.many}")
    at = next((n for n, row in enumerate(listed.value) if row["state"] == "signed up"), None)
    if at is None:
        raise Unfit("nothing to come")
    wish = desk.say(
        f"What is the next {w.s.singular} that I have signed up for, and where is it? Waiting lists don't count.",
        f"Tell me the activity and the {w.place.singular} of my next {w.s.singular}, counting only those in which I have a place.",
    )
    return task(script, wish, answer=[listed.ref(f"[{at}].activity"), listed.ref(f"[{at}].{w.place.one}_name")])


def _room(w: Words, desk: Desk) -> dict[str, Any]:
    row = desk.one(f"SELECT * FROM ({_base(w)}) WHERE taken < capacity")
    script = desk.script()
    listed = script.call(f"list_{w.s.many}", day=row["starts_at"][:10])
    at = next(n for n, found in enumerate(listed.value) if found["id"] == row["id"])
    return task(script, f"How many places are still free in the {_called(w, row)}?", answer=[listed.ref(f"[{at}].free_places")])


def _hours(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.s.many}")
    rows = [row for row in listed.value if row["state"] == "signed up"]
    wish = f"How many minutes do the {w.s.plural} to come that I have signed up for take altogether? Leave out waiting lists."
    return task(script, wish, answer=[sum(row["minutes"] for row in rows)])


def _earliest(w: Words, desk: Desk) -> dict[str, Any]:
    row = _foreign(w, desk, "taken < capacity")
    script = desk.script()
    places = script.call(f"list_{w.place.many}")
    listed = script.call(f"list_{w.s.many}", **{w.place.key: places.pick("id", name=row["at"]), "with_room": True})
    first = listed.value[0]
    if first["id"] != row["id"]:
        raise Unfit("an earlier one is there")
    script.call(f"sign_up_for_{w.s.one}", **{w.s.key: listed.ref("[0].id")})
    wish = f"Sign me up for the earliest {w.s.singular} at {row['at']} that still has room, and tell me which activity it is."
    return task(script, wish, answer=[listed.ref("[0].activity")], checks=(_check(w, "I have a place", row, 1),), writes=True)
