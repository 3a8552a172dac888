"""Inspections of places, point by point, with findings that have to be settled."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.inspections_ideas import POINTS, Words, ideas
from tasks.embedded.phrases import among, choice, unless
from tasks.embedded.steps import each, let, many, nested, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Three tables, eight tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("inspections"),
        studio.term("person"),
        studio.term("place"),
        studio.term("staff"),
        rng.choice((("ok", "defect"), ("passed", "failed"))),
        rng.choice(("planned", "scheduled")),
        rng.choice((14, 30)),
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _ask(w), _move(w), *_recording(w), _settle(w)),
        ideas=ideas(w),
        intentions=(
            f"Ask for {w.n.a} of {w.place.a} on a certain day.",
            f"Record what was found at {w.n.a} and close it.",
            "Settle the findings that are still open.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    n = w.n
    return (
        f"""CREATE TABLE {n.table} (
  id INTEGER PRIMARY KEY,
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  {w.place.key} INTEGER NOT NULL REFERENCES {w.place.table}(id),
  {w.s.key} INTEGER NOT NULL REFERENCES {w.s.table}(id),
  planned_on TEXT NOT NULL,
  status TEXT NOT NULL {among("status", (w.soon, "closed"))},
  result TEXT {among("result", w.outcomes)},
  UNIQUE ({w.place.key}, planned_on),
  CHECK ((status = 'closed') = (result IS NOT NULL))
);""",
        f"""CREATE TABLE {n.one}_points (
  {n.key} INTEGER NOT NULL REFERENCES {n.table}(id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 1),
  point TEXT NOT NULL,
  outcome TEXT {among("outcome", w.outcomes)},
  PRIMARY KEY ({n.key}, position),
  UNIQUE ({n.key}, point)
);""",
        f"""CREATE TABLE {n.one}_findings (
  {n.key} INTEGER NOT NULL,
  position INTEGER NOT NULL,
  settle_by TEXT NOT NULL,
  settled_on TEXT,
  remark TEXT,
  PRIMARY KEY ({n.key}, position),
  FOREIGN KEY ({n.key}, position) REFERENCES {n.one}_points({n.key}, position)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Mine: 1 is ready to be closed, 2 has open points, 3 lies ahead, 4 is closed with open findings, 5 closed and clean."""
    rng = studio.rng
    good, bad = w.outcomes
    plans: list[tuple[int, str, str, str | None, tuple[str | None, ...]]] = [
        (1, studio.day(-6, -2), w.soon, None, (good, bad, good)),
        (1, studio.day(-13, -8), w.soon, None, (good, None, None)),
        (1, studio.day(8, 20), w.soon, None, (None, None)),
        (1, studio.day(-50, -40), "closed", bad, (bad, good, bad)),
        (1, studio.day(-90, -60), "closed", good, (good, good)),
        (2, studio.day(21, 40), w.soon, None, (None, None)),
        (3, studio.day(-38, -30), "closed", bad, (bad, good)),
        (2, studio.day(-120, -95), "closed", good, (good,)),
    ]
    rows, points, findings = [], [], []
    for n, (person, day, status, result, outcomes) in enumerate(plans, 1):
        rows.append((n, person, rng.randint(1, len(studio.places)), rng.randint(1, len(studio.staff)), day, status, result))
        for k, (point, outcome) in enumerate(zip(rng.sample(POINTS, len(outcomes)), outcomes, strict=True), 1):
            points.append((n, k, point, outcome))
            if status == "closed" and outcome == bad:
                settled = studio.day(-20, -3) if (n, k) == (4, 1) or n == 7 else None
                findings.append((n, k, studio.day(2, 20), settled, "Seen to." if settled else None))
    return (
        TableRows(
            table=w.n.table,
            columns=("id", w.p.key, w.place.key, w.s.key, "planned_on", "status", "result"),
            rows=tuple(rows),
        ),
        TableRows(table=f"{w.n.one}_points", columns=(w.n.key, "position", "point", "outcome"), rows=tuple(points)),
        TableRows(table=f"{w.n.one}_findings", columns=(w.n.key, "position", "settle_by", "settled_on", "remark"), rows=tuple(findings)),
    )


def _shown(w: Words) -> str:
    n = w.n
    return (
        f"SELECT n.id, l.name AS {w.place.one}_name, s.full_name AS inspector, n.planned_on, n.status, n.result, (SELECT COUNT(*) FROM {n.one}_points o WHERE o.{n.key} = n.id AND o.outcome IS NULL) AS open_points "
        f"FROM {n.table} n JOIN {w.place.table} l ON l.id = n.{w.place.key} JOIN {w.s.table} s ON s.id = n.{w.s.key}"
    )


def _points(w: Words, key: str) -> str:
    return f"SELECT position, point, outcome FROM {w.n.one}_points WHERE {w.n.key} = :{key} ORDER BY position"


def _mine(w: Words, columns: str) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT status AS was, {columns} FROM {w.n.table} WHERE id = :{w.n.key} AND {w.p.key} = :me",
            f"You have no {w.n.singular} {{{w.n.key}}}.",
        ),
        unless(":was = 'closed'", f"{w.n.singular.capitalize()} {{{w.n.key}}} is closed."),
    )


def _day(w: Words, place: str) -> tuple[dict[str, Any], ...]:
    return (
        unless(":day <= :today", "{day} is not in the future.", "invalid"),
        refuse(
            f"SELECT id AS standing FROM {w.n.table} WHERE {w.place.key} = :{place} AND planned_on = :day",
            f"There is {w.n.a} at that {w.place.singular} on {{day}} already.",
        ),
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    n = w.n
    return (
        tool(
            f"list_my_{n.many}",
            f"The {n.plural} that you asked for, the latest day first, with inspector, result and open points.",
            {"status": f"{choice((w.soon, 'closed'), optional=True)}: Only those with this status."},
            many(f"{_shown(w)} WHERE n.{w.p.key} = :me AND (:status IS NULL OR n.status = :status) ORDER BY n.planned_on DESC, n.id"),
        ),
        tool(
            f"get_my_{n.one}",
            f"One of your {n.plural} with its points in order and its findings.",
            {n.key: f"integer: Id of the {n.singular}."},
            require(f"SELECT 1 AS known FROM {n.table} WHERE id = :{n.key} AND {w.p.key} = :me", f"You have no {n.singular} {{{n.key}}}."),
            nested(
                details=one(f"{_shown(w)} WHERE n.id = :{n.key}"),
                points=many(_points(w, n.key)),
                findings=many(
                    f"SELECT position, settle_by, settled_on, remark FROM {n.one}_findings WHERE {n.key} = :{n.key} ORDER BY position"
                ),
            ),
        ),
        tool(
            f"list_my_{n.one}_findings",
            f"Findings of your {n.plural}, the first to be settled first.",
            {"open_only": "boolean? = true: Only those that are not settled."},
            many(
                f"SELECT f.{n.key}, f.position, l.name AS {w.place.one}_name, o.point, f.settle_by, f.settled_on FROM {n.one}_findings f JOIN {n.one}_points o ON o.{n.key} = f.{n.key} AND o.position = f.position "
                f"JOIN {n.table} n ON n.id = f.{n.key} JOIN {w.place.table} l ON l.id = n.{w.place.key} WHERE n.{w.p.key} = :me AND (:open_only = 0 OR f.settled_on IS NULL) ORDER BY f.settle_by, f.{n.key}, f.position"
            ),
        ),
    )


def _ask(w: Words) -> dict[str, Any]:
    n = w.n
    return tool(
        f"request_{n.one}",
        f"Ask for {n.a} of {w.place.a} on a day to come, with the points to look at in order; whoever works there and has least to do is sent.",
        {
            w.place.key: f"integer: Id of the {w.place.singular}.",
            "day": "date: The day, as YYYY-MM-DD.",
            "points": "list of text: What to look at, each once.",
        },
        require(
            f"SELECT name AS place_name FROM {w.place.table} WHERE id = :{w.place.key}",
            f"There is no {w.place.singular} {{{w.place.key}}}.",
        ),
        *_day(w, w.place.key),
        unless("json_array_length(:points) NOT BETWEEN 1 AND 10", "Name one to ten points.", "invalid"),
        refuse(
            "SELECT value AS twice FROM json_each(:points) GROUP BY value HAVING COUNT(*) > 1 ORDER BY value LIMIT 1",
            "The point {twice} is named twice.",
            "invalid",
        ),
        let(
            f"SELECT s.id AS inspector_id FROM {w.s.table} s ORDER BY s.{w.place.key} <> :{w.place.key}, (SELECT COUNT(*) FROM {n.table} x WHERE x.{w.s.key} = s.id AND x.status = '{w.soon}'), s.id LIMIT 1"
        ),
        let(f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM {n.table}"),
        run(
            f"INSERT INTO {n.table} (id, {w.p.key}, {w.place.key}, {w.s.key}, planned_on, status) VALUES (:new_id, :me, :{w.place.key}, :inspector_id, :day, '{w.soon}')"
        ),
        each(
            "SELECT key + 1 AS place_in_list, value AS what FROM json_each(:points) ORDER BY key",
            run(f"INSERT INTO {n.one}_points ({n.key}, position, point) VALUES (:new_id, :place_in_list, :what)"),
        ),
        nested(details=one(f"{_shown(w)} WHERE n.id = :new_id"), points=many(_points(w, "new_id"))),
    )


def _move(w: Words) -> dict[str, Any]:
    return tool(
        f"reschedule_{w.n.one}",
        f"Move one of your {w.n.plural} that is not closed and on which nothing is recorded to another day to come.",
        {w.n.key: f"integer: Id of the {w.n.singular}.", "day": "date: The new day, as YYYY-MM-DD."},
        *_mine(w, f"{w.place.key} AS where_it_is"),
        refuse(
            f"SELECT COUNT(*) AS recorded FROM {w.n.one}_points WHERE {w.n.key} = :{w.n.key} AND outcome IS NOT NULL HAVING COUNT(*) > 0",
            "{recorded} points have been recorded already.",
        ),
        *_day(w, "where_it_is"),
        run(f"UPDATE {w.n.table} SET planned_on = :day WHERE id = :{w.n.key}"),
        one(f"{_shown(w)} WHERE n.id = :{w.n.key}"),
    )


def _recording(w: Words) -> tuple[dict[str, Any], ...]:
    n, bad = w.n, w.outcomes[1]
    key = {n.key: f"integer: Id of the {n.singular}."}
    record = tool(
        f"record_{n.one}_point",
        f"Record the outcome of one point of one of your {n.plural} whose day has come.",
        {**key, "position": "integer 1..: Number of the point.", "outcome": f"{choice(w.outcomes)}: What was found."},
        *_mine(w, "planned_on AS its_day"),
        unless(":its_day > :today", "It takes place on {its_day} only."),
        require(
            f"SELECT point AS what FROM {n.one}_points WHERE {n.key} = :{n.key} AND position = :position", "There is no point {position}."
        ),
        run(f"UPDATE {n.one}_points SET outcome = :outcome WHERE {n.key} = :{n.key} AND position = :position"),
        many(_points(w, n.key)),
    )
    close = tool(
        f"close_{n.one}",
        f"Close one of your {n.plural} once every point is recorded; each point that is {bad} becomes a finding, to be settled in {w.settle_days} days.",
        key,
        *_mine(w, "planned_on AS its_day"),
        refuse(
            f"SELECT point AS missing FROM {n.one}_points WHERE {n.key} = :{n.key} AND outcome IS NULL ORDER BY position LIMIT 1",
            'The point "{missing}" is not recorded.',
        ),
        each(
            f"SELECT position AS finding FROM {n.one}_points WHERE {n.key} = :{n.key} AND outcome = '{bad}' ORDER BY position",
            run(
                f"INSERT INTO {n.one}_findings ({n.key}, position, settle_by) VALUES (:{n.key}, :finding, date(:today, '+{w.settle_days} days'))"
            ),
        ),
        run(
            f"UPDATE {n.table} SET status = 'closed', result = CASE WHEN EXISTS (SELECT 1 FROM {n.one}_findings f WHERE f.{n.key} = :{n.key}) THEN '{bad}' ELSE '{w.outcomes[0]}' END WHERE id = :{n.key}"
        ),
        one(f"{_shown(w)} WHERE n.id = :{n.key}"),
    )
    return (record, close)


def _settle(w: Words) -> dict[str, Any]:
    n = w.n
    return tool(
        f"settle_{n.one}_finding",
        f"Record that a finding of one of your {n.plural} has been put right.",
        {
            n.key: f"integer: Id of the {n.singular}.",
            "position": "integer 1..: Number of the point.",
            "remark": "text?: What was done.",
        },
        require(
            f"SELECT f.settled_on AS done_on FROM {n.one}_findings f JOIN {n.table} n ON n.id = f.{n.key} WHERE f.{n.key} = :{n.key} AND f.position = :position AND n.{w.p.key} = :me",
            f"There is no such finding at {n.singular} {{{n.key}}} of yours.",
        ),
        unless(":done_on IS NOT NULL", "It was settled on {done_on}."),
        run(f"UPDATE {n.one}_findings SET settled_on = :today, remark = :remark WHERE {n.key} = :{n.key} AND position = :position"),
        one(
            f"SELECT COUNT(*) AS still_open FROM {n.one}_findings f JOIN {n.table} n ON n.id = f.{n.key} WHERE n.{w.p.key} = :me AND f.settled_on IS NULL"
        ),
    )
