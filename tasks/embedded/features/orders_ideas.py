"""Ideas for tasks on orders."""

from __future__ import annotations

from typing import Any

from tasks.embedded.feature import Desk, Idea, Studio, Unfit, money, spoken_day, task


def ideas(studio: Studio) -> tuple[Idea, ...]:
    """Every idea, bound to the studio's words."""
    makers = (_place, _cancel, _redirect, _quantity, _remove, _spent, _largest, _contents, _cancel_dearest)
    return tuple(maker(studio) for maker in makers)


def _pending(desk: Desk) -> dict[str, Any]:
    order, person = desk.studio.term("orders"), desk.studio.term("person")
    return desk.one(
        f"SELECT id, reference, placed_at, total_cents FROM {order.table} WHERE {person.key} = 1 AND status = 'pending' ORDER BY id"
    )


def _called(desk: Desk, target: dict[str, Any]) -> str:
    """How a person names one of their pending orders: by reference, or by day where that is unique."""
    order, person = desk.studio.term("orders"), desk.studio.term("person")
    same = desk.rows(
        f"SELECT id FROM {order.table} WHERE {person.key} = 1 AND substr(placed_at, 1, 10) = :day", day=target["placed_at"][:10]
    )
    by_day = f"the {order.singular} that I placed on {spoken_day(target['placed_at'])}"
    by_reference = f"my {order.singular} {target['reference']}"
    return desk.say(by_reference, by_day) if len(same) == 1 else by_reference


def _place(studio: Studio) -> Idea:
    order, item, place, person = (studio.term(role) for role in ("orders", "item", "place", "person"))

    def idea(desk: Desk) -> dict[str, Any]:
        chosen = desk.rng.sample(
            desk.rows(f"SELECT id, name FROM {item.table} WHERE is_active = 1 ORDER BY id"), desk.rng.choice((1, 2, 2, 3))
        )
        quantities = [desk.rng.randint(1, 5) for _ in chosen]
        where = desk.one(f"SELECT id, name FROM {place.table} ORDER BY id")
        script = desk.script()
        places = script.call(f"list_{place.many}")
        found = [script.call(f"search_{item.many}", text=row["name"]) for row in chosen]
        lines = [
            {item.key: handle.pick("id", name=row["name"]), "quantity": quantity}
            for handle, row, quantity in zip(found, chosen, quantities, strict=True)
        ]
        placed = script.call(f"place_{order.one}", **{place.key: places.pick("id", name=where["name"]), "lines": lines})
        wanted = " and ".join(f'{quantity} of "{row["name"]}"' for row, quantity in zip(chosen, quantities, strict=True))
        wish = desk.say(
            f"Please place {order.a} for {wanted}, to be handed over at {where['name']}, without a note.",
            f"I need {wanted}. Make it one {order.singular} for {where['name']}; no note.",
        )
        return task(
            script,
            f"{wish} What is the total?",
            answer=[placed.ref(f".{order.one}.total_cents")],
            checks=(
                (
                    f"a new {order.singular} at {where['name']}",
                    f"SELECT COUNT(*) = 1 FROM final.{order.table} WHERE {person.key} = 1 AND {place.key} = {where['id']} AND id NOT IN (SELECT id FROM initial.{order.table})",
                ),
                (
                    f"every {item.singular} is in it",
                    f"SELECT COUNT(*) = {len(chosen)} FROM final.{order.one}_lines WHERE {order.key} NOT IN (SELECT id FROM initial.{order.table}) AND ("
                    + " OR ".join(
                        f"({item.key} = {row['id']} AND quantity = {quantity})" for row, quantity in zip(chosen, quantities, strict=True)
                    )
                    + ")",
                ),
            ),
            writes=True,
        )

    return idea


