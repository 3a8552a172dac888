"""Ideas for tasks on enrolments."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, spoken_day, task
from tasks.embedded.phrases import from_start


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    e: Term
    p: Term
    s: Term
    i: Term
    kind: str
    """What is attended: a course or a workshop."""
    on: str
    """The status of an enrolment in force."""
    room: int

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of an enrolment."""
        return (self.on, "completed", "withdrawn")

    @property
    def courses(self) -> str:
        """The table of what is attended."""
        return f"{self.e.one}_{self.kind}s"


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_enrol, _first_free, _withdraw, _switch, _missing, _leader, _grade, _first_of_mine))


def _coming(w: Words) -> str:
    return (
        f"SELECT k.*, i.name AS item, k.capacity - (SELECT COUNT(*) FROM {w.e.table} x WHERE x.{w.kind}_id = k.id AND x.status = '{w.on}') AS room "
        f"FROM {w.courses} k JOIN {w.i.table} i ON i.id = k.{w.i.key} WHERE k.starts_on > :today"
    )


def _had(w: Words, column: str, statuses: str) -> str:
    return f"{column} IN (SELECT k2.{w.i.key} FROM {w.e.table} e2 JOIN {w.courses} k2 ON k2.id = e2.{w.kind}_id WHERE e2.{w.p.key} = 1 AND e2.status IN ({statuses}))"


def _open_to_me(w: Words) -> str:
    prepared = (
        f"NOT EXISTS (SELECT 1 FROM {w.e.one}_prerequisites q WHERE q.{w.i.key} = k.{w.i.key} AND NOT {_had(w, 'q.required_id', _done())})"
    )
    return f"SELECT * FROM ({_coming(w)} AND NOT {_had(w, f'k.{w.i.key}', _done(w.on))} AND {prepared}) WHERE room > 0"


def _done(*more: str) -> str:
    """Statuses as SQL text, `completed` among them."""
    return ", ".join(f"'{status}'" for status in ("completed", *more))


def _mine(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(
        f"SELECT e.*, k.{w.i.key}, k.starts_on, i.name AS item FROM {w.e.table} e JOIN {w.courses} k ON k.id = e.{w.kind}_id JOIN {w.i.table} i ON i.id = k.{w.i.key} WHERE e.{w.p.key} = 1 AND {condition}"
    )


def _enrolled(w: Words, course: dict[str, Any]) -> tuple[str, str]:
    sql = f"SELECT COUNT(*) = 1 FROM final.{w.e.table} WHERE {w.kind}_id = {course['id']} AND {w.p.key} = 1 AND status = '{w.on}'"
    return f"I am {w.on} for {course['item']}", sql


def _enrol(w: Words, desk: Desk) -> dict[str, Any]:
    course = desk.one(_open_to_me(w))
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=course["item"])
    listed = script.call(f"list_{w.courses}", **{w.i.key: found.pick("id", name=course["item"])})
    script.call(f"start_{w.e.one}", **{f"{w.kind}_id": listed.pick("id", starts_on=course["starts_on"])})
    wish = desk.say(
        f'Enrol me in the {w.kind} about "{course["item"]}" that starts on {spoken_day(course["starts_on"])}.',
        f'I want to attend the {w.kind} "{course["item"]}", the one beginning on {spoken_day(course["starts_on"])}. Please put me down for it.',
    )
    return task(script, wish, checks=(_enrolled(w, course),), writes=True)


def _first_free(w: Words, desk: Desk) -> dict[str, Any]:
    item = desk.one(_open_to_me(w))
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=item["item"])
    chosen = found.pick("id", name=item["item"])
    needs = script.call(f"list_{w.e.one}_prerequisites", **{w.i.key: chosen})
    listed = script.call(f"list_{w.courses}", **{w.i.key: chosen})
    at = next(n for n, row in enumerate(listed.value) if row["free_places"] > 0)
    course = {"id": listed.value[at]["id"], "item": item["item"]}
    script.call(f"start_{w.e.one}", **{f"{w.kind}_id": listed.ref(f"[{at}].id")})
    wish = (
        f'If I have completed everything that the {w.kind} about "{item["item"]}" requires, enrol me in its earliest date that has a place. '
        "On which day does it start, and how many things does it require?"
    )
    return task(script, wish, answer=[listed.ref(f"[{at}].starts_on"), len(needs.value)], checks=(_enrolled(w, course),), writes=True)


