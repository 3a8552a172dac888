"""Ideas for tasks on the core tables: profile, items, groups, places and staff."""

from __future__ import annotations

from typing import Any

from tasks.embedded import names
from tasks.embedded.feature import Desk, Idea, Studio, Unfit, money, task


def ideas(studio: Studio) -> tuple[Idea, ...]:
    """Every idea, bound to the studio's words."""
    makers = (_move, _phone, _cheapest, _priciest, _compare, _count_below, _role, _staff_at, _capacity, _attribute, _move_and_check)
    return tuple(maker(studio) for maker in makers)


def _profile_check(studio: Studio, column: str, value: str) -> tuple[str, str]:
    return (f"my {column} is changed", f"SELECT {column} = '{value}' FROM final.{studio.term('person').table} WHERE id = 1")


def _new_city(desk: Desk) -> str:
    now = desk.one(f"SELECT city FROM {desk.studio.term('person').table} WHERE id = 1")["city"]
    return desk.rng.choice([town for town in names.TOWNS if town != now])


def _move(studio: Studio) -> Idea:
    def idea(desk: Desk) -> dict[str, Any]:
        city = _new_city(desk)
        script = desk.script()
        script.call("update_my_profile", city=city)
        wish = desk.say(f"I have moved to {city}. Please update my profile.", f"Please set the city in my profile to {city}.")
        return task(script, wish, checks=(_profile_check(studio, "city", city),), writes=True)

    return idea


def _phone(studio: Studio) -> Idea:
    def idea(desk: Desk) -> dict[str, Any]:
        phone = names.phone(desk.rng)
        script = desk.script()
        script.call("update_my_profile", phone=phone)
        wish = desk.say(
            f"My new phone number is {phone}, exactly as written here. Please put it in my profile.",
            f"Please change the phone number in my profile to {phone}.",
        )
        return task(script, wish, checks=(_profile_check(studio, "phone", phone),), writes=True)

    return idea


def _move_and_check(studio: Studio) -> Idea:
    place = studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(
            f"SELECT MIN(name) AS name, city FROM {place.table} WHERE city <> (SELECT city FROM {studio.term('person').table} WHERE id = 1) "
            "GROUP BY city HAVING COUNT(*) = 1 ORDER BY city"
        )
        script = desk.script()
        listed = script.call(f"list_{place.many}")
        script.call("update_my_profile", city=target["city"])
        return task(
            script,
            f"I am moving to {target['city']}. Put that in my profile, and tell me the name of the {place.singular} there.",
            answer=[listed.pick("name", city=target["city"])],
            checks=(_profile_check(studio, "city", target["city"]),),
            writes=True,
        )

    return idea


def _extreme(studio: Studio, word: str, order: str) -> Idea:
    item, group = studio.term("item"), studio.term("group")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(
            f"SELECT g.id, g.name, {order}(i.price_cents) AS price FROM {group.table} g JOIN {item.table} i ON i.{group.key} = g.id "
            f"GROUP BY g.id HAVING COUNT(*) > 1 AND SUM(i.price_cents = (SELECT {order}(x.price_cents) FROM {item.table} x WHERE x.{group.key} = g.id)) = 1 ORDER BY g.id"
        )
        script = desk.script()
        groups = script.call(f"list_{group.many}")
        found = script.call(f"search_{item.many}", **{group.key: groups.pick("id", name=target["name"])})
        return task(
            script,
            desk.say(
                f'Which is the {word} of the {item.plural} in the {group.singular} "{target["name"]}", and what does it cost?',
                f'In the {group.singular} "{target["name"]}", what is the {word} {item.singular} and its price?',
            ),
            answer=[found.pick("name", price_cents=target["price"]), found.pick("price_cents", price_cents=target["price"])],
        )

    return idea


def _cheapest(studio: Studio) -> Idea:
    return _extreme(studio, "cheapest", "MIN")


def _priciest(studio: Studio) -> Idea:
    return _extreme(studio, "most expensive", "MAX")


