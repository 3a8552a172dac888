"""Enrolments in courses about items, with prerequisites, limited room and changes of date."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.enrolments_ideas import Words, ideas
from tasks.embedded.phrases import among, choice, unless
from tasks.embedded.steps import known, many, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Three tables, six tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("enrolments"),
        studio.term("person"),
        studio.term("staff"),
        studio.term("item"),
        rng.choice(("course", "workshop")),
        rng.choice(("enrolled", "booked")),
        rng.choice((3, 4)),
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _enrol(w), *_changing(w)),
        ideas=ideas(w),
        intentions=(
            f"Enrol in a {w.kind} that I am prepared for.",
            f"Move my {w.e.singular} to another date of the same {w.kind}.",
            f"Find out what I have to complete before a {w.kind}.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    return (
        f"""CREATE TABLE {w.courses} (
  id INTEGER PRIMARY KEY,
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  {w.s.key} INTEGER NOT NULL REFERENCES {w.s.table}(id),
  starts_on TEXT NOT NULL,
  ends_on TEXT NOT NULL,
  capacity INTEGER NOT NULL CHECK (capacity > 0),
  UNIQUE ({w.i.key}, starts_on),
  CHECK (ends_on >= starts_on)
);""",
        f"""CREATE TABLE {w.e.one}_prerequisites (
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  required_id INTEGER NOT NULL REFERENCES {w.i.table}(id),
  PRIMARY KEY ({w.i.key}, required_id),
  CHECK ({w.i.key} <> required_id)
);""",
        f"""CREATE TABLE {w.e.table} (
  id INTEGER PRIMARY KEY,
  {w.kind}_id INTEGER NOT NULL REFERENCES {w.courses}(id),
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  status TEXT NOT NULL {among("status", w.statuses)},
  since TEXT NOT NULL,
  grade INTEGER CHECK (grade BETWEEN 1 AND 10),
  UNIQUE ({w.kind}_id, {w.p.key}),
  CHECK (grade IS NULL OR status = 'completed')
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """I completed a; b needs a, c needs a and b; d has two dates and I am in one, f has one and I am in it; e is full once."""
    rng = studio.rng
    a, b, c, d, e, f = rng.sample(range(1, len(studio.items) + 1), 6)
    taught = [(a, -90), (b, -70), (b, 12), (c, 20), (d, 9), (d, 25), (e, 15), (e, 33), (f, 28), (a, 40)]
    on = w.statuses[0]
    held = {
        1: [(1, "completed"), (2, "completed"), (3, "withdrawn")],
        2: [(2, "completed"), (4, "completed")],
        3: [(3, on)],
        4: [(2, on)],
        5: [(1, on), (4, on)],
        6: [(5, on)],
        7: [(2, on), (3, on)],
        8: [(4, "withdrawn")],
        9: [(1, on), (3, on)],
        10: [(5, on)],
    }
    courses: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for n, (item, offset) in enumerate(taught, 1):
        start = studio.day(offset, offset + 5)
        room = 2 if n == 7 else len(held[n]) + rng.randint(1, w.room)
        ends = studio.day(offset + 6, offset + 14)
        courses.append((n, item, rng.randint(1, len(studio.staff)), start, ends, room))
        for person, status in held[n]:
            grade = rng.randint(5, 10) if status == "completed" else None
            rows.append((len(rows) + 1, n, person, status, studio.day(-130, -100), grade))
    return (
        TableRows(table=w.courses, columns=("id", w.i.key, w.s.key, "starts_on", "ends_on", "capacity"), rows=tuple(courses)),
        TableRows(table=f"{w.e.one}_prerequisites", columns=(w.i.key, "required_id"), rows=((b, a), (c, a), (c, b))),
        TableRows(table=w.e.table, columns=("id", f"{w.kind}_id", w.p.key, "status", "since", "grade"), rows=tuple(rows)),
    )


def _shown(w: Words) -> str:
    return (
        f"SELECT e.id, e.{w.kind}_id, i.name AS {w.i.one}_name, k.starts_on, k.ends_on, e.status, e.grade FROM {w.e.table} e "
        f"JOIN {w.courses} k ON k.id = e.{w.kind}_id JOIN {w.i.table} i ON i.id = k.{w.i.key}"
    )


def _free(w: Words) -> str:
    return f"k.capacity - (SELECT COUNT(*) FROM {w.e.table} x WHERE x.{w.kind}_id = k.id AND x.status = '{w.on}')"


def _course(w: Words) -> tuple[dict[str, Any], ...]:
    """The course must be there, lie ahead and have room."""
    return (
        require(
            f"SELECT k.{w.i.key} AS about, k.starts_on AS begins, {_free(w)} AS room FROM {w.courses} k WHERE k.id = :{w.kind}_id",
            f"There is no {w.kind} {{{w.kind}_id}}.",
        ),
        unless(":begins <= :today", f"The {w.kind} began on {{begins}}."),
        unless(":room < 1", f"The {w.kind} on {{begins}} is full.", "limit"),
    )


def _mine(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT e.status AS was, k.{w.i.key} AS subject, k.starts_on AS old_start FROM {w.e.table} e JOIN {w.courses} k ON k.id = e.{w.kind}_id WHERE e.id = :{w.e.key} AND e.{w.p.key} = :me",
            f"You have no {w.e.singular} {{{w.e.key}}}.",
        ),
        unless(f":was <> '{w.on}'", f"{w.e.singular.capitalize()} {{{w.e.key}}} is {{was}}, not {w.on}."),
        unless(":old_start <= :today", f"The {w.kind} began on {{old_start}}."),
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        tool(
            f"list_{w.courses}",
            f"The {w.kind}s to come, the earliest first, with who leads them and how many places are free.",
            {
                w.i.key: f"integer?: Only about this {w.i.singular}.",
                w.s.key: f"integer?: Only led by this {w.s.singular}.",
            },
            many(
                f"SELECT k.id, k.{w.i.key}, i.name AS {w.i.one}_name, s.full_name AS led_by, k.starts_on, k.ends_on, {_free(w)} AS free_places FROM {w.courses} k JOIN {w.i.table} i ON i.id = k.{w.i.key} JOIN {w.s.table} s ON s.id = k.{w.s.key} "
                f"WHERE k.starts_on > :today AND (:{w.i.key} IS NULL OR k.{w.i.key} = :{w.i.key}) AND (:{w.s.key} IS NULL OR k.{w.s.key} = :{w.s.key}) ORDER BY k.starts_on, k.id"
            ),
        ),
        tool(
            f"list_my_{w.e.many}",
            f"Your {w.e.plural} with dates and grades, the latest start first.",
            {"status": f"{choice(w.statuses, optional=True)}: Only those with this status."},
            many(f"{_shown(w)} WHERE e.{w.p.key} = :me AND (:status IS NULL OR e.status = :status) ORDER BY k.starts_on DESC, e.id"),
        ),
        tool(
            f"list_{w.e.one}_prerequisites",
            f"What must be completed before a {w.kind} about {w.i.a}, and whether you have.",
            {w.i.key: f"integer: Id of the {w.i.singular} that the {w.kind} is about."},
            known(w.i),
            many(
                f"SELECT q.required_id AS {w.i.key}, i.name AS {w.i.one}_name, EXISTS (SELECT 1 FROM {w.e.table} e JOIN {w.courses} k ON k.id = e.{w.kind}_id WHERE e.{w.p.key} = :me AND e.status = 'completed' AND k.{w.i.key} = q.required_id) AS completed "
                f"FROM {w.e.one}_prerequisites q JOIN {w.i.table} i ON i.id = q.required_id WHERE q.{w.i.key} = :{w.i.key} ORDER BY q.required_id"
            ),
        ),
    )


