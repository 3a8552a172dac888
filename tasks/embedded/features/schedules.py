"""Shifts that people sign up for, with limited room, a waiting list and swaps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import NOW, Part, Studio
from tasks.embedded.features.schedules_ideas import Words, ideas
from tasks.embedded.phrases import unless
from tasks.embedded.steps import let, many, one, refuse, require, run, tool

_ACTIVITIES = ("Morning desk", "Setting up", "Open house", "Evening round", "Stocktaking", "Newcomers' hour", "Clearing up", "Guided tour")


def build(studio: Studio) -> Part:
    """Three tables, six or seven tools, eight ideas."""
    rng = studio.rng
    w = Words(studio.term("schedules"), studio.term("person"), studio.term("place"), rng.choice((1, 2)), rng.random() < 0.6)
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _sign_up(w), _leave(w), *_waiting(w), _swap(w)),
        ideas=ideas(w),
        intentions=(
            f"Sign up for {w.s.a} that still has room.",
            f"Swap {w.s.a} that I cannot make for another one.",
            f"Get on the waiting list of a full {w.s.singular}.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    s, p = w.s, w.p
    return (
        f"""CREATE TABLE {s.table} (
  id INTEGER PRIMARY KEY,
  activity TEXT NOT NULL,
  {w.place.key} INTEGER NOT NULL REFERENCES {w.place.table}(id),
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  capacity INTEGER NOT NULL CHECK (capacity BETWEEN 1 AND 20),
  cancelled INTEGER NOT NULL DEFAULT 0 CHECK (cancelled IN (0, 1)),
  UNIQUE ({w.place.key}, starts_at),
  CHECK (ends_at > starts_at)
);""",
        f"""CREATE TABLE {s.one}_signups (
  {s.key} INTEGER NOT NULL REFERENCES {s.table}(id),
  {p.key} INTEGER NOT NULL REFERENCES {p.table}(id),
  signed_up_on TEXT NOT NULL,
  PRIMARY KEY ({s.key}, {p.key})
);""",
        f"""CREATE TABLE {s.one}_waiting (
  {s.key} INTEGER NOT NULL REFERENCES {s.table}(id),
  {p.key} INTEGER NOT NULL REFERENCES {p.table}(id),
  position INTEGER NOT NULL CHECK (position >= 1),
  PRIMARY KEY ({s.key}, {p.key})
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """1 and 2 are past; 3 (full, somebody waits), 4 are mine to come; 5 is full; I wait for 6; 7 to 9 have room; 10 is off."""
    rng = studio.rng
    days = [*rng.sample(range(-30, -2), 2), *rng.sample(range(w.notice + 2, 40), 8)]
    people = {1: (1, 2), 2: (3,), 3: (1, 2), 4: (1, 4, 5), 5: (2, 3), 6: (4, 5), 7: (3,), 8: (2, 5), 9: (), 10: (2,)}
    waiting = {3: (5, 4), 5: (4,), 6: (3, 1)}
    rows = []
    for n, offset in enumerate(days, 1):
        start = NOW.replace(hour=rng.randint(8, 17), minute=rng.choice((0, 30))) + timedelta(days=offset)
        room = len(people[n]) if n in waiting else len(people[n]) + rng.randint(1, 3)
        end = start + timedelta(minutes=rng.choice((90, 120, 180, 240)))
        rows.append((n, rng.choice(_ACTIVITIES), rng.randint(1, len(studio.places)), f"{start}", f"{end}", room, int(n == 10)))
    return (
        TableRows(
            table=w.s.table,
            columns=("id", "activity", w.place.key, "starts_at", "ends_at", "capacity", "cancelled"),
            rows=tuple(rows),
        ),
        TableRows(
            table=f"{w.s.one}_signups",
            columns=(w.s.key, w.p.key, "signed_up_on"),
            rows=tuple((n, person, studio.day(-60, -31)) for n, group in people.items() for person in group),
        ),
        TableRows(
            table=f"{w.s.one}_waiting",
            columns=(w.s.key, w.p.key, "position"),
            rows=tuple((n, person, k) for n, group in waiting.items() for k, person in enumerate(group, 1)),
        ),
    )


def _taken(w: Words) -> str:
    return f"(SELECT COUNT(*) FROM {w.s.one}_signups u WHERE u.{w.s.key} = s.id)"


def _shown(w: Words) -> str:
    return f"SELECT s.id, s.activity, l.name AS {w.place.one}_name, s.starts_at, s.ends_at, s.capacity - {_taken(w)} AS free_places FROM {w.s.table} s JOIN {w.place.table} l ON l.id = s.{w.place.key}"


def _coming(w: Words, key: str = "") -> tuple[dict[str, Any], ...]:
    key = key or w.s.key
    return (
        require(
            f"SELECT s.starts_at AS begins, s.ends_at AS finishes, s.cancelled AS off, s.capacity - {_taken(w)} AS free FROM {w.s.table} s WHERE s.id = :{key}",
            f"There is no {w.s.singular} {{{key}}}.",
        ),
        unless(":off = 1", f"{w.s.singular.capitalize()} {{{key}}} is cancelled."),
        unless(":begins <= :now", "It began at {begins}."),
        refuse(
            f"SELECT 1 AS there FROM {w.s.one}_signups WHERE {w.s.key} = :{key} AND {w.p.key} = :me",
            f"You have signed up for {w.s.singular} {{{key}}} already.",
        ),
    )


def _clash(w: Words, but: str = "") -> dict[str, Any]:
    other = f" AND s.id <> :{but}" if but else ""
    return refuse(
        f"SELECT s.id AS clashing FROM {w.s.table} s JOIN {w.s.one}_signups u ON u.{w.s.key} = s.id WHERE u.{w.p.key} = :me AND s.cancelled = 0 AND s.starts_at < :finishes AND s.ends_at > :begins{other} ORDER BY s.id LIMIT 1",
        f"It overlaps with your {w.s.singular} {{clashing}}.",
    )


def _own(w: Words, key: str) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT s.starts_at AS own_begins FROM {w.s.table} s JOIN {w.s.one}_signups u ON u.{w.s.key} = s.id WHERE s.id = :{key} AND u.{w.p.key} = :me",
            f"You have not signed up for {w.s.singular} {{{key}}}.",
        ),
        unless(
            f"date(:own_begins) < date(:today, '+{w.notice} days')",
            f"It begins at {{own_begins}}; that is less than {w.notice} days ahead.",
            "limit",
        ),
    )


