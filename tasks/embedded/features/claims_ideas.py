"""Ideas for tasks on claims."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, money, quoted, spoken_day, task
from tasks.embedded.phrases import IN_CENTS, from_start

COSTS = ("Repair", "Replacement", "Travel", "Rental in the meantime", "Cleaning", "Postage", "Expert opinion")


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    c: Term
    p: Term
    documents: tuple[str, ...]
    """The kinds of documents without which nothing is sent in."""
    no: str
    appeal_days: int
    window: int

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of a claim."""
        return ("draft", "submitted", "approved", self.no, "withdrawn")


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_draft, _submit, _complete, _add, _remove, _appeal, _withdraw, _shortfall, _total))


def _mine(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(f"SELECT * FROM {w.c.table} c WHERE c.{w.p.key} = 1 AND {condition}")


def _documents(w: Words) -> str:
    return f"(SELECT COUNT(*) FROM {w.c.one}_documents d WHERE d.{w.c.key} = c.id)"


def _check(w: Words, row: dict[str, Any], status: str) -> tuple[str, str]:
    return f"it is {status}", f"SELECT status = '{status}' FROM final.{w.c.table} WHERE id = {row['id']}"


def _draft(w: Words, desk: Desk) -> dict[str, Any]:
    used = {row["subject"] for row in desk.rows(f"SELECT subject FROM {w.c.table} WHERE {w.p.key} = 1")}
    free = [topic for topic in desk.studio.domain.topics if topic not in used]
    if not free:
        raise Unfit("every topic is taken")
    subject, day, texts = desk.rng.choice(free), desk.studio.day(-25, -3), desk.rng.sample(COSTS, 2)
    amounts = desk.rng.sample(range(1_000, 20_000, 50), 2)
    script = desk.script()
    costs = [{"description": text, "amount_cents": cents} for text, cents in zip(texts, amounts, strict=True)]
    drafted = script.call(f"draft_{w.c.one}", subject=subject, happened_on=day, costs=costs)
    wish = (
        f'Draw up {w.c.a} for me, but don\'t send it in yet. Subject: "{subject}"; it happened on {spoken_day(day)}. '
        f'Costs, in this order: "{texts[0]}" {money(amounts[0])}, "{texts[1]}" {money(amounts[1])}. What does it come to?'
    )
    sql = f"SELECT COUNT(*) = 1 FROM final.{w.c.table} WHERE {w.p.key} = 1 AND subject = {quoted(subject)} AND happened_on = '{day}' AND status = 'draft'"
    return task(script, f"{wish} {IN_CENTS}", answer=[drafted.ref(".claimed_cents")], checks=(("the draft is there", sql),), writes=True)


def _submit(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"c.status = 'draft' AND {_documents(w)} = {len(w.documents)}")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status="draft")
    script.call(f"submit_{w.c.one}", **{w.c.key: listed.pick("id", subject=mine["subject"])})
    wish = desk.say(
        f'My {w.c.singular} "{mine["subject"]}" is complete. Send it in as it is.',
        f'Please submit the draft {w.c.singular} about "{mine["subject"]}".',
    )
    return task(script, wish, checks=(_check(w, mine, "submitted"),), writes=True)


def _complete(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"c.status = 'draft' AND {_documents(w)} < {len(w.documents)}")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status="draft")
    chosen = listed.pick("id", subject=mine["subject"])
    seen = script.call(f"get_my_{w.c.one}", **{w.c.key: chosen})
    missing = next(kind for kind in w.documents if kind not in {row["kind"] for row in seen.value["documents"]})
    reference = f"N-{desk.rng.randint(1_000, 9_999)}"
    script.call(f"attach_{w.c.one}_document", **{w.c.key: chosen, "kind": missing, "reference": reference})
    script.call(f"submit_{w.c.one}", **{w.c.key: chosen})
    wish = (
        f'One document is missing on my draft {w.c.singular} "{mine["subject"]}". Its reference is {reference}. '
        "Hand it in as the kind that is missing, send everything in, and tell me which kind it was."
    )
    return task(script, wish, answer=[missing], checks=(_check(w, mine, "submitted"),), writes=True)


