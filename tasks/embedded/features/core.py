"""What every world has: the people who use it, staff, places, groups and items.

Other features may rely on these tables (named by the terms' plurals) and columns:

    people  id, full_name, email, phone, city, joined_on                 row 1 is the signed-in user
    places  id, name, city, street, capacity
    staff   id, full_name, role, <place>_id
    groups  id, name, position
    items   id, name, <group>_id, price_cents, <attribute>, is_active    ids from 1 in the order of `studio.items`

and on these tools: get_my_profile, update_my_profile, list_<groups>, search_<items>, get_<item>, list_<places>, list_<staff>.
"""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded import names
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features import core_ideas
from tasks.embedded.steps import known, many, one, run, tool


def build(studio: Studio) -> Part:
    """Five tables, seven tools, ten ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=_rows(studio),
        tools=(*_reading(studio), _update_profile(studio)),
        ideas=core_ideas.ideas(studio),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    person, staff, item, place, group = (studio.term(role) for role in ("person", "staff", "item", "place", "group"))
    attribute = studio.domain.attribute
    kind = "INTEGER" if isinstance(attribute.values[0], int) else "TEXT"
    return (
        f"""CREATE TABLE {person.table} (
  id INTEGER PRIMARY KEY,
  full_name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  phone TEXT NOT NULL,
  city TEXT NOT NULL,
  joined_on TEXT NOT NULL
);""",
        f"""CREATE TABLE {place.table} (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  street TEXT NOT NULL,
  capacity INTEGER NOT NULL CHECK (capacity > 0)
);""",
        f"""CREATE TABLE {staff.table} (
  id INTEGER PRIMARY KEY,
  full_name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  {place.key} INTEGER NOT NULL REFERENCES {place.table}(id)
);""",
        f"""CREATE TABLE {group.table} (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  position INTEGER NOT NULL UNIQUE
);""",
        f"""CREATE TABLE {item.table} (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  {group.key} INTEGER NOT NULL REFERENCES {group.table}(id),
  price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
  {attribute.name} {kind} NOT NULL,
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1))
);""",
    )


def _rows(studio: Studio) -> tuple[TableRows, ...]:
    domain, rng = studio.domain, studio.rng
    person, staff, item, place, group = (studio.term(role) for role in ("person", "staff", "item", "place", "group"))
    towns = rng.sample(names.TOWNS, 6)
    group_of = {i.name: domain.groups.index(i.group) + 1 for i in domain.items}
    resting = set(rng.sample(range(1, len(studio.items) + 1), 2))
    return (
        TableRows(
            table=person.table,
            columns=("id", "full_name", "email", "phone", "city", "joined_on"),
            rows=tuple(
                (n, name, names.email(name), names.phone(rng), rng.choice(towns), studio.day(-900, -40))
                for n, name in enumerate(studio.people, 1)
            ),
        ),
        TableRows(
            table=place.table,
            columns=("id", "name", "city", "street", "capacity"),
            rows=tuple(
                (n, name, rng.choice(towns), f"{rng.randint(1, 90)} {rng.choice(names.STREETS)}", capacity)
                for (n, name), capacity in zip(enumerate(studio.places, 1), rng.sample(range(6, 40, 2), len(studio.places)), strict=True)
            ),
        ),
        TableRows(
            table=staff.table,
            columns=("id", "full_name", "role", place.key),
            rows=tuple((n, name, rng.choice(domain.roles), rng.randint(1, len(studio.places))) for n, name in enumerate(studio.staff, 1)),
        ),
        TableRows(
            table=group.table, columns=("id", "name", "position"), rows=tuple((n, name, n) for n, name in enumerate(domain.groups, 1))
        ),
        TableRows(
            table=item.table,
            columns=("id", "name", group.key, "price_cents", domain.attribute.name, "is_active"),
            rows=tuple(
                (n, name, group_of[name], price, rng.choice(domain.attribute.values), int(n not in resting))
                for n, (name, price) in enumerate(studio.items, 1)
            ),
        ),
    )


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    person, staff, place, group = (studio.term(role) for role in ("person", "staff", "place", "group"))
    return (
        tool(
            "get_my_profile",
            f"The {person.singular} who is signed in.",
            {},
            one(f"SELECT id, full_name, email, phone, city, joined_on FROM {person.table} WHERE id = :me"),
        ),
        tool(
            f"list_{group.many}",
            f"Every one of the {group.plural}, in order.",
            {},
            many(f"SELECT id, name, position FROM {group.table} ORDER BY position"),
        ),
        tool(
            f"list_{place.many}",
            f"All {place.plural} with their addresses.",
            {},
            many(f"SELECT id, name, city, street, capacity FROM {place.table} ORDER BY name"),
        ),
        tool(
            f"list_{staff.many}",
            f"The {staff.plural}, of one {place.singular} or of all, by name.",
            {place.key: f"integer?: Only those at this {place.singular}."},
            many(
                f"SELECT s.id, s.full_name, s.role, p.name AS {place.one} FROM {staff.table} s JOIN {place.table} p ON p.id = s.{place.key} "
                f"WHERE :{place.key} IS NULL OR s.{place.key} = :{place.key} ORDER BY s.full_name"
            ),
        ),
        *_item_tools(studio),
    )


def _item_tools(studio: Studio) -> tuple[dict[str, Any], ...]:
    item, group, attribute = studio.term("item"), studio.term("group"), studio.domain.attribute
    columns = f"i.id, i.name, g.name AS {group.one}, i.price_cents, i.{attribute.name}, i.is_active"
    joined = f"FROM {item.table} i JOIN {group.table} g ON g.id = i.{group.key}"
    return (
        tool(
            f"search_{item.many}",
            f"Find {item.plural} by part of the name, {group.singular} or price, cheapest first; without filters, all of them.",
            {
                "text": "text?: Part of the name, any case.",
                group.key: f"integer?: Only this {group.singular}.",
                "max_price_cents": "integer 0..?: Highest price.",
                "limit": "integer 1..100? = 50: Most results.",
            },
            many(
                f"SELECT {columns} {joined} WHERE (:text IS NULL OR instr(lower(i.name), lower(:text)) > 0) AND (:{group.key} IS NULL OR i.{group.key} = :{group.key}) "
                "AND (:max_price_cents IS NULL OR i.price_cents <= :max_price_cents) ORDER BY i.price_cents, i.id LIMIT :limit"
            ),
        ),
        tool(
            f"get_{item.one}",
            f"Everything about one {item.singular}.",
            {item.key: f"integer: Id of the {item.singular}."},
            known(item),
            one(f"SELECT {columns} {joined} WHERE i.id = :{item.key}"),
        ),
    )


def _update_profile(studio: Studio) -> dict[str, Any]:
    person = studio.term("person")
    return tool(
        "update_my_profile",
        "Change your phone number, your city, or both; what is left out stays.",
        {"phone": "text?: New phone number.", "city": "text?: New city."},
        run(f"UPDATE {person.table} SET phone = COALESCE(:phone, phone), city = COALESCE(:city, city) WHERE id = :me"),
        one(f"SELECT id, full_name, email, phone, city FROM {person.table} WHERE id = :me"),
    )


def _intentions(studio: Studio) -> tuple[str, ...]:
    item, place, staff, group = (studio.term(role) for role in ("item", "place", "staff", "group"))
    return (
        f"Find the cheapest of the {item.plural} in one {group.singular} and tell me what it costs.",
        "Change the phone number and the city in my profile after I have moved house.",
        f"Find out which {staff.plural} work at a given {place.singular} and what their roles are.",
        f"Compare two {item.plural} by price and by {studio.domain.attribute.label}.",
    )
