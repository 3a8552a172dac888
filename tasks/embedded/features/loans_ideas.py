"""Ideas for tasks on loans."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, task
from tasks.embedded.phrases import IN_CENTS, from_start


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    loan: Term
    p: Term
    i: Term
    daily_cents: int
    days: int
    most_renewals: int


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_borrow, _renew, _give_back, _pay, _hold, _leave, _owed, _place, _free_on))


def _mine(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(
        f"SELECT l.*, i.name AS item FROM {w.loan.table} l JOIN {w.i.table} i ON i.id = l.{w.i.key} LEFT JOIN {w.loan.one}_fines f ON f.{w.loan.key} = l.id WHERE l.{w.p.key} = 1 AND {condition}"
    )


def _borrow(w: Words, desk: Desk) -> dict[str, Any]:
    item = desk.one(
        f"SELECT id, name FROM {w.i.table} WHERE is_active = 1 AND id NOT IN (SELECT {w.i.key} FROM {w.loan.table} WHERE returned_on IS NULL) AND id NOT IN (SELECT {w.i.key} FROM {w.loan.one}_holds)"
    )
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=item["name"])
    taken = script.call(f"take_{w.loan.one}", **{w.i.key: found.pick("id", name=item["name"])})
    wish = desk.say(
        f'I would like to borrow "{item["name"]}" from today. When do I have to bring it back?',
        f'Start {w.loan.a} of "{item["name"]}" for me and tell me the due date.',
    )
    check = (
        f"{item['name']} is out to me",
        f"SELECT COUNT(*) = 1 FROM final.{w.loan.table} WHERE {w.i.key} = {item['id']} AND {w.p.key} = 1 AND returned_on IS NULL",
    )
    return task(script, wish, answer=[taken.ref(".due_on")], checks=(check,), writes=True)


def _renew(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"l.returned_on IS NULL AND l.due_on >= :today AND l.{w.i.key} NOT IN (SELECT {w.i.key} FROM {w.loan.one}_holds)")
    script = desk.script()
    listed = script.call(f"list_my_{w.loan.many}", state="out")
    renewed = script.call(f"renew_{w.loan.one}", **{w.loan.key: listed.pick("id", **{f"{w.i.one}_name": mine["item"]})})
    wish = desk.say(
        f'I need "{mine["item"]}" a while longer: renew it once and tell me when it is due then.',
        f'Please renew my {w.loan.singular} of "{mine["item"]}", one time. What is the new due date?',
    )
    check = ("it is renewed once", f"SELECT renewals = {mine['renewals'] + 1} FROM final.{w.loan.table} WHERE id = {mine['id']}")
    return task(script, wish, answer=[renewed.ref(".due_on")], checks=(check,), writes=True)


def _give_back(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "l.returned_on IS NULL AND l.due_on < :today")
    script = desk.script()
    listed = script.call(f"list_my_{w.loan.many}", state="overdue")
    ended = script.call(f"end_{w.loan.one}", **{w.loan.key: listed.pick("id", **{f"{w.i.one}_name": mine["item"]})})
    script.call(f"pay_{w.loan.one}_fine", **{w.loan.key: ended.ref(".id")})
    wish = desk.say(
        f'I am bringing back "{mine["item"]}", late, I fear. Record the return, pay its fine, and tell me how much the fine was.',
        f'Return "{mine["item"]}" for me today, pay the fine that this one {w.loan.singular} draws, and say what I paid.',
    )
    checks = (
        ("it is back", f"SELECT returned_on IS NOT NULL FROM final.{w.loan.table} WHERE id = {mine['id']}"),
        (
            "its fine is paid",
            f"SELECT COUNT(*) = 1 FROM final.{w.loan.one}_fines WHERE {w.loan.key} = {mine['id']} AND paid_on IS NOT NULL",
        ),
    )
    return task(script, f"{wish} {IN_CENTS}", answer=[ended.ref(".fine_cents")], checks=checks, writes=True)


def _pay(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "f.paid_on IS NULL AND f.amount_cents IS NOT NULL")
    script = desk.script()
    listed = script.call(f"list_my_{w.loan.many}", state="returned")
    script.call(f"pay_{w.loan.one}_fine", **{w.loan.key: listed.pick("id", **{f"{w.i.one}_name": mine["item"]})})
    wish = desk.say(
        f'Pay the fine that I still owe for "{mine["item"]}".', f'I brought back "{mine["item"]}" late. Please settle that fine.'
    )
    check = ("the fine is paid", f"SELECT paid_on IS NOT NULL FROM final.{w.loan.one}_fines WHERE {w.loan.key} = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _hold(w: Words, desk: Desk) -> dict[str, Any]:
    item = desk.one(
        f"SELECT i.id, i.name FROM {w.i.table} i JOIN {w.loan.table} l ON l.{w.i.key} = i.id WHERE l.returned_on IS NULL AND l.{w.p.key} <> 1 AND i.id NOT IN (SELECT {w.i.key} FROM {w.loan.one}_holds WHERE {w.p.key} = 1)"
    )
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=item["name"])
    placed = script.call(f"place_{w.loan.one}_hold", **{w.i.key: found.pick("id", name=item["name"])})
    wish = desk.say(
        f'Someone else has "{item["name"]}". Put me in the line for it and tell me which place I have.',
        f'"{item["name"]}" is out, so place a hold on it for me. What is my position in the line?',
    )
    check = ("I wait for it", f"SELECT COUNT(*) = 1 FROM final.{w.loan.one}_holds WHERE {w.i.key} = {item['id']} AND {w.p.key} = 1")
    return task(script, wish, answer=[placed.ref(".position")], checks=(check,), writes=True)


def _leave(w: Words, desk: Desk) -> dict[str, Any]:
    item = desk.one(f"SELECT i.id, i.name FROM {w.loan.one}_holds h JOIN {w.i.table} i ON i.id = h.{w.i.key} WHERE h.{w.p.key} = 1")
    script = desk.script()
    held = script.call(f"list_my_{w.loan.one}_holds")
    script.call(f"cancel_{w.loan.one}_hold", **{w.i.key: held.pick(w.i.key, **{f"{w.i.one}_name": item["name"]})})
    wish = desk.say(f'I no longer need "{item["name"]}"; take me out of the line for it.', f'Cancel my hold on "{item["name"]}".')
    check = ("I do not wait for it", f"SELECT COUNT(*) = 0 FROM final.{w.loan.one}_holds WHERE {w.i.key} = {item['id']} AND {w.p.key} = 1")
    return task(script, wish, checks=(check,), writes=True)


def _owed(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.loan.many}", state="returned")
    owed = sum(row["fine_cents"] for row in listed.value if row["fine_cents"] and row["fine_paid_on"] is None)
    if not owed:
        raise Unfit("nothing is owed")
    wish = desk.say(
        f"How much do I still owe in unpaid fines for {w.i.plural} that I have brought back?",
        f"Add up the fines on my returned {w.loan.plural} that are not paid yet.",
    )
    return task(script, f"{wish} {IN_CENTS}", answer=[owed])


def _place(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "l.returned_on IS NULL AND l.due_on >= :today")
    script = desk.script()
    listed = script.call(f"list_my_{w.loan.many}")
    found = next(n for n, row in enumerate(listed.value) if row["id"] == mine["id"])
    wish = f'On which day did I take out "{mine["item"]}", and when is it due?'
    return task(script, wish, answer=[listed.ref(f"[{found}].taken_on"), listed.ref(f"[{found}].due_on")])


def _free_on(w: Words, desk: Desk) -> dict[str, Any]:
    item = desk.one(
        f"SELECT i.id, i.name, l.due_on FROM {w.i.table} i JOIN {w.loan.table} l ON l.{w.i.key} = i.id WHERE l.returned_on IS NULL AND l.{w.p.key} <> 1"
    )
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=item["name"])
    seen = script.call(f"get_{w.loan.one}_availability", **{w.i.key: found.pick("id", name=item["name"])})
    wish = f'"{item["name"]}" seems to be out. Until which day, and how many people are waiting for it?'
    return task(script, wish, answer=[seen.ref(".out_until"), seen.ref(".people_waiting")])
