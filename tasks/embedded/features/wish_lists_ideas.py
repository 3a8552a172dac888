"""Ideas for tasks on wish lists."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, quoted, task
from tasks.embedded.phrases import IN_CENTS, from_start

NAMES = ("Birthday", "For later", "Holidays", "Summer plans", "Ideas for Lena", "Next year", "Weekend", "Presents", "When I have time")


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    wish: Term
    p: Term
    i: Term
    visibilities: tuple[str, ...]
    notes: bool

    @property
    def entries(self) -> str:
        """The table of what is on the lists."""
        return f"{self.wish.one}_entries"


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(from_start(idea, w) for idea in (_create, _add, _remove, _move, _share, _delete, _total, _dearest))


def _list(w: Words, desk: Desk, condition: str = "1") -> dict[str, Any]:
    return desk.one(f"SELECT * FROM {w.wish.table} l WHERE {w.p.key} = 1 AND {condition}")


def _entry(w: Words, desk: Desk, list_id: int) -> dict[str, Any]:
    return desk.one(f"SELECT i.id, i.name FROM {w.entries} e JOIN {w.i.table} i ON i.id = e.{w.i.key} WHERE e.{w.wish.key} = {list_id}")


def _absent(w: Words, desk: Desk, list_id: int) -> dict[str, Any]:
    return desk.one(f"SELECT id, name FROM {w.i.table} WHERE id NOT IN (SELECT {w.i.key} FROM {w.entries} WHERE {w.wish.key} = {list_id})")


def _create(w: Words, desk: Desk) -> dict[str, Any]:
    used = {row["name"] for row in desk.rows(f"SELECT name FROM {w.wish.table} WHERE {w.p.key} = 1")}
    name, visibility = desk.rng.choice([n for n in NAMES if n not in used]), desk.rng.choice(w.visibilities)
    items = desk.rng.sample(desk.rows(f"SELECT id, name FROM {w.i.table} WHERE is_active = 1 ORDER BY id"), 2)
    script = desk.script()
    ids = [script.call(f"search_{w.i.many}", text=item["name"]).pick("id", name=item["name"]) for item in items]
    script.call(f"create_{w.wish.one}", name=name, visibility=visibility, item_ids=ids)
    wish = desk.say(
        f'Make me {w.wish.a} called "{name}" with "{items[0]["name"]}" first and "{items[1]["name"]}" second. Its visibility: {visibility}.',
        f'I want a new {w.wish.singular} named "{name}" ({visibility}) with two entries, in this order: "{items[0]["name"]}", "{items[1]["name"]}".',
    )
    check = (
        f"the {w.wish.singular} {name} holds both",
        f"SELECT COUNT(*) = 2 FROM final.{w.entries} e JOIN final.{w.wish.table} l ON l.id = e.{w.wish.key} WHERE l.{w.p.key} = 1 AND l.name = {quoted(name)} AND l.visibility = '{visibility}'",
    )
    return task(script, wish, checks=(check,), writes=True)


def _add(w: Words, desk: Desk) -> dict[str, Any]:
    target = _list(w, desk)
    item, quantity = _absent(w, desk, target["id"]), desk.rng.choice((1, 2, 4))
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    found = script.call(f"search_{w.i.many}", text=item["name"])
    script.call(
        f"add_to_{w.wish.one}",
        **{w.wish.key: lists.pick("id", name=target["name"]), w.i.key: found.pick("id", name=item["name"]), "quantity": quantity},
    )
    wish = desk.say(
        f'Put "{item["name"]}" on my {w.wish.singular} "{target["name"]}", quantity {quantity}.',
        f'Please add "{item["name"]}" (quantity: {quantity}) to the {w.wish.singular} that I called "{target["name"]}".',
    )
    check = (
        f"{item['name']} is on it",
        f"SELECT COUNT(*) = 1 FROM final.{w.entries} WHERE {w.wish.key} = {target['id']} AND {w.i.key} = {item['id']} AND quantity = {quantity}",
    )
    return task(script, wish, checks=(check,), writes=True)


def _remove(w: Words, desk: Desk) -> dict[str, Any]:
    target = _list(w, desk)
    item = _entry(w, desk, target["id"])
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    chosen = lists.pick("id", name=target["name"])
    seen = script.call(f"get_my_{w.wish.one}", **{w.wish.key: chosen})
    at = next(n for n, row in enumerate(seen.value["entries"]) if row[w.i.key] == item["id"])
    script.call(f"remove_from_{w.wish.one}", **{w.wish.key: chosen, w.i.key: seen.ref(f".entries[{at}].{w.i.key}")})
    wish = desk.say(
        f'Take "{item["name"]}" off my {w.wish.singular} "{target["name"]}".',
        f'I no longer want "{item["name"]}". Remove it from the {w.wish.singular} "{target["name"]}" and from no other list.',
    )
    check = (
        f"{item['name']} is off the list",
        f"SELECT COUNT(*) = 0 FROM final.{w.entries} WHERE {w.wish.key} = {target['id']} AND {w.i.key} = {item['id']}",
    )
    return task(script, wish, checks=(check,), writes=True)


def _move(w: Words, desk: Desk) -> dict[str, Any]:
    source = _list(w, desk)
    goal = _list(w, desk, f"id <> {source['id']}")
    item = desk.one(
        f"SELECT i.id, i.name FROM {w.entries} e JOIN {w.i.table} i ON i.id = e.{w.i.key} WHERE e.{w.wish.key} = {source['id']} AND i.id NOT IN (SELECT {w.i.key} FROM {w.entries} WHERE {w.wish.key} = {goal['id']})"
    )
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    found = script.call(f"search_{w.i.many}", text=item["name"])
    script.call(
        f"move_to_other_{w.wish.one}",
        **{
            w.wish.key: lists.pick("id", name=source["name"]),
            w.i.key: found.pick("id", name=item["name"]),
            "target_id": lists.pick("id", name=goal["name"]),
        },
    )
    wish = f'Move "{item["name"]}" from my {w.wish.singular} "{source["name"]}" to the one called "{goal["name"]}".'
    there = f"SELECT COUNT(*) = 1 FROM final.{w.entries} WHERE {w.wish.key} = {goal['id']} AND {w.i.key} = {item['id']}"
    return task(script, wish, checks=((f"it is on {goal['name']}", there),), writes=True)


def _share(w: Words, desk: Desk) -> dict[str, Any]:
    target = _list(w, desk)
    visibility = desk.rng.choice([v for v in w.visibilities if v != target["visibility"]])
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    script.call(f"set_{w.wish.one}_visibility", **{w.wish.key: lists.pick("id", name=target["name"]), "visibility": visibility})
    wish = desk.say(
        f'Change who may see my {w.wish.singular} "{target["name"]}": set it to {visibility}.',
        f'Set the visibility of "{target["name"]}", one of my {w.wish.plural}, to {visibility}.',
    )
    check = (f"it is {visibility}", f"SELECT visibility = '{visibility}' FROM final.{w.wish.table} WHERE id = {target['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _delete(w: Words, desk: Desk) -> dict[str, Any]:
    target = _list(w, desk)
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    left = script.call(f"delete_{w.wish.one}", **{w.wish.key: lists.pick("id", name=target["name"])})
    wish = f'I do not need the {w.wish.singular} "{target["name"]}" any more. Delete it and tell me how many {w.wish.plural} I have left.'
    check = ("the list is gone", f"SELECT COUNT(*) = 0 FROM final.{w.wish.table} WHERE id = {target['id']}")
    return task(script, wish, answer=[left.ref(".remaining")], checks=(check,), writes=True)


def _total(w: Words, desk: Desk) -> dict[str, Any]:
    target = _list(w, desk)
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    row = next(row for row in lists.value if row["id"] == target["id"])
    wish = desk.say(
        f'What would everything on my {w.wish.singular} "{target["name"]}" cost, quantities included?',
        f'Add up the prices on "{target["name"]}", one of my {w.wish.plural}, in the quantities I noted. What is the total?',
    )
    return task(script, f"{wish} {IN_CENTS}", answer=[row["total_cents"]])


def _dearest(w: Words, desk: Desk) -> dict[str, Any]:
    target = _list(w, desk)
    script = desk.script()
    lists = script.call(f"list_my_{w.wish.many}")
    seen = script.call(f"get_my_{w.wish.one}", **{w.wish.key: lists.pick("id", name=target["name"])})
    prices = sorted(((row["price_cents"], n) for n, row in enumerate(seen.value["entries"])), reverse=True)
    if len(prices) < 2 or prices[0][0] == prices[1][0]:
        raise Unfit("no dearest one")
    wish = f'Which is the most expensive single {w.i.singular} on my {w.wish.singular} "{target["name"]}", going by its price for one?'
    return task(script, wish, answer=[seen.ref(f".entries[{prices[0][1]}].{w.i.one}_name")])
