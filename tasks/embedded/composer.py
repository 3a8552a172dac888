"""From a scenario's text to a plan: a domain's words, the features that suit it, and everything they contribute.

Which features, how many of each thing, which optional tools and indexes: all of it follows from the digest of the seed and the
scenario's text, so that equal scenarios give equal plans on any machine and different ones give different worlds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from random import Random
from typing import Any, NamedTuple

from artifacts.world import TableRows
from tasks.embedded import names
from tasks.embedded.chance import stream
from tasks.embedded.domain import Domain
from tasks.embedded.feature import Idea, Part, Studio
from tasks.embedded.features import extras_personal, extras_public
from tasks.embedded.matching import ScenarioText, mentioned, read_scenario
from tasks.embedded.vocabulary import vocabulary

MOST_TABLES = 18
MOST_TOOLS, FEWEST_TOOLS = 36, 26
MOST_ROWS = 290

EXTRAS = {
    "hours": extras_public.hours,
    "tags": extras_public.tags,
    "preferences": extras_personal.preferences,
    "addresses": extras_personal.addresses,
    "contacts": extras_personal.contacts,
    "notices": extras_public.notices,
    "skills": extras_public.skills,
}
"""Small features that fill a world up to its size; each adds one or two tables to the core."""


class Plan(NamedTuple):
    """A whole world before its tasks."""

    scenario: ScenarioText
    domain: Domain
    studio: Studio
    features: tuple[str, ...]
    ddl: tuple[str, ...]
    rows: tuple[TableRows, ...]
    tools: tuple[dict[str, Any], ...]
    ideas: tuple[tuple[str, Idea], ...]
    intentions: tuple[str, ...]
    digest: str


@lru_cache(maxsize=8)
def compose(scenario: str, seed: str = "0") -> Plan:
    """The plan of a scenario, given as the prompts give it ("Name: …", "Category: …", "Description: …")."""
    text = read_scenario(scenario)
    digest = hashlib.sha256(f"{seed}\n{text.name}\n{text.category}\n{text.description}".encode()).hexdigest()
    domain = vocabulary(text, digest)
    studio = _studio(domain, digest)
    chosen = _choose(studio, text, digest)
    studio = studio._replace(features=frozenset(name for name, _ in chosen))
    ddl = tuple(statement for _, part in chosen for statement in part.ddl)
    tools = _thinned(tuple(t for _, part in chosen for t in part.tools), stream(digest, "tools"))
    return Plan(
        scenario=text,
        domain=domain,
        studio=studio,
        features=tuple(name for name, _ in chosen),
        ddl=(*ddl, *_indexes(ddl, stream(digest, "indexes"))),
        rows=_in_order(ddl, (rows for _, part in chosen for rows in part.rows)),
        tools=tools,
        ideas=tuple((name, idea) for name, part in chosen for idea in part.ideas),
        intentions=tuple(sentence for sentences in _across(chosen) for sentence in sentences),
        digest=digest,
    )


def _studio(domain: Domain, digest: str) -> Studio:
    """The core's names: how many people, staff, places and items, and which."""
    rng = stream(digest, "studio")
    count, staff = rng.randint(8, 13), rng.randint(5, 8)
    everyone = names.people(rng, count + staff)
    items = rng.sample(domain.items, min(len(domain.items), rng.randint(12, 18)))
    return Studio(
        domain=domain,
        rng=rng,
        people=tuple(everyone[:count]),
        staff=tuple(everyone[count:]),
        places=tuple(rng.sample(domain.places, min(len(domain.places), rng.randint(3, 5)))),
        items=tuple((item.name, item.price_cents) for item in items),
        features=frozenset(),
    )


def _build(name: str, studio: Studio, digest: str) -> Part:
    build = EXTRAS.get(name) or import_module(f"tasks.embedded.features.{name}").build
    part: Part = build(studio._replace(rng=stream(digest, name)))
    return part


class _Size(NamedTuple):
    tables: int
    tools: int
    rows: int

    def plus(self, part: Part) -> _Size:
        return _Size(self.tables + len(part.rows), self.tools + len(part.tools), self.rows + sum(len(t.rows) for t in part.rows))

    def fits(self) -> bool:
        return self.tables <= MOST_TABLES and self.tools <= MOST_TOOLS + 2 and self.rows <= MOST_ROWS


