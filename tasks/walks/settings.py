"""Values that an instruction gives: real for their column, and different from what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from artifacts.toolset import Tool
from tasks.sql.programs import parameter_schema
from tasks.walks.terrain import Terrain, words

_SENTENCES = (
    "Please call before noon.",
    "Agreed with the team this morning.",
    "Two of them need another look.",
    "Moved because of the weather.",
    "As discussed on the phone.",
    "The side entrance is easier to find.",
    "Everything was in good order.",
    "A colleague will take over on Monday.",
    "Handle with care, the cover is loose.",
    "Better than last time, thank you.",
    "Waiting for the written confirmation.",
    "Checked twice, nothing is missing.",
)
_TITLES = ("Spring", "Weekend", "Second round", "Quiet corner", "Harvest", "Northern", "Evening", "Holiday", "Garden", "Winter stock")
_PEOPLE = ("Ines Varga", "Marek Lind", "Yuki Costa", "Nadia Obi", "Tomas Reyes", "Hanna Weiss", "Leo Marchetti", "Amara Diallo")
_PERSON = re.compile(r"[^\W\d_][\w'’-]+(?: [^\W\d_][\w'’.-]*)+")
_NUMBER = re.compile(r"\d+")


def setting_values(terrain: Terrain, tool: Tool, parameter: str, rng: Random) -> Iterator[Any]:
    """Values for a parameter that is no key, in a random order; the caller takes the first with which the call succeeds."""
    schema = parameter_schema(tool, parameter)
    kinds = schema.get("type")
    kind = next((k for k in kinds if k != "null"), None) if isinstance(kinds, list) else kinds
    stored = _stored(terrain, tool, parameter)
    if schema.get("enum"):
        yield from _shuffled([choice for choice in schema["enum"] if choice is not None], rng)
    elif kind == "boolean":
        yield from _shuffled([True, False], rng)
    elif kind in ("integer", "number"):
        numbers = [v for v in stored if isinstance(v, int | float)]
        yield from _money(schema, numbers, rng) if parameter.endswith("_cents") else _numbers(schema, numbers, rng)
    elif kind == "string":
        yield from _texts(terrain, tool, parameter, [v for v in stored if isinstance(v, str)], rng)


def _stored(terrain: Terrain, tool: Tool, parameter: str) -> list[Any]:
    """What the columns hold that a parameter meets; choices first."""
    values: list[Any] = []
    for link in terrain.links(tool, parameter):
        column = terrain.column(link.table, link.column)
        place = terrain.places.get(link.table)
        values += list(column.choices) if column else []
        values += [row.get(link.column) for row in place.rows.values()] if place else []
    return list(dict.fromkeys(v for v in values if v is not None))


def _shuffled(values: list[Any], rng: Random) -> list[Any]:
    rng.shuffle(values)
    return values


def _money(schema: dict[str, Any], stored: list[Any], rng: Random) -> list[Any]:
    """Round amounts, not greater than what is there; the least that the schema allows only where nothing else fits."""
    least, most = schema.get("minimum", 1), schema.get("maximum", 10**9)
    near = [int(value * share // 100 * 100) for value in stored[:12] for share in (0.5, 0.8, 1.2)]
    found = [value for value in dict.fromkeys((*near, 500, 1_000, 2_500)) if max(least, 100) <= value <= most]
    return [*_shuffled(found, rng)[:6], least]


def _numbers(schema: dict[str, Any], stored: list[Any], rng: Random) -> list[Any]:
    least, most = schema.get("minimum", 1), schema.get("maximum", 10**9)
    near = [value + change for value in stored[:12] for change in ((1, -1, 2) if value < 50 else (value // 10 // 5 * 5 or 5, 50))]
    found = [value for value in dict.fromkeys((*near, 1, 2, 3, 4)) if least <= value <= most]
    return _shuffled(found, rng)[:6]


def _texts(terrain: Terrain, tool: Tool, parameter: str, stored: list[str], rng: Random) -> Iterator[str]:
    links, schema = terrain.links(tool, parameter), parameter_schema(tool, parameter)
    if schema.get("format") in ("date", "date-time") or (stored and all(re.match(r"\d{4}-\d\d-\d\d", v) for v in stored)):
        longer = schema.get("format") == "date-time" or (schema.get("format") is None and len(stored[0]) > 10)
        yield from _dates(terrain, longer, rng)
        return
    columns = [terrain.column(link.table, link.column) for link in links]
    choices = [choice for column in columns if column for choice in column.choices]
    if choices or (links and all(link.relation in ("equals", "compares") for link in links)):
        yield from _shuffled([c for c in (choices or stored) if isinstance(c, str)], rng)[:6]
        return
    least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
    yield from (text for text in _written(parameter, stored, rng) if least <= len(text) <= most)


def _dates(terrain: Terrain, longer: bool, rng: Random) -> Iterator[str]:
    start = datetime.fromisoformat(terrain.bench.draft.clock.start)
    for days in _shuffled([1, 2, 3, 5, 7, 10, 14, 21, 30, 45, -1, -3, -10, -30], rng)[:9]:
        moment = start + timedelta(days=days)
        yield moment.strftime(f"%Y-%m-%d {rng.choice((9, 10, 11, 14, 15, 18)):02d}:00:00" if longer else "%Y-%m-%d")


def _written(parameter: str, stored: list[str], rng: Random) -> Iterator[str]:
    """New text: in the manner of a short column's values, else a sentence."""
    word = parameter.lower()
    if "email" in word:
        yield f"{rng.choice(('ines', 'marek', 'yuki', 'nadia'))}.{rng.choice(('varga', 'lind', 'costa', 'obi'))}@example.org"
    elif "phone" in word or "mobile" in word:
        yield from (_NUMBER.sub(lambda m: f"{(int(m[0]) + 17) % 10 ** len(m[0]):0{len(m[0])}d}", v) for v in stored[:1] or ["555-0142"])
    elif "time" in word and stored and all(re.fullmatch(r"\d\d:\d\d", v) for v in stored):
        yield from _shuffled(["09:30", "10:15", "14:00", "17:45"], rng)
    elif _is_short(parameter, stored):
        yield from _titles(parameter, stored, rng)
    else:
        yield from rng.sample(_SENTENCES, 3)


