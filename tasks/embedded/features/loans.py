"""Loans of items with due dates, renewals, a queue of holds, and fines for coming back late."""

from __future__ import annotations

from datetime import date
from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.loans_ideas import Words, ideas
from tasks.embedded.phrases import choice, unless
from tasks.embedded.steps import known, let, many, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Three tables, seven tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("loans"),
        studio.term("person"),
        studio.term("item"),
        rng.choice((10, 20, 25, 50)),
        rng.choice((14, 21, 28)),
        rng.choice((2, 3)),
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), *_lending(w), *_waiting(w)),
        ideas=ideas(w),
        intentions=(
            f"Borrow {w.i.a} that nobody has out.",
            f"Renew {w.loan.a} that is nearly due.",
            f"Wait in line for {w.i.a} that someone else has.",
            f"Bring back {w.i.a} and learn whether there is a fine.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    return (
        f"""CREATE TABLE {w.loan.table} (
  id INTEGER PRIMARY KEY,
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  taken_on TEXT NOT NULL,
  due_on TEXT NOT NULL,
  returned_on TEXT,
  renewals INTEGER NOT NULL DEFAULT 0 CHECK (renewals BETWEEN 0 AND {w.most_renewals}),
  CHECK (due_on > taken_on),
  CHECK (returned_on IS NULL OR returned_on >= taken_on)
);""",
        f"CREATE UNIQUE INDEX {w.loan.table}_out ON {w.loan.table} ({w.i.key}) WHERE returned_on IS NULL;",
        f"""CREATE TABLE {w.loan.one}_holds (
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  position INTEGER NOT NULL CHECK (position >= 1),
  placed_on TEXT NOT NULL,
  PRIMARY KEY ({w.i.key}, {w.p.key})
);""",
        f"""CREATE TABLE {w.loan.one}_fines (
  {w.loan.key} INTEGER PRIMARY KEY REFERENCES {w.loan.table}(id),
  days_late INTEGER NOT NULL CHECK (days_late > 0),
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  paid_on TEXT
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Mine: two in time, one overdue, two returned late (one fine paid, one not); others have items out that I may wait for."""
    rng, people = studio.rng, len(studio.people)
    items = rng.sample(range(1, len(studio.items) + 1), 11)
    rows: list[tuple[Any, ...]] = []
    for n, item in enumerate(items, 1):
        person = 1 if n <= 5 else rng.randint(2, people)
        if n in (4, 5, 11):
            rows.append((n, item, person, studio.day(-90, -60), studio.day(-40, -30), studio.day(-25, -15), rng.randint(0, 1)))
        elif n == 3:
            rows.append((n, item, person, studio.day(-40, -30), studio.day(-12, -2), None, 1))
        else:
            rows.append((n, item, person, studio.day(-14, -3), studio.day(3, 15), None, 0))
    late = [(n, _days(rows[n - 1][4], rows[n - 1][5])) for n in (4, 5, 11)]
    fines = tuple((n, days, days * w.daily_cents, studio.day(-10, -2) if n == 5 else None) for n, days in late)
    holds = [(items[5], 2, 1), (items[5], 3, 2), (items[6], 1, 1), (items[0], 3, 1), (items[7], 4, 1)]
    return (
        TableRows(table=w.loan.table, columns=("id", w.i.key, w.p.key, "taken_on", "due_on", "returned_on", "renewals"), rows=tuple(rows)),
        TableRows(
            table=f"{w.loan.one}_holds",
            columns=(w.i.key, w.p.key, "position", "placed_on"),
            rows=tuple((item, person, place, studio.day(-20 + place, -20 + place)) for item, person, place in _not_own(holds, rows)),
        ),
        TableRows(table=f"{w.loan.one}_fines", columns=(w.loan.key, "days_late", "amount_cents", "paid_on"), rows=fines),
    )


def _days(due: str, back: str) -> int:
    return (date.fromisoformat(back) - date.fromisoformat(due)).days


def _not_own(holds: list[tuple[int, int, int]], rows: list[tuple[Any, ...]]) -> list[tuple[int, int, int]]:
    """Nobody waits for what they have themselves; who is left out hands the place to the next person but one."""
    has = {(row[1], row[2]) for row in rows if row[5] is None}
    return [(item, person + 3 if (item, person) in has else person, place) for item, person, place in holds]


def _shown(w: Words) -> str:
    return f"SELECT l.id, i.name AS {w.i.one}_name, l.{w.i.key}, l.taken_on, l.due_on, l.returned_on, l.renewals FROM {w.loan.table} l JOIN {w.i.table} i ON i.id = l.{w.i.key}"


def _out(w: Words, columns: str) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT {columns}, returned_on AS back_on FROM {w.loan.table} WHERE id = :{w.loan.key} AND {w.p.key} = :me",
            f"You have no {w.loan.singular} {{{w.loan.key}}}.",
        ),
        unless(":back_on IS NOT NULL", f"{w.loan.singular.capitalize()} {{{w.loan.key}}} ended on {{back_on}}."),
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    state = "CASE WHEN l.returned_on IS NOT NULL THEN 'returned' WHEN l.due_on < :today THEN 'overdue' ELSE 'out' END"
    return (
        tool(
            f"list_my_{w.loan.many}",
            f"Your {w.loan.plural}, the first due first, with any fine and whether it is paid.",
            {"state": f"{choice(('out', 'overdue', 'returned'), optional=True)}: Only those in this state."},
            many(
                f"SELECT l.id, i.name AS {w.i.one}_name, l.{w.i.key}, l.taken_on, l.due_on, l.returned_on, l.renewals, {state} AS state, f.amount_cents AS fine_cents, f.paid_on AS fine_paid_on "
                f"FROM {w.loan.table} l JOIN {w.i.table} i ON i.id = l.{w.i.key} LEFT JOIN {w.loan.one}_fines f ON f.{w.loan.key} = l.id WHERE l.{w.p.key} = :me AND (:state IS NULL OR {state} = :state) ORDER BY l.due_on, l.id"
            ),
        ),
        tool(
            f"get_{w.loan.one}_availability",
            f"Whether {w.i.a} is out, until when, and how many people wait for it.",
            {w.i.key: f"integer: Id of the {w.i.singular}."},
            known(w.i),
            one(
                f"SELECT i.id, i.name, l.id IS NULL AS available, l.due_on AS out_until, (SELECT COUNT(*) FROM {w.loan.one}_holds h WHERE h.{w.i.key} = i.id) AS people_waiting "
                f"FROM {w.i.table} i LEFT JOIN {w.loan.table} l ON l.{w.i.key} = i.id AND l.returned_on IS NULL WHERE i.id = :{w.i.key}"
            ),
        ),
        tool(
            f"list_my_{w.loan.one}_holds",
            f"The {w.i.plural} that you wait for, with your place in each line.",
            {},
            many(
                f"SELECT h.{w.i.key}, i.name AS {w.i.one}_name, h.position, h.placed_on FROM {w.loan.one}_holds h JOIN {w.i.table} i ON i.id = h.{w.i.key} WHERE h.{w.p.key} = :me ORDER BY h.placed_on, h.{w.i.key}"
            ),
        ),
    )


