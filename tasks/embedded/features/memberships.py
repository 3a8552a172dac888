"""Memberships on plans, with guests, pauses and renewals."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.memberships_ideas import Words, ideas
from tasks.embedded.names import FIRST
from tasks.embedded.phrases import among, choice, unless
from tasks.embedded.steps import many, nested, one, refuse, require, run, tool

_PLANS = (
    ("Bronze", "Silver", "Gold", "Platinum", "Diamond"),
    ("Weekday", "Weekend", "Full week", "Family", "Patron"),
    ("Starter", "Regular", "Plus", "Household", "Unlimited"),
)


def build(studio: Studio) -> Part:
    """Three tables, seven tools, seven ideas."""
    rng = studio.rng
    words = Words(
        studio.term("memberships"),
        studio.term("person"),
        rng.choice(("active", "current")),
        rng.choice(("cancelled", "ended")),
        rng.random() < 0.6,
    )
    return Part(
        ddl=_ddl(words),
        rows=_rows(words, studio),
        tools=(*_reading(words), *_starting(words), *_pausing(words), *_changing(words)),
        ideas=ideas(words),
        intentions=(
            f"Find the cheapest {words.m.singular} plan that lets me bring guests.",
            f"Pause my {words.m.singular} while I am away.",
            f"Add a guest to my {words.m.singular}.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    m, p = w.m, w.p
    return (
        f"""CREATE TABLE {m.one}_plans (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  monthly_cents INTEGER NOT NULL CHECK (monthly_cents > 0),
  max_guests INTEGER NOT NULL CHECK (max_guests BETWEEN 0 AND 10)
);""",
        f"""CREATE TABLE {m.table} (
  id INTEGER PRIMARY KEY,
  {p.key} INTEGER NOT NULL REFERENCES {p.table}(id),
  plan_id INTEGER NOT NULL REFERENCES {m.one}_plans(id),
  status TEXT NOT NULL {among("status", (w.on, "paused", w.off, "expired"))},
  started_on TEXT NOT NULL,
  ends_on TEXT NOT NULL,
  paused_until TEXT,
  CHECK (ends_on > started_on),
  CHECK ((status = 'paused') = (paused_until IS NOT NULL))
);""",
        f"CREATE UNIQUE INDEX {m.table}_in_force ON {m.table} ({p.key}, plan_id) WHERE status IN ('{w.on}', 'paused');",
        f"""CREATE TABLE {m.one}_guests (
  {m.key} INTEGER NOT NULL REFERENCES {m.table}(id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 1),
  guest_name TEXT NOT NULL,
  PRIMARY KEY ({m.key}, position),
  UNIQUE ({m.key}, guest_name)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    rng = studio.rng
    names, price = rng.choice(_PLANS), rng.randrange(900, 2_000, 50)
    plans = tuple((n, name, price + (n - 1) * rng.randrange(800, 1_600, 50), n - 1) for n, name in enumerate(names, 1))
    on, paused, off, past = rng.choice((4, 5)), rng.choice((2, 3)), 1, rng.choice((1, 2, 3))
    held = [(1, on, w.on), (1, paused, "paused"), (1, off, w.off), (1, past, "expired")]
    held += [
        (person, rng.randint(1, 5), rng.choice((w.on, w.on, "paused", w.off, "expired")))
        for person in range(2, min(len(studio.people), 9) + 1)
    ]
    rows, guests = [], []
    for n, (person, plan, status) in enumerate(held, 1):
        over = status == "expired"
        ends = studio.day(-60, -3) if over else studio.day(30, 240)
        rows.append((n, person, plan, status, studio.day(-400, -90), ends, studio.day(10, 25) if status == "paused" else None))
        count = 2 if n == 1 else rng.randint(0, plan - 1) if status == w.on else 0
        guests += [(n, k, f"{name} {rng.choice('ABCDEFGHKLMNPRSTW')}.") for k, name in enumerate(rng.sample(FIRST, min(count, 2)), 1)]
    return (
        TableRows(table=f"{w.m.one}_plans", columns=("id", "name", "monthly_cents", "max_guests"), rows=plans),
        TableRows(table=w.m.table, columns=("id", w.p.key, "plan_id", "status", "started_on", "ends_on", "paused_until"), rows=tuple(rows)),
        TableRows(table=f"{w.m.one}_guests", columns=(w.m.key, "position", "guest_name"), rows=tuple(guests)),
    )


def _shown(w: Words) -> str:
    return f"SELECT m.id, l.name AS plan_name, m.plan_id, m.status, m.started_on, m.ends_on, m.paused_until, l.monthly_cents, l.max_guests FROM {w.m.table} m JOIN {w.m.one}_plans l ON l.id = m.plan_id"


def _mine(w: Words, columns: str) -> dict[str, Any]:
    m = w.m
    return require(f"SELECT {columns} FROM {m.table} WHERE id = :{m.key} AND {w.p.key} = :me", f"You have no {m.singular} {{{m.key}}}.")


def _only(w: Words, status: str) -> dict[str, Any]:
    return unless(f":was <> '{status}'", f"{w.m.singular.capitalize()} {{{w.m.key}}} is {{was}}, not {status}.")


def _result(w: Words) -> dict[str, Any]:
    return one(f"{_shown(w)} WHERE m.id = :{w.m.key}")


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    m = w.m
    return (
        tool(
            f"list_{m.one}_plans",
            f"The plans that {m.a} can be on, cheapest first, with what a month costs and how many guests each allows.",
            {"guests": "integer? = 0: Only plans that allow at least so many guests."},
            many(f"SELECT id, name, monthly_cents, max_guests FROM {m.one}_plans WHERE max_guests >= :guests ORDER BY monthly_cents, id"),
        ),
        tool(
            f"list_my_{m.many}",
            f"Your {m.plural}, past ones too, the latest end first.",
            {"status": f"{choice((w.on, 'paused', w.off, 'expired'), optional=True)}: Only those with this status."},
            many(f"{_shown(w)} WHERE m.{w.p.key} = :me AND (:status IS NULL OR m.status = :status) ORDER BY m.ends_on DESC, m.id"),
        ),
        tool(
            f"get_my_{m.one}",
            f"One of your {m.plural} with its plan and its guests in order.",
            {m.key: f"integer: Id of the {m.singular}."},
            _mine(w, "1 AS known"),
            nested(
                details=one(f"{_shown(w)} WHERE m.id = :{m.key}"),
                guests=many(f"SELECT position, guest_name FROM {m.one}_guests WHERE {m.key} = :{m.key} ORDER BY position"),
            ),
        ),
    )


def _starting(w: Words) -> tuple[dict[str, Any], ...]:
    m, p = w.m, w.p
    return (
        tool(
            f"start_{m.one}",
            f"Start {m.a} on a plan today, for a number of months.",
            {"plan_id": "integer: Id of the plan.", "months": "integer 1..24: How many months it shall run."},
            require(f"SELECT name AS plan_name FROM {m.one}_plans WHERE id = :plan_id", "There is no plan {plan_id}."),
            refuse(
                f"SELECT id AS held FROM {m.table} WHERE {p.key} = :me AND plan_id = :plan_id AND status IN ('{w.on}', 'paused')",
                f"You already have {m.singular} {{held}} on the plan {{plan_name}}.",
            ),
            run(
                f"INSERT INTO {m.table} ({p.key}, plan_id, status, started_on, ends_on) VALUES (:me, :plan_id, '{w.on}', :today, date(:today, '+' || :months || ' months'))"
            ),
            one(f"{_shown(w)} WHERE m.{p.key} = :me AND m.plan_id = :plan_id AND m.status = '{w.on}'"),
        ),
        tool(
            f"renew_{m.one}",
            f"Move the end of one of your {m.plural} in force by some months, to at most three years from today.",
            {m.key: f"integer: Id of the {m.singular}.", "months": "integer 1..24: How many months to add."},
            _mine(w, "status AS was, date(ends_on, '+' || :months || ' months') AS new_end"),
            _only(w, w.on),
            unless(":new_end > date(:today, '+3 years')", "It would end on {new_end}, more than three years from today.", "limit"),
            run(f"UPDATE {m.table} SET ends_on = :new_end WHERE id = :{m.key}"),
            _result(w),
        ),
    )


def _pausing(w: Words) -> tuple[dict[str, Any], ...]:
    m = w.m
    key = {m.key: f"integer: Id of the {m.singular}."}
    return (
        tool(
            f"pause_{m.one}",
            f"Pause one of your {m.plural} in force until a day at most 90 days ahead.",
            {**key, "until": "date: The day on which it goes on, as YYYY-MM-DD."},
            _mine(w, "status AS was"),
            _only(w, w.on),
            unless(":until <= :today", "{until} is not in the future.", "invalid"),
            unless(":until > date(:today, '+90 days')", "A pause ends at most 90 days from today.", "limit"),
            run(f"UPDATE {m.table} SET status = 'paused', paused_until = :until WHERE id = :{m.key}"),
            _result(w),
        ),
        tool(
            f"resume_{m.one}",
            f"End the pause of one of your {m.plural} now.",
            key,
            _mine(w, "status AS was"),
            _only(w, "paused"),
            run(f"UPDATE {m.table} SET status = '{w.on}', paused_until = NULL WHERE id = :{m.key}"),
            _result(w),
        ),
    )


def _changing(w: Words) -> tuple[dict[str, Any], ...]:
    m = w.m
    count = f"(SELECT COUNT(*) FROM {m.one}_guests g WHERE g.{m.key} = m.id)"
    guest = tool(
        f"add_{m.one}_guest",
        f"Name one more guest on one of your {m.plural} in force, within the plan's limit.",
        {m.key: f"integer: Id of the {m.singular}.", "guest_name": "text: Name of the guest."},
        require(
            f"SELECT m.status AS was, l.max_guests AS allowed, {count} AS named FROM {m.table} m JOIN {m.one}_plans l ON l.id = m.plan_id WHERE m.id = :{m.key} AND m.{w.p.key} = :me",
            f"You have no {m.singular} {{{m.key}}}.",
        ),
        _only(w, w.on),
        unless(":named >= :allowed", "The plan allows {allowed} guests, and {named} are named already.", "limit"),
        refuse(
            f"SELECT position AS place_in_list FROM {m.one}_guests WHERE {m.key} = :{m.key} AND lower(guest_name) = lower(:guest_name)",
            "{guest_name} is already a guest.",
        ),
        run(
            f"INSERT INTO {m.one}_guests ({m.key}, position, guest_name) SELECT :{m.key}, COALESCE(MAX(position), 0) + 1, :guest_name FROM {m.one}_guests WHERE {m.key} = :{m.key}"
        ),
        many(f"SELECT position, guest_name FROM {m.one}_guests WHERE {m.key} = :{m.key} ORDER BY position"),
    )
    switch = tool(
        f"change_{m.one}_plan",
        f"Move one of your {m.plural} in force to another plan that has room for its guests.",
        {m.key: f"integer: Id of the {m.singular}.", "plan_id": "integer: Id of the new plan."},
        _mine(w, "status AS was"),
        _only(w, w.on),
        require(f"SELECT name AS plan_name, max_guests AS allowed FROM {m.one}_plans WHERE id = :plan_id", "There is no plan {plan_id}."),
        refuse(
            f"SELECT id AS held FROM {m.table} WHERE {w.p.key} = :me AND plan_id = :plan_id AND status IN ('{w.on}', 'paused')",
            f"Your {m.singular} {{held}} is on the plan {{plan_name}} already.",
        ),
        refuse(
            f"SELECT COUNT(*) AS named FROM {m.one}_guests WHERE {m.key} = :{m.key} HAVING COUNT(*) > :allowed",
            "The plan {plan_name} allows {allowed} guests, and {named} are named.",
            "limit",
        ),
        run(f"UPDATE {m.table} SET plan_id = :plan_id WHERE id = :{m.key}"),
        _result(w),
    )
    return (guest, switch) if w.changes_plan else (guest,)
