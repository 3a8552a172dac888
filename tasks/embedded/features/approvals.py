"""Requests that go from approver to approver until the last one agrees or one declines."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.approvals_ideas import Words, ideas
from tasks.embedded.phrases import among, choice, unless
from tasks.embedded.steps import each, let, many, nested, one, refuse, require, run, tool

_LIMITS = (20_000, 50_000, 100_000, 250_000, 500_000)


def build(studio: Studio) -> Part:
    """Three tables, seven tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("approvals"),
        studio.term("person"),
        rng.choice(("declined", "rejected")),
        rng.choice(("pending", "submitted")),
        rng.random() < 0.6,
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _submit(w), *_changing(w), _decide(w)),
        ideas=ideas(w),
        intentions=(
            f"Hand in {w.r.a} and choose who has to approve it.",
            f"Decide on the {w.r.plural} that wait for me.",
            f"Find out at whom my {w.r.singular} is stuck.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    needed = "\n  needed_by TEXT," if w.has_deadline else ""
    return (
        f"""CREATE TABLE {w.approvers} (
  {w.p.key} INTEGER PRIMARY KEY REFERENCES {w.p.table}(id),
  limit_cents INTEGER NOT NULL CHECK (limit_cents > 0)
);""",
        f"""CREATE TABLE {w.r.table} (
  id INTEGER PRIMARY KEY,
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  subject TEXT NOT NULL,
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  status TEXT NOT NULL {among("status", w.statuses)},
  handed_in_on TEXT NOT NULL,{needed}
  UNIQUE ({w.p.key}, subject)
);""",
        f"""CREATE TABLE {w.r.one}_decisions (
  {w.r.key} INTEGER NOT NULL REFERENCES {w.r.table}(id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 1),
  approver_id INTEGER NOT NULL REFERENCES {w.approvers}({w.p.key}),
  decision TEXT NOT NULL DEFAULT 'open' {among("decision", ("open", "approved", w.no))},
  comment TEXT,
  PRIMARY KEY ({w.r.key}, position),
  UNIQUE ({w.r.key}, approver_id)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Mine: two on their way, one approved, one declined; others': three wait for me now, two for somebody before me, one is done, one withdrawn."""
    rng = studio.rng
    approvers = (1, *rng.sample(range(2, len(studio.people) + 1), 4))
    limits = (rng.choice(_LIMITS[2:4]), *rng.sample(_LIMITS[:4], 3), _LIMITS[4])
    first, second, third, last = approvers[1:]
    plans: list[tuple[int, str, tuple[int, ...], int]] = [
        (1, w.waiting, (first, last), 0),
        (1, w.waiting, (second, third, last), 1),
        (1, "approved", (first, last), 2),
        (1, w.no, (second, last), 0),
        (first, w.waiting, (1, last), 0),
        (second, w.waiting, (third, 1, last), 1),
        (third, w.waiting, (first, 1), 1),
        (last, w.waiting, (second, 1), 0),
        (second, "approved", (1, last), 2),
        (third, "withdrawn", (first, last), 0),
    ]
    topics = [*rng.sample(studio.domain.topics, 4), *rng.sample(studio.domain.topics, 6)]
    rows, decisions = [], []
    for n, (person, status, chain, done) in enumerate(plans, 1):
        row = (n, person, topics[n - 1], rng.randrange(2_000, min(limits[0], 90_000), 500), status, studio.day(-30, -4))
        rows.append((*row, studio.day(5, 60)) if w.has_deadline else row)
        for k, approver in enumerate(chain, 1):
            said = "approved" if k <= done else w.no if status == w.no and k == done + 1 else "open"
            decisions.append((n, k, approver, said, "Too dear for now." if said == w.no else None))
    columns = ("id", w.p.key, "subject", "amount_cents", "status", "handed_in_on")
    return (
        TableRows(table=w.approvers, columns=(w.p.key, "limit_cents"), rows=tuple(zip(approvers, limits, strict=True))),
        TableRows(table=w.r.table, columns=(*columns, "needed_by") if w.has_deadline else columns, rows=tuple(rows)),
        TableRows(table=f"{w.r.one}_decisions", columns=(w.r.key, "position", "approver_id", "decision", "comment"), rows=tuple(decisions)),
    )


def _shown(w: Words) -> str:
    needed = ", r.needed_by" if w.has_deadline else ""
    turn = f"(SELECT p.full_name FROM {w.r.one}_decisions d JOIN {w.p.table} p ON p.id = d.approver_id WHERE d.{w.r.key} = r.id AND d.decision = 'open' AND r.status = '{w.waiting}' ORDER BY d.position LIMIT 1)"
    return f"SELECT r.id, r.subject, r.amount_cents, r.status, r.handed_in_on{needed}, {turn} AS waits_for FROM {w.r.table} r"


def _turn(w: Words, request: str) -> str:
    """The approver whose turn it is."""
    return f"(SELECT d.approver_id FROM {w.r.one}_decisions d WHERE d.{w.r.key} = {request} AND d.decision = 'open' ORDER BY d.position LIMIT 1)"


def _mine(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT status AS was FROM {w.r.table} WHERE id = :{w.r.key} AND {w.p.key} = :me",
            f"You handed in no {w.r.singular} {{{w.r.key}}}.",
        ),
        unless(f":was <> '{w.waiting}'", f"{w.r.singular.capitalize()} {{{w.r.key}}} is {{was}}, not {w.waiting}."),
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        tool(
            f"list_my_{w.r.many}",
            f"The {w.r.plural} that you handed in, newest first, with who has to decide next.",
            {"status": f"{choice(w.statuses, optional=True)}: Only those with this status."},
            many(f"{_shown(w)} WHERE r.{w.p.key} = :me AND (:status IS NULL OR r.status = :status) ORDER BY r.handed_in_on DESC, r.id"),
        ),
        tool(
            f"get_{w.r.one}",
            f"{w.r.a.capitalize()} that you handed in or have to decide on, with all decisions in order.",
            {w.r.key: f"integer: Id of the {w.r.singular}."},
            require(
                f"SELECT 1 AS known FROM {w.r.table} WHERE id = :{w.r.key} AND ({w.p.key} = :me OR id IN (SELECT {w.r.key} FROM {w.r.one}_decisions WHERE approver_id = :me))",
                f"You can see no {w.r.singular} {{{w.r.key}}}.",
            ),
            nested(
                details=one(f"{_shown(w)} WHERE r.id = :{w.r.key}"),
                decisions=many(
                    f"SELECT d.position, p.full_name AS approver, d.decision, d.comment FROM {w.r.one}_decisions d JOIN {w.p.table} p ON p.id = d.approver_id WHERE d.{w.r.key} = :{w.r.key} ORDER BY d.position"
                ),
            ),
        ),
        tool(
            f"list_{w.r.many}_to_decide",
            f"The {w.r.plural} of other people on which it is your turn to decide, oldest first.",
            {},
            many(
                f"SELECT r.id, p.full_name AS handed_in_by, r.subject, r.amount_cents, r.handed_in_on FROM {w.r.table} r JOIN {w.p.table} p ON p.id = r.{w.p.key} WHERE r.status = '{w.waiting}' AND {_turn(w, 'r.id')} = :me ORDER BY r.handed_in_on, r.id"
            ),
        ),
        tool(
            f"list_{w.approvers}",
            f"Who may approve {w.r.plural}, and up to which amount each has the last word.",
            {},
            many(
                f"SELECT a.{w.p.key} AS approver_id, p.full_name, a.limit_cents FROM {w.approvers} a JOIN {w.p.table} p ON p.id = a.{w.p.key} ORDER BY a.limit_cents, a.{w.p.key}"
            ),
        ),
    )


def _submit(w: Words) -> dict[str, Any]:
    needed = {"needed_by": "date: The day by which you need it, as YYYY-MM-DD."} if w.has_deadline else {}
    column, bound = (", needed_by", ", :needed_by") if w.has_deadline else ("", "")
    future = (unless(":needed_by <= :today", "{needed_by} is not in the future.", "invalid"),) if w.has_deadline else ()
    return tool(
        f"hand_in_{w.r.one}",
        f"Hand in {w.r.a}; the approvers decide in the order given, and the last one's limit must cover the amount.",
        {
            "subject": f"text: What the {w.r.singular} is for.",
            "amount_cents": "integer 1..10000000: The amount, in cents.",
            **needed,
            "approver_ids": f"list of integer: Who has to approve, in order, as list_{w.approvers} returns them; not yourself.",
        },
        unless("trim(:subject) = ''", "The subject must not be empty.", "invalid"),
        *future,
        unless("json_array_length(:approver_ids) NOT BETWEEN 1 AND 4", "Name one to four approvers.", "invalid"),
        refuse(
            f"SELECT value AS stranger FROM json_each(:approver_ids) WHERE value = :me OR value NOT IN (SELECT {w.p.key} FROM {w.approvers}) ORDER BY key LIMIT 1",
            "{stranger} cannot approve this.",
            "invalid",
        ),
        refuse(
            "SELECT value AS twice FROM json_each(:approver_ids) GROUP BY value HAVING COUNT(*) > 1 ORDER BY value LIMIT 1",
            "Approver {twice} is named twice.",
            "invalid",
        ),
        refuse(
            f"SELECT limit_cents AS limit_of_last FROM {w.approvers} WHERE {w.p.key} = json_extract(:approver_ids, '$[#-1]') AND limit_cents < :amount_cents",
            "The last approver may approve up to {limit_of_last} cents only.",
            "limit",
        ),
        refuse(
            f"SELECT id AS standing FROM {w.r.table} WHERE {w.p.key} = :me AND subject = :subject",
            f"Your {w.r.singular} {{standing}} has that subject already.",
        ),
        let(f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM {w.r.table}"),
        run(
            f"INSERT INTO {w.r.table} (id, {w.p.key}, subject, amount_cents, status, handed_in_on{column}) VALUES (:new_id, :me, :subject, :amount_cents, '{w.waiting}', :today{bound})"
        ),
        each(
            "SELECT key + 1 AS place, value AS approver FROM json_each(:approver_ids) ORDER BY key",
            run(
                f"INSERT INTO {w.r.one}_decisions ({w.r.key}, position, approver_id, decision) VALUES (:new_id, :place, :approver, 'open')"
            ),
        ),
        one(f"{_shown(w)} WHERE r.id = :new_id"),
    )


def _changing(w: Words) -> tuple[dict[str, Any], ...]:
    key = {w.r.key: f"integer: Id of the {w.r.singular}."}
    withdraw = tool(
        f"withdraw_{w.r.one}",
        f"Take back one of your {w.r.plural} that is not decided yet.",
        key,
        *_mine(w),
        run(f"UPDATE {w.r.table} SET status = 'withdrawn' WHERE id = :{w.r.key}"),
        one(f"{_shown(w)} WHERE r.id = :{w.r.key}"),
    )
    change = tool(
        f"change_{w.r.one}_amount",
        f"Change the amount of one of your {w.r.plural} on which nobody has decided yet.",
        {**key, "amount_cents": "integer 1..10000000: The new amount, in cents."},
        *_mine(w),
        refuse(
            f"SELECT COUNT(*) AS decided FROM {w.r.one}_decisions WHERE {w.r.key} = :{w.r.key} AND decision <> 'open' HAVING COUNT(*) > 0",
            "{decided} of the approvers have decided already.",
        ),
        refuse(
            f"SELECT a.limit_cents AS limit_of_last FROM {w.r.one}_decisions d JOIN {w.approvers} a ON a.{w.p.key} = d.approver_id WHERE d.{w.r.key} = :{w.r.key} "
            f"AND d.position = (SELECT MAX(x.position) FROM {w.r.one}_decisions x WHERE x.{w.r.key} = :{w.r.key}) AND a.limit_cents < :amount_cents",
            "The last approver may approve up to {limit_of_last} cents only.",
            "limit",
        ),
        run(f"UPDATE {w.r.table} SET amount_cents = :amount_cents WHERE id = :{w.r.key}"),
        one(f"{_shown(w)} WHERE r.id = :{w.r.key}"),
    )
    return (withdraw, change)


def _decide(w: Words) -> dict[str, Any]:
    d = f"{w.r.one}_decisions"
    return tool(
        f"decide_{w.r.one}",
        f"Approve or decline {w.r.a} on which it is your turn. The last approval settles it; one refusal ends it and needs a comment.",
        {
            w.r.key: f"integer: Id of the {w.r.singular}.",
            "decision": f"{choice(('approved', w.no))}: What you decide.",
            "comment": "text?: Why.",
        },
        require(
            f"SELECT r.status AS was, {_turn(w, 'r.id')} AS whose_turn FROM {w.r.table} r WHERE r.id = :{w.r.key} AND r.id IN (SELECT {w.r.key} FROM {d} WHERE approver_id = :me)",
            f"There is no {w.r.singular} {{{w.r.key}}} for you to decide on.",
        ),
        unless(f":was <> '{w.waiting}'", f"{w.r.singular.capitalize()} {{{w.r.key}}} is {{was}}."),
        unless(":whose_turn IS NOT :me", f"It is not your turn on {w.r.singular} {{{w.r.key}}}.", "forbidden"),
        unless(f":decision = '{w.no}' AND trim(COALESCE(:comment, '')) = ''", "A refusal needs a comment.", "invalid"),
        run(f"UPDATE {d} SET decision = :decision, comment = :comment WHERE {w.r.key} = :{w.r.key} AND approver_id = :me"),
        let(f"SELECT COUNT(*) AS still_open FROM {d} WHERE {w.r.key} = :{w.r.key} AND decision = 'open'"),
        run(
            f"UPDATE {w.r.table} SET status = CASE WHEN :decision = '{w.no}' THEN '{w.no}' WHEN :still_open = 0 THEN 'approved' ELSE status END WHERE id = :{w.r.key}"
        ),
        one(f"{_shown(w)} WHERE r.id = :{w.r.key}"),
    )