def _lending(w: Words) -> tuple[dict[str, Any], ...]:
    return (_taking(w), _renewing(w), _ending(w), _paying(w))


def _taking(w: Words) -> dict[str, Any]:
    return tool(
        f"take_{w.loan.one}",
        f"Borrow {w.i.a} for {w.days} days. You may have eight things out; whoever waits for it goes first.",
        {w.i.key: f"integer: Id of the {w.i.singular}."},
        require(
            f"SELECT name AS item_name, is_active AS offered FROM {w.i.table} WHERE id = :{w.i.key}",
            f"There is no {w.i.singular} {{{w.i.key}}}.",
        ),
        unless(":offered = 0", "{item_name} is not available at the moment."),
        refuse(
            f"SELECT due_on AS free_on FROM {w.loan.table} WHERE {w.i.key} = :{w.i.key} AND returned_on IS NULL",
            "{item_name} is out until {free_on}.",
        ),
        refuse(
            f"SELECT {w.p.key} AS first_in_line FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key} AND {w.p.key} <> :me ORDER BY position LIMIT 1",
            "Someone else waits for {item_name}.",
        ),
        refuse(
            f"SELECT COUNT(*) AS out_now FROM {w.loan.table} WHERE {w.p.key} = :me AND returned_on IS NULL HAVING COUNT(*) >= 8",
            "You have {out_now} things out already.",
            "limit",
        ),
        run(
            f"INSERT INTO {w.loan.table} ({w.i.key}, {w.p.key}, taken_on, due_on) VALUES (:{w.i.key}, :me, :today, date(:today, '+{w.days} days'))"
        ),
        run(f"DELETE FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key} AND {w.p.key} = :me", None),
        one(f"{_shown(w)} WHERE l.{w.i.key} = :{w.i.key} AND l.returned_on IS NULL"),
    )