def _cancel(studio: Studio) -> Idea:
    order = studio.term("orders")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _pending(desk)
        reason = desk.say("Found it elsewhere", "No longer needed", "Ordered by mistake", "Takes too long")
        script = desk.script()
        listed = script.call(f"list_my_{order.many}", status="pending")
        script.call(f"cancel_{order.one}", **{order.key: listed.pick("id", reference=target["reference"]), "reason": reason})
        return task(
            script,
            f'Please cancel {_called(desk, target)}. Give the reason as "{reason}".',
            checks=(("it is cancelled", f"SELECT status = 'cancelled' FROM final.{order.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _cancel_dearest(studio: Studio) -> Idea:
    order, person = studio.term("orders"), studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        rows = desk.rows(
            f"SELECT id, reference, total_cents FROM {order.table} WHERE {person.key} = 1 AND status = 'pending' ORDER BY total_cents DESC"
        )
        if len(rows) < 2 or rows[0]["total_cents"] == rows[1]["total_cents"]:
            raise Unfit("no single largest")
        script = desk.script()
        listed = script.call(f"list_my_{order.many}", status="pending")
        done = script.call(f"cancel_{order.one}", **{order.key: listed.pick("id", reference=rows[0]["reference"])})
        return task(
            script,
            f"I have spent too much. Cancel the most expensive of my pending {order.plural}, without giving a reason, and tell me its reference and how much I save.",
            answer=[done.ref(f".{order.one}.reference"), done.ref(f".{order.one}.total_cents")],
            checks=(("the dearest is cancelled", f"SELECT status = 'cancelled' FROM final.{order.table} WHERE id = {rows[0]['id']}"),),
            writes=True,
        )

    return idea


def _redirect(studio: Studio) -> Idea:
    order, place = studio.term("orders"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _pending(desk)
        where = desk.one(
            f"SELECT id, name FROM {place.table} WHERE id <> (SELECT {place.key} FROM {order.table} WHERE id = :id) ORDER BY id",
            id=target["id"],
        )
        script = desk.script()
        listed = script.call(f"list_my_{order.many}", status="pending")
        places = script.call(f"list_{place.many}")
        script.call(
            f"redirect_{order.one}",
            **{order.key: listed.pick("id", reference=target["reference"]), place.key: places.pick("id", name=where["name"])},
        )
        return task(
            script,
            f"I cannot get to the {place.singular} that I chose. Have {_called(desk, target)} handed over at {where['name']} instead.",
            checks=(
                (f"it goes to {where['name']}", f"SELECT {place.key} = {where['id']} FROM final.{order.table} WHERE id = {target['id']}"),
            ),
            writes=True,
        )

    return idea


def _quantity(studio: Studio) -> Idea:
    order, item = studio.term("orders"), studio.term("item")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _pending(desk)
        line = desk.one(
            f"SELECT i.id, i.name, l.quantity FROM {order.one}_lines l JOIN {item.table} i ON i.id = l.{item.key} WHERE l.{order.key} = :id AND i.is_active = 1 ORDER BY i.id",
            id=target["id"],
        )
        quantity = line["quantity"] + desk.rng.randint(1, 5)
        script = desk.script()
        listed = script.call(f"list_my_{order.many}", status="pending")
        chosen = listed.pick("id", reference=target["reference"])
        got = script.call(f"get_{order.one}", **{order.key: chosen})
        at = next(n for n, row in enumerate(got.value["lines"]) if row[item.key] == line["id"])
        done = script.call(
            f"set_{order.one}_quantity", **{order.key: chosen, item.key: got.ref(f".lines[{at}].{item.key}"), "quantity": quantity}
        )
        return task(
            script,
            f'In {_called(desk, target)}, make it {quantity} of "{line["name"]}" in all, and tell me the new total.',
            answer=[done.ref(f".{order.one}.total_cents")],
            checks=(
                (
                    f"the quantity is {quantity}",
                    f"SELECT quantity = {quantity} FROM final.{order.one}_lines WHERE {order.key} = {target['id']} AND {item.key} = {line['id']}",
                ),
            ),
            writes=True,
        )

    return idea


def _remove(studio: Studio) -> Idea:
    order, item, person = studio.term("orders"), studio.term("item"), studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(
            f"SELECT o.id, o.reference, o.placed_at, i.id AS item_id, i.name FROM {order.table} o JOIN {order.one}_lines l ON l.{order.key} = o.id JOIN {item.table} i ON i.id = l.{item.key} "
            f"WHERE o.{person.key} = 1 AND o.status = 'pending' AND (SELECT COUNT(*) FROM {order.one}_lines x WHERE x.{order.key} = o.id) > 1 ORDER BY l.id"
        )
        script = desk.script()
        listed = script.call(f"list_my_{order.many}", status="pending")
        found = script.call(f"search_{item.many}", text=target["name"])
        script.call(
            f"remove_from_{order.one}",
            **{order.key: listed.pick("id", reference=target["reference"]), item.key: found.pick("id", name=target["name"])},
        )
        return task(
            script,
            desk.say(
                f'Take "{target["name"]}" out of {_called(desk, target)}; leave the rest as it is.',
                f'I no longer want "{target["name"]}". Remove it from {_called(desk, target)} and keep everything else.',
            ),
            checks=(
                (
                    "the line is gone",
                    f"SELECT COUNT(*) = 0 FROM final.{order.one}_lines WHERE {order.key} = {target['id']} AND {item.key} = {target['item_id']}",
                ),
            ),
            writes=True,
        )

    return idea


def _spent(studio: Studio) -> Idea:
    order = studio.term("orders")

    def idea(desk: Desk) -> dict[str, Any]:
        status = desk.say("pending", "delivered", "cancelled", "shipped")
        script = desk.script()
        listed = script.call(f"list_my_{order.many}", status=status)
        if not listed.value:
            raise Unfit("none in this status")
        return task(
            script,
            desk.say(
                f"How many of my {order.plural} are {status}, and what do they add up to in cents?",
                f"Count my {status} {order.plural} and give me the sum of their totals in cents.",
            ),
            answer=[len(listed.value), sum(row["total_cents"] for row in listed.value)],
        )

    return idea


def _largest(studio: Studio) -> Idea:
    order = studio.term("orders")

    def idea(desk: Desk) -> dict[str, Any]:
        limit = desk.rng.choice((20, 50, 100, 200)) * 100
        script = desk.script()
        listed = script.call(f"list_my_{order.many}")
        over = [row for row in listed.value if row["total_cents"] > limit]
        return task(
            script, f"How many of all my {order.plural}, whatever their status, came to more than {money(limit)}?", answer=[len(over)]
        )

    return idea


def _contents(studio: Studio) -> Idea:
    order, item, person = studio.term("orders"), studio.term("item"), studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(f"SELECT id, reference, placed_at FROM {order.table} WHERE {person.key} = 1 ORDER BY id")
        script = desk.script()
        listed = script.call(f"list_my_{order.many}")
        got = script.call(f"get_{order.one}", **{order.key: listed.pick("id", reference=target["reference"])})
        parts = [
            part for n in range(len(got.value["lines"])) for part in (got.ref(f".lines[{n}].{item.one}"), got.ref(f".lines[{n}].quantity"))
        ]
        return task(script, f"What exactly is in {_called(desk, target)}? I want each {item.singular} with its quantity.", answer=parts)

    return idea
