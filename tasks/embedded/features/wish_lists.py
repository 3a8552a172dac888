"""Wish lists: named lists of items in an order of one's own, private or shared."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.wish_lists_ideas import NAMES, Words, ideas
from tasks.embedded.phrases import among, choice, unless
from tasks.embedded.steps import each, let, many, nested, one, refuse, require, run, tool


def build(studio: Studio) -> Part:
    """Two tables, seven or eight tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("wish_lists"),
        studio.term("person"),
        studio.term("item"),
        rng.choice((("private", "shared"), ("private", "friends", "public"))),
        rng.random() < 0.6,
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _create(w), _add(w), *_leaving(w), *_arranging(w)),
        ideas=ideas(w),
        intentions=(
            f"Keep {w.i.plural} that I would like on {w.wish.a}.",
            f"Share one of my {w.wish.plural} with others.",
            f"Find out what everything on {w.wish.a} would cost.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    note = "\n  note TEXT," if w.notes else ""
    return (
        f"""CREATE TABLE {w.wish.table} (
  id INTEGER PRIMARY KEY,
  {w.p.key} INTEGER NOT NULL REFERENCES {w.p.table}(id),
  name TEXT NOT NULL,
  visibility TEXT NOT NULL DEFAULT 'private' {among("visibility", w.visibilities)},
  created_on TEXT NOT NULL,
  UNIQUE ({w.p.key}, name)
);""",
        f"""CREATE TABLE {w.entries} (
  {w.wish.key} INTEGER NOT NULL REFERENCES {w.wish.table}(id) ON DELETE CASCADE,
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  position INTEGER NOT NULL CHECK (position >= 1),
  quantity INTEGER NOT NULL DEFAULT 1 CHECK (quantity BETWEEN 1 AND 20),{note}
  PRIMARY KEY ({w.wish.key}, {w.i.key})
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    rng = studio.rng
    lists, entries = [], []
    names = rng.sample(NAMES, 4)
    last = min(len(studio.people), 6)
    for n, person in enumerate((1, 1, 1, *range(2, last + 1)), 1):
        name = names[n - 1] if n <= 3 else rng.choice(NAMES)
        lists.append((n, person, name, w.visibilities[-1] if person == last else rng.choice(w.visibilities), studio.day(-200, -5)))
        chosen = rng.sample(range(1, len(studio.items) + 1), (3, 4, 2)[n - 1] if n <= 3 else rng.randint(1, 3))
        for place, item in enumerate(chosen, 1):
            row = (n, item, place, rng.choice((1, 1, 2, 3)))
            entries.append((*row, rng.choice((None, "If the price is right.", "For the spring."))) if w.notes else row)
    columns = (w.wish.key, w.i.key, "position", "quantity")
    return (
        TableRows(table=w.wish.table, columns=("id", w.p.key, "name", "visibility", "created_on"), rows=tuple(lists)),
        TableRows(table=w.entries, columns=(*columns, "note") if w.notes else columns, rows=tuple(entries)),
    )


def _mine(w: Words, key: str = "", columns: str = "name AS list_name") -> dict[str, Any]:
    key = key or w.wish.key
    return require(
        f"SELECT {columns} FROM {w.wish.table} WHERE id = :{key} AND {w.p.key} = :me", f"You have no {w.wish.singular} {{{key}}}."
    )


def _summary(w: Words) -> str:
    return (
        f"SELECT l.id, l.name, l.visibility, l.created_on, (SELECT COUNT(*) FROM {w.entries} e WHERE e.{w.wish.key} = l.id) AS entries, "
        f"(SELECT COALESCE(SUM(e.quantity * i.price_cents), 0) FROM {w.entries} e JOIN {w.i.table} i ON i.id = e.{w.i.key} WHERE e.{w.wish.key} = l.id) AS total_cents FROM {w.wish.table} l"
    )


def _content(w: Words, key: str = "") -> str:
    note = ", e.note" if w.notes else ""
    return f"SELECT e.position, e.{w.i.key}, i.name AS {w.i.one}_name, e.quantity, i.price_cents{note} FROM {w.entries} e JOIN {w.i.table} i ON i.id = e.{w.i.key} WHERE e.{w.wish.key} = :{key or w.wish.key} ORDER BY e.position, e.{w.i.key}"


def _closing_gap(w: Words, key: str, place: str) -> dict[str, Any]:
    return run(f"UPDATE {w.entries} SET position = position - 1 WHERE {w.wish.key} = :{key} AND position > :{place}", None)


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        tool(
            f"list_my_{w.wish.many}",
            f"Your {w.wish.plural} by name, with the number of entries and what all of it would cost.",
            {"visibility": f"{choice(w.visibilities, optional=True)}: Only those with this visibility."},
            many(f"{_summary(w)} WHERE l.{w.p.key} = :me AND (:visibility IS NULL OR l.visibility = :visibility) ORDER BY l.name"),
        ),
        tool(
            f"get_my_{w.wish.one}",
            f"One of your {w.wish.plural} with its entries in order.",
            {w.wish.key: f"integer: Id of the {w.wish.singular}."},
            _mine(w),
            nested(details=one(f"{_summary(w)} WHERE l.id = :{w.wish.key}"), entries=many(_content(w))),
        ),
    )


def _create(w: Words) -> dict[str, Any]:
    return tool(
        f"create_{w.wish.one}",
        f"Create {w.wish.a} with a name that you do not use yet, if you like with {w.i.plural} on it in the order given.",
        {
            "name": "text: Name of the list.",
            "visibility": f"{choice(w.visibilities)}: Who may see it.",
            "item_ids": f"list of integer? = []: Ids of {w.i.plural}, each once.",
        },
        unless("trim(:name) = ''", "The name must not be empty.", "invalid"),
        refuse(
            f"SELECT id AS standing FROM {w.wish.table} WHERE {w.p.key} = :me AND lower(name) = lower(:name)",
            f"You have {w.wish.a} with that name already, {{standing}}.",
        ),
        refuse(
            f"SELECT value AS unknown FROM json_each(:item_ids) WHERE value NOT IN (SELECT id FROM {w.i.table}) ORDER BY key LIMIT 1",
            f"There is no {w.i.singular} {{unknown}}.",
            "not_found",
        ),
        refuse(
            "SELECT value AS twice FROM json_each(:item_ids) GROUP BY value HAVING COUNT(*) > 1 ORDER BY value LIMIT 1",
            f"The {w.i.singular} {{twice}} is named more than once.",
            "invalid",
        ),
        let(f"SELECT COALESCE(MAX(id), 0) + 1 AS new_id FROM {w.wish.table}"),
        run(f"INSERT INTO {w.wish.table} (id, {w.p.key}, name, visibility, created_on) VALUES (:new_id, :me, :name, :visibility, :today)"),
        each(
            "SELECT key + 1 AS place, value AS item FROM json_each(:item_ids) ORDER BY key",
            run(f"INSERT INTO {w.entries} ({w.wish.key}, {w.i.key}, position, quantity) VALUES (:new_id, :item, :place, 1)"),
        ),
        nested(details=one(f"{_summary(w)} WHERE l.id = :new_id"), entries=many(_content(w, "new_id"))),
    )


def _add(w: Words) -> dict[str, Any]:
    note = {"note": "text?: A remark for yourself."} if w.notes else {}
    columns, values = (", note", ", :note") if w.notes else ("", "")
    return tool(
        f"add_to_{w.wish.one}",
        f"Put {w.i.a} at the end of one of your {w.wish.plural}.",
        {
            w.wish.key: f"integer: Id of the {w.wish.singular}.",
            w.i.key: f"integer: Id of the {w.i.singular}.",
            "quantity": "integer 1..20? = 1: How many.",
            **note,
        },
        _mine(w),
        require(f"SELECT name AS item_name FROM {w.i.table} WHERE id = :{w.i.key}", f"There is no {w.i.singular} {{{w.i.key}}}."),
        refuse(
            f"SELECT position AS place FROM {w.entries} WHERE {w.wish.key} = :{w.wish.key} AND {w.i.key} = :{w.i.key}",
            "{item_name} is on that list already, at place {place}.",
        ),
        run(
            f"INSERT INTO {w.entries} ({w.wish.key}, {w.i.key}, position, quantity{columns}) SELECT :{w.wish.key}, :{w.i.key}, COALESCE(MAX(position), 0) + 1, :quantity{values} FROM {w.entries} WHERE {w.wish.key} = :{w.wish.key}"
        ),
        many(_content(w)),
    )


def _leaving(w: Words) -> tuple[dict[str, Any], ...]:
    key, item = {w.wish.key: f"integer: Id of the {w.wish.singular}."}, {w.i.key: f"integer: Id of the {w.i.singular}."}
    on_list = require(
        f"SELECT position AS place FROM {w.entries} WHERE {w.wish.key} = :{w.wish.key} AND {w.i.key} = :{w.i.key}",
        f"The {w.i.singular} {{{w.i.key}}} is not on that list.",
    )
    remove = tool(
        f"remove_from_{w.wish.one}",
        f"Take {w.i.a} off one of your {w.wish.plural}; what follows moves up.",
        {**key, **item},
        _mine(w),
        on_list,
        run(f"DELETE FROM {w.entries} WHERE {w.wish.key} = :{w.wish.key} AND {w.i.key} = :{w.i.key}"),
        _closing_gap(w, w.wish.key, "place"),
        many(_content(w)),
    )
    move = tool(
        f"move_to_other_{w.wish.one}",
        f"Move {w.i.a} from one of your {w.wish.plural} to the end of another.",
        {**key, **item, "target_id": f"integer: Id of the {w.wish.singular} that it goes to."},
        _mine(w),
        _mine(w, "target_id", "name AS target_name"),
        unless(f":target_id = :{w.wish.key}", "It is on {target_name} already.", "invalid"),
        on_list,
        refuse(
            f"SELECT position AS there FROM {w.entries} WHERE {w.wish.key} = :target_id AND {w.i.key} = :{w.i.key}",
            "{target_name} holds it already, at place {there}.",
        ),
        let(f"SELECT COALESCE(MAX(position), 0) + 1 AS last_place FROM {w.entries} WHERE {w.wish.key} = :target_id"),
        run(
            f"UPDATE {w.entries} SET {w.wish.key} = :target_id, position = :last_place WHERE {w.wish.key} = :{w.wish.key} AND {w.i.key} = :{w.i.key}"
        ),
        _closing_gap(w, w.wish.key, "place"),
        many(_content(w, "target_id")),
    )
    return (remove, move)


def _arranging(w: Words) -> tuple[dict[str, Any], ...]:
    key = {w.wish.key: f"integer: Id of the {w.wish.singular}."}
    share = tool(
        f"set_{w.wish.one}_visibility",
        f"Say who may see one of your {w.wish.plural}.",
        {**key, "visibility": f"{choice(w.visibilities)}: Who may see it."},
        _mine(w, columns="visibility AS seen_by"),
        unless(":seen_by = :visibility", "It is {visibility} already."),
        run(f"UPDATE {w.wish.table} SET visibility = :visibility WHERE id = :{w.wish.key}"),
        one(f"{_summary(w)} WHERE l.id = :{w.wish.key}"),
    )
    delete = tool(
        f"delete_{w.wish.one}",
        f"Delete one of your {w.wish.plural} with all its entries.",
        key,
        _mine(w),
        run(f"DELETE FROM {w.wish.table} WHERE id = :{w.wish.key}"),
        one(f"SELECT COUNT(*) AS remaining FROM {w.wish.table} WHERE {w.p.key} = :me"),
    )
    return (share, delete)
