"""Conversations between people and staff, with their messages."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features import messages_ideas
from tasks.embedded.steps import fresh, known, many, nested, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Two tables, seven tools, seven ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=_rows(studio),
        tools=(*_reading(studio), _start(studio), *_changing(studio)),
        ideas=messages_ideas.ideas(studio),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    talk, person, staff = studio.term("messages"), studio.term("person"), studio.term("staff")
    return (
        f"""CREATE TABLE {talk.table} (
  id INTEGER PRIMARY KEY,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  {staff.key} INTEGER NOT NULL REFERENCES {staff.table}(id),
  subject TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
  is_starred INTEGER NOT NULL DEFAULT 0 CHECK (is_starred IN (0, 1)),
  started_at TEXT NOT NULL,
  UNIQUE ({person.key}, subject)
);""",
        f"""CREATE TABLE {talk.one}_messages (
  id INTEGER PRIMARY KEY,
  {talk.key} INTEGER NOT NULL REFERENCES {talk.table}(id),
  from_staff INTEGER NOT NULL CHECK (from_staff IN (0, 1)),
  body TEXT NOT NULL,
  sent_at TEXT NOT NULL,
  is_read INTEGER NOT NULL CHECK (is_read IN (0, 1))
);""",
    )


def _rows(studio: Studio) -> tuple[TableRows, ...]:
    talk, person, staff, rng = studio.term("messages"), studio.term("person"), studio.term("staff"), studio.rng
    topics = studio.domain.topics
    mine = [(1, topic) for topic in rng.sample(topics, 5)]
    others = rng.sample([(p, t) for p in range(2, len(studio.people) + 1) for t in topics], 4)
    talks: list[tuple[Any, ...]] = []
    messages: list[tuple[Any, ...]] = []
    for n, (owner, subject) in enumerate((*mine, *others), 1):
        started = studio.day(-30, -6)
        is_open = n <= 3 or rng.random() < 0.4
        talks.append(
            (n, owner, rng.randint(1, len(studio.staff)), subject, "open" if is_open else "closed", int(n == 2), f"{started} 08:30:00")
        )
        length = rng.randint(2, 3)
        for k in range(length):
            unread = is_open and k == length - 1
            by_staff = unread or k % 2
            body = rng.choice(studio.domain.remarks)
            messages.append(
                (len(messages) + 1, n, int(by_staff), body, f"{started} {9 + 2 * k:02d}:{rng.randint(0, 59):02d}:00", int(not unread))
            )
    return (
        TableRows(
            table=talk.table,
            columns=("id", person.key, staff.key, "subject", "status", "is_starred", "started_at"),
            rows=tuple(talks),
        ),
        TableRows(table=f"{talk.one}_messages", columns=("id", talk.key, "from_staff", "body", "sent_at", "is_read"), rows=tuple(messages)),
    )


def _mine(studio: Studio) -> dict[str, Any]:
    talk, person = studio.term("messages"), studio.term("person")
    return require(
        f"SELECT status AS old_status FROM {talk.table} WHERE id = :{talk.key} AND {person.key} = :me",
        f"You have no {talk.singular} {{{talk.key}}}.",
    )


def _id(studio: Studio) -> dict[str, str]:
    talk = studio.term("messages")
    return {talk.key: f"integer: Id of the {talk.singular}, as list_my_{talk.many} returns it."}


def _head(studio: Studio) -> str:
    talk, staff = studio.term("messages"), studio.term("staff")
    return (
        f"SELECT c.id, c.subject, t.full_name AS {staff.one}, c.status, c.is_starred, c.started_at, "
        f"(SELECT COUNT(*) FROM {talk.one}_messages m WHERE m.{talk.key} = c.id AND m.from_staff = 1 AND m.is_read = 0) AS unread_count "
        f"FROM {talk.table} c JOIN {staff.table} t ON t.id = c.{staff.key}"
    )


def _shown(studio: Studio) -> dict[str, Any]:
    talk = studio.term("messages")
    return nested(
        **{
            talk.one: one(f"{_head(studio)} WHERE c.id = :{talk.key}"),
            "messages": many(
                f"SELECT id, from_staff, body, sent_at, is_read FROM {talk.one}_messages WHERE {talk.key} = :{talk.key} ORDER BY id"
            ),
        }
    )


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    talk, person, staff = studio.term("messages"), studio.term("person"), studio.term("staff")
    return (
        tool(
            f"list_my_{talk.many}",
            f"Your {talk.plural} with the number of messages from the {staff.plural} that you have not read, newest first.",
            {"status": f"one of open|closed?: Only {talk.plural} in this status."},
            many(
                f"{_head(studio)} WHERE c.{person.key} = :me AND (:status IS NULL OR c.status = :status) ORDER BY c.started_at DESC, c.id"
            ),
        ),
        tool(
            f"read_{talk.one}",
            f"One of your {talk.plural} with all its messages, oldest first; marks nothing as read.",
            _id(studio),
            _mine(studio),
            _shown(studio),
        ),
    )


def _send(studio: Studio) -> dict[str, Any]:
    talk = studio.term("messages")
    return run(f"INSERT INTO {talk.one}_messages ({talk.key}, from_staff, body, sent_at, is_read) VALUES (:{talk.key}, 0, :body, :now, 1)")


def _start(studio: Studio) -> dict[str, Any]:
    talk, person, staff = studio.term("messages"), studio.term("person"), studio.term("staff")
    return tool(
        f"start_{talk.one}",
        f"Start {talk.a} with one of the {staff.plural}.",
        {
            staff.key: f"integer: Id of the {staff.singular}.",
            "subject": "text: What it is about; not used by another of yours.",
            "body": "text: The first message.",
        },
        known(staff),
        refuse(
            f"SELECT id FROM {talk.table} WHERE {person.key} = :me AND subject = :subject",
            f"Your {talk.singular} {{id}} has this subject already.",
        ),
        fresh(talk.table, talk.key),
        run(
            f"INSERT INTO {talk.table} (id, {person.key}, {staff.key}, subject, status, is_starred, started_at) VALUES (:{talk.key}, :me, :{staff.key}, :subject, 'open', 0, :now)"
        ),
        _send(studio),
        _shown(studio),
    )


def _changing(studio: Studio) -> tuple[dict[str, Any], ...]:
    talk = studio.term("messages")
    closed = refuse("SELECT 1 AS shut WHERE :old_status = 'closed'", f"{talk.singular.capitalize()} {{{talk.key}}} is closed.")
    return (
        tool(
            f"reply_to_{talk.one}",
            f"Send a message in one of your open {talk.plural}.",
            {**_id(studio), "body": "text: The message."},
            _mine(studio),
            closed,
            _send(studio),
            _shown(studio),
        ),
        tool(
            f"mark_{talk.one}_read",
            f"Mark every message of one of your {talk.plural} as read.",
            _id(studio),
            _mine(studio),
            run(f"UPDATE {talk.one}_messages SET is_read = 1 WHERE {talk.key} = :{talk.key}", None),
            _shown(studio),
        ),
        tool(
            f"close_{talk.one}",
            f"Close one of your open {talk.plural}.",
            _id(studio),
            _mine(studio),
            closed,
            run(f"UPDATE {talk.table} SET status = 'closed' WHERE id = :{talk.key}"),
            one(f"{_head(studio)} WHERE c.id = :{talk.key}"),
        ),
        tool(
            f"star_{talk.one}",
            f"Star one of your {talk.plural}, or take the star away.",
            {**_id(studio), "is_starred": "boolean: Whether it shall have a star."},
            _mine(studio),
            run(f"UPDATE {talk.table} SET is_starred = :is_starred WHERE id = :{talk.key}"),
            one(f"{_head(studio)} WHERE c.id = :{talk.key}"),
        ),
    )


def _intentions(studio: Studio) -> tuple[str, ...]:
    talk, staff = studio.term("messages"), studio.term("staff")
    return (
        f"Write to a given {staff.singular} about a new subject with the text that I dictate.",
        f"Answer in the {talk.singular} about a given subject and close it afterwards.",
        f"Tell me how many messages from the {staff.plural} I have not read yet, and mark one {talk.singular} as read.",
    )