def _add(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "c.status = 'draft'")
    used = {row["description"] for row in desk.rows(f"SELECT description FROM {w.c.one}_costs WHERE {w.c.key} = {mine['id']}")}
    text, cents = desk.rng.choice([cost for cost in COSTS if cost not in used]), desk.rng.randrange(500, 9_000, 50)
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status="draft")
    script.call(f"add_{w.c.one}_cost", **{w.c.key: listed.pick("id", subject=mine["subject"]), "description": text, "amount_cents": cents})
    wish = desk.say(
        f'Add a cost to my draft {w.c.singular} "{mine["subject"]}": "{text}", {money(cents)}.',
        f'I forgot something on "{mine["subject"]}", a {w.c.singular} I have not sent in: "{text}" for {money(cents)}. Put it on.',
    )
    sql = f"SELECT COUNT(*) = 1 FROM final.{w.c.one}_costs WHERE {w.c.key} = {mine['id']} AND description = {quoted(text)} AND amount_cents = {cents}"
    return task(script, wish, checks=(("the cost is on it", sql),), writes=True)


def _remove(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "c.status = 'draft'")
    cost = desk.one(f"SELECT * FROM {w.c.one}_costs WHERE {w.c.key} = {mine['id']}")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status="draft")
    chosen = listed.pick("id", subject=mine["subject"])
    seen = script.call(f"get_my_{w.c.one}", **{w.c.key: chosen})
    at = next(n for n, row in enumerate(seen.value["costs"]) if row["description"] == cost["description"])
    script.call(f"remove_{w.c.one}_cost", **{w.c.key: chosen, "line": seen.ref(f".costs[{at}].line")})
    wish = f'Take the cost "{cost["description"]}" off my draft {w.c.singular} "{mine["subject"]}"; somebody else has paid for it.'
    sql = f"SELECT COUNT(*) = 0 FROM final.{w.c.one}_costs WHERE {w.c.key} = {mine['id']} AND description = {quoted(cost['description'])}"
    return task(script, wish, checks=(("the cost is off", sql),), writes=True)


def _appeal(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"c.status = '{w.no}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status=w.no)
    script.call(f"appeal_{w.c.one}", **{w.c.key: listed.pick("id", subject=mine["subject"])})
    wish = desk.say(
        f'I do not accept the decision on my {w.c.singular} "{mine["subject"]}". Appeal against it.',
        f'They turned down "{mine["subject"]}". Please lodge an appeal for that {w.c.singular}.',
    )
    return task(script, wish, checks=(_check(w, mine, "submitted"),), writes=True)


def _withdraw(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "c.status = 'submitted'")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status="submitted")
    gone = script.call(f"withdraw_{w.c.one}", **{w.c.key: listed.pick("id", subject=mine["subject"])})
    wish = f'Withdraw the {w.c.singular} "{mine["subject"]}" that I sent in, and tell me how much I had claimed in it.'
    return task(script, f"{wish} {IN_CENTS}", answer=[gone.ref(".claimed_cents")], checks=(_check(w, mine, "withdrawn"),), writes=True)


def _shortfall(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, "c.status = 'approved'")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}", status="approved")
    row = next(row for row in listed.value if row["id"] == mine["id"])
    wish = f'How much less was approved than I had claimed on "{mine["subject"]}"?'
    return task(script, f"{wish} {IN_CENTS}", answer=[row["shortfall_cents"]])


def _total(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"(SELECT COUNT(*) FROM {w.c.one}_costs x WHERE x.{w.c.key} = c.id) > 1")
    script = desk.script()
    listed = script.call(f"list_my_{w.c.many}")
    seen = script.call(f"get_my_{w.c.one}", **{w.c.key: listed.pick("id", subject=mine["subject"])})
    costs = sorted(seen.value["costs"], key=lambda row: -row["amount_cents"])
    if costs[0]["amount_cents"] == costs[1]["amount_cents"]:
        raise Unfit("no largest cost")
    wish = f'Which is the largest cost on my {w.c.singular} "{mine["subject"]}", and how much is it?'
    return task(script, f"{wish} {IN_CENTS}", answer=[costs[0]["description"], costs[0]["amount_cents"]])
