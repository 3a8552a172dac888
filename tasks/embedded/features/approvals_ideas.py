"""Ideas for tasks on requests and their approval."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, money, quoted, spoken_day, task
from tasks.embedded.phrases import from_start

_REASONS = ("This has to wait until the next quarter.", "Please ask for a second offer first.", "We have enough of this already.")


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    r: Term
    p: Term
    no: str
    waiting: str
    has_deadline: bool

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of a request."""
        return (self.waiting, "approved", self.no, "withdrawn")

    @property
    def approvers(self) -> str:
        """The table of those who may approve."""
        return f"{self.r.one}_approvers"


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_hand_in, _withdraw, _change, _approve, _decline, _approve_small, _stuck, _reason))


def _mine(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(f"SELECT * FROM {w.r.table} r WHERE r.{w.p.key} = 1 AND {condition}")


def _turn(w: Words, desk: Desk) -> list[dict[str, Any]]:
    """What waits for my decision now."""
    script = desk.script()
    found: list[dict[str, Any]] = script.call(f"list_{w.r.many}_to_decide").value
    if not found:
        raise Unfit("nothing waits for a decision")
    return found


def _hand_in(w: Words, desk: Desk) -> dict[str, Any]:
    used = {row["subject"] for row in desk.rows(f"SELECT subject FROM {w.r.table} WHERE {w.p.key} = 1")}
    free = [topic for topic in desk.studio.domain.topics if topic not in used]
    if not free:
        raise Unfit("every topic is taken")
    subject, amount, day = desk.rng.choice(free), desk.rng.randrange(3_000, 20_000, 250), desk.studio.day(20, 90)
    script = desk.script()
    who = script.call(f"list_{w.approvers}")
    first, last = desk.rng.sample([row for row in who.value if row["approver_id"] != 1], 2)
    ids = [who.pick("approver_id", full_name=row["full_name"]) for row in (first, last)]
    script.call(
        f"hand_in_{w.r.one}", subject=subject, amount_cents=amount, approver_ids=ids, **({"needed_by": day} if w.has_deadline else {})
    )
    by = f" I need it by {spoken_day(day)}." if w.has_deadline else ""
    wish = desk.say(
        f'Hand in {w.r.a} for me: subject "{subject}", amount {money(amount)}.{by} {first["full_name"]} approves first, then {last["full_name"]}.',
        f'I need approval of {money(amount)} for "{subject}" (use that as the subject).{by} Ask {first["full_name"]} first and {last["full_name"]} second.',
    )
    check = (
        f"the {w.r.singular} is handed in",
        f"SELECT COUNT(*) = 1 FROM final.{w.r.table} WHERE {w.p.key} = 1 AND subject = {quoted(subject)} AND amount_cents = {amount} AND status = '{w.waiting}'",
    )
    return task(script, wish, checks=(check,), writes=True)


def _withdraw(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"r.status = '{w.waiting}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.r.many}", status=w.waiting)
    script.call(f"withdraw_{w.r.one}", **{w.r.key: listed.pick("id", subject=mine["subject"])})
    wish = desk.say(
        f'Take back my {w.r.singular} "{mine["subject"]}".', f'I no longer need "{mine["subject"]}". Withdraw that {w.r.singular} of mine.'
    )
    check = ("it is withdrawn", f"SELECT status = 'withdrawn' FROM final.{w.r.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _change(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(
        w,
        desk,
        f"r.status = '{w.waiting}' AND NOT EXISTS (SELECT 1 FROM {w.r.one}_decisions d WHERE d.{w.r.key} = r.id AND d.decision <> 'open')",
    )
    amount = mine["amount_cents"] + desk.rng.randrange(500, 5_000, 100)
    script = desk.script()
    listed = script.call(f"list_my_{w.r.many}")
    script.call(f"change_{w.r.one}_amount", **{w.r.key: listed.pick("id", subject=mine["subject"]), "amount_cents": amount})
    wish = desk.say(
        f'Raise the amount of my {w.r.singular} "{mine["subject"]}" to {money(amount)}.',
        f'"{mine["subject"]}" costs more than I thought: make it {money(amount)} in my {w.r.singular}, without handing it in anew.',
    )
    check = ("the amount is changed", f"SELECT amount_cents = {amount} FROM final.{w.r.table} WHERE id = {mine['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _approve(w: Words, desk: Desk) -> dict[str, Any]:
    target = desk.rng.choice(_turn(w, desk))
    script = desk.script()
    listed = script.call(f"list_{w.r.many}_to_decide")
    decided = script.call(f"decide_{w.r.one}", **{w.r.key: listed.pick("id", subject=target["subject"]), "decision": "approved"})
    wish = desk.say(
        f'Approve the {w.r.singular} "{target["subject"]}" of {target["handed_in_by"]}, without a comment. What is its status then?',
        f'{target["handed_in_by"]} waits for my word on "{target["subject"]}". I agree; no comment needed. Tell me the status afterwards.',
    )
    check = (
        "I approved it",
        f"SELECT decision = 'approved' FROM final.{w.r.one}_decisions WHERE {w.r.key} = {target['id']} AND approver_id = 1",
    )
    return task(script, wish, answer=[decided.ref(".status")], checks=(check,), writes=True)


def _decline(w: Words, desk: Desk) -> dict[str, Any]:
    target, reason = desk.rng.choice(_turn(w, desk)), desk.rng.choice(_REASONS)
    script = desk.script()
    listed = script.call(f"list_{w.r.many}_to_decide")
    script.call(f"decide_{w.r.one}", **{w.r.key: listed.pick("id", subject=target["subject"]), "decision": w.no, "comment": reason})
    wish = desk.say(
        f'Say no to the {w.r.singular} "{target["subject"]}" of {target["handed_in_by"]}, with this comment: "{reason}"',
        f'I do not agree to "{target["subject"]}" by {target["handed_in_by"]}. Decide so and write as the comment: "{reason}"',
    )
    check = (f"it is {w.no}", f"SELECT status = '{w.no}' FROM final.{w.r.table} WHERE id = {target['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _approve_small(w: Words, desk: Desk) -> dict[str, Any]:
    waiting = sorted(_turn(w, desk), key=lambda row: row["amount_cents"])
    if len(waiting) < 2 or waiting[0]["amount_cents"] == waiting[1]["amount_cents"]:
        raise Unfit("no smallest one")
    script = desk.script()
    listed = script.call(f"list_{w.r.many}_to_decide")
    script.call(f"decide_{w.r.one}", **{w.r.key: listed.pick("id", subject=waiting[0]["subject"]), "decision": "approved"})
    wish = f"Of the {w.r.plural} that wait for my decision, approve the one with the smallest amount, without a comment. Whose was it?"
    check = (
        "the smallest is approved",
        f"SELECT decision = 'approved' FROM final.{w.r.one}_decisions WHERE {w.r.key} = {waiting[0]['id']} AND approver_id = 1",
    )
    return task(script, wish, answer=[waiting[0]["handed_in_by"]], checks=(check,), writes=True)


def _stuck(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"r.status = '{w.waiting}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.r.many}", status=w.waiting)
    found = next(n for n, row in enumerate(listed.value) if row["id"] == mine["id"])
    wish = desk.say(
        f'Who has to decide next on my {w.r.singular} "{mine["subject"]}"?',
        f'At whom is my {w.r.singular} "{mine["subject"]}" stuck at the moment?',
    )
    return task(script, wish, answer=[listed.ref(f"[{found}].waits_for")])


def _reason(w: Words, desk: Desk) -> dict[str, Any]:
    mine = _mine(w, desk, f"r.status = '{w.no}'")
    script = desk.script()
    listed = script.call(f"list_my_{w.r.many}", status=w.no)
    seen = script.call(f"get_{w.r.one}", **{w.r.key: listed.pick("id", subject=mine["subject"])})
    at = next(n for n, row in enumerate(seen.value["decisions"]) if row["decision"] == w.no)
    wish = f'My {w.r.singular} "{mine["subject"]}" was turned down. By whom, and with which comment?'
    return task(script, wish, answer=[seen.ref(f".decisions[{at}].approver"), seen.ref(f".decisions[{at}].comment")])
