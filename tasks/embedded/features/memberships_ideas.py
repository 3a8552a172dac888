"""Ideas for tasks on memberships."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, quoted, spoken_day, task
from tasks.embedded.names import FIRST
from tasks.embedded.phrases import IN_CENTS, from_start


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    m: Term
    p: Term
    on: str
    """The status of a membership in force."""
    off: str
    """The status of one that was given up."""
    changes_plan: bool


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(
        from_start(idea, w)
        for idea in (_start, _pause, _resume, _guest, _renew, _room, _switch, _cheapest)
        if w.changes_plan or idea is not _switch
    )


def _held(w: Words, status: str) -> str:
    return f"SELECT m.id, m.ends_on, m.paused_until, l.name, l.max_guests FROM {w.m.table} m JOIN {w.m.one}_plans l ON l.id = m.plan_id WHERE m.{w.p.key} = 1 AND m.status = '{status}'"


def _start(w: Words, desk: Desk) -> dict[str, Any]:
    m = w.m
    plan = desk.one(
        f"SELECT id, name FROM {m.one}_plans WHERE id NOT IN (SELECT plan_id FROM {m.table} WHERE {w.p.key} = 1 AND status IN ('{w.on}', 'paused'))"
    )
    months = desk.rng.choice((3, 6, 12))
    script = desk.script()
    plans = script.call(f"list_{m.one}_plans")
    started = script.call(f"start_{m.one}", plan_id=plans.pick("id", name=plan["name"]), months=months)
    return task(
        script,
        desk.say(
            f"Sign me up today for {m.a} on the {plan['name']} plan for {months} months. On which day will it end?",
            f'I\'d like to start {m.a} on the plan "{plan["name"]}", {months} months from today. Tell me its end date.',
        ),
        answer=[started.ref(".ends_on")],
        checks=(
            (
                f"there is {m.a} on {plan['name']} from today",
                f"SELECT COUNT(*) = 1 FROM final.{m.table} WHERE {w.p.key} = 1 AND plan_id = {plan['id']} AND status = '{w.on}'",
            ),
        ),
        writes=True,
    )


def _pause(w: Words, desk: Desk) -> dict[str, Any]:
    held, until = desk.one(_held(w, w.on)), desk.studio.day(14, 80)
    script = desk.script()
    mine = script.call(f"list_my_{w.m.many}", status=w.on)
    script.call(f"pause_{w.m.one}", **{w.m.key: mine.pick("id", plan_name=held["name"]), "until": until})
    return task(
        script,
        desk.say(
            f"I am going away. Please pause my {held['name']} {w.m.singular} until {spoken_day(until)}.",
            f"Put my {w.m.singular} on the {held['name']} plan on hold; it should go on again on {spoken_day(until)}.",
        ),
        checks=(
            (
                "it is paused until that day",
                f"SELECT status = 'paused' AND paused_until = '{until}' FROM final.{w.m.table} WHERE id = {held['id']}",
            ),
        ),
        writes=True,
    )


def _resume(w: Words, desk: Desk) -> dict[str, Any]:
    held = desk.one(_held(w, "paused"))
    script = desk.script()
    mine = script.call(f"list_my_{w.m.many}", status="paused")
    resumed = script.call(f"resume_{w.m.one}", **{w.m.key: mine.pick("id", plan_name=held["name"])})
    return task(
        script,
        desk.say(
            f"I'm back early: take my paused {held['name']} {w.m.singular} off hold now, and tell me until when it runs.",
            f"End the pause of my {w.m.singular} on the {held['name']} plan right away. When does that {w.m.singular} end?",
        ),
        answer=[resumed.ref(".ends_on")],
        checks=((f"the {w.m.singular} goes on", f"SELECT status = '{w.on}' FROM final.{w.m.table} WHERE id = {held['id']}"),),
        writes=True,
    )


def _guest(w: Words, desk: Desk) -> dict[str, Any]:
    held, name = desk.one(_held(w, w.on)), f"{desk.rng.choice(FIRST)} {desk.rng.choice(('Marlow', 'Finch', 'Hale', 'Rowan'))}"
    script = desk.script()
    mine = script.call(f"list_my_{w.m.many}")
    script.call(f"add_{w.m.one}_guest", **{w.m.key: mine.pick("id", plan_name=held["name"], status=w.on), "guest_name": name})
    return task(
        script,
        desk.say(
            f"Add {name} as a guest to my {w.on} {w.m.singular} on the {held['name']} plan.",
            f"{name} would like to come along with me. Please name them as a guest on my {held['name']} {w.m.singular}, the one that is {w.on}.",
        ),
        checks=(
            (
                f"{name} is a guest",
                f"SELECT COUNT(*) = 1 FROM final.{w.m.one}_guests WHERE {w.m.key} = {held['id']} AND guest_name = {quoted(name)}",
            ),
        ),
        writes=True,
    )


def _renew(w: Words, desk: Desk) -> dict[str, Any]:
    held, months = desk.one(_held(w, w.on)), desk.rng.choice((2, 4, 6, 9))
    script = desk.script()
    mine = script.call(f"list_my_{w.m.many}", status=w.on)
    renewed = script.call(f"renew_{w.m.one}", **{w.m.key: mine.pick("id", plan_name=held["name"]), "months": months})
    return task(
        script,
        desk.say(
            f"Extend my {held['name']} {w.m.singular} by {months} months and tell me the new end date.",
            f"My {w.m.singular} on the {held['name']} plan shall run {months} months longer. What is its last day then?",
        ),
        answer=[renewed.ref(".ends_on")],
        checks=(("it ends later", f"SELECT ends_on > '{held['ends_on']}' FROM final.{w.m.table} WHERE id = {held['id']}"),),
        writes=True,
    )


def _room(w: Words, desk: Desk) -> dict[str, Any]:
    held = desk.one(_held(w, w.on))
    script = desk.script()
    mine = script.call(f"list_my_{w.m.many}", status=w.on)
    seen = script.call(f"get_my_{w.m.one}", **{w.m.key: mine.pick("id", plan_name=held["name"])})
    return task(
        script,
        desk.say(
            f"How many more guests can I name on my {held['name']} {w.m.singular}?",
            f"Look at my {w.on} {held['name']} {w.m.singular}: how many guest places are still free on it?",
        ),
        answer=[held["max_guests"] - len(seen.value["guests"])],
    )


def _switch(w: Words, desk: Desk) -> dict[str, Any]:
    m, held = w.m, desk.one(_held(w, w.on))
    plan = desk.one(
        f"SELECT id, name FROM {m.one}_plans WHERE max_guests >= 2 AND id NOT IN (SELECT plan_id FROM {m.table} WHERE {w.p.key} = 1 AND status IN ('{w.on}', 'paused'))"
    )
    script = desk.script()
    mine = script.call(f"list_my_{m.many}", status=w.on)
    plans = script.call(f"list_{m.one}_plans")
    script.call(f"change_{m.one}_plan", **{m.key: mine.pick("id", plan_name=held["name"]), "plan_id": plans.pick("id", name=plan["name"])})
    return task(
        script,
        desk.say(
            f"Move my {held['name']} {m.singular} to the {plan['name']} plan.",
            f"I want to be on the {plan['name']} plan instead of {held['name']}. Change my {w.on} {m.singular}; don't start a second one.",
        ),
        checks=((f"it is on {plan['name']}", f"SELECT plan_id = {plan['id']} FROM final.{m.table} WHERE id = {held['id']}"),),
        writes=True,
    )


def _cheapest(w: Words, desk: Desk) -> dict[str, Any]:
    guests = desk.rng.choice((1, 2, 3))
    script = desk.script()
    plans = script.call(f"list_{w.m.one}_plans", guests=guests)
    best = plans.value[0]
    if len(plans.value) > 1 and plans.value[1]["monthly_cents"] == best["monthly_cents"]:
        return _room(w, desk)
    people = "guest" if guests == 1 else "guests"
    return task(
        script,
        f"Which is the cheapest {w.m.singular} plan that lets me bring at least {guests} {people}, and what does it cost a month? {IN_CENTS}",
        answer=[plans.ref("[0].name"), plans.ref("[0].monthly_cents")],
    )
