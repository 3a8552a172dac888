"""Small extras that belong to a person: preferences, addresses, emergency contacts."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded import names
from tasks.embedded.feature import Desk, Part, Studio, quoted, task
from tasks.embedded.steps import fresh, many, one, refuse, require, run, tool

CHANNELS = ("email", "phone", "post")
LABELS = ("Home", "Work", "Parents", "Summer house", "Studio")
RELATIONS = ("partner", "parent", "sibling", "friend", "neighbour")


def preferences(studio: Studio) -> Part:
    """How a person wants to be reached; one row each."""
    person = studio.term("person")
    table = f"{person.one}_preferences"
    shown = one(f"SELECT channel, newsletter, language FROM {table} WHERE {person.key} = :me")
    return Part(
        ddl=(
            f"""CREATE TABLE {table} (
  {person.key} INTEGER PRIMARY KEY REFERENCES {person.table}(id),
  channel TEXT NOT NULL CHECK (channel IN ('email', 'phone', 'post')),
  newsletter INTEGER NOT NULL CHECK (newsletter IN (0, 1)),
  language TEXT NOT NULL
);""",
        ),
        rows=(
            TableRows(
                table=table,
                columns=(person.key, "channel", "newsletter", "language"),
                rows=tuple(
                    (n, studio.rng.choice(CHANNELS), studio.rng.randint(0, 1), studio.rng.choice(("English", "Welsh", "French")))
                    for n in range(1, len(studio.people) + 1)
                ),
            ),
        ),
        tools=(
            tool("get_my_preferences", "How you want to be reached.", {}, shown),
            tool(
                "update_my_preferences",
                "Change how you want to be reached; what is left out stays.",
                {
                    "channel": "one of email|phone|post?: How.",
                    "newsletter": "boolean?: Whether to send the newsletter.",
                    "language": "text?: Language.",
                },
                run(
                    f"UPDATE {table} SET channel = COALESCE(:channel, channel), newsletter = COALESCE(:newsletter, newsletter), language = COALESCE(:language, language) WHERE {person.key} = :me"
                ),
                shown,
            ),
        ),
        ideas=(lambda desk: _reach(desk, table), lambda desk: _newsletter(desk, table), _channel),
        intentions=("Have me reached by post instead of by telephone and stop the newsletter.",),
    )


def _reach(desk: Desk, table: str) -> dict[str, Any]:
    key = desk.studio.term("person").key
    now = desk.one(f"SELECT channel FROM {table} WHERE {key} = 1")["channel"]
    channel = desk.rng.choice([c for c in CHANNELS if c != now])
    script = desk.script()
    script.call("get_my_preferences")
    script.call("update_my_preferences", channel=channel)
    return task(
        script,
        desk.say(
            f"From now on I want to be reached by {channel}. Please change that in my preferences.",
            f"Please contact me by {channel} in future.",
        ),
        checks=((f"reached by {channel}", f"SELECT channel = '{channel}' FROM final.{table} WHERE {key} = 1"),),
        writes=True,
    )


def _newsletter(desk: Desk, table: str) -> dict[str, Any]:
    key = desk.studio.term("person").key
    now = desk.one(f"SELECT newsletter FROM {table} WHERE {key} = 1")["newsletter"]
    language = desk.rng.choice(("Spanish", "German", "Italian", "Polish"))
    script = desk.script()
    script.call("get_my_preferences")
    script.call("update_my_preferences", newsletter=not now, language=language)
    wish = "I no longer want the newsletter" if now else "I would like to get the newsletter"
    return task(
        script,
        f"{wish}, and my language should be {language}.",
        checks=(
            ("the newsletter is set", f"SELECT newsletter = {int(not now)} FROM final.{table} WHERE {key} = 1"),
            (f"the language is {language}", f"SELECT language = '{language}' FROM final.{table} WHERE {key} = 1"),
        ),
        writes=True,
    )


def _channel(desk: Desk) -> dict[str, Any]:
    script = desk.script()
    got = script.call("get_my_preferences")
    profile = script.call("get_my_profile")
    return task(
        script,
        "How do you reach me at the moment, in which language, and under which phone number?",
        answer=[got.ref(".channel"), got.ref(".language"), profile.ref(".phone")],
    )


def addresses(studio: Studio) -> Part:
    """Where a person can be visited or sent things; one is the default."""
    person, rng = studio.term("person"), studio.rng
    table = f"{person.one}_addresses"
    rows = [(1, label) for label in rng.sample(LABELS[:4], 3)] + [(p, "Home") for p in range(2, min(7, len(studio.people)) + 1)]
    return Part(
        ddl=(
            f"""CREATE TABLE {table} (
  id INTEGER PRIMARY KEY,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  label TEXT NOT NULL,
  street TEXT NOT NULL,
  city TEXT NOT NULL,
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  UNIQUE ({person.key}, label)
);""",
        ),
        rows=(
            TableRows(
                table=table,
                columns=("id", person.key, "label", "street", "city", "is_default"),
                rows=tuple(
                    (n, p, label, f"{rng.randint(1, 99)} {rng.choice(names.STREETS)}", rng.choice(names.TOWNS), int(p > 1 or n == 1))
                    for n, (p, label) in enumerate(rows, 1)
                ),
            ),
        ),
        tools=_address_tools(studio, table),
        ideas=(lambda desk: _default_address(desk, table), lambda desk: _new_address(desk, table), _which_address),
        intentions=("Add a new address to my profile and make it the default one.",),
    )


def _address_tools(studio: Studio, table: str) -> tuple[dict[str, Any], ...]:
    key = studio.term("person").key
    mine = require(f"SELECT label AS old_label FROM {table} WHERE id = :address_id AND {key} = :me", "You have no address {address_id}.")
    shown = one(f"SELECT id, label, street, city, is_default FROM {table} WHERE id = :address_id")
    which = {"address_id": "integer: Id of the address, as list_my_addresses returns it."}
    return (
        tool(
            "list_my_addresses",
            "Your addresses; the default one first.",
            {},
            many(f"SELECT id, label, street, city, is_default FROM {table} WHERE {key} = :me ORDER BY is_default DESC, id"),
        ),
        tool(
            "add_address",
            "Add an address under a label that you do not use yet.",
            {"label": "text: What you call it.", "street": "text: Number and street.", "city": "text: City."},
            refuse(f"SELECT id FROM {table} WHERE {key} = :me AND label = :label", "Your address {id} has this label already."),
            fresh(table, "address_id"),
            run(f"INSERT INTO {table} (id, {key}, label, street, city, is_default) VALUES (:address_id, :me, :label, :street, :city, 0)"),
            shown,
        ),
        tool(
            "set_default_address",
            "Make one of your addresses the default.",
            which,
            mine,
            run(f"UPDATE {table} SET is_default = (id = :address_id) WHERE {key} = :me", None),
            shown,
        ),
    )


def _default_address(desk: Desk, table: str) -> dict[str, Any]:
    target = desk.one(f"SELECT id, label FROM {table} WHERE {desk.studio.term('person').key} = 1 AND is_default = 0 ORDER BY id")
    script = desk.script()
    listed = script.call("list_my_addresses")
    script.call("set_default_address", address_id=listed.pick("id", label=target["label"]))
    return task(
        script,
        desk.say(
            f'Make the address that I call "{target["label"]}" my default.',
            f'My address "{target["label"]}" should be the default one from now on.',
        ),
        checks=((f"{target['label']} is the default", f"SELECT is_default = 1 FROM final.{table} WHERE id = {target['id']}"),),
        writes=True,
    )


def _new_address(desk: Desk, table: str) -> dict[str, Any]:
    key = desk.studio.term("person").key
    label = desk.rng.choice(("Office", "Weekend", "Aunt Ida", "Workshop"))
    street, city = f"{desk.rng.randint(1, 99)} {desk.rng.choice(names.STREETS)}", desk.rng.choice(names.TOWNS)
    script = desk.script()
    made = script.call("add_address", label=label, street=street, city=city)
    script.call("set_default_address", address_id=made.ref(".id"))
    return task(
        script,
        f'Add the address {street}, {city} under the label "{label}" and make it my default.',
        checks=(
            (
                f"{label} is the default",
                f"SELECT COUNT(*) = 1 FROM final.{table} WHERE {key} = 1 AND label = {quoted(label)} AND street = {quoted(street)} AND city = {quoted(city)} AND is_default = 1",
            ),
        ),
        writes=True,
    )


def _which_address(desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call("list_my_addresses")
    return task(
        script,
        "Which of my addresses is the default? Tell me its label, street and city.",
        answer=[listed.ref("[0].label"), listed.ref("[0].street"), listed.ref("[0].city")],
    )


def contacts(studio: Studio) -> Part:
    """Whom to call in an emergency, in order."""
    person, rng = studio.term("person"), studio.rng
    owners = [1, 1, 1, *range(2, min(6, len(studio.people)) + 1)]
    others = [name for name in names.people(rng, len(owners) + 20) if name not in (*studio.people, *studio.staff)]
    rows = tuple((n, p, others[n], rng.choice(RELATIONS), names.phone(rng)) for n, p in enumerate(owners, 1))
    return Part(
        ddl=(
            f"""CREATE TABLE emergency_contacts (
  id INTEGER PRIMARY KEY,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  full_name TEXT NOT NULL,
  relation TEXT NOT NULL,
  phone TEXT NOT NULL,
  UNIQUE ({person.key}, full_name)
);""",
        ),
        rows=(TableRows(table="emergency_contacts", columns=("id", person.key, "full_name", "relation", "phone"), rows=rows),),
        tools=_contact_tools(person.key),
        ideas=(_contact_phone, _remove_contact, _contacts),
        intentions=("Correct the phone number of one of my emergency contacts.",),
    )


def _contact_tools(key: str) -> tuple[dict[str, Any], ...]:
    which = {"contact_id": "integer: Id of the contact, as list_my_emergency_contacts returns it."}
    mine = require(
        f"SELECT full_name AS contact_name FROM emergency_contacts WHERE id = :contact_id AND {key} = :me",
        "You have no contact {contact_id}.",
    )
    return (
        tool(
            "list_my_emergency_contacts",
            "Whom to call in an emergency.",
            {},
            many(f"SELECT id, full_name, relation, phone FROM emergency_contacts WHERE {key} = :me ORDER BY full_name, id"),
        ),
        tool(
            "set_emergency_contact_phone",
            "Change the phone number of one of your emergency contacts.",
            {**which, "phone": "text: The new number."},
            mine,
            run("UPDATE emergency_contacts SET phone = :phone WHERE id = :contact_id"),
            one("SELECT id, full_name, phone FROM emergency_contacts WHERE id = :contact_id"),
        ),
        tool(
            "remove_emergency_contact",
            "Remove one of your emergency contacts.",
            which,
            mine,
            run("DELETE FROM emergency_contacts WHERE id = :contact_id"),
            one(f"SELECT COUNT(*) AS remaining FROM emergency_contacts WHERE {key} = :me"),
        ),
    )


def _contact(desk: Desk) -> dict[str, Any]:
    return desk.one(f"SELECT id, full_name FROM emergency_contacts WHERE {desk.studio.term('person').key} = 1 ORDER BY id")


def _contact_phone(desk: Desk) -> dict[str, Any]:
    target, phone = _contact(desk), names.phone(desk.rng)
    script = desk.script()
    listed = script.call("list_my_emergency_contacts")
    script.call("set_emergency_contact_phone", contact_id=listed.pick("id", full_name=target["full_name"]), phone=phone)
    return task(
        script,
        f"My emergency contact {target['full_name']} has a new number: {phone}. Please note it just like that.",
        checks=(("the number is changed", f"SELECT phone = '{phone}' FROM final.emergency_contacts WHERE id = {target['id']}"),),
        writes=True,
    )


def _remove_contact(desk: Desk) -> dict[str, Any]:
    target = _contact(desk)
    script = desk.script()
    listed = script.call("list_my_emergency_contacts")
    done = script.call("remove_emergency_contact", contact_id=listed.pick("id", full_name=target["full_name"]))
    return task(
        script,
        f"{target['full_name']} should no longer be called in an emergency. Remove that contact of mine and tell me how many are left.",
        answer=[done.ref(".remaining")],
        checks=(("the contact is gone", f"SELECT COUNT(*) = 0 FROM final.emergency_contacts WHERE id = {target['id']}"),),
        writes=True,
    )


def _contacts(desk: Desk) -> dict[str, Any]:
    target = _contact(desk)
    script = desk.script()
    listed = script.call("list_my_emergency_contacts")
    where = {"full_name": target["full_name"]}
    return task(
        script,
        f"Which number have I given for my emergency contact {target['full_name']}, and what is their relation to me?",
        answer=[listed.pick("phone", **where), listed.pick("relation", **where)],
    )
