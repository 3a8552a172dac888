"""Ideas for tasks on stock."""

from __future__ import annotations

from typing import Any

from tasks.embedded.feature import Desk, Idea, Script, Studio, Unfit, task


def ideas(studio: Studio) -> tuple[Idea, ...]:
    """Every idea, bound to the studio's words."""
    makers = (_where, _total, _low, _transfer, _request, _withdraw, _level, _latest)
    return tuple(maker(studio) for maker in makers)


def _kept(desk: Desk, least: int = 0) -> dict[str, Any]:
    """One kept item at one place, with names and ids."""
    stock, item, place = (desk.studio.term(role) for role in ("inventory", "item", "place"))
    return desk.one(
        f"SELECT k.id, i.id AS item_id, i.name AS item, p.id AS place_id, p.name AS place, k.quantity, k.reorder_level FROM {stock.table} k "
        f"JOIN {item.table} i ON i.id = k.{item.key} JOIN {place.table} p ON p.id = k.{place.key} WHERE k.quantity >= :least ORDER BY k.id",
        least=least,
    )


def _ids(desk: Desk, script: Script, item_name: str, *places: str) -> list[dict[str, str]]:
    """References to the ids of the item and of the places, found by name."""
    item, place = desk.studio.term("item"), desk.studio.term("place")
    found = script.call(f"search_{item.many}", text=item_name)
    listed = script.call(f"list_{place.many}")
    return [found.pick("id", name=item_name), *(listed.pick("id", name=name) for name in places)]


def _where(studio: Studio) -> Idea:
    stock, item, place = studio.term("inventory"), studio.term("item"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _kept(desk)
        script = desk.script()
        found = script.call(f"search_{item.many}", text=target["item"])
        listed = script.call(f"list_{stock.many}", **{item.key: found.pick("id", name=target["item"])})
        most = max(row["quantity"] for row in listed.value)
        best = listed.pick(place.one, quantity=most)
        return task(
            script,
            desk.say(
                f'Which {place.singular} has the most "{target["item"]}" in stock, and how many are there?',
                f'Where do I find the largest stock of "{target["item"]}", and how large is it?',
            ),
            answer=[best, most],
        )

    return idea


def _total(studio: Studio) -> Idea:
    stock, item, place = studio.term("inventory"), studio.term("item"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _kept(desk)
        script = desk.script()
        found = script.call(f"search_{item.many}", text=target["item"])
        listed = script.call(f"list_{stock.many}", **{item.key: found.pick("id", name=target["item"])})
        return task(
            script,
            f'How many of "{target["item"]}" are in stock at all {place.plural} together?',
            answer=[sum(row["quantity"] for row in listed.value)],
        )

    return idea


def _low(studio: Studio) -> Idea:
    stock, item, place = studio.term("inventory"), studio.term("item"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        where = desk.one(f"SELECT id, name FROM {place.table} ORDER BY id")
        script = desk.script()
        listed = script.call(f"list_{place.many}")
        low = script.call(f"list_{stock.many}", **{place.key: listed.pick("id", name=where["name"]), "low_only": True})
        if not low.value:
            raise Unfit("nothing is low")
        return task(
            script,
            f"Which {item.plural} are below their reorder level at {where['name']}? Name all of them.",
            answer=[low.ref(f"[{n}].{item.one}") for n in range(len(low.value))],
        )

    return idea


def _transfer(studio: Studio) -> Idea:
    stock, item, place = studio.term("inventory"), studio.term("item"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _kept(desk, least=3)
        other = desk.one(f"SELECT id, name FROM {place.table} WHERE id <> :id ORDER BY id", id=target["place_id"])
        quantity = desk.rng.randint(1, target["quantity"] - 1)
        script = desk.script()
        thing, source, to = _ids(desk, script, target["item"], target["place"], other["name"])
        script.call("transfer_stock", **{item.key: thing, f"from_{place.key}": source, f"to_{place.key}": to, "quantity": quantity})
        return task(
            script,
            desk.say(
                f'Move {quantity} of "{target["item"]}" from {target["place"]} to {other["name"]}.',
                f'{other["name"]} needs {quantity} of "{target["item"]}". Please transfer them from {target["place"]}.',
            ),
            checks=(
                (
                    f"{quantity} fewer at {target['place']}",
                    f"SELECT quantity = {target['quantity'] - quantity} FROM final.{stock.table} WHERE id = {target['id']}",
                ),
                (
                    "the transfer is recorded",
                    f"SELECT COUNT(*) = 1 FROM final.stock_transfers WHERE id NOT IN (SELECT id FROM initial.stock_transfers) AND {item.key} = {target['item_id']} AND to_{place.key} = {other['id']} AND quantity = {quantity}",
                ),
            ),
            writes=True,
        )

    return idea


def _request(studio: Studio) -> Idea:
    item, place, person = studio.term("item"), studio.term("place"), studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _kept(desk)
        quantity = desk.rng.randint(2, 40)
        script = desk.script()
        thing, where = _ids(desk, script, target["item"], target["place"])
        script.call("request_restock", **{item.key: thing, place.key: where, "quantity": quantity})
        return task(
            script,
            f'We are running out of "{target["item"]}" at {target["place"]}. Ask for a restock of {quantity}.',
            checks=(
                (
                    "the request is there",
                    f"SELECT COUNT(*) = 1 FROM final.restock_requests WHERE id NOT IN (SELECT id FROM initial.restock_requests) AND {person.key} = 1 AND {item.key} = {target['item_id']} AND {place.key} = {target['place_id']} AND quantity = {quantity}",
                ),
            ),
            writes=True,
        )

    return idea


def _withdraw(studio: Studio) -> Idea:
    item, person = studio.term("item"), studio.term("person")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(
            f"SELECT q.id, i.name FROM restock_requests q JOIN {item.table} i ON i.id = q.{item.key} WHERE q.{person.key} = 1 AND q.status = 'open' GROUP BY i.id HAVING COUNT(*) = 1 ORDER BY q.id"
        )
        script = desk.script()
        listed = script.call("list_my_restock_requests", status="open")
        done = script.call("withdraw_restock_request", request_id=listed.pick("id", **{item.one: target["name"]}))
        return task(
            script,
            f'The restock of "{target["name"]}" that I asked for is no longer needed. Withdraw that open request and tell me how many it was for.',
            answer=[done.ref(".quantity")],
            checks=(("it is withdrawn", f"SELECT status = 'withdrawn' FROM final.restock_requests WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _level(studio: Studio) -> Idea:
    stock, item, place = studio.term("inventory"), studio.term("item"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _kept(desk)
        level = target["reorder_level"] + desk.rng.randint(1, 9)
        script = desk.script()
        thing, where = _ids(desk, script, target["item"], target["place"])
        script.call("set_reorder_level", **{item.key: thing, place.key: where, "reorder_level": level})
        return task(
            script,
            f'Set the reorder level of "{target["item"]}" at {target["place"]} to {level}.',
            checks=((f"the level is {level}", f"SELECT reorder_level = {level} FROM final.{stock.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _latest(studio: Studio) -> Idea:
    item, place = studio.term("item"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        script = desk.script()
        moved = script.call("list_stock_transfers")
        if len(moved.value) < 2 or moved.value[0]["moved_at"] == moved.value[1]["moved_at"]:
            raise Unfit("no single latest transfer")
        return task(
            script,
            f"What was moved between {place.plural} most recently: which {item.singular}, how many, and to where?",
            answer=[moved.ref(f"[0].{item.one}"), moved.ref("[0].quantity"), moved.ref(f"[0].to_{place.one}")],
        )

    return idea
