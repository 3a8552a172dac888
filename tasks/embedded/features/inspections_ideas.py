"""Ideas for tasks on inspections."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, quoted, spoken_day, task
from tasks.embedded.phrases import from_start

POINTS = (
    "Fire extinguishers",
    "Emergency exits",
    "Lighting",
    "First aid kit",
    "Floors and stairs",
    "Locks and keys",
    "Ventilation",
    "Signs and notices",
    "Electrical outlets",
)
_REMARKS = ("Replaced with a new one.", "Repaired and tested.", "Cleaned and labelled.")


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    n: Term
    p: Term
    place: Term
    s: Term
    outcomes: tuple[str, str]
    """How a good and a bad point are called."""
    soon: str
    settle_days: int


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_ask, _move, _close, _finish, _record, _settle, _due, _inspector, _bad))


def _mine(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(
        f"SELECT n.*, l.name AS at, (SELECT COUNT(*) FROM {w.n.one}_points o WHERE o.{w.n.key} = n.id AND o.outcome IS NULL) AS missing FROM {w.n.table} n "
        f"JOIN {w.place.table} l ON l.id = n.{w.place.key} WHERE n.{w.p.key} = 1 AND {condition}"
    )


def _called(w: Words, row: dict[str, Any]) -> str:
    return f"{w.n.singular} of {row['at']} on {spoken_day(row['planned_on'])}"


def _ask(w: Words, desk: Desk) -> dict[str, Any]:
    place, day = desk.one(f"SELECT id, name FROM {w.place.table}"), desk.studio.day(50, 90)
    first, second = desk.rng.sample(POINTS, 2)
    script = desk.script()
    places = script.call(f"list_{w.place.many}")
    made = script.call(f"request_{w.n.one}", **{w.place.key: places.pick("id", name=place["name"]), "day": day, "points": [first, second]})
    wish = desk.say(
        f'Ask for {w.n.a} of {place["name"]} on {spoken_day(day)}. The points to look at, in this order: "{first}", "{second}". Who is going to do it?',
        f'I need {place["name"]} looked at on {spoken_day(day)}: request {w.n.a} with the points "{first}" and "{second}", in this order, and tell me the inspector\'s name.',
    )
    sql = f"SELECT COUNT(*) = 1 FROM final.{w.n.table} WHERE {w.p.key} = 1 AND {w.place.key} = {place['id']} AND planned_on = '{day}'"
    return task(script, wish, answer=[made.ref(".details.inspector")], checks=(("it is asked for", sql),), writes=True)


def _move(w: Words, desk: Desk) -> dict[str, Any]:
    mine, day = _mine(w, desk, f"n.status = '{w.soon}' AND n.planned_on > :today"), desk.studio.day(50, 90)
    script = desk.script()
    listed = script.call(f"list_my_{w.n.many}", status=w.soon)
    script.call(f"reschedule_{w.n.one}", **{w.n.key: listed.pick("id", planned_on=mine["planned_on"]), "day": day})
    wish = desk.say(
        f"Move my {_called(w, mine)} to {spoken_day(day)}.",
        f"The {_called(w, mine)} has to wait: put it off until {spoken_day(day)}.",
    )
    check = ("it is on the new day", f"SELECT planned_on = '{day}' FROM final.{w.n.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _close(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"n.status = '{w.soon}' AND n.planned_on < :today AND missing = 0")
    script = desk.script()
    listed = script.call(f"list_my_{w.n.many}", status=w.soon)
    closed = script.call(f"close_{w.n.one}", **{w.n.key: listed.pick("id", planned_on=mine["planned_on"])})
    wish = desk.say(
        f"Everything is recorded for the {_called(w, mine)}. Close it and tell me the result.",
        f"Please close my {_called(w, mine)}. With which result does it end?",
    )
    check = ("it is closed", f"SELECT status = 'closed' FROM final.{w.n.table} WHERE id = {mine['id']}")
    return task(script, wish, answer=[closed.ref(".result")], checks=(check,), writes=True)


def _finish(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"n.status = '{w.soon}' AND n.planned_on < :today AND missing > 0")
    outcome = desk.rng.choice(w.outcomes)
    script = desk.script()
    listed = script.call(f"list_my_{w.n.many}", status=w.soon)
    chosen = listed.pick("id", planned_on=mine["planned_on"])
    seen = script.call(f"get_my_{w.n.one}", **{w.n.key: chosen})
    open_points = [n for n, row in enumerate(seen.value["points"]) if row["outcome"] is None]
    for at in open_points:
        script.call(f"record_{w.n.one}_point", **{w.n.key: chosen, "position": seen.ref(f".points[{at}].position"), "outcome": outcome})
    closed = script.call(f"close_{w.n.one}", **{w.n.key: chosen})
    wish = (
        f"In the {_called(w, mine)}, record every point that has no outcome yet as {outcome}; leave the others as they are. Then close it"
    )
    known = closed.value["result"] in wish
    check = ("it is closed", f"SELECT status = 'closed' FROM final.{w.n.table} WHERE id = {mine['id']}")
    whole = f"{wish}." if known else f"{wish} and tell me the result."
    return task(script, whole, answer=None if known else [closed.ref(".result")], checks=(check,), writes=True)


def _record(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"n.status = '{w.soon}' AND n.planned_on < :today AND missing > 0")
    point = desk.one(f"SELECT * FROM {w.n.one}_points WHERE {w.n.key} = {mine['id']} AND outcome IS NULL")
    outcome = desk.rng.choice(w.outcomes)
    script = desk.script()
    listed = script.call(f"list_my_{w.n.many}", status=w.soon)
    chosen = listed.pick("id", planned_on=mine["planned_on"])
    seen = script.call(f"get_my_{w.n.one}", **{w.n.key: chosen})
    at = next(n for n, row in enumerate(seen.value["points"]) if row["point"] == point["point"])
    script.call(f"record_{w.n.one}_point", **{w.n.key: chosen, "position": seen.ref(f".points[{at}].position"), "outcome": outcome})
    wish = f'Record the point "{point["point"]}" of the {_called(w, mine)} as {outcome}; the rest is not done yet.'
    sql = f"SELECT outcome IS '{outcome}' FROM final.{w.n.one}_points WHERE {w.n.key} = {mine['id']} AND point = {quoted(point['point'])}"
    return task(script, wish, checks=(("the point is recorded", sql),), writes=True)


def _settle(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.n.one}_findings")
    if not listed.value:
        raise Unfit("no open finding")
    row, remark = desk.rng.choice(listed.value), desk.rng.choice(_REMARKS)
    at = listed.value.index(row)
    left = script.call(
        f"settle_{w.n.one}_finding",
        **{w.n.key: listed.ref(f"[{at}].{w.n.key}"), "position": listed.ref(f"[{at}].position"), "remark": remark},
    )
    wish = (
        f'The finding "{row["point"]}" at {row[f"{w.place.one}_name"]} has been put right. Settle it with the remark "{remark}" '
        "and tell me how many findings of mine are still open."
    )
    sql = f"SELECT settled_on IS NOT NULL FROM final.{w.n.one}_findings WHERE {w.n.key} = {row[w.n.key]} AND position = {row['position']}"
    return task(script, wish, answer=[left.ref(".still_open")], checks=(("it is settled", sql),), writes=True)


def _due(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.n.one}_findings", open_only=True)
    if not listed.value or len([row for row in listed.value if row["settle_by"] == listed.value[0]["settle_by"]]) > 1:
        raise Unfit("no first finding")
    wish = f"Which open finding from my {w.n.plural} has to be settled first, and by which day?"
    return task(script, wish, answer=[listed.ref("[0].point"), listed.ref("[0].settle_by")])


def _inspector(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "1")
    script = desk.script()
    listed = script.call(f"list_my_{w.n.many}")
    at = next(n for n, row in enumerate(listed.value) if row["id"] == mine["id"])
    verb = "does" if mine["status"] == w.soon else "did"
    return task(script, f"Who {verb} the {_called(w, mine)}?", answer=[listed.ref(f"[{at}].inspector")])


def _bad(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"n.status = 'closed' AND n.result = '{w.outcomes[1]}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.n.many}", status="closed")
    seen = script.call(f"get_my_{w.n.one}", **{w.n.key: listed.pick("id", planned_on=mine["planned_on"])})
    refs = [seen.ref(f".points[{n}].point") for n, row in enumerate(seen.value["points"]) if row["outcome"] == w.outcomes[1]]
    wish = f"Which points were recorded as {w.outcomes[1]} in the {_called(w, mine)}?"
    return task(script, wish, answer=refs)
