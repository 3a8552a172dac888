"""Tickets that people raise, with replies in order, priorities and reopening."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.tickets_ideas import ASKED, Words, ideas
from tasks.embedded.phrases import among, choice, unless, value
from tasks.embedded.steps import let, many, one, refuse, require, run, tool

_ANSWERED = (
    "Thank you, we are looking into it.",
    "Could you tell us when you first noticed it?",
    "A colleague has taken this over.",
    "This should be settled now; please check.",
)


def build(studio: Studio) -> Part:
    """Two tables, six or seven tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("tickets"),
        studio.term("person"),
        studio.term("staff"),
        rng.choice((("low", "normal", "high", "urgent"), ("minor", "standard", "urgent"))),
        rng.choice(("waiting", "answered")),
        rng.random() < 0.7,
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), *_writing(w), *_moving(w)),
        ideas=ideas(w),
        intentions=(
            f"Raise {w.t.a} about something that went wrong.",
            f"Add to my {w.t.singular} and see who is dealing with it.",
            f"Reopen {w.t.a} that was closed too early.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    t, p, s = w.t, w.p, w.s
    return (
        f"""CREATE TABLE {t.table} (
  id INTEGER PRIMARY KEY,
  {p.key} INTEGER NOT NULL REFERENCES {p.table}(id),
  subject TEXT NOT NULL,
  priority TEXT NOT NULL {among("priority", w.priorities)},
  status TEXT NOT NULL DEFAULT 'open' {among("status", w.statuses)},
  {s.key} INTEGER REFERENCES {s.table}(id),
  opened_on TEXT NOT NULL,
  closed_on TEXT,
  CHECK ((status = 'closed') = (closed_on IS NOT NULL))
);""",
        f"CREATE INDEX {t.table}_of_{p.one} ON {t.table} ({p.key}, status);",
        f"""CREATE TABLE {t.one}_replies (
  {t.key} INTEGER NOT NULL REFERENCES {t.table}(id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 1),
  from_staff INTEGER NOT NULL CHECK (from_staff IN (0, 1)),
  body TEXT NOT NULL,
  written_on TEXT NOT NULL,
  PRIMARY KEY ({t.key}, position)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    rng, topics = studio.rng, studio.domain.topics
    mine = [
        (1, topic, status) for topic, status in zip(rng.sample(topics, 5), ("open", w.waiting, "open", "closed", "closed"), strict=True)
    ]
    others = [(person, rng.choice(topics), rng.choice(w.statuses)) for person in range(2, min(len(studio.people), 6) + 1)]
    rows, replies = [], []
    for n, (person, topic, status) in enumerate([*mine, *others], 1):
        closed = None if status != "closed" else studio.day(-12, -3) if n == 4 else studio.day(-120, -50)
        handler = None if n == 3 else rng.randint(1, len(studio.staff))
        opened = studio.day(-40, -15) if closed is None or n == 4 else studio.day(-200, -130)
        held = {6: w.priorities[-2], len(mine) + len(others): w.priorities[-1]}  # some row has each of the two highest
        priority = held.get(n) or rng.choice(w.priorities[:-1])
        rows.append((n, person, topic, priority, status, handler, opened, closed))
        turns = 1 if handler is None else rng.randint(2, 4)
        for k in range(1, turns + 1):
            replies.append((n, k, int(k % 2 == 0), rng.choice(_ANSWERED if k % 2 == 0 else ASKED), opened))
    return (
        TableRows(
            table=w.t.table,
            columns=("id", w.p.key, "subject", "priority", "status", w.s.key, "opened_on", "closed_on"),
            rows=tuple(rows),
        ),
        TableRows(table=f"{w.t.one}_replies", columns=(w.t.key, "position", "from_staff", "body", "written_on"), rows=tuple(replies)),
    )


def _mine(w: Words, columns: str = "status AS was") -> dict[str, Any]:
    return require(
        f"SELECT {columns} FROM {w.t.table} WHERE id = :{w.t.key} AND {w.p.key} = :me", f"You have no {w.t.singular} {{{w.t.key}}}."
    )


def _result(w: Words) -> dict[str, Any]:
    return one(f"SELECT id, subject, priority, status, opened_on, closed_on FROM {w.t.table} WHERE id = :{w.t.key}")


def _add_reply(w: Words, key: str) -> dict[str, Any]:
    t = w.t
    return run(
        f"INSERT INTO {t.one}_replies ({t.key}, position, from_staff, body, written_on) SELECT :{key}, COALESCE(MAX(position), 0) + 1, 0, :body, :today FROM {t.one}_replies WHERE {t.key} = :{key}"
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    t = w.t
    replies = f"(SELECT COUNT(*) FROM {t.one}_replies r WHERE r.{t.key} = t.id) AS replies"
    document = (
        "json_object('id', t.id, 'subject', t.subject, 'priority', t.priority, 'status', t.status, 'handled_by', s.full_name, 'opened_on', t.opened_on, 'closed_on', t.closed_on, "
        "'replies', json((SELECT json_group_array(json_object('position', r.position, 'written_by', CASE WHEN r.from_staff = 1 THEN 'staff' ELSE 'you' END, 'body', r.body, 'written_on', r.written_on) ORDER BY r.position) "
        f"FROM {t.one}_replies r WHERE r.{t.key} = t.id)))"
    )
    return (
        tool(
            f"list_my_{t.many}",
            f"The {t.plural} that you raised, newest first, with the number of replies.",
            {"status": f"{choice(w.statuses, optional=True)}: Only those with this status."},
            many(
                f"SELECT t.id, t.subject, t.priority, t.status, t.opened_on, t.closed_on, {replies} FROM {t.table} t WHERE t.{w.p.key} = :me AND (:status IS NULL OR t.status = :status) ORDER BY t.opened_on DESC, t.id"
            ),
        ),
        tool(
            f"get_my_{t.one}",
            f"One of your {t.plural} with who handles it and all its replies in order.",
            {t.key: f"integer: Id of the {t.singular}."},
            _mine(w, "1 AS known"),
            value(f"SELECT {document} AS document FROM {t.table} t LEFT JOIN {w.s.table} s ON s.id = t.{w.s.key} WHERE t.id = :{t.key}"),
        ),
    )


def _writing(w: Words) -> tuple[dict[str, Any], ...]:
    t = w.t
    return (
        tool(
            f"open_{t.one}",
            f"Raise a new {t.singular}; you may have at most six that are not closed, each on another subject.",
            {
                "subject": "text: What it is about, in a few words.",
                "priority": f"{choice(w.priorities)}: How pressing it is.",
                "body": "text: The first message.",
            },
            unless("trim(:subject) = '' OR trim(:body) = ''", "Subject and message must not be empty.", "invalid"),
            refuse(
                f"SELECT id AS standing FROM {t.table} WHERE {w.p.key} = :me AND status <> 'closed' AND lower(subject) = lower(:subject)",
                f"Your {t.singular} {{standing}} on that subject is not closed yet; reply to it instead.",
            ),
            refuse(
                f"SELECT COUNT(*) AS unclosed FROM {t.table} WHERE {w.p.key} = :me AND status <> 'closed' HAVING COUNT(*) >= 6",
                f"You have {{unclosed}} {t.plural} that are not closed; close one first.",
                "limit",
            ),
            let(f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM {t.table}"),
            run(
                f"INSERT INTO {t.table} (id, {w.p.key}, subject, priority, status, opened_on) VALUES (:new_id, :me, :subject, :priority, 'open', :today)"
            ),
            _add_reply(w, "new_id"),
            one(f"SELECT id, subject, priority, status, opened_on FROM {t.table} WHERE id = :new_id"),
        ),
        tool(
            f"reply_to_{t.one}",
            f"Add a message to one of your {t.plural} that is not closed; it counts as open again.",
            {t.key: f"integer: Id of the {t.singular}.", "body": "text: What you want to say."},
            _mine(w),
            unless(":was = 'closed'", f"{t.singular.capitalize()} {{{t.key}}} is closed; reopen it first."),
            unless("trim(:body) = ''", "The message must not be empty.", "invalid"),
            _add_reply(w, t.key),
            run(f"UPDATE {t.table} SET status = 'open' WHERE id = :{t.key}"),
            one(f"SELECT {t.key}, position, body, written_on FROM {t.one}_replies WHERE {t.key} = :{t.key} ORDER BY position DESC LIMIT 1"),
        ),
    )


def _moving(w: Words) -> tuple[dict[str, Any], ...]:
    t = w.t
    key = {t.key: f"integer: Id of the {t.singular}."}
    steps = " ".join(f"WHEN '{low}' THEN '{high}'" for low, high in zip(w.priorities, w.priorities[1:], strict=False))
    escalate = tool(
        f"escalate_{t.one}",
        f"Raise the priority of one of your {t.plural} that is not closed by one step.",
        key,
        _mine(w, "status AS was, priority AS level"),
        unless(":was = 'closed'", f"{t.singular.capitalize()} {{{t.key}}} is closed."),
        unless(f":level = '{w.priorities[-1]}'", "Its priority is {level} already, the highest there is.", "limit"),
        run(f"UPDATE {t.table} SET priority = CASE priority {steps} ELSE priority END WHERE id = :{t.key}"),
        _result(w),
    )
    close = tool(
        f"close_{t.one}",
        f"Close one of your {t.plural} that is settled.",
        key,
        _mine(w),
        unless(":was = 'closed'", f"{t.singular.capitalize()} {{{t.key}}} is closed already."),
        run(f"UPDATE {t.table} SET status = 'closed', closed_on = :today WHERE id = :{t.key}"),
        _result(w),
    )
    reopen = tool(
        f"reopen_{t.one}",
        f"Reopen one of your {t.plural} within 30 days of its closing.",
        key,
        _mine(w, "status AS was, closed_on AS ended"),
        unless(":was <> 'closed'", f"{t.singular.capitalize()} {{{t.key}}} is not closed."),
        unless("date(:ended, '+30 days') < :today", "It was closed on {ended}, more than 30 days ago; open a new one.", "limit"),
        run(f"UPDATE {t.table} SET status = 'open', closed_on = NULL WHERE id = :{t.key}"),
        _result(w),
    )
    return (close, reopen, escalate) if w.escalates else (close, reopen)
