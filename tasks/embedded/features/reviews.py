"""Reviews of items, with votes on whether they helped."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Desk, Part, Studio, task


def build(studio: Studio) -> Part:
    """Two tables, five tools, four ideas."""
    return Part(
        ddl=_ddl(studio),
        rows=_rows(studio),
        tools=(*_reading(studio), *_changing(studio)),
        ideas=(_write, _rerate, _delete, _best),
        intentions=_intentions(studio),
    )


def _ddl(studio: Studio) -> tuple[str, ...]:
    review, item, person = studio.term("reviews"), studio.term("item"), studio.term("person")
    return (
        f"""CREATE TABLE {review.table} (
  id INTEGER PRIMARY KEY,
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
  body TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE ({item.key}, {person.key})
);""",
        f"""CREATE TABLE {review.one}_votes (
  {review.key} INTEGER NOT NULL REFERENCES {review.table}(id) ON DELETE CASCADE,
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  helpful INTEGER NOT NULL CHECK (helpful IN (0, 1)),
  PRIMARY KEY ({review.key}, {person.key})
);""",
    )


def _rows(studio: Studio) -> tuple[TableRows, ...]:
    review, item, person, rng = studio.term("reviews"), studio.term("item"), studio.term("person"), studio.rng
    pairs = rng.sample([(i, p) for i in range(1, len(studio.items) + 1) for p in range(1, len(studio.people) + 1)], 16)
    mine = [(i, 1) for i in rng.sample(range(1, len(studio.items) + 1), 3)]
    pairs = list(dict.fromkeys([*mine, *pairs]))[:16]
    reviews = tuple(
        (n, i, p, rng.randint(1, 5), rng.choice(studio.domain.remarks), studio.moment(-90, -2)) for n, (i, p) in enumerate(pairs, 1)
    )
    voters = [(n, v) for n, (_, p) in enumerate(pairs, 1) for v in range(2, len(studio.people) + 1) if v != p]
    votes = tuple((n, v, rng.choice((0, 1, 1))) for n, v in sorted(rng.sample(voters, 14)))
    return (
        TableRows(table=review.table, columns=("id", item.key, person.key, "rating", "body", "created_at"), rows=reviews),
        TableRows(table=f"{review.one}_votes", columns=(review.key, person.key, "helpful"), rows=votes),
    )


def _reading(studio: Studio) -> tuple[dict[str, Any], ...]:
    review, item, person = studio.term("reviews"), studio.term("item"), studio.term("person")
    return (
        {
            "name": f"list_{item.one}_{review.many}",
            "description": f"{review.plural.capitalize()} of one {item.singular}, newest first, with the number of people who found each helpful.",
            "parameters": {item.key: f"integer: Id of the {item.singular}."},
            "program": [
                {
                    "require": f"SELECT 1 AS known FROM {item.table} WHERE id = :{item.key}",
                    "error": "not_found",
                    "message": f"There is no {item.singular} {{{item.key}}}.",
                },
                {
                    "return": f"SELECT r.id, p.full_name AS author, r.rating, r.body, r.created_at, (SELECT COUNT(*) FROM {review.one}_votes v WHERE v.{review.key} = r.id AND v.helpful = 1) AS helpful_votes "
                    f"FROM {review.table} r JOIN {person.table} p ON p.id = r.{person.key} WHERE r.{item.key} = :{item.key} ORDER BY r.created_at DESC, r.id",
                    "shape": "many",
                },
            ],
        },
        {
            "name": f"list_my_{review.many}",
            "description": f"The {review.plural} that you wrote, newest first.",
            "parameters": {},
            "program": [
                {
                    "return": f"SELECT r.id, i.name AS {item.one}, r.{item.key}, r.rating, r.body, r.created_at FROM {review.table} r JOIN {item.table} i ON i.id = r.{item.key} "
                    f"WHERE r.{person.key} = :me ORDER BY r.created_at DESC, r.id",
                    "shape": "many",
                }
            ],
        },
    )


def _changing(studio: Studio) -> tuple[dict[str, Any], ...]:
    review, item, person = studio.term("reviews"), studio.term("item"), studio.term("person")
    mine = {
        "require": f"SELECT rating AS old_rating FROM {review.table} WHERE id = :{review.key} AND {person.key} = :me",
        "error": "not_found",
        "message": f"You have no {review.singular} {{{review.key}}}.",
    }
    shown = {"return": f"SELECT id, {item.key}, rating, body, created_at FROM {review.table} WHERE id = :{review.key}", "shape": "one"}
    return (
        {
            "name": f"write_{review.one}",
            "description": f"Write {review.a} of {item.a}; one {review.singular} per {item.singular}.",
            "parameters": {
                item.key: f"integer: Id of the {item.singular}.",
                "rating": "integer 1..5: Stars.",
                "body": f"text: What the {review.singular} says.",
            },
            "program": [
                {
                    "require": f"SELECT name AS item_name FROM {item.table} WHERE id = :{item.key}",
                    "error": "not_found",
                    "message": f"There is no {item.singular} {{{item.key}}}.",
                },
                {
                    "refuse": f"SELECT id FROM {review.table} WHERE {item.key} = :{item.key} AND {person.key} = :me",
                    "error": "conflict",
                    "message": f"You have already written {review.singular} {{id}} of {{item_name}}.",
                },
                {
                    "run": f"INSERT INTO {review.table} ({item.key}, {person.key}, rating, body, created_at) VALUES (:{item.key}, :me, :rating, :body, :now)",
                    "expect": 1,
                },
                {
                    "return": f"SELECT id, {item.key}, rating, body, created_at FROM {review.table} WHERE {item.key} = :{item.key} AND {person.key} = :me",
                    "shape": "one",
                },
            ],
        },
        {
            "name": f"change_{review.one}_rating",
            "description": f"Change the stars of one of your {review.plural}.",
            "parameters": {review.key: f"integer: Id of the {review.singular}.", "rating": "integer 1..5: New stars."},
            "program": [mine, {"run": f"UPDATE {review.table} SET rating = :rating WHERE id = :{review.key}", "expect": 1}, shown],
        },
        {
            "name": f"delete_{review.one}",
            "description": f"Delete one of your {review.plural}, with its votes.",
            "parameters": {review.key: f"integer: Id of the {review.singular}."},
            "program": [
                mine,
                {"run": f"DELETE FROM {review.table} WHERE id = :{review.key}", "expect": 1},
                {"return": f"SELECT COUNT(*) AS remaining FROM {review.table} WHERE {person.key} = :me", "shape": "one"},
            ],
        },
    )


def _own(desk: Desk) -> dict[str, Any]:
    review, item, person = (desk.studio.term(role) for role in ("reviews", "item", "person"))
    return desk.one(
        f"SELECT r.id, i.name AS item, r.rating FROM {review.table} r JOIN {item.table} i ON i.id = r.{item.key} WHERE r.{person.key} = 1"
    )


def _write(desk: Desk) -> dict[str, Any]:
    review, item, person = (desk.studio.term(role) for role in ("reviews", "item", "person"))
    target = desk.one(f"SELECT id, name FROM {item.table} WHERE id NOT IN (SELECT {item.key} FROM {review.table} WHERE {person.key} = 1)")
    rating, body = desk.rng.randint(1, 5), desk.rng.choice(desk.studio.domain.remarks)
    script = desk.script()
    found = script.call(f"search_{item.many}", text=target["name"])
    script.call(f"write_{review.one}", **{item.key: found.pick("id", name=target["name"]), "rating": rating, "body": body})
    wish = desk.say(f'Please write {review.a} of "{target["name"]}" for me', f'I want to leave {review.a} of "{target["name"]}"')
    return task(
        script,
        f'{wish}: {rating} out of 5 stars, with exactly this text: "{body}"',
        checks=(
            (
                f"the {review.singular} of {target['name']} is there",
                f"SELECT COUNT(*) = 1 FROM final.{review.table} WHERE {item.key} = {target['id']} AND {person.key} = 1 AND rating = {rating}",
            ),
        ),
        writes=True,
    )


def _rerate(desk: Desk) -> dict[str, Any]:
    review, item = (desk.studio.term(role) for role in ("reviews", "item"))
    target = _own(desk)
    rating = desk.rng.choice([r for r in range(1, 6) if r != target["rating"]])
    script = desk.script()
    listed = script.call(f"list_my_{review.many}")
    script.call(f"change_{review.one}_rating", **{review.key: listed.pick("id", **{item.one: target["item"]}), "rating": rating})
    return task(
        script,
        desk.say(
            f'I changed my mind about "{target["item"]}". Change the rating in my {review.singular} of it to {rating}.',
            f'Set my rating of "{target["item"]}" to {rating} stars.',
        ),
        checks=((f"the rating is {rating}", f"SELECT rating = {rating} FROM final.{review.table} WHERE id = {target['id']}"),),
        writes=True,
    )


def _delete(desk: Desk) -> dict[str, Any]:
    review, item = (desk.studio.term(role) for role in ("reviews", "item"))
    target = _own(desk)
    script = desk.script()
    listed = script.call(f"list_my_{review.many}")
    left = script.call(f"delete_{review.one}", **{review.key: listed.pick("id", **{item.one: target["item"]})})
    return task(
        script,
        f'Delete my {review.singular} of "{target["item"]}" and tell me how many {review.plural} of mine are left.',
        answer=[left.ref(".remaining")],
        checks=((f"the {review.singular} is gone", f"SELECT COUNT(*) = 0 FROM final.{review.table} WHERE id = {target['id']}"),),
        writes=True,
    )


def _best(desk: Desk) -> dict[str, Any]:
    review, item = (desk.studio.term(role) for role in ("reviews", "item"))
    target = desk.one(
        f"SELECT r.{item.key} AS id, i.name FROM {review.table} r JOIN {item.table} i ON i.id = r.{item.key} GROUP BY r.{item.key} "
        "HAVING COUNT(*) > 1 AND SUM(r.rating = (SELECT MAX(x.rating) FROM "
        f"{review.table} x WHERE x.{item.key} = r.{item.key})) = 1"
    )
    script = desk.script()
    found = script.call(f"search_{item.many}", text=target["name"])
    listed = script.call(f"list_{item.one}_{review.many}", **{item.key: found.pick("id", name=target["name"])})
    top = max(listed.value, key=lambda row: row["rating"])
    return task(script, f'Who gave "{target["name"]}" the highest rating?', answer=[listed.pick("author", id=top["id"])])


def _intentions(studio: Studio) -> tuple[str, ...]:
    review, item = studio.term("reviews"), studio.term("item")
    return (
        f"Write {review.a} of {item.a} I used.",
        f"Correct the rating in one of my {review.plural}.",
        f"Find out what others say about {item.a}.",
    )