def _two_items(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = desk.rows(f"SELECT id, name, price_cents FROM {desk.studio.term('item').table} ORDER BY id")
    first, second = desk.rng.sample(rows, 2)
    if first["price_cents"] == second["price_cents"]:
        raise Unfit("both cost the same")
    return first, second


def _compare(studio: Studio) -> Idea:
    item = studio.term("item")

    def idea(desk: Desk) -> dict[str, Any]:
        first, second = _two_items(desk)
        script = desk.script()
        found = [script.call(f"search_{item.many}", text=target["name"]) for target in (first, second)]
        cheap = 0 if first["price_cents"] < second["price_cents"] else 1
        name = (first, second)[cheap]["name"]
        return task(
            script,
            f'Which costs less, "{first["name"]}" or "{second["name"]}", and what does the cheaper one cost?',
            answer=[found[cheap].pick("name", name=name), found[cheap].pick("price_cents", name=name)],
        )

    return idea


def _count_below(studio: Studio) -> Idea:
    item = studio.term("item")

    def idea(desk: Desk) -> dict[str, Any]:
        prices = sorted(row["price_cents"] for row in desk.rows(f"SELECT price_cents FROM {item.table}"))
        limit = (prices[desk.rng.randrange(2, len(prices) - 2)] // 100 + 1) * 100
        script = desk.script()
        found = script.call(f"search_{item.many}", max_price_cents=limit)
        return task(
            script,
            desk.say(
                f"How many {item.plural} cost {money(limit)} or less, counting those that are not active too?",
                f"I can spend {money(limit)} at most. How many of all the {item.plural}, active or not, could I afford?",
            ),
            answer=[len(found.value)],
        )

    return idea


def _attribute(studio: Studio) -> Idea:
    item, attribute = studio.term("item"), studio.domain.attribute

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(f"SELECT id, name FROM {item.table} ORDER BY id")
        script = desk.script()
        found = script.call(f"search_{item.many}", text=target["name"])
        got = script.call(f"get_{item.one}", **{item.key: found.pick("id", name=target["name"])})
        return task(
            script,
            f'What is the {attribute.label} of "{target["name"]}", and what does it cost?',
            answer=[got.ref(f".{attribute.name}"), got.ref(".price_cents")],
        )

    return idea


def _role(studio: Studio) -> Idea:
    staff, place = studio.term("staff"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(f"SELECT full_name FROM {staff.table} ORDER BY id")["full_name"]
        script = desk.script()
        listed = script.call(f"list_{staff.many}")
        return task(
            script,
            desk.say(
                f"At which {place.singular} does {target} work, and in what role?",
                f"Where is {target} based, and what is their role there?",
            ),
            answer=[listed.pick(place.one, full_name=target), listed.pick("role", full_name=target)],
        )

    return idea


def _staff_at(studio: Studio) -> Idea:
    staff, place = studio.term("staff"), studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        target = desk.one(f"SELECT id, name FROM {place.table} WHERE id IN (SELECT {place.key} FROM {staff.table}) ORDER BY id")
        script = desk.script()
        places = script.call(f"list_{place.many}")
        listed = script.call(f"list_{staff.many}", **{place.key: places.pick("id", name=target["name"])})
        return task(
            script,
            f"Who works at {target['name']}? Give me every name.",
            answer=[listed.ref(f"[{n}].full_name") for n in range(len(listed.value))],
        )

    return idea


def _capacity(studio: Studio) -> Idea:
    place = studio.term("place")

    def idea(desk: Desk) -> dict[str, Any]:
        top = desk.one(f"SELECT name, capacity FROM {place.table} ORDER BY capacity DESC LIMIT 1")
        script = desk.script()
        listed = script.call(f"list_{place.many}")
        return task(
            script,
            desk.say(
                f"Which of the {place.plural} has the largest capacity, and in which city is it?",
                f"Name the {place.singular} with the most capacity and its city.",
            ),
            answer=[listed.pick("name", name=top["name"]), listed.pick("city", name=top["name"])],
        )

    return idea
