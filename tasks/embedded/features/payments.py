"""Invoices with lines, ways to pay, and payments in full or in part."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.domain import Term
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features import payments_ideas
from tasks.embedded.steps import fresh, many, nested, one, refuse, require, run, tool

METHODS = (("Everyday card", "card"), ("Joint account", "bank"), ("Travel card", "card"), ("Savings account", "bank"))


def build(studio: Studio) -> Part:
    """Four tables, seven tools, eight ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=(*_invoice_rows(studio), *_method_rows(studio)),
        tools=(*_reading(studio), _pay(studio), *_changing(studio)),
        ideas=payments_ideas.ideas(studio),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    invoice, person = studio.term("payments"), studio.term("person")
    return (
        f"""CREATE TABLE {invoice.table} (
  id INTEGER PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'disputed')),
  total_cents INTEGER NOT NULL CHECK (total_cents > 0),
  paid_cents INTEGER NOT NULL DEFAULT 0 CHECK (paid_cents BETWEEN 0 AND total_cents),
  issued_on TEXT NOT NULL,
  due_on TEXT NOT NULL
);""",
        f"""CREATE TABLE {invoice.one}_lines (
  id INTEGER PRIMARY KEY,
  {invoice.key} INTEGER NOT NULL REFERENCES {invoice.table}(id),
  description TEXT NOT NULL,
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0)
);""",
        f"""CREATE TABLE payment_methods (
  id INTEGER PRIMARY KEY,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  label TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('card', 'bank')),
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  UNIQUE ({person.key}, label)
);""",
        f"""CREATE TABLE payments (
  id INTEGER PRIMARY KEY,
  {invoice.key} INTEGER NOT NULL REFERENCES {invoice.table}(id),
  payment_method_id INTEGER NOT NULL REFERENCES payment_methods(id),
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  paid_at TEXT NOT NULL
);""",
    )


def _owners(studio: Studio) -> list[int]:
    return [1] * 6 + [studio.rng.randint(2, min(5, len(studio.people))) for _ in range(5)]


def _invoice_rows(studio: Studio) -> tuple[TableRows, ...]:
    invoice, person, rng = studio.term("payments"), studio.term("person"), studio.rng
    owners = _owners(studio)
    states = ["open", "open", "open", "paid", "paid", "open", *(rng.choice(("open", "paid", "paid")) for _ in owners[7:]), "disputed"]
    numbers = sorted(rng.sample(range(200, 990), len(owners)))
    rng.shuffle(numbers)
    lines: list[tuple[Any, ...]] = []
    invoices: list[tuple[Any, ...]] = []
    payments: list[tuple[Any, ...]] = []
    for n, (owner, state, number) in enumerate(zip(owners, states, numbers, strict=True), 1):
        chosen = [(name, max(price, 100)) for name, price in rng.sample(studio.items, rng.choice((1, 2, 3)))]
        lines += [(len(lines) + k, n, *line) for k, line in enumerate(chosen, 1)]
        total = sum(price for _, price in chosen)
        issued, due = (studio.day(-60, -31), studio.day(-28, -3)) if n % 2 else (studio.day(-29, -5), studio.day(2, 30))
        invoices.append((n, f"2026-{number}", owner, state, total, total if state == "paid" else 0, issued, due))
        if state == "paid":
            payments.append((len(payments) + 1, n, 1 if owner == 1 else owner + 2, total, studio.moment(-4, -1)))
    head = ("id", "number", person.key, "status", "total_cents", "paid_cents", "issued_on", "due_on")
    return (
        TableRows(table=invoice.table, columns=head, rows=tuple(invoices)),
        TableRows(table=f"{invoice.one}_lines", columns=("id", invoice.key, "description", "amount_cents"), rows=tuple(lines)),
        TableRows(table="payments", columns=("id", invoice.key, "payment_method_id", "amount_cents", "paid_at"), rows=tuple(payments)),
    )


def _method_rows(studio: Studio) -> tuple[TableRows, ...]:
    """Methods 1 to 3 are mine; person n above 1 has method n + 2."""
    mine = [(n, 1, *METHODS[n - 1], int(n == 1)) for n in (1, 2, 3)]
    others = [(p + 2, p, *studio.rng.choice(METHODS), 1) for p in range(2, min(5, len(studio.people)) + 1)]
    columns = ("id", studio.term("person").key, "label", "kind", "is_default")
    return (TableRows(table="payment_methods", columns=columns, rows=(*mine, *others)),)


def _mine(studio: Studio) -> dict[str, Any]:
    invoice, person = studio.term("payments"), studio.term("person")
    return require(
        f"SELECT status AS old_status, total_cents - paid_cents AS due_cents FROM {invoice.table} WHERE id = :{invoice.key} AND {person.key} = :me",
        f"You have no {invoice.singular} {{{invoice.key}}}.",
    )


def _method(studio: Studio) -> dict[str, Any]:
    person = studio.term("person")
    return require(
        f"SELECT label AS method_label FROM payment_methods WHERE id = :payment_method_id AND {person.key} = :me",
        "You have no payment method {payment_method_id}.",
    )


def _shown(invoice: Term) -> dict[str, Any]:
    return one(
        f"SELECT id, number, status, total_cents, paid_cents, total_cents - paid_cents AS outstanding_cents FROM {invoice.table} WHERE id = :{invoice.key}"
    )


