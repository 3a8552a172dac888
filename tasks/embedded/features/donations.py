"""Donations to appeals, and standing pledges that go on month after month."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.donations_ideas import Words, ideas
from tasks.embedded.phrases import among, choice, unless, value
from tasks.embedded.steps import let, many, one, refuse, require, run, tool

_TITLES = (
    "Roof fund",
    "Emergency relief",
    "Young people first",
    "A place for everyone",
    "Winter appeal",
    "New equipment",
    "Training for all",
    "Green courtyard",
)


def build(studio: Studio) -> Part:
    """Three tables, seven tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("donations"),
        studio.term("person"),
        rng.choice(("appeal", "campaign", "fund")),
        rng.choice((500, 1_000)),
        rng.random() < 0.5,
        rng.choice((14, 30)),
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), *_giving(w), *_pledging(w)),
        ideas=ideas(w),
        intentions=(
            f"Give to the {w.kind} that is closest to its goal.",
            "Start, raise or stop a monthly pledge.",
            "Learn how much I have given in a year.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    anonymous = "\n  anonymous INTEGER NOT NULL DEFAULT 0 CHECK (anonymous IN (0, 1))," if w.anonymous else ""
    return (
        f"""CREATE TABLE {w.appeals} (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL UNIQUE,
  goal_cents INTEGER NOT NULL CHECK (goal_cents > 0),
  closes_on TEXT NOT NULL,
  status TEXT NOT NULL {among("status", ("open", "closed"))}
);""",
        f"""CREATE TABLE {w.d.table} (
  id INTEGER PRIMARY KEY,
  {w.key} INTEGER NOT NULL REFERENCES {w.appeals}(id),
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  amount_cents INTEGER NOT NULL CHECK (amount_cents >= {w.least}),{anonymous}
  given_on TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'received' {among("status", ("received", "refunded"))}
);""",
        f"""CREATE TABLE {w.d.one}_pledges (
  id INTEGER PRIMARY KEY,
  {w.key} INTEGER NOT NULL REFERENCES {w.appeals}(id),
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  monthly_cents INTEGER NOT NULL CHECK (monthly_cents >= {w.least}),
  started_on TEXT NOT NULL,
  ended_on TEXT,
  UNIQUE ({w.key}, {w.p.key}),
  CHECK (ended_on IS NULL OR ended_on >= started_on)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Appeals 1 to 4 are open, 5 is closed; I gave to 1 (long ago and lately), 2 and 5, and pledge to 1 and 3."""
    rng, people = studio.rng, len(studio.people)
    appeals = tuple(
        (
            n,
            title,
            rng.randrange(80_000, 400_000, 10_000),
            studio.day(-40, -5) if n == 5 else studio.day(30, 150),
            "closed" if n == 5 else "open",
        )
        for n, title in enumerate(rng.sample(_TITLES, 5), 1)
    )
    gifts: list[tuple[int, int, str, str]] = [
        (1, 1, studio.day(-420, -370), "received"),
        (1, 1, studio.day(-9, -2), "received"),
        (2, 1, studio.day(-55, -35), "received"),
        (5, 1, studio.day(-200, -100), "refunded"),
    ]
    gifts += [(rng.randint(1, 5), rng.randint(2, people), studio.day(-300, -41), "received") for _ in range(8)]
    amounts = rng.sample(range(w.least, 20_000, 250), len(gifts))
    donations = tuple(
        (n, appeal, person, amount, *((rng.randint(0, 1),) if w.anonymous else ()), day, status)
        for n, ((appeal, person, day, status), amount) in enumerate(zip(gifts, amounts, strict=True), 1)
    )
    pledges = [(1, 1, None), (3, 1, None), (2, 2, None), (1, 3, studio.day(-40, -10)), (4, 3, None), (5, 4, studio.day(-60, -30))]
    columns = ("id", w.key, w.p.key, "amount_cents", *(("anonymous",) if w.anonymous else ()), "given_on", "status")
    return (
        TableRows(table=w.appeals, columns=("id", "title", "goal_cents", "closes_on", "status"), rows=appeals),
        TableRows(table=w.d.table, columns=columns, rows=donations),
        TableRows(
            table=f"{w.d.one}_pledges",
            columns=("id", w.key, w.p.key, "monthly_cents", "started_on", "ended_on"),
            rows=tuple(
                (n, a, p, rng.randrange(w.least, 6_000, 250), studio.day(-300, -90), end) for n, (a, p, end) in enumerate(pledges, 1)
            ),
        ),
    )


def _appeal(w: Words) -> str:
    raised = f"COALESCE((SELECT SUM(d.amount_cents) FROM {w.d.table} d WHERE d.{w.key} = a.id AND d.status = 'received'), 0)"
    return f"SELECT a.id, a.title, a.goal_cents, {raised} AS raised_cents, MAX(a.goal_cents - {raised}, 0) AS missing_cents, a.closes_on, a.status FROM {w.appeals} a"


def _open(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        require(f"SELECT title AS cause, status AS state FROM {w.appeals} WHERE id = :{w.key}", f"There is no {w.kind} {{{w.key}}}."),
        unless(":state <> 'open'", f"The {w.kind} {{cause}} is closed."),
    )


def _pledge(w: Words) -> str:
    return f"SELECT g.id, a.title, g.{w.key}, g.monthly_cents, g.started_on, g.ended_on FROM {w.d.one}_pledges g JOIN {w.appeals} a ON a.id = g.{w.key}"


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    given = f"FROM {w.d.table} WHERE {w.p.key} = :me AND status = 'received' AND substr(given_on, 1, 4) = printf('%04d', :year)"
    return (
        tool(
            f"list_{w.appeals}",
            f"Every {w.kind} with its goal and what has been raised so far, the first to close first.",
            {"status": "one of open|closed?: Only those with this status."},
            many(f"{_appeal(w)} WHERE :status IS NULL OR a.status = :status ORDER BY a.closes_on, a.id"),
        ),
        tool(
            f"list_my_{w.d.many}",
            f"Your {w.d.plural}, newest first.",
            {"status": f"{choice(('received', 'refunded'), optional=True)}: Only those with this status."},
            many(
                f"SELECT d.id, a.title, d.{w.key}, d.amount_cents, d.given_on, d.status FROM {w.d.table} d JOIN {w.appeals} a ON a.id = d.{w.key} WHERE d.{w.p.key} = :me AND (:status IS NULL OR d.status = :status) ORDER BY d.given_on DESC, d.id"
            ),
        ),
        tool(
            f"list_my_{w.d.one}_pledges",
            "Your monthly pledges, those that have ended too.",
            {},
            many(f"{_pledge(w)} WHERE g.{w.p.key} = :me ORDER BY g.started_on, g.id"),
        ),
        tool(
            f"get_my_{w.d.one}_statement",
            f"What you gave in one year, refunds left out: the number of {w.d.plural}, their sum, and the sum by {w.kind}.",
            {"year": "integer 2000..2100: The calendar year."},
            value(
                f"SELECT json_object('year', :year, '{w.d.many}', (SELECT COUNT(*) {given}), 'total_cents', (SELECT COALESCE(SUM(amount_cents), 0) {given}), 'by_{w.kind}', "
                f"json((SELECT json_group_array(json_object('title', title, 'total_cents', total) ORDER BY title) FROM (SELECT a.title AS title, SUM(s.amount_cents) AS total "
                f"FROM (SELECT {w.key} AS cause, amount_cents {given}) s JOIN {w.appeals} a ON a.id = s.cause GROUP BY a.title)))) AS statement"
            ),
        ),
    )


def _giving(w: Words) -> tuple[dict[str, Any], ...]:
    anonymous = {"anonymous": "boolean? = false: Whether your name stays out of the list of donors."} if w.anonymous else {}
    column, bound = (", anonymous", ", :anonymous") if w.anonymous else ("", "")
    give = tool(
        f"make_{w.d.one}",
        f"Give once to an open {w.kind}.",
        {w.key: f"integer: Id of the {w.kind}.", "amount_cents": f"integer {w.least}..: The amount, in cents.", **anonymous},
        *_open(w),
        let(f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM {w.d.table}"),
        run(
            f"INSERT INTO {w.d.table} (id, {w.key}, {w.p.key}, amount_cents{column}, given_on) VALUES (:new_id, :{w.key}, :me, :amount_cents{bound}, :today)"
        ),
        one(f"SELECT :new_id AS id, c.title, c.goal_cents, c.raised_cents, c.missing_cents FROM ({_appeal(w)}) c WHERE c.id = :{w.key}"),
    )
    refund = tool(
        f"refund_{w.d.one}",
        f"Take back one of your {w.d.plural} within {w.refund_days} days, while the {w.kind} is open.",
        {w.d.key: f"integer: Id of the {w.d.singular}."},
        require(
            f"SELECT d.status AS was, d.given_on AS gave_on, a.status AS state FROM {w.d.table} d JOIN {w.appeals} a ON a.id = d.{w.key} WHERE d.id = :{w.d.key} AND d.{w.p.key} = :me",
            f"You made no {w.d.singular} {{{w.d.key}}}.",
        ),
        unless(":was = 'refunded'", "It has been refunded already."),
        unless(":state <> 'open'", f"The {w.kind} is closed."),
        unless(
            f"date(:gave_on, '+{w.refund_days} days') < :today", f"It was made on {{gave_on}}, more than {w.refund_days} days ago.", "limit"
        ),
        run(f"UPDATE {w.d.table} SET status = 'refunded' WHERE id = :{w.d.key}"),
        one(f"SELECT id, amount_cents AS refunded_cents, status FROM {w.d.table} WHERE id = :{w.d.key}"),
    )
    return (give, refund)


def _pledging(w: Words) -> tuple[dict[str, Any], ...]:
    table = f"{w.d.one}_pledges"
    amount = {"monthly_cents": f"integer {w.least}..: The amount a month, in cents."}
    running = (
        require(
            f"SELECT monthly_cents AS was_cents, ended_on AS over FROM {table} WHERE id = :pledge_id AND {w.p.key} = :me",
            "You have no pledge {pledge_id}.",
        ),
        unless(":over IS NOT NULL", "That pledge ended on {over}."),
    )
    start = tool(
        f"start_{w.d.one}_pledge",
        f"Promise a monthly amount to an open {w.kind}; one pledge for each.",
        {w.key: f"integer: Id of the {w.kind}.", **amount},
        *_open(w),
        refuse(
            f"SELECT id AS standing FROM {table} WHERE {w.key} = :{w.key} AND {w.p.key} = :me", "You have pledge {standing} for {cause}."
        ),
        run(f"INSERT INTO {table} ({w.key}, {w.p.key}, monthly_cents, started_on) VALUES (:{w.key}, :me, :monthly_cents, :today)"),
        one(f"{_pledge(w)} WHERE g.{w.key} = :{w.key} AND g.{w.p.key} = :me"),
    )
    change = tool(
        f"change_{w.d.one}_pledge",
        "Change the monthly amount of one of your pledges that is running.",
        {"pledge_id": "integer: Id of the pledge.", **amount},
        *running,
        unless(":was_cents = :monthly_cents", "It is that amount already."),
        run(f"UPDATE {table} SET monthly_cents = :monthly_cents WHERE id = :pledge_id"),
        one(f"{_pledge(w)} WHERE g.id = :pledge_id"),
    )
    stop = tool(
        f"stop_{w.d.one}_pledge",
        "End one of your pledges today.",
        {"pledge_id": "integer: Id of the pledge."},
        *running,
        run(f"UPDATE {table} SET ended_on = :today WHERE id = :pledge_id"),
        one(f"SELECT COALESCE(SUM(monthly_cents), 0) AS still_monthly_cents FROM {table} WHERE {w.p.key} = :me AND ended_on IS NULL"),
    )
    return (start, change, stop)
