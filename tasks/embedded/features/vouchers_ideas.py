"""Ideas for tasks on vouchers."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, spoken_day, task
from tasks.embedded.phrases import IN_CENTS, from_start


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    v: Term
    p: Term
    i: Term
    prefix: str
    """What codes begin with."""
    has_occasion: bool

    @property
    def uses(self) -> str:
        """The table of what was paid for."""
        return f"{self.v.one}_uses"


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_redeem, _use, _pay, _give, _merge, _check, _worth, _redeem_and_use, _last_use))


def _valid(w: Words) -> str:
    return f"SELECT * FROM {w.v.table} v WHERE v.{w.p.key} = 1 AND v.blocked = 0 AND v.expires_on >= :today AND v.balance_cents > 0"


def _free(w: Words, desk: Desk) -> dict[str, Any]:
    return desk.one(f"SELECT * FROM {w.v.table} WHERE {w.p.key} IS NULL AND expires_on >= :today")


def _item(w: Words, desk: Desk, low: int, high: int) -> dict[str, Any]:
    """An item on offer that costs more than `low` and at most `high`."""
    return desk.one(f"SELECT * FROM {w.i.table} WHERE is_active = 1 AND price_cents > {max(low, 0)} AND price_cents <= {high}")


def _owned(w: Words, row: dict[str, Any], owner: int) -> tuple[str, str]:
    return f"{row['code']} has its new owner", f"SELECT {w.p.key} IS {owner} FROM final.{w.v.table} WHERE id = {row['id']}"


def _redeem(w: Words, desk: Desk) -> dict[str, Any]:
    row = _free(w, desk)
    script = desk.script()
    mine = script.call(f"redeem_{w.v.one}_code", code=row["code"])
    wish = desk.say(
        f"I was given {w.v.a} with the code {row['code']}. Redeem it for me and tell me until when it is valid.",
        f"Add the {w.v.singular} {row['code']} to my account. On which day does it expire?",
    )
    return task(script, wish, answer=[mine.ref(".expires_on")], checks=(_owned(w, row, 1),), writes=True)


def _use(w: Words, desk: Desk) -> dict[str, Any]:
    row = max(desk.rows(f"{_valid(w)} ORDER BY v.id"), key=lambda found: int(found["balance_cents"]))
    item = _item(w, desk, 0, row["balance_cents"])
    script = desk.script()
    listed = script.call(f"list_my_{w.v.many}", state="valid")
    found = script.call(f"search_{w.i.many}", text=item["name"])
    used = script.call(f"use_{w.v.one}", **{w.v.key: listed.pick("id", code=row["code"]), w.i.key: found.pick("id", name=item["name"])})
    wish = desk.say(
        f'Pay for "{item["name"]}" with my {w.v.singular} {row["code"]} and tell me what is left on it.',
        f'Use {row["code"]}, one of my {w.v.plural}, for "{item["name"]}". What is its balance afterwards?',
    )
    sql = f"SELECT balance_cents = {row['balance_cents'] - item['price_cents']} FROM final.{w.v.table} WHERE id = {row['id']}"
    return task(script, f"{wish} {IN_CENTS}", answer=[used.ref(".balance_cents")], checks=(("the price is taken off", sql),), writes=True)


def _pay(w: Words, desk: Desk) -> dict[str, Any]:
    rows = desk.rows(f"{_valid(w)} ORDER BY v.expires_on, v.id")
    total = sum(row["balance_cents"] for row in rows)
    item = _item(w, desk, rows[0]["balance_cents"], total)
    script = desk.script()
    found = script.call(f"search_{w.i.many}", text=item["name"])
    script.call(f"pay_with_all_{w.v.many}", **{w.i.key: found.pick("id", name=item["name"])})
    left = script.call(f"get_my_{w.v.one}_balance")
    wish = desk.say(
        f'Pay for "{item["name"]}" with my {w.v.plural}, those that expire first before the others. How much is left on all that can still be used?',
        f'I want "{item["name"]}", paid from all my {w.v.plural} in the order in which they expire. Tell me the total that I can still use after that.',
    )
    sql = f"SELECT SUM(balance_cents) = {total - item['price_cents']} FROM final.{w.v.table} v WHERE {w.p.key} = 1 AND blocked = 0 AND expires_on >= '2026-03-02'"
    return task(script, f"{wish} {IN_CENTS}", answer=[left.ref()], checks=(("the price is paid", sql),), writes=True)


def _give(w: Words, desk: Desk) -> dict[str, Any]:
    row, friend = desk.one(_valid(w)), desk.one(f"SELECT id, full_name, email FROM {w.p.table} WHERE id > 1")
    script = desk.script()
    listed = script.call(f"list_my_{w.v.many}", state="valid")
    script.call(f"give_{w.v.one}", **{w.v.key: listed.pick("id", code=row["code"]), "email": friend["email"]})
    wish = desk.say(
        f"Give my {w.v.singular} {row['code']} to {friend['full_name']} ({friend['email']}).",
        f"{friend['full_name']} can make better use of {w.v.singular} {row['code']} than I. Pass it on to {friend['email']}.",
    )
    return task(script, wish, checks=(_owned(w, row, friend["id"]),), writes=True)


def _merge(w: Words, desk: Desk) -> dict[str, Any]:
    first, last = sorted(desk.rng.sample(desk.rows(f"{_valid(w)} ORDER BY v.id"), 2), key=lambda row: str(row["expires_on"]))
    script = desk.script()
    listed = script.call(f"list_my_{w.v.many}", state="valid")
    merged = script.call(f"merge_{w.v.many}", from_id=listed.pick("id", code=first["code"]), into_id=listed.pick("id", code=last["code"]))
    wish = desk.say(
        f"Move everything that is on {first['code']} to {last['code']}, both {w.v.plural} of mine. What is on it then?",
        f"I'd rather have one {w.v.singular} than two: empty {first['code']} into {last['code']} and tell me the new balance.",
    )
    sql = f"SELECT balance_cents = 0 FROM final.{w.v.table} WHERE id = {first['id']}"
    return task(script, f"{wish} {IN_CENTS}", answer=[merged.ref(".balance_cents")], checks=(("the first is empty", sql),), writes=True)


def _check(w: Words, desk: Desk) -> dict[str, Any]:
    row = desk.one(f"SELECT * FROM {w.v.table} WHERE {w.p.key} IS NULL")
    script = desk.script()
    seen = script.call(f"check_{w.v.one}_code", code=row["code"])
    wish = f"I found {w.v.a} in a drawer, with the code {row['code']}. Don't redeem it yet: is it valid or expired, and what is the date on it?"
    return task(script, wish, answer=[seen.ref(".state"), seen.ref(".expires_on")])


def _worth(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    total = script.call(f"get_my_{w.v.one}_balance")
    listed = script.call(f"list_my_{w.v.many}", state="valid")
    wish = desk.say(
        f"What are my {w.v.plural} that I can still use worth together, and which code expires first?",
        f"Tell me the total balance of my valid {w.v.plural} and the code of the one that I should use first because it expires soonest.",
    )
    return task(script, f"{wish} {IN_CENTS}", answer=[total.ref(), listed.ref("[0].code")])


def _redeem_and_use(w: Words, desk: Desk) -> dict[str, Any]:
    row = _free(w, desk)
    item = _item(w, desk, 0, row["balance_cents"])
    script = desk.script()
    mine = script.call(f"redeem_{w.v.one}_code", code=row["code"])
    found = script.call(f"search_{w.i.many}", text=item["name"])
    used = script.call(f"use_{w.v.one}", **{w.v.key: mine.ref(".id"), w.i.key: found.pick("id", name=item["name"])})
    wish = f'Redeem the code {row["code"]}, pay for "{item["name"]}" with that very {w.v.singular}, and tell me what remains on it.'
    sql = f"SELECT COUNT(*) = 1 FROM final.{w.uses} WHERE {w.v.key} = {row['id']} AND {w.i.key} = {item['id']}"
    checks = (_owned(w, row, 1), (f"{item['name']} is paid", sql))
    return task(script, f"{wish} {IN_CENTS}", answer=[used.ref(".balance_cents")], checks=checks, writes=True)


def _last_use(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.v.one}_uses")
    if len(listed.value) != len({row["used_on"] for row in listed.value}) or not listed.value:
        raise Unfit("no last use")
    day = spoken_day(listed.value[0]["used_on"])
    wish = f"On {day} I paid for something with one of my {w.v.plural}. What was it, and how much did I pay with the {w.v.singular}?"
    return task(script, f"{wish} {IN_CENTS}", answer=[listed.ref(f"[0].{w.i.one}_name"), listed.ref("[0].paid_cents")])