def _is_short(parameter: str, stored: list[str]) -> bool:
    if re.search(r"(note|body|comment|reason|message|description|text|detail|remark|content|answer|summary)", parameter.lower()):
        return False
    return not stored or sum(map(len, stored)) / len(stored) < 32


def _titles(parameter: str, stored: list[str], rng: Random) -> Iterator[str]:
    """Short texts: a code in its form, a new name for what is named, else what others have there."""
    if stored and all(_NUMBER.search(v) for v in stored):
        for value in rng.sample(stored, min(3, len(stored))):
            yield _NUMBER.sub(lambda m: f"{(int(m[0]) + 31) % 10 ** len(m[0]):0{len(m[0])}d}", value)
        return
    last = words(parameter).split()[-1]
    if last == "name" and _of_people(parameter, stored):
        yield from (name for name in rng.sample(_PEOPLE, 3) if name not in stored)
        return
    named = last in ("name", "title", "label", "subject", "headline")
    if stored and not named:
        yield from rng.sample(stored, min(4, len(stored)))
        return
    for title in rng.sample(_TITLES, 3):
        yield title if named or len(title.split()) > 1 else f"{title} {last}"


def _of_people(parameter: str, stored: list[str]) -> bool:
    """Whether a name is somebody's: by what the parameter says, or by the look of the names that are there."""
    if re.search(r"full|contact|person|holder|guest|patient|player|driver|member|first|last|emergency|owner", parameter.lower()):
        return True
    return bool(stored) and all(_PERSON.fullmatch(value) and value.istitle() and len(value.split()) in (2, 3) for value in stored)