def _promotion(w: Words, key: str) -> tuple[dict[str, Any], ...]:
    """The first who waits takes the place that has become free; the others move up."""
    signups, waiting = f"{w.s.one}_signups", f"{w.s.one}_waiting"
    return (
        run(f"DELETE FROM {signups} WHERE {w.s.key} = :{key} AND {w.p.key} = :me"),
        let(f"SELECT {w.p.key} AS next_person FROM {waiting} WHERE {w.s.key} = :{key} ORDER BY position, {w.p.key} LIMIT 1"),
        run(
            f"INSERT INTO {signups} ({w.s.key}, {w.p.key}, signed_up_on) SELECT :{key}, :next_person, :today WHERE :next_person IS NOT NULL",
            None,
        ),
        run(f"DELETE FROM {waiting} WHERE {w.s.key} = :{key} AND {w.p.key} = :next_person", None),
        run(f"UPDATE {waiting} SET position = position - 1 WHERE {w.s.key} = :{key} AND :next_person IS NOT NULL", None),
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        tool(
            f"list_{w.s.many}",
            f"The {w.s.plural} to come, the earliest first, with the number of free places; cancelled ones are left out.",
            {
                w.place.key: f"integer?: Only at this {w.place.singular}.",
                "day": "date?: Only on this day, as YYYY-MM-DD.",
                "with_room": "boolean? = false: Only those with a free place.",
            },
            many(
                f"{_shown(w)} WHERE s.cancelled = 0 AND s.starts_at > :now AND (:{w.place.key} IS NULL OR s.{w.place.key} = :{w.place.key}) AND (:day IS NULL OR date(s.starts_at) = :day) "
                f"AND (:with_room = 0 OR s.capacity > {_taken(w)}) ORDER BY s.starts_at, s.id"
            ),
        ),
        tool(
            f"list_my_{w.s.many}",
            f"The {w.s.plural} to come for which you signed up or wait, the earliest first, with the minutes that each takes.",
            {"include_past": "boolean? = false: Past ones too."},
            many(
                f"SELECT v.id, v.activity, v.{w.place.one}_name, v.starts_at, v.ends_at, (unixepoch(v.ends_at) - unixepoch(v.starts_at)) / 60 AS minutes, m.state, m.position FROM ({_shown(w)}) v JOIN "
                f"(SELECT {w.s.key} AS mine, 'signed up' AS state, NULL AS position FROM {w.s.one}_signups WHERE {w.p.key} = :me UNION ALL SELECT {w.s.key}, 'waiting', position FROM {w.s.one}_waiting WHERE {w.p.key} = :me) m "
                "ON m.mine = v.id WHERE :include_past = 1 OR v.starts_at > :now ORDER BY v.starts_at, v.id"
            ),
        ),
    )