def _renewing(w: Words) -> dict[str, Any]:
    return tool(
        f"renew_{w.loan.one}",
        f"Move the due date of one of your {w.loan.plural} by {w.days} days: not when overdue, not when someone waits, at most {w.most_renewals} times.",
        {w.loan.key: f"integer: Id of the {w.loan.singular}."},
        *_out(w, f"{w.i.key} AS lent, due_on AS due, renewals AS renewed"),
        unless(":due < :today", "It was due on {due}; bring it back first."),
        unless(f":renewed >= {w.most_renewals}", "It has been renewed {renewed} times already.", "limit"),
        refuse(
            f"SELECT COUNT(*) AS waiting FROM {w.loan.one}_holds WHERE {w.i.key} = :lent HAVING COUNT(*) > 0",
            "{waiting} people wait for it.",
        ),
        run(f"UPDATE {w.loan.table} SET due_on = date(due_on, '+{w.days} days'), renewals = renewals + 1 WHERE id = :{w.loan.key}"),
        one(f"{_shown(w)} WHERE l.id = :{w.loan.key}"),
    )


def _ending(w: Words) -> dict[str, Any]:
    return tool(
        f"end_{w.loan.one}",
        f"Bring back what you borrowed; each day late costs a fine of {w.daily_cents} cents.",
        {w.loan.key: f"integer: Id of the {w.loan.singular}."},
        *_out(w, "due_on AS due"),
        let("SELECT CAST(julianday(:today) - julianday(:due) AS INTEGER) AS late"),
        run(f"UPDATE {w.loan.table} SET returned_on = :today WHERE id = :{w.loan.key}"),
        run(
            f"INSERT INTO {w.loan.one}_fines ({w.loan.key}, days_late, amount_cents) SELECT :{w.loan.key}, :late, :late * {w.daily_cents} WHERE :late > 0",
            None,
        ),
        one(
            f"SELECT l.id, l.returned_on, COALESCE(f.amount_cents, 0) AS fine_cents FROM {w.loan.table} l LEFT JOIN {w.loan.one}_fines f ON f.{w.loan.key} = l.id WHERE l.id = :{w.loan.key}"
        ),
    )


def _paying(w: Words) -> dict[str, Any]:
    return tool(
        f"pay_{w.loan.one}_fine",
        f"Pay the fine of one of your {w.loan.plural}.",
        {w.loan.key: f"integer: Id of the {w.loan.singular}."},
        require(
            f"SELECT f.paid_on AS settled FROM {w.loan.one}_fines f JOIN {w.loan.table} l ON l.id = f.{w.loan.key} WHERE l.id = :{w.loan.key} AND l.{w.p.key} = :me",
            f"There is no fine on {w.loan.a} {{{w.loan.key}}} of yours.",
        ),
        unless(":settled IS NOT NULL", "It was paid on {settled}."),
        run(f"UPDATE {w.loan.one}_fines SET paid_on = :today WHERE {w.loan.key} = :{w.loan.key}"),
        one(
            f"SELECT COALESCE(SUM(f.amount_cents), 0) AS still_owed_cents FROM {w.loan.one}_fines f JOIN {w.loan.table} l ON l.id = f.{w.loan.key} WHERE l.{w.p.key} = :me AND f.paid_on IS NULL"
        ),
    )


def _waiting(w: Words) -> tuple[dict[str, Any], ...]:
    key = {w.i.key: f"integer: Id of the {w.i.singular}."}
    hold = tool(
        f"place_{w.loan.one}_hold",
        f"Wait in line for {w.i.a} that someone else has.",
        key,
        require(
            f"SELECT {w.p.key} AS holder FROM {w.loan.table} WHERE {w.i.key} = :{w.i.key} AND returned_on IS NULL",
            f"The {w.i.singular} {{{w.i.key}}} is not out; borrow it instead.",
            "conflict",
        ),
        unless(":holder = :me", "You have it yourself."),
        refuse(
            f"SELECT position AS place FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key} AND {w.p.key} = :me",
            "You wait for it already, at place {place}.",
        ),
        run(
            f"INSERT INTO {w.loan.one}_holds ({w.i.key}, {w.p.key}, position, placed_on) SELECT :{w.i.key}, :me, COALESCE(MAX(position), 0) + 1, :today FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key}"
        ),
        one(f"SELECT {w.i.key}, position, placed_on FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key} AND {w.p.key} = :me"),
    )
    leave = tool(
        f"cancel_{w.loan.one}_hold",
        f"Stop waiting for {w.i.a}; those behind you move up.",
        key,
        require(
            f"SELECT position AS place FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key} AND {w.p.key} = :me",
            f"You do not wait for the {w.i.singular} {{{w.i.key}}}.",
        ),
        run(f"DELETE FROM {w.loan.one}_holds WHERE {w.i.key} = :{w.i.key} AND {w.p.key} = :me"),
        run(f"UPDATE {w.loan.one}_holds SET position = position - 1 WHERE {w.i.key} = :{w.i.key} AND position > :place", None),
        one(f"SELECT COUNT(*) AS holds_left FROM {w.loan.one}_holds WHERE {w.p.key} = :me"),
    )
    return (hold, leave)
