"""Ideas for tasks on invoices and payments."""

from __future__ import annotations

from typing import Any

from tasks.embedded.feature import Desk, Idea, Studio, Unfit, money, quoted, spoken_day, task


def ideas(studio: Studio) -> tuple[Idea, ...]:
    """Every idea, bound to the studio's words."""
    makers = (_pay, _part, _pay_first, _dispute, _default, _add, _owed, _overdue, _lines, _dispute_dearest)
    return tuple(maker(studio) for maker in makers)


def _open(desk: Desk) -> dict[str, Any]:
    invoice, person = desk.studio.term("payments"), desk.studio.term("person")
    return desk.one(f"SELECT id, number, total_cents, due_on FROM {invoice.table} WHERE {person.key} = 1 AND status = 'open' ORDER BY id")


def _method(desk: Desk, default: int = 0) -> dict[str, Any]:
    person = desk.studio.term("person")
    return desk.one(f"SELECT id, label FROM payment_methods WHERE {person.key} = 1 AND is_default = :d ORDER BY id", d=default)


def _pay(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        target, method = _open(desk), _method(desk, desk.rng.choice((0, 1)))
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open")
        methods = script.call("list_my_payment_methods")
        script.call(
            f"pay_{invoice.one}",
            **{invoice.key: listed.pick("id", number=target["number"]), "payment_method_id": methods.pick("id", label=method["label"])},
        )
        return task(
            script,
            desk.say(
                f'Please pay {invoice.singular} {target["number"]} in full with my payment method "{method["label"]}".',
                f'Settle all of {invoice.singular} {target["number"]}; use "{method["label"]}" to pay.',
            ),
            checks=(
                (f"{target['number']} is paid", f"SELECT status = 'paid' FROM final.{invoice.table} WHERE id = {target['id']}"),
                (
                    f"with {method['label']}",
                    f"SELECT COUNT(*) = 1 FROM final.payments WHERE {invoice.key} = {target['id']} AND payment_method_id = {method['id']} AND amount_cents = {target['total_cents']}",
                ),
            ),
            writes=True,
        )

    return idea


def _part(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        target, method = _open(desk), _method(desk)
        amount = target["total_cents"] // desk.rng.choice((2, 3, 4)) // 100 * 100
        if amount < 100:
            raise Unfit("too small to share")
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open")
        methods = script.call("list_my_payment_methods")
        paid = script.call(
            f"pay_{invoice.one}",
            **{
                invoice.key: listed.pick("id", number=target["number"]),
                "payment_method_id": methods.pick("id", label=method["label"]),
                "amount_cents": amount,
            },
        )
        return task(
            script,
            f'I cannot pay all of {invoice.singular} {target["number"]} now. Pay {money(amount)} of it with "{method["label"]}" and tell me what is left to pay.',
            answer=[paid.ref(".outstanding_cents")],
            checks=((f"{money(amount)} is paid", f"SELECT paid_cents = {amount} FROM final.{invoice.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _pay_first(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        method = _method(desk)
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open")
        if len(listed.value) < 2 or listed.value[0]["due_on"] == listed.value[1]["due_on"]:
            raise Unfit("no single earliest")
        first = listed.value[0]
        methods = script.call("list_my_payment_methods")
        paid = script.call(
            f"pay_{invoice.one}",
            **{invoice.key: listed.ref("[0].id"), "payment_method_id": methods.pick("id", label=method["label"])},
        )
        return task(
            script,
            f'Of my open {invoice.plural}, pay the one that is due first, in full, with "{method["label"]}". Which one was it, and how much?',
            answer=[paid.ref(".number"), paid.ref(".total_cents")],
            checks=((f"{first['number']} is paid", f"SELECT status = 'paid' FROM final.{invoice.table} WHERE id = {first['id']}"),),
            writes=True,
        )

    return idea


def _dispute(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _open(desk)
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open")
        script.call(f"dispute_{invoice.one}", **{invoice.key: listed.pick("id", number=target["number"])})
        return task(
            script,
            desk.say(
                f"{invoice.singular.capitalize()} {target['number']} is wrong. Please mark it as disputed.",
                f"I do not agree with {invoice.singular} {target['number']}; dispute it for me.",
            ),
            checks=(("it is disputed", f"SELECT status = 'disputed' FROM final.{invoice.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _dispute_dearest(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open")
        totals = sorted((row["total_cents"] for row in listed.value), reverse=True)
        if len(totals) < 2 or totals[0] == totals[1]:
            raise Unfit("no single largest")
        top = next(row for row in listed.value if row["total_cents"] == totals[0])
        got = script.call(f"get_{invoice.one}", **{invoice.key: listed.pick("id", number=top["number"])})
        script.call(f"dispute_{invoice.one}", **{invoice.key: listed.pick("id", number=top["number"])})
        return task(
            script,
            f"Something is off with the largest of my open {invoice.plural}. Tell me what its lines are for, then mark it as disputed.",
            answer=[got.ref(f".lines[{n}].description") for n in range(len(got.value["lines"]))],
            checks=(("it is disputed", f"SELECT status = 'disputed' FROM final.{invoice.table} WHERE id = {top['id']}"),),
            writes=True,
        )

    return idea


def _default(studio: Studio) -> Idea:
    def idea(desk: Desk) -> dict[str, Any]:
        method = _method(desk)
        script = desk.script()
        methods = script.call("list_my_payment_methods")
        script.call("set_default_payment_method", payment_method_id=methods.pick("id", label=method["label"]))
        return task(
            script,
            f'From now on I want to pay with "{method["label"]}" by default. Please set that up.',
            checks=(("it is the default", f"SELECT is_default = 1 FROM final.payment_methods WHERE id = {method['id']}"),),
            writes=True,
        )

    return idea


def _add(studio: Studio) -> Idea:
    person = studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        label, kind = desk.rng.choice(
            (("Work card", "card"), ("Holiday account", "bank"), ("Shared card", "card"), ("House account", "bank"))
        )
        script = desk.script()
        made = script.call("add_payment_method", label=label, kind=kind)
        script.call("set_default_payment_method", payment_method_id=made.ref(".id"))
        what = "card" if kind == "card" else "bank account"
        return task(
            script,
            f'Add a {what} called "{label}" to my ways to pay and make it the default.',
            checks=(
                (
                    f"{label} is the default",
                    f"SELECT COUNT(*) = 1 FROM final.payment_methods WHERE {person.key} = 1 AND label = {quoted(label)} AND kind = '{kind}' AND is_default = 1",
                ),
            ),
            writes=True,
        )

    return idea


def _owed(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open")
        if not listed.value:
            raise Unfit("nothing open")
        return task(
            script,
            desk.say(
                f"How much do I still have to pay, in cents, on all my open {invoice.plural} together?",
                f"What do my open {invoice.plural} add up to in cents, less what I have paid on them already?",
            ),
            answer=[sum(row["outstanding_cents"] for row in listed.value)],
        )

    return idea


def _overdue(studio: Studio) -> Idea:
    invoice = studio.term("payments")

    def idea(desk: Desk) -> dict[str, Any]:
        day = _some_day(desk)
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}", status="open", due_before=day)
        if not 1 <= len(listed.value) <= 4:
            raise Unfit("none or too many to name")
        return task(
            script,
            f"Which of my open {invoice.plural} are due before {spoken_day(day)}? Give me their numbers.",
            answer=[listed.ref(f"[{n}].number") for n in range(len(listed.value))],
        )

    return idea


def _some_day(desk: Desk) -> str:
    """A day around the world's start, for asking what is due before it."""
    return f"2026-03-{desk.rng.randint(2, 28):02d}"


def _lines(studio: Studio) -> Idea:
    invoice, person = studio.term("payments"), studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(f"SELECT number FROM {invoice.table} WHERE {person.key} = 1 ORDER BY id")
        script = desk.script()
        listed = script.call(f"list_my_{invoice.many}")
        got = script.call(f"get_{invoice.one}", **{invoice.key: listed.pick("id", number=target["number"])})
        parts = [
            p for n in range(len(got.value["lines"])) for p in (got.ref(f".lines[{n}].description"), got.ref(f".lines[{n}].amount_cents"))
        ]
        return task(
            script, f"What am I charged for on {invoice.singular} {target['number']}? Name each line with its amount.", answer=parts
        )

    return idea