def _withdraw(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"e.status = '{w.on}' AND k.starts_on > :today")
    script = desk.script()
    listed = script.call(f"list_my_{w.e.many}", status=w.on)
    script.call(f"withdraw_{w.e.one}", **{w.e.key: listed.pick("id", **{f"{w.i.one}_name": mine["item"]})})
    wish = desk.say(
        f'I cannot come to the {w.kind} about "{mine["item"]}". Withdraw me from it.',
        f'Please take back my {w.e.singular} for "{mine["item"]}".',
    )
    check = ("I have withdrawn", f"SELECT status = 'withdrawn' FROM final.{w.e.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _switch(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(
        w,
        desk,
        f"e.status = '{w.on}' AND (SELECT COUNT(*) FROM {w.courses} o WHERE o.{w.i.key} = k.{w.i.key} AND o.starts_on > :today) = 2",
    )
    other = desk.one(f"{_coming(w)} AND k.{w.i.key} = {mine[w.i.key]} AND k.id <> {mine[f'{w.kind}_id']}")
    script = desk.script()
    listed = script.call(f"list_my_{w.e.many}", status=w.on)
    at = next(n for n, row in enumerate(listed.value) if row["id"] == mine["id"])
    found = script.call(f"search_{w.i.many}", text=mine["item"])
    dates = script.call(f"list_{w.courses}", **{w.i.key: found.pick("id", name=mine["item"])})
    script.call(
        f"change_{w.e.one}_date",
        **{w.e.key: listed.ref(f"[{at}].id"), f"{w.kind}_id": dates.pick("id", starts_on=other["starts_on"])},
    )
    wish = desk.say(
        f'On {spoken_day(mine["starts_on"])} I cannot come. Move my {w.e.singular} for "{mine["item"]}" to the other date, and tell me which one that is.',
        f'Put me on the other date of the {w.kind} about "{mine["item"]}" instead of {spoken_day(mine["starts_on"])}. When does it start?',
    )
    check = ("I am on the other date", f"SELECT {w.kind}_id = {other['id']} FROM final.{w.e.table} WHERE id = {mine['id']}")
    return task(script, wish, answer=[other["starts_on"]], checks=(check,), writes=True)


def _missing(w: Words, desk: Desk) -> dict[str, Any]:
    item = desk.one(
        f"SELECT DISTINCT i.id, i.name FROM {w.e.one}_prerequisites q JOIN {w.i.table} i ON i.id = q.{w.i.key} WHERE NOT {_had(w, 'q.required_id', _done())} ORDER BY i.id"
    )
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=item["name"])
    needs = script.call(f"list_{w.e.one}_prerequisites", **{w.i.key: found.pick("id", name=item["name"])})
    missing = [row[f"{w.i.one}_name"] for row in needs.value if not row["completed"]]
    if not missing:
        raise Unfit("nothing is missing")
    wish = f'What do I still have to complete before I can take the {w.kind} about "{item["name"]}"?'
    return task(script, wish, answer=missing)


def _leader(w: Words, desk: Desk) -> dict[str, Any]:
    course = desk.one(_coming(w))
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=course["item"])
    listed = script.call(f"list_{w.courses}", **{w.i.key: found.pick("id", name=course["item"])})
    at = next(n for n, row in enumerate(listed.value) if row["id"] == course["id"])
    wish = (
        f'Who leads the {w.kind} about "{course["item"]}" that starts on {spoken_day(course["starts_on"])}, and how many places are free?'
    )
    return task(script, wish, answer=[listed.ref(f"[{at}].led_by"), listed.ref(f"[{at}].free_places")])


def _grade(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "e.grade IS NOT NULL")
    script = desk.script()
    listed = script.call(f"list_my_{w.e.many}", status="completed")
    at = next(n for n, row in enumerate(listed.value) if row["id"] == mine["id"])
    wish = f'Which grade did I get for "{mine["item"]}", and on which day did that {w.kind} end?'
    return task(script, wish, answer=[listed.ref(f"[{at}].grade"), listed.ref(f"[{at}].ends_on")])


def _first_of_mine(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.e.many}", status=w.on)
    if not listed.value:
        raise Unfit("nothing to come")
    at = len(listed.value) - 1
    name = listed.ref(f"[{at}].{w.i.one}_name")
    wish = f"Of the {w.kind}s I am {w.on} for, which one starts first, and on which day?"
    return task(script, wish, answer=[name, listed.ref(f"[{at}].starts_on")])
