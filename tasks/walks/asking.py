"""Questions: values of results that nobody was told, counts, sums, and what stands beside the greatest of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.sql.lineage import root_of
from tasks.walks.terrain import FactKind, Place, Source, Terrain, words
from tasks.walks.trail import Found, LostWay, Trail, step_of
from tasks.walks.walk import Asked, Selector

MAX_TEXT = 120


def ask(trail: Trail, terrain: Terrain, step: int, selector: int | None) -> None:
    """Asks for one or two values of a result; raises LostWay where there is nothing to ask for."""
    said = {repr(s.value) for found in trail.selectors for s in found.said} | {repr(s.value) for s in trail.settings}
    said |= {repr(asked.value) for asked in trail.asked}
    sources = terrain.sources[trail.steps[step].tool]
    offers = [o for source in sources for o in _offers(source, step, trail, terrain) if repr(o.value) not in said]
    if not offers:
        raise LostWay
    chosen = trail.rng.sample(offers, min(len(offers), trail.rng.choice((1, 1, 2))))
    distinct = {repr(asked.value): asked for asked in chosen}
    trail.asked += [asked.model_copy(update={"selector": selector}) for asked in distinct.values()]


def ask_total(trail: Trail, terrain: Terrain, place: Place, selector: Selector, found: Sequence[Found]) -> None:
    """Asks how many rows a selector names, or what one of their amounts adds up to; raises LostWay where no result is just them."""
    step = step_of(found[0].path)
    sources = [s for s in terrain.sources[trail.steps[step].tool] if s.many and len(s.rows(trail.results[step])) == len(found)]
    if not sources:
        raise LostWay
    source, index = sources[0], found[0].selector
    path = f"{step}{source.path}"
    facts = {fact.home for fact in place.facts if fact.kind == "amount"}
    amounts = [f for f in source.fields if (f.table, f.column) in facts and adds_up(f.name)]
    if amounts and trail.rng.random() < 0.5:
        field = trail.rng.choice(amounts)
        value = sum(row[field.name] or 0 for _, row in source.rows(trail.results[step]))
        asked = Asked(label=f"total {label_of(field.name)}", value=value, reference={"sum": path, "field": field.name}, selector=index)
    else:
        asked = Asked(label=f"number of {plural(selector.noun)}", value=len(found), reference={"count": path}, selector=index)
    trail.asked.append(asked)


_IN_ORDER = re.compile(
    r"(^|_)(number|no|num|year|position|rank|seat|row|floor|line|level|room|platform|gate|lane|sequence|version|rating|score|stars|age|code"
    r"|percent|rate|latitude|longitude)$"
)


def adds_up(name: str) -> bool:
    """Whether a sum of a column's numbers means anything: numbers that name, rank or rate do not add up."""
    return _IN_ORDER.search(name.lower()) is None


def label_of(name: str) -> str:
    """What a result's field is called in a question."""
    return words(name) + (" in cents" if name.endswith("_cents") else "")


def plural(noun: str) -> str:
    """A noun for several; nothing for nothing."""
    if not noun or noun in ("staff", "equipment", "rolling stock"):
        return noun
    return (
        noun[:-1] + "ies"
        if noun.endswith("y") and noun[-2:-1] not in "aeiou"
        else noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")
    )


def _offers(source: Source, step: int, trail: Trail, terrain: Terrain) -> Iterator[Asked]:
    rows = source.rows(trail.results[step])
    if source.many:
        yield from _of_list(source, rows, step, terrain)
        return
    for path, row in rows:
        for name, value in row.items():
            if _can_be_asked(source, name, value, terrain) and not _is_implied(source, name, trail, terrain):
                yield Asked(label=label_of(name), value=value, reference={"$ref": f"{step}{path}.{name}"})


def _is_implied(source: Source, name: str, trail: Trail, terrain: Terrain) -> bool:
    """Whether a field shows a status that one of the walk's changes sets: who asks for the change knows it."""
    field = next((f for f in source.fields if f.name == name), None)
    changed = {column for step in trail.steps if step.writes for column in terrain.bench.usages[step.tool].mutates}
    return field is not None and (field.table, field.column) in changed and _kind_of(source, name, terrain) not in ("amount", "date")


def _of_list(source: Source, rows: list[tuple[str, dict[str, Any]]], step: int, terrain: Terrain) -> Iterator[Asked]:
    """How many rows, what an amount adds up to, and what stands beside the one greatest or latest."""
    if len(rows) < 2:
        return
    noun = words(source.path[1:]) if source.path else plural(_noun(source, terrain))
    if not noun:
        return
    path = f"{step}{source.path}"
    yield Asked(label=f"number of {noun}", value=len(rows), reference={"count": path})
    names = [name for name in rows[0][1] if all(_can_be_asked(source, name, row.get(name), terrain) for _, row in rows)]
    for name in names:
        values = [row[name] for _, row in rows]
        kind = _kind_of(source, name, terrain)
        if kind == "amount" and adds_up(name):
            yield Asked(label=f"total {label_of(name)} of the {noun}", value=sum(values), reference={"sum": path, "field": name})
        if kind in ("amount", "date") and values.count(max(values)) == 1:
            best = rows[values.index(max(values))]
            word = "greatest" if kind == "amount" else "latest"
            for other in names:
                if other != name and _kind_of(source, other, terrain) in ("name", "word", "choice"):
                    label = f"{label_of(other)} of the {noun} entry with the {word} {words(name)}"
                    yield Asked(label=label, value=best[1][other], reference={"$ref": f"{step}{best[0]}.{other}"})


def _noun(source: Source, terrain: Terrain) -> str:
    """What one row of a list is: the place whose own key it shows; empty where there is none."""
    for field in source.fields:
        place = terrain.places.get(field.table)
        if place is not None and place.key == field.column:
            return place.noun
    return ""


def _kind_of(source: Source, name: str, terrain: Terrain) -> FactKind | None:
    field = next((f for f in source.fields if f.name == name), None)
    place = terrain.places.get(field.table) if field else None
    return next((f.kind for f in place.facts if not f.via and field and f.column == field.column), None) if place else None


def _can_be_asked(source: Source, name: str, value: Any, terrain: Terrain) -> bool:
    if value in (None, "") or isinstance(value, bool | list | dict) or name == "id" or name.endswith("_id"):
        return False
    start = terrain.bench.draft.clock.start
    if isinstance(value, str) and (value.startswith(start[:13]) or len(value) > MAX_TEXT):
        return False
    field = next((f for f in source.fields if f.name == name), None)
    root = root_of((field.table, field.column), terrain.catalog) if field else ("", "")
    return root[0] not in terrain.places or terrain.places[root[0]].key != root[1]
