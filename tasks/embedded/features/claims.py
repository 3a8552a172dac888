"""Claims with lines of cost and required documents, from draft to decision and appeal."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.claims_ideas import COSTS, Words, ideas
from tasks.embedded.phrases import among, choice, unless, value
from tasks.embedded.steps import each, let, many, one, refuse, require, run, tool

_DOCUMENTS = (("receipt", "photo"), ("receipt", "statement"), ("form", "photo", "receipt"))


def build(studio: Studio) -> Part:
    """Three tables, eight tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("claims"),
        studio.term("person"),
        rng.choice(_DOCUMENTS),
        rng.choice(("rejected", "refused")),
        rng.choice((30, 60)),
        rng.choice((180, 365)),
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _open(w), *_drafting(w), *_sending(w)),
        ideas=ideas(w),
        intentions=(
            f"Draw up {w.c.a} with all its costs and send it in.",
            f"Appeal against a decision on my {w.c.singular}.",
            f"See what is missing before I can send in my {w.c.singular}.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    c = w.c
    return (
        f"""CREATE TABLE {c.table} (
  id INTEGER PRIMARY KEY,
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  subject TEXT NOT NULL,
  happened_on TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'draft' {among("status", w.statuses)},
  approved_cents INTEGER CHECK (approved_cents >= 0),
  decided_on TEXT,
  UNIQUE ({w.p.key}, subject, happened_on),
  CHECK ((status IN ('approved', '{w.no}')) <= (decided_on IS NOT NULL))
);""",
        f"""CREATE TABLE {c.one}_costs (
  {c.key} INTEGER NOT NULL REFERENCES {c.table}(id) ON DELETE CASCADE,
  line INTEGER NOT NULL CHECK (line >= 1),
  description TEXT NOT NULL,
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  PRIMARY KEY ({c.key}, line),
  UNIQUE ({c.key}, description)
);""",
        f"""CREATE TABLE {c.one}_documents (
  {c.key} INTEGER NOT NULL REFERENCES {c.table}(id) ON DELETE CASCADE,
  kind TEXT NOT NULL {among("kind", w.documents)},
  reference TEXT NOT NULL,
  PRIMARY KEY ({c.key}, kind)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Mine: a draft that is complete, one without a document, one sent in, one approved, one refused lately."""
    rng = studio.rng
    topics = rng.sample(studio.domain.topics, 5)
    plans = [
        (1, "draft"),
        (1, "draft"),
        (1, "submitted"),
        (1, "approved"),
        (1, w.no),
        (2, "submitted"),
        (3, "approved"),
        (4, w.no),
        (5, "withdrawn"),
    ]
    claims, costs, documents = [], [], []
    for n, (person, status) in enumerate(plans, 1):
        subject = topics[n - 1] if n <= 5 else rng.choice(studio.domain.topics)
        amounts = [rng.randrange(800, 30_000, 50) for _ in range(2 if n <= 2 else rng.randint(1, 2))]
        decided = studio.day(-20, -5) if status in ("approved", w.no) else None
        granted = sum(amounts) * 4 // 5 if status == "approved" else None
        claims.append((n, person, subject, studio.day(-100, -30), status, granted, decided))
        costs += [(n, k, text, cents) for k, (text, cents) in enumerate(zip(rng.sample(COSTS[:4], len(amounts)), amounts, strict=True), 1)]
        kinds = w.documents[1:] if n == 2 else w.documents
        documents += [(n, kind, f"{kind[0].upper()}-{rng.randint(100, 999)}") for kind in kinds] if n <= 5 else []
    return (
        TableRows(
            table=w.c.table,
            columns=("id", w.p.key, "subject", "happened_on", "status", "approved_cents", "decided_on"),
            rows=tuple(claims),
        ),
        TableRows(table=f"{w.c.one}_costs", columns=(w.c.key, "line", "description", "amount_cents"), rows=tuple(costs)),
        TableRows(table=f"{w.c.one}_documents", columns=(w.c.key, "kind", "reference"), rows=tuple(documents)),
    )


def _shown(w: Words) -> str:
    total = f"COALESCE((SELECT SUM(x.amount_cents) FROM {w.c.one}_costs x WHERE x.{w.c.key} = c.id), 0)"
    return f"SELECT c.id, c.subject, c.happened_on, c.status, {total} AS claimed_cents, c.approved_cents, {total} - c.approved_cents AS shortfall_cents, c.decided_on FROM {w.c.table} c"


def _mine(w: Words, columns: str = "status AS was") -> dict[str, Any]:
    return require(
        f"SELECT {columns} FROM {w.c.table} WHERE id = :{w.c.key} AND {w.p.key} = :me", f"You have no {w.c.singular} {{{w.c.key}}}."
    )


def _draft(w: Words) -> tuple[dict[str, Any], ...]:
    return _mine(w), unless(":was <> 'draft'", f"{w.c.singular.capitalize()} {{{w.c.key}}} is {{was}}, not a draft.")


def _key(w: Words) -> dict[str, str]:
    return {w.c.key: f"integer: Id of the {w.c.singular}."}


def _costs(w: Words) -> dict[str, Any]:
    return many(f"SELECT line, description, amount_cents FROM {w.c.one}_costs WHERE {w.c.key} = :{w.c.key} ORDER BY line")


def _result(w: Words) -> dict[str, Any]:
    return one(f"{_shown(w)} WHERE c.id = :{w.c.key}")


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    c = w.c
    document = (
        "json_object('id', v.id, 'subject', v.subject, 'happened_on', v.happened_on, 'status', v.status, 'claimed_cents', v.claimed_cents, 'approved_cents', v.approved_cents, 'decided_on', v.decided_on, "
        f"'costs', json((SELECT json_group_array(json_object('line', x.line, 'description', x.description, 'amount_cents', x.amount_cents) ORDER BY x.line) FROM {c.one}_costs x WHERE x.{c.key} = v.id)), "
        f"'documents', json((SELECT json_group_array(json_object('kind', d.kind, 'reference', d.reference) ORDER BY d.kind) FROM {c.one}_documents d WHERE d.{c.key} = v.id)))"
    )
    return (
        tool(
            f"list_my_{c.many}",
            f"Your {c.plural} with what they claim, what was approved and what was not, the latest event first.",
            {"status": f"{choice(w.statuses, optional=True)}: Only those with this status."},
            many(f"{_shown(w)} WHERE c.{w.p.key} = :me AND (:status IS NULL OR c.status = :status) ORDER BY c.happened_on DESC, c.id"),
        ),
        tool(
            f"get_my_{c.one}",
            f"One of your {c.plural} with its costs in order and the documents that were handed in.",
            _key(w),
            _mine(w, "1 AS known"),
            value(f"SELECT {document} AS document FROM ({_shown(w)}) v WHERE v.id = :{c.key}"),
        ),
    )


def _open(w: Words) -> dict[str, Any]:
    c = w.c
    return tool(
        f"draft_{c.one}",
        f"Draw up {c.a} with its costs in order; what happened more than {w.window} days ago comes too late.",
        {
            "subject": "text: What happened, in a few words.",
            "happened_on": "date: The day it happened, as YYYY-MM-DD.",
            "costs": 'list of {"description": "text", "amount_cents": "integer 1..10000000"}: The costs, each description once.',
        },
        unless("trim(:subject) = ''", "The subject must not be empty.", "invalid"),
        unless(":happened_on > :today", "{happened_on} is in the future.", "invalid"),
        unless(f":happened_on < date(:today, '-{w.window} days')", f"{{happened_on}} is more than {w.window} days ago.", "limit"),
        refuse(
            "SELECT json_extract(value, '$.description') AS twice FROM json_each(:costs) GROUP BY json_extract(value, '$.description') HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 1",
            "The description {twice} stands there more than once.",
            "invalid",
        ),
        refuse(
            f"SELECT id AS standing FROM {c.table} WHERE {w.p.key} = :me AND subject = :subject AND happened_on = :happened_on",
            f"{c.singular.capitalize()} {{standing}} is about the same.",
        ),
        let(f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM {c.table}"),
        run(f"INSERT INTO {c.table} (id, {w.p.key}, subject, happened_on, status) VALUES (:new_id, :me, :subject, :happened_on, 'draft')"),
        each(
            "SELECT key + 1 AS place, json_extract(value, '$.description') AS text, json_extract(value, '$.amount_cents') AS cents FROM json_each(:costs) ORDER BY key",
            run(f"INSERT INTO {c.one}_costs ({c.key}, line, description, amount_cents) VALUES (:new_id, :place, :text, :cents)"),
        ),
        one(f"{_shown(w)} WHERE c.id = :new_id"),
    )


def _drafting(w: Words) -> tuple[dict[str, Any], ...]:
    c = w.c
    add = tool(
        f"add_{c.one}_cost",
        f"Add a cost at the end of one of your {c.plural} that is still a draft.",
        {**_key(w), "description": "text: What was paid for.", "amount_cents": "integer 1..10000000: The amount, in cents."},
        *_draft(w),
        refuse(
            f"SELECT line AS there FROM {c.one}_costs WHERE {c.key} = :{c.key} AND lower(description) = lower(:description)",
            "Line {there} has that description already.",
        ),
        run(
            f"INSERT INTO {c.one}_costs ({c.key}, line, description, amount_cents) SELECT :{c.key}, COALESCE(MAX(line), 0) + 1, :description, :amount_cents FROM {c.one}_costs WHERE {c.key} = :{c.key}"
        ),
        _costs(w),
    )
    remove = tool(
        f"remove_{c.one}_cost",
        f"Remove a cost from one of your {c.plural} that is still a draft; later lines move up.",
        {**_key(w), "line": "integer 1..: Number of the line."},
        *_draft(w),
        require(f"SELECT description AS gone FROM {c.one}_costs WHERE {c.key} = :{c.key} AND line = :line", "There is no line {line}."),
        run(f"DELETE FROM {c.one}_costs WHERE {c.key} = :{c.key} AND line = :line"),
        each(
            f"SELECT line AS old_line FROM {c.one}_costs WHERE {c.key} = :{c.key} AND line > :line ORDER BY line",
            run(f"UPDATE {c.one}_costs SET line = line - 1 WHERE {c.key} = :{c.key} AND line = :old_line"),
        ),
        _costs(w),
    )
    attach = tool(
        f"attach_{c.one}_document",
        f"Hand in a document for one of your {c.plural} that is still a draft; it replaces an earlier one of its kind.",
        {**_key(w), "kind": f"{choice(w.documents)}: What it is.", "reference": "text: The number or name on it."},
        *_draft(w),
        unless("trim(:reference) = ''", "The reference must not be empty.", "invalid"),
        run(f"DELETE FROM {c.one}_documents WHERE {c.key} = :{c.key} AND kind = :kind", None),
        run(f"INSERT INTO {c.one}_documents ({c.key}, kind, reference) VALUES (:{c.key}, :kind, :reference)"),
        many(f"SELECT kind, reference FROM {c.one}_documents WHERE {c.key} = :{c.key} ORDER BY kind"),
    )
    return (add, remove, attach)


def _sending(w: Words) -> tuple[dict[str, Any], ...]:
    c = w.c
    kinds = " UNION ALL ".join(f"SELECT {n} AS place, '{kind}' AS kind" for n, kind in enumerate(w.documents, 1))
    submit = tool(
        f"submit_{c.one}",
        f"Send in one of your drafts; it needs a cost and each of these documents: {', '.join(w.documents)}.",
        _key(w),
        *_draft(w),
        refuse(
            f"SELECT k.kind AS missing FROM ({kinds}) k WHERE NOT EXISTS (SELECT 1 FROM {c.one}_documents d WHERE d.{c.key} = :{c.key} AND d.kind = k.kind) ORDER BY k.place LIMIT 1",
            "The {missing} is missing.",
        ),
        unless(f"NOT EXISTS (SELECT 1 FROM {c.one}_costs WHERE {c.key} = :{c.key})", "There is no cost on it yet."),
        run(f"UPDATE {c.table} SET status = 'submitted' WHERE id = :{c.key}"),
        _result(w),
    )
    appeal = tool(
        f"appeal_{c.one}",
        f"Appeal against the decision on one of your {c.plural} that was {w.no}, within {w.appeal_days} days; it is looked at anew.",
        _key(w),
        _mine(w, "status AS was, decided_on AS decision_day"),
        unless(f":was <> '{w.no}'", f"{c.singular.capitalize()} {{{c.key}}} is {{was}}, not {w.no}."),
        unless(
            f"date(:decision_day, '+{w.appeal_days} days') < :today",
            f"It was decided on {{decision_day}}, more than {w.appeal_days} days ago.",
            "limit",
        ),
        run(f"UPDATE {c.table} SET status = 'submitted', decided_on = NULL WHERE id = :{c.key}"),
        _result(w),
    )
    withdraw = tool(
        f"withdraw_{c.one}",
        f"Withdraw one of your {c.plural} on which nothing is decided yet.",
        _key(w),
        _mine(w),
        unless(":was NOT IN ('draft', 'submitted')", f"{c.singular.capitalize()} {{{c.key}}} is {{was}}."),
        run(f"UPDATE {c.table} SET status = 'withdrawn' WHERE id = :{c.key}"),
        _result(w),
    )
    return (submit, appeal, withdraw)