def _enrol(w: Words) -> dict[str, Any]:
    return tool(
        f"start_{w.e.one}",
        f"Enrol in a {w.kind} to come that has room, once you have completed all it requires; one date for each subject.",
        {f"{w.kind}_id": f"integer: Id of the {w.kind}, as list_{w.courses} returns it."},
        *_course(w),
        refuse(
            f"SELECT e.id AS standing FROM {w.e.table} e JOIN {w.courses} k ON k.id = e.{w.kind}_id WHERE e.{w.p.key} = :me AND k.{w.i.key} = :about AND e.status IN ('{w.on}', 'completed') ORDER BY e.id LIMIT 1",
            f"Your {w.e.singular} {{standing}} is about the same subject.",
        ),
        refuse(
            f"SELECT i.name AS missing FROM {w.e.one}_prerequisites q JOIN {w.i.table} i ON i.id = q.required_id WHERE q.{w.i.key} = :about AND NOT EXISTS "
            f"(SELECT 1 FROM {w.e.table} e JOIN {w.courses} k ON k.id = e.{w.kind}_id WHERE e.{w.p.key} = :me AND e.status = 'completed' AND k.{w.i.key} = q.required_id) ORDER BY q.required_id LIMIT 1",
            'You have to complete "{missing}" first.',
            "forbidden",
        ),
        run(f"DELETE FROM {w.e.table} WHERE {w.kind}_id = :{w.kind}_id AND {w.p.key} = :me AND status = 'withdrawn'", None),
        run(f"INSERT INTO {w.e.table} ({w.kind}_id, {w.p.key}, status, since) VALUES (:{w.kind}_id, :me, '{w.on}', :today)"),
        one(f"{_shown(w)} WHERE e.{w.kind}_id = :{w.kind}_id AND e.{w.p.key} = :me"),
    )


def _changing(w: Words) -> tuple[dict[str, Any], ...]:
    key = {w.e.key: f"integer: Id of the {w.e.singular}."}
    withdraw = tool(
        f"withdraw_{w.e.one}",
        f"Withdraw one of your {w.e.plural} before the {w.kind} begins.",
        key,
        *_mine(w),
        run(f"UPDATE {w.e.table} SET status = 'withdrawn' WHERE id = :{w.e.key}"),
        one(f"{_shown(w)} WHERE e.id = :{w.e.key}"),
    )
    switch = tool(
        f"change_{w.e.one}_date",
        f"Move one of your {w.e.plural} to another date of the same {w.kind} that has room.",
        {**key, f"{w.kind}_id": f"integer: Id of the {w.kind} on the other date."},
        *_mine(w),
        *_course(w),
        unless(":about <> :subject", f"That {w.kind} is about something else.", "invalid"),
        refuse(
            f"SELECT id AS standing FROM {w.e.table} WHERE {w.kind}_id = :{w.kind}_id AND {w.p.key} = :me",
            f"You have {w.e.singular} {{standing}} for that date.",
        ),
        run(f"UPDATE {w.e.table} SET {w.kind}_id = :{w.kind}_id WHERE id = :{w.e.key}"),
        one(f"{_shown(w)} WHERE e.id = :{w.e.key}"),
    )
    return (withdraw, switch)