def _sign_up(w: Words) -> dict[str, Any]:
    return tool(
        f"sign_up_for_{w.s.one}",
        f"Sign up for {w.s.a} to come that has a free place and does not overlap with another one of yours.",
        {w.s.key: f"integer: Id of the {w.s.singular}."},
        *_coming(w),
        unless(":free < 1", f"{w.s.singular.capitalize()} {{{w.s.key}}} is full; you can wait for a place.", "limit"),
        _clash(w),
        run(f"DELETE FROM {w.s.one}_waiting WHERE {w.s.key} = :{w.s.key} AND {w.p.key} = :me", None),
        run(f"INSERT INTO {w.s.one}_signups ({w.s.key}, {w.p.key}, signed_up_on) VALUES (:{w.s.key}, :me, :today)"),
        one(f"{_shown(w)} WHERE s.id = :{w.s.key}"),
    )


def _leave(w: Words) -> dict[str, Any]:
    return tool(
        f"leave_{w.s.one}",
        f"Give up your place in {w.s.a}, at least {w.notice} days ahead; the first who waits gets it.",
        {w.s.key: f"integer: Id of the {w.s.singular}."},
        *_own(w, w.s.key),
        *_promotion(w, w.s.key),
        one(f"{_shown(w)} WHERE s.id = :{w.s.key}"),
    )


def _waiting(w: Words) -> tuple[dict[str, Any], ...]:
    key = {w.s.key: f"integer: Id of the {w.s.singular}."}
    waiting = f"{w.s.one}_waiting"
    wait = tool(
        f"wait_for_{w.s.one}",
        f"Get on the waiting list of a full {w.s.singular}.",
        key,
        *_coming(w),
        unless(":free > 0", f"{w.s.singular.capitalize()} {{{w.s.key}}} has room; sign up for it.", "conflict"),
        refuse(
            f"SELECT position AS place FROM {waiting} WHERE {w.s.key} = :{w.s.key} AND {w.p.key} = :me",
            "You wait for it already, at place {place}.",
        ),
        run(
            f"INSERT INTO {waiting} ({w.s.key}, {w.p.key}, position) SELECT :{w.s.key}, :me, COALESCE(MAX(position), 0) + 1 FROM {waiting} WHERE {w.s.key} = :{w.s.key}"
        ),
        one(f"SELECT {w.s.key}, position FROM {waiting} WHERE {w.s.key} = :{w.s.key} AND {w.p.key} = :me"),
    )
    stop = tool(
        f"stop_waiting_for_{w.s.one}",
        f"Leave the waiting list of {w.s.a}; those behind you move up.",
        key,
        require(
            f"SELECT position AS place FROM {waiting} WHERE {w.s.key} = :{w.s.key} AND {w.p.key} = :me",
            f"You do not wait for {w.s.singular} {{{w.s.key}}}.",
        ),
        run(f"DELETE FROM {waiting} WHERE {w.s.key} = :{w.s.key} AND {w.p.key} = :me"),
        run(f"UPDATE {waiting} SET position = position - 1 WHERE {w.s.key} = :{w.s.key} AND position > :place", None),
        one(f"SELECT COUNT(*) AS still_waiting_for FROM {waiting} WHERE {w.p.key} = :me"),
    )
    return (wait, stop) if w.can_stop else (wait,)


def _swap(w: Words) -> dict[str, Any]:
    return tool(
        f"swap_{w.s.one}",
        f"Give up one of your {w.s.plural} for another one with a free place, in one go.",
        {
            w.s.key: f"integer: Id of the {w.s.singular} that you want.",
            "given_up_id": f"integer: Id of your {w.s.singular} that you give up.",
        },
        *_own(w, "given_up_id"),
        *_coming(w),
        unless(":free < 1", f"{w.s.singular.capitalize()} {{{w.s.key}}} is full.", "limit"),
        _clash(w, "given_up_id"),
        *_promotion(w, "given_up_id"),
        run(f"INSERT INTO {w.s.one}_signups ({w.s.key}, {w.p.key}, signed_up_on) VALUES (:{w.s.key}, :me, :today)"),
        one(f"{_shown(w)} WHERE s.id = :{w.s.key}"),
    )
