"""Ideas for tasks on donations and pledges."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, money, spoken_day, task
from tasks.embedded.phrases import IN_CENTS, from_start


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    d: Term
    p: Term
    kind: str
    """What a cause is called here."""
    least: int
    anonymous: bool
    refund_days: int

    @property
    def appeals(self) -> str:
        """The table of causes."""
        return f"{self.d.one}_{self.kind}s"

    @property
    def key(self) -> str:
        """The foreign key to a cause."""
        return f"{self.kind}_id"


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_give, _refund, _start, _raise, _stop, _year, _missing, _nearest))


def _cause(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(f"SELECT * FROM {w.appeals} a WHERE a.status = 'open' AND {condition}")


def _give(w: Words, desk: Desk) -> dict[str, Any]:
    cause, amount = _cause(w, desk, "1"), desk.rng.randrange(1_000, 9_000, 100)
    hidden = desk.rng.random() < 0.5
    script = desk.script()
    listed = script.call(f"list_{w.appeals}", status="open")
    given = script.call(
        f"make_{w.d.one}",
        **{w.key: listed.pick("id", title=cause["title"]), "amount_cents": amount, **({"anonymous": hidden} if w.anonymous else {})},
    )
    name = f" My name {'should stay out of' if hidden else 'may appear in'} the list of donors." if w.anonymous else ""
    wish = desk.say(
        f'Give {money(amount)} to the {w.kind} "{cause["title"]}" for me, once.{name} How much has been raised for it then?',
        f'I want to make a single {w.d.singular} of {money(amount)} to "{cause["title"]}".{name} Tell me the sum raised so far, mine included.',
    )
    check = (
        f"{cause['title']} received it",
        f"SELECT COUNT(*) = 1 FROM final.{w.d.table} WHERE {w.key} = {cause['id']} AND {w.p.key} = 1 AND amount_cents = {amount} AND id NOT IN (SELECT id FROM initial.{w.d.table})",
    )
    return task(script, f"{wish} {IN_CENTS}", answer=[given.ref(".raised_cents")], checks=(check,), writes=True)


def _refund(w: Words, desk: Desk) -> dict[str, Any]:
    gift = desk.one(
        f"SELECT d.*, a.title FROM {w.d.table} d JOIN {w.appeals} a ON a.id = d.{w.key} WHERE d.{w.p.key} = 1 AND d.status = 'received' AND a.status = 'open' AND d.given_on >= date(:today, '-10 days')"
    )
    script = desk.script()
    listed = script.call(f"list_my_{w.d.many}", status="received")
    script.call(f"refund_{w.d.one}", **{w.d.key: listed.pick("id", title=gift["title"], given_on=gift["given_on"])})
    wish = desk.say(
        f'I made a mistake on {spoken_day(gift["given_on"])}: please take back my {w.d.singular} of that day to "{gift["title"]}".',
        f'Get me a refund of the {money(gift["amount_cents"])} that I gave to "{gift["title"]}" on {spoken_day(gift["given_on"])}.',
    )
    check = ("it is refunded", f"SELECT status = 'refunded' FROM final.{w.d.table} WHERE id = {gift['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _start(w: Words, desk: Desk) -> dict[str, Any]:
    cause = _cause(w, desk, f"a.id NOT IN (SELECT {w.key} FROM {w.d.one}_pledges WHERE {w.p.key} = 1)")
    amount = desk.rng.randrange(1_000, 4_000, 500)
    script = desk.script()
    listed = script.call(f"list_{w.appeals}", status="open")
    script.call(f"start_{w.d.one}_pledge", **{w.key: listed.pick("id", title=cause["title"]), "monthly_cents": amount})
    wish = desk.say(
        f'Start a monthly pledge of {money(amount)} to the {w.kind} "{cause["title"]}".',
        f'From now on I want to give {money(amount)} every month to "{cause["title"]}". Please set up the pledge.',
    )
    check = (
        "the pledge runs",
        f"SELECT COUNT(*) = 1 FROM final.{w.d.one}_pledges WHERE {w.key} = {cause['id']} AND {w.p.key} = 1 AND monthly_cents = {amount}",
    )
    return task(script, wish, checks=(check,), writes=True)


def _running(w: Words, desk: Desk) -> dict[str, Any]:
    return desk.one(
        f"SELECT g.*, a.title FROM {w.d.one}_pledges g JOIN {w.appeals} a ON a.id = g.{w.key} WHERE g.{w.p.key} = 1 AND g.ended_on IS NULL"
    )


def _raise(w: Words, desk: Desk) -> dict[str, Any]:
    pledge = _running(w, desk)
    amount = pledge["monthly_cents"] + desk.rng.choice((250, 500, 1_000))
    script = desk.script()
    listed = script.call(f"list_my_{w.d.one}_pledges")
    script.call(f"change_{w.d.one}_pledge", pledge_id=listed.pick("id", title=pledge["title"]), monthly_cents=amount)
    wish = desk.say(
        f'Raise my monthly pledge to "{pledge["title"]}" to {money(amount)}.',
        f'My pledge to "{pledge["title"]}" should be {money(amount)} a month from now on; keep the same pledge.',
    )
    check = ("the pledge is raised", f"SELECT monthly_cents = {amount} FROM final.{w.d.one}_pledges WHERE id = {pledge['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _stop(w: Words, desk: Desk) -> dict[str, Any]:
    pledge = _running(w, desk)
    script = desk.script()
    listed = script.call(f"list_my_{w.d.one}_pledges")
    left = script.call(f"stop_{w.d.one}_pledge", pledge_id=listed.pick("id", title=pledge["title"]))
    wish = desk.say(
        f'Stop my pledge to "{pledge["title"]}" today. How much do I still pledge a month in all?',
        f'End my monthly giving to "{pledge["title"]}" and tell me what my remaining pledges add up to per month.',
    )
    check = ("the pledge is over", f"SELECT ended_on IS NOT NULL FROM final.{w.d.one}_pledges WHERE id = {pledge['id']}")
    return task(script, f"{wish} {IN_CENTS}", answer=[left.ref(".still_monthly_cents")], checks=(check,), writes=True)


def _year(w: Words, desk: Desk) -> dict[str, Any]:
    gift = desk.one(f"SELECT given_on FROM {w.d.table} WHERE {w.p.key} = 1 AND status = 'received'")
    script = desk.script()
    statement = script.call(f"get_my_{w.d.one}_statement", year=int(gift["given_on"][:4]))
    wish = desk.say(
        f"I need it for my taxes: how much did I give in {gift['given_on'][:4]} altogether, not counting refunds?",
        f"What do my {w.d.plural} of the year {gift['given_on'][:4]} add up to, refunded ones left out?",
    )
    return task(script, f"{wish} {IN_CENTS}", answer=[statement.ref(".total_cents")])


def _missing(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_{w.appeals}", status="open")
    rows = [row for row in listed.value if row["raised_cents"] < row["goal_cents"]]
    if not rows:
        raise Unfit("every goal is reached")
    row = desk.rng.choice(rows)
    wish = f'How much is still missing until the {w.kind} "{row["title"]}" reaches its goal?'
    return task(script, f"{wish} {IN_CENTS}", answer=[row["missing_cents"]])


def _nearest(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_{w.appeals}", status="open")
    rows = sorted(listed.value, key=lambda row: row["goal_cents"] - row["raised_cents"])
    gap = rows[0]["goal_cents"] - rows[0]["raised_cents"]
    if gap <= w.least or gap == rows[1]["goal_cents"] - rows[1]["raised_cents"]:
        raise Unfit("no nearest goal")
    amount = desk.rng.choice((1_500, 2_500, 3_500))
    extra = {"anonymous": False} if w.anonymous else {}
    script.call(f"make_{w.d.one}", **{w.key: listed.pick("id", title=rows[0]["title"]), "amount_cents": amount, **extra})
    shown = " and not anonymously" if w.anonymous else ""
    wish = (
        f"Find the open {w.kind} that needs the least money to reach its goal, and give it {money(amount)}, once{shown}. Which one is it?"
    )
    check = (
        "the nearest goal received it",
        f"SELECT COUNT(*) = 1 FROM final.{w.d.table} WHERE {w.key} = {rows[0]['id']} AND {w.p.key} = 1 AND amount_cents = {amount} AND id NOT IN (SELECT id FROM initial.{w.d.table})",
    )
    return task(script, wish, answer=[rows[0]["title"]], checks=(check,), writes=True)