def _choose(studio: Studio, text: ScenarioText, digest: str) -> list[tuple[str, Part]]:
    """The core, the best features up to a size drawn for this world, and extras as far as they are needed or drawn."""
    rng = stream(digest, "features")
    chosen = [("core", _build("core", studio, digest))]
    size = _Size(0, 0, 0).plus(chosen[0][1])
    goal = rng.randint(12, 15)
    extras = rng.sample(list(EXTRAS), len(EXTRAS))
    wanted = [*_ranked(studio.domain, text, rng)]
    queue = [*extras[: rng.randint(0, 2)], *wanted, *extras]
    for name in queue:
        if any(name == n for n, _ in chosen):
            continue
        if size.tables >= goal and size.tools >= FEWEST_TOOLS:
            break
        part = _build(name, studio, digest)
        after = size.plus(part)
        if after.fits() and not _clashes(part, chosen):
            chosen.append((name, part))
            size = after
    return chosen


def _ranked(domain: Domain, text: ScenarioText, rng: Random) -> list[str]:
    """The domain's features, the most fitting and those that the text speaks of first, shaken by the digest."""
    spoken = mentioned(text, domain)
    keys = {name: place * 0.7 + rng.random() * 5 - (4 if name in spoken else 0) for place, name in enumerate(domain.features)}
    return sorted(keys, key=keys.__getitem__)


def _clashes(part: Part, chosen: list[tuple[str, Part]]) -> bool:
    """Whether the part brings a table or a tool whose name is taken, or one of its own twice."""
    own = [*(t["name"] for t in part.tools), *(f"table {t.table}" for t in part.rows)]
    taken = {name for _, p in chosen for name in (*(t["name"] for t in p.tools), *(f"table {t.table}" for t in p.rows))}
    return len(set(own)) < len(own) or bool(taken & set(own))


def writes(tool: dict[str, Any]) -> bool:
    """Whether a tool draft changes anything."""
    return any("run" in step or "each" in step for step in tool["program"])


def _thinned(tools: tuple[dict[str, Any], ...], rng: Random) -> tuple[dict[str, Any], ...]:
    """Leaves out up to three changing tools, so that equal features do not mean equal toolsets; never below the size."""
    optional = [t["name"] for t in tools if writes(t) and t["name"] != "update_my_profile"]
    most = max(0, len(tools) - MOST_TOOLS)
    count = min(max(most, rng.randint(0, 3)), max(0, len(tools) - FEWEST_TOOLS))
    dropped = set(rng.sample(optional, min(count, len(optional) // 2)))
    return tuple(t for t in tools if t["name"] not in dropped)


_CREATED = re.compile(r"CREATE TABLE (\w+)")
_REFERENCE = re.compile(r"^  (\w+) INTEGER(?: NOT NULL)? REFERENCES", re.MULTILINE)


def _indexes(ddl: tuple[str, ...], rng: Random) -> tuple[str, ...]:
    """Indexes on some foreign keys."""
    columns = [(m.group(1), column) for sql in ddl if (m := _CREATED.match(sql)) for column in _REFERENCE.findall(sql)]
    chosen = rng.sample(columns, min(len(columns), rng.randint(2, 6)))
    return tuple(f"CREATE INDEX idx_{table}_{column} ON {table} ({column});" for table, column in sorted(chosen))


def _in_order(ddl: tuple[str, ...], rows: Iterator[TableRows]) -> tuple[TableRows, ...]:
    """The rows in the order in which their tables are created."""
    order = {m.group(1): n for n, sql in enumerate(ddl) if (m := _CREATED.match(sql))}
    return tuple(sorted(rows, key=lambda table: order[table.table]))


def _across(chosen: list[tuple[str, Part]]) -> Iterator[list[str]]:
    """Intentions by rank: every feature's first, then every feature's second, and so on."""
    longest = max(len(part.intentions) for _, part in chosen)
    for rank in range(longest):
        yield [part.intentions[rank] for _, part in chosen if rank < len(part.intentions)]
