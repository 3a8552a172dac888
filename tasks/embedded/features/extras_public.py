"""Small extras that everybody sees: opening hours, tags of items, notices, what staff are trained in."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Desk, Part, Studio, Unfit, spoken_day, task
from tasks.embedded.steps import known, many, one, refuse, require, run, tool

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
TAGS = ("popular", "new", "seasonal", "limited", "recommended", "for beginners", "quiet", "last chance")


def hours(studio: Studio) -> Part:
    """When each place is open."""
    place, rng = studio.term("place"), studio.rng
    table = f"{place.one}_hours"
    rows: list[tuple[int, int, int, str, str, str]] = []
    for p in range(1, len(studio.places) + 1):
        for weekday in sorted(rng.sample(range(1, 7), 4)):
            opens, closes = rng.choice(("07:30", "08:00", "09:00", "10:00")), rng.choice(("16:00", "17:30", "18:00", "20:00"))
            rows.append((len(rows) + 1, p, weekday, DAYS[weekday - 1], opens, closes))
    return Part(
        ddl=(
            f"""CREATE TABLE {table} (
  id INTEGER PRIMARY KEY,
  {place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  day_number INTEGER NOT NULL CHECK (day_number BETWEEN 1 AND 7),
  weekday TEXT NOT NULL,
  opens TEXT NOT NULL,
  closes TEXT NOT NULL,
  UNIQUE ({place.key}, day_number)
);""",
        ),
        rows=(TableRows(table=table, columns=("id", place.key, "day_number", "weekday", "opens", "closes"), rows=tuple(rows)),),
        tools=(
            tool(
                f"list_{place.one}_hours",
                f"When one {place.singular} is open; closed on the other days.",
                {place.key: f"integer: Id of the {place.singular}."},
                known(place),
                many(f"SELECT weekday, opens, closes FROM {table} WHERE {place.key} = :{place.key} ORDER BY day_number"),
            ),
        ),
        ideas=(lambda desk: _closing(desk, table), lambda desk: _days(desk, table)),
        intentions=(f"Tell me when a given {place.singular} opens and closes on a given day of the week.",),
    )


def _closing(desk: Desk, table: str) -> dict[str, Any]:
    place = desk.studio.term("place")
    target = desk.one(f"SELECT p.name, h.weekday FROM {table} h JOIN {place.table} p ON p.id = h.{place.key} ORDER BY h.id")
    script = desk.script()
    places = script.call(f"list_{place.many}")
    listed = script.call(f"list_{place.one}_hours", **{place.key: places.pick("id", name=target["name"])})
    where = {"weekday": target["weekday"]}
    return task(
        script,
        desk.say(
            f"When does {target['name']} open and close on a {target['weekday']}?",
            f"I want to come to {target['name']} on a {target['weekday']}. What are the opening hours that day?",
        ),
        answer=[listed.pick("opens", **where), listed.pick("closes", **where)],
    )


def _days(desk: Desk, table: str) -> dict[str, Any]:
    place = desk.studio.term("place")
    target = desk.one(f"SELECT name FROM {place.table} ORDER BY id")
    script = desk.script()
    places = script.call(f"list_{place.many}")
    listed = script.call(f"list_{place.one}_hours", **{place.key: places.pick("id", name=target["name"])})
    if not listed.value:
        raise Unfit("never open")
    return task(
        script,
        f"On which days of the week is {target['name']} open?",
        answer=[listed.ref(f"[{n}].weekday") for n in range(len(listed.value))],
    )


def tags(studio: Studio) -> Part:
    """Words that items are marked with."""
    item, rng = studio.term("item"), studio.rng
    table, used = f"{item.one}_tags", rng.sample(TAGS, 5)
    rows = tuple((i, tag) for i in range(1, len(studio.items) + 1) for tag in sorted(rng.sample(used, rng.choice((0, 1, 1, 2)))))
    return Part(
        ddl=(
            f"""CREATE TABLE {table} (
  {item.key} INTEGER NOT NULL REFERENCES {item.table}(id),
  tag TEXT NOT NULL,
  PRIMARY KEY ({item.key}, tag)
);""",
        ),
        rows=(TableRows(table=table, columns=(item.key, "tag"), rows=rows),),
        tools=(
            tool(
                f"list_{item.one}_tags",
                f"Every tag that {item.plural} are marked with, and on how many.",
                {},
                many(f"SELECT tag, COUNT(*) AS {item.one}_count FROM {table} GROUP BY tag ORDER BY tag"),
            ),
            tool(
                f"list_tagged_{item.many}",
                f"The {item.plural} that are marked with a tag, cheapest first.",
                {"tag": f"text: The tag, as list_{item.one}_tags returns it."},
                require(f"SELECT COUNT(*) AS tag_uses FROM {table} WHERE tag = :tag HAVING COUNT(*) > 0", "Nothing is tagged {tag}."),
                many(
                    f"SELECT i.id, i.name, i.price_cents FROM {table} t JOIN {item.table} i ON i.id = t.{item.key} WHERE t.tag = :tag ORDER BY i.price_cents, i.id"
                ),
            ),
        ),
        ideas=(lambda desk: _tagged(desk, table), lambda desk: _cheapest_tagged(desk, table)),
        intentions=(f"Find the cheapest of the {item.plural} that are marked with a given tag.",),
    )


def _tagged(desk: Desk, table: str) -> dict[str, Any]:
    item = desk.studio.term("item")
    target = desk.one(f"SELECT tag FROM {table} GROUP BY tag HAVING COUNT(*) <= 4 ORDER BY tag")["tag"]
    script = desk.script()
    script.call(f"list_{item.one}_tags")
    listed = script.call(f"list_tagged_{item.many}", tag=target)
    return task(
        script,
        f'Which {item.plural} carry the tag "{target}"? Name all of them.',
        answer=[listed.ref(f"[{n}].name") for n in range(len(listed.value))],
    )


def _cheapest_tagged(desk: Desk, table: str) -> dict[str, Any]:
    item = desk.studio.term("item")
    target = desk.one(f"SELECT tag FROM {table} GROUP BY tag HAVING COUNT(*) > 1 ORDER BY tag")["tag"]
    script = desk.script()
    script.call(f"list_{item.one}_tags")
    listed = script.call(f"list_tagged_{item.many}", tag=target)
    if listed.value[0]["price_cents"] == listed.value[1]["price_cents"]:
        raise Unfit("no single cheapest")
    return task(
        script,
        f'Of the {item.plural} tagged "{target}", which is the cheapest and what does it cost?',
        answer=[listed.ref("[0].name"), listed.ref("[0].price_cents")],
    )


def notices(studio: Studio) -> Part:
    """Notices of the house, and who has acknowledged them."""
    person, place, rng = studio.term("person"), studio.term("place"), studio.rng
    subjects = ("Closed for stocktaking", "New opening hours", "Car park under repair", "Open day", "Change of prices", "Water shut off")
    held = tuple(
        (
            n,
            title,
            f"{title}: please take note from {spoken_day(studio.day(2, 20))} on.",
            rng.randint(1, len(studio.places)),
            studio.day(-25, -1),
        )
        for n, title in enumerate(rng.sample(subjects, 5), 1)
    )
    pairs = sorted({(rng.randint(1, 5), rng.randint(2, len(studio.people))) for _ in range(9)} | {(rng.randint(1, 5), 1)})
    return Part(
        ddl=(
            f"""CREATE TABLE notices (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  {place.key} INTEGER NOT NULL REFERENCES {place.table}(id),
  posted_on TEXT NOT NULL
);""",
            f"""CREATE TABLE notice_receipts (
  notice_id INTEGER NOT NULL REFERENCES notices(id),
  {person.key} INTEGER NOT NULL REFERENCES {person.table}(id),
  PRIMARY KEY (notice_id, {person.key})
);""",
        ),
        rows=(
            TableRows(table="notices", columns=("id", "title", "body", place.key, "posted_on"), rows=held),
            TableRows(table="notice_receipts", columns=("notice_id", person.key), rows=tuple(pairs)),
        ),
        tools=_notice_tools(studio),
        ideas=(_acknowledge, _unseen),
        intentions=("Acknowledge the newest notice that I have not acknowledged yet.",),
    )


def _notice_tools(studio: Studio) -> tuple[dict[str, Any], ...]:
    person, place = studio.term("person"), studio.term("place")
    seen = f"(SELECT COUNT(*) FROM notice_receipts r WHERE r.notice_id = n.id AND r.{person.key} = :me)"
    head = f"SELECT n.id, n.title, n.body, p.name AS {place.one}, n.posted_on, {seen} AS acknowledged FROM notices n JOIN {place.table} p ON p.id = n.{place.key}"
    return (
        tool(
            "list_notices",
            "Notices, newest first, and whether you have acknowledged them.",
            {},
            many(f"{head} ORDER BY n.posted_on DESC, n.id"),
        ),
        tool(
            "acknowledge_notice",
            "Acknowledge a notice.",
            {"notice_id": "integer: Id of the notice, as list_notices returns it."},
            require("SELECT title AS notice_title FROM notices WHERE id = :notice_id", "There is no notice {notice_id}."),
            refuse(
                f"SELECT 1 AS done FROM notice_receipts WHERE notice_id = :notice_id AND {person.key} = :me",
                "You have acknowledged it already.",
            ),
            run(f"INSERT INTO notice_receipts (notice_id, {person.key}) VALUES (:notice_id, :me)"),
            one(f"{head} WHERE n.id = :notice_id"),
        ),
    )


def _acknowledge(desk: Desk) -> dict[str, Any]:
    key = desk.studio.term("person").key
    target = desk.one(f"SELECT id, title FROM notices WHERE id NOT IN (SELECT notice_id FROM notice_receipts WHERE {key} = 1) ORDER BY id")
    script = desk.script()
    listed = script.call("list_notices")
    script.call("acknowledge_notice", notice_id=listed.pick("id", title=target["title"]))
    return task(
        script,
        desk.say(
            f'I have read the notice "{target["title"]}". Acknowledge it for me.',
            f'Please acknowledge the notice "{target["title"]}" in my name.',
        ),
        checks=(("it is acknowledged", f"SELECT COUNT(*) = 1 FROM final.notice_receipts WHERE notice_id = {target['id']} AND {key} = 1"),),
        writes=True,
    )


def _unseen(desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call("list_notices")
    unseen = [n for n, row in enumerate(listed.value) if not row["acknowledged"]]
    if not unseen:
        raise Unfit("all are acknowledged")
    return task(
        script, "Which notices have I not acknowledged yet? Give me their titles.", answer=[listed.ref(f"[{n}].title") for n in unseen]
    )


def skills(studio: Studio) -> Part:
    """Which groups of items each member of staff is trained in."""
    staff, group, rng = studio.term("staff"), studio.term("group"), studio.rng
    table, count = f"{staff.one}_skills", len(studio.domain.groups)
    rows = tuple(
        (s, g, rng.choice(("basic", "full", "expert")))
        for s in range(1, len(studio.staff) + 1)
        for g in sorted(rng.sample(range(1, count + 1), 2))
    )
    return Part(
        ddl=(
            f"""CREATE TABLE {table} (
  {staff.key} INTEGER NOT NULL REFERENCES {staff.table}(id),
  {group.key} INTEGER NOT NULL REFERENCES {group.table}(id),
  level TEXT NOT NULL CHECK (level IN ('basic', 'full', 'expert')),
  PRIMARY KEY ({staff.key}, {group.key})
);""",
        ),
        rows=(TableRows(table=table, columns=(staff.key, group.key, "level"), rows=rows),),
        tools=(
            tool(
                f"list_skilled_{staff.many}",
                f"The {staff.plural} who are trained in one {group.singular}, by name.",
                {group.key: f"integer: Id of the {group.singular}.", "level": "one of basic|full|expert?: Only this level."},
                known(group),
                many(
                    f"SELECT s.id, s.full_name, k.level FROM {table} k JOIN {staff.table} s ON s.id = k.{staff.key} WHERE k.{group.key} = :{group.key} AND (:level IS NULL OR k.level = :level) ORDER BY s.full_name"
                ),
            ),
        ),
        ideas=(lambda desk: _skilled(desk, table),),
        intentions=(f"Find out which {staff.plural} are experts in a given {group.singular}.",),
    )


def _skilled(desk: Desk, table: str) -> dict[str, Any]:
    staff, group = desk.studio.term("staff"), desk.studio.term("group")
    target = desk.one(
        f"SELECT g.name, k.level FROM {table} k JOIN {group.table} g ON g.id = k.{group.key} GROUP BY g.id, k.level ORDER BY g.id, k.level"
    )
    script = desk.script()
    groups = script.call(f"list_{group.many}")
    listed = script.call(f"list_skilled_{staff.many}", **{group.key: groups.pick("id", name=target["name"]), "level": target["level"]})
    word = {"basic": "basic training", "full": "full training", "expert": "expert level"}[target["level"]]
    return task(
        script,
        f'Which {staff.plural} have {word} in the {group.singular} "{target["name"]}"?',
        answer=[listed.ref(f"[{n}].full_name") for n in range(len(listed.value))],
    )