def _id(studio: Studio) -> dict[str, str]:
    invoice = studio.term("payments")
    return {invoice.key: f"integer: Id of the {invoice.singular}, as list_my_{invoice.many} returns it."}


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    invoice, person = studio.term("payments"), studio.term("person")
    columns = "id, number, status, total_cents, paid_cents, total_cents - paid_cents AS outstanding_cents, issued_on, due_on"
    return (
        tool(
            f"list_my_{invoice.many}",
            f"Your {invoice.plural} with what is still to pay, the earliest due first.",
            {
                "status": f"one of open|paid|disputed?: Only {invoice.plural} in this status.",
                "due_before": "date?: Only those due before this day.",
            },
            many(
                f"SELECT {columns} FROM {invoice.table} WHERE {person.key} = :me AND (:status IS NULL OR status = :status) AND (:due_before IS NULL OR due_on < :due_before) ORDER BY due_on, id"
            ),
        ),
        tool(
            f"get_{invoice.one}",
            f"One of your {invoice.plural} with its lines and the payments made on it.",
            _id(studio),
            _mine(studio),
            nested(
                **{
                    invoice.one: one(f"SELECT {columns} FROM {invoice.table} WHERE id = :{invoice.key}"),
                    "lines": many(
                        f"SELECT id, description, amount_cents FROM {invoice.one}_lines WHERE {invoice.key} = :{invoice.key} ORDER BY id"
                    ),
                    "payments": many(
                        f"SELECT y.id, y.amount_cents, y.paid_at, m.label AS method FROM payments y JOIN payment_methods m ON m.id = y.payment_method_id WHERE y.{invoice.key} = :{invoice.key} ORDER BY y.id"
                    ),
                }
            ),
        ),
        tool(
            "list_my_payment_methods",
            "Your ways to pay; the default one first.",
            {},
            many(f"SELECT id, label, kind, is_default FROM payment_methods WHERE {person.key} = :me ORDER BY is_default DESC, label"),
        ),
    )


def _pay(studio: Studio) -> dict[str, Any]:
    invoice = studio.term("payments")
    return tool(
        f"pay_{invoice.one}",
        f"Pay one of your open {invoice.plural}, in full or in part.",
        {
            **_id(studio),
            "payment_method_id": "integer: Id of the way to pay, as list_my_payment_methods returns it.",
            "amount_cents": "integer 1..?: How much to pay; all that is due when left out.",
        },
        _mine(studio),
        refuse(
            "SELECT :old_status AS found_status WHERE :old_status <> 'open'",
            f"{invoice.singular.capitalize()} {{{invoice.key}}} is {{found_status}}.",
        ),
        _method(studio),
        refuse("SELECT :due_cents AS most WHERE :amount_cents > :due_cents", "Only {most} cents are due.", "invalid"),
        run(
            f"INSERT INTO payments ({invoice.key}, payment_method_id, amount_cents, paid_at) VALUES (:{invoice.key}, :payment_method_id, COALESCE(:amount_cents, :due_cents), :now)"
        ),
        run(
            f"UPDATE {invoice.table} SET paid_cents = paid_cents + COALESCE(:amount_cents, :due_cents), status = CASE WHEN paid_cents + COALESCE(:amount_cents, :due_cents) = total_cents THEN 'paid' ELSE status END WHERE id = :{invoice.key}"
        ),
        _shown(invoice),
    )


def _changing(studio: Studio) -> tuple[dict[str, Any], ...]:
    invoice, person = studio.term("payments"), studio.term("person")
    method = {"payment_method_id": "integer: Id of the way to pay, as list_my_payment_methods returns it."}
    return (
        tool(
            f"dispute_{invoice.one}",
            f"Mark one of your open {invoice.plural} as disputed.",
            _id(studio),
            _mine(studio),
            refuse(
                "SELECT :old_status AS found_status WHERE :old_status <> 'open'",
                f"{invoice.singular.capitalize()} {{{invoice.key}}} is {{found_status}}.",
            ),
            run(f"UPDATE {invoice.table} SET status = 'disputed' WHERE id = :{invoice.key}"),
            _shown(invoice),
        ),
        tool(
            "set_default_payment_method",
            "Make one of your ways to pay the default.",
            method,
            _method(studio),
            run(f"UPDATE payment_methods SET is_default = (id = :payment_method_id) WHERE {person.key} = :me", None),
            one("SELECT id, label, is_default FROM payment_methods WHERE id = :payment_method_id"),
        ),
        tool(
            "add_payment_method",
            "Add a card or a bank account to your ways to pay.",
            {"label": "text: A name for it that you do not use yet.", "kind": "one of card|bank: What it is."},
            refuse(
                f"SELECT id FROM payment_methods WHERE {person.key} = :me AND label = :label",
                "You already have payment method {id} of this name.",
            ),
            fresh("payment_methods", "payment_method_id"),
            run(
                f"INSERT INTO payment_methods (id, {person.key}, label, kind, is_default) VALUES (:payment_method_id, :me, :label, :kind, 0)"
            ),
            one("SELECT id, label, kind, is_default FROM payment_methods WHERE id = :payment_method_id"),
        ),
    )


def _intentions(studio: Studio) -> tuple[str, ...]:
    invoice = studio.term("payments")
    return (
        f"Pay the {invoice.singular} that is due first with the card that I name.",
        f"Tell me how much I still owe on all my open {invoice.plural} together and which of them is overdue.",
        f"Pay part of {invoice.a} now and tell me what is left to pay on it.",
        "Add a new way to pay and make it my default.",
    )
