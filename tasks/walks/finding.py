"""Finding rows: the reading calls that show a row's key together with facts that a person knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from artifacts.toolset import Tool
from tasks.sql.lineage import root_of
from tasks.sql.programs import parameter_schema
from tasks.walks.selecting import Term, View, many_rows, one_row, scope_of
from tasks.walks.terrain import Fact, Place, Source, Terrain
from tasks.walks.trail import Found, LostWay, Trail
from tasks.walks.walk import SUPERLATIVES, Selector

MAX_DEPTH = 2
"""How many parents may have to be found before a row."""

ROUNDABOUT = 0.2
"""How often a row is not looked for where it is listed first."""


class Lister(NamedTuple):
    """Rows of a tool's result that show the key of a place, in one of their fields; `of` is the table whose column that is."""

    source: Source
    field: str
    of: str

    @property
    def tool(self) -> Tool:
        """The tool."""
        return self.source.tool


def listers(terrain: Terrain, place: Place) -> tuple[Lister, ...]:
    """The results that show keys of a place, those of tools that only read."""
    if place.name not in terrain.shown:
        terrain.shown[place.name] = tuple(_listers(terrain, place))
    found: tuple[Lister, ...] = terrain.shown[place.name]
    return found


def _listers(terrain: Terrain, place: Place) -> Iterator[Lister]:
    for tool in terrain.readers:
        for source in terrain.sources[tool.name]:
            fields = [f for f in source.fields if root_of((f.table, f.column), terrain.catalog) == (place.name, place.key)]
            if fields:
                own = next((field for field in fields if field.table == place.name), fields[0])
                yield Lister(source, own.name, own.table)


class Look(NamedTuple):
    """A reading call as it was made: its step, the rows that it showed by key, and what can be seen of them."""

    step: int
    lister: Lister
    paths: dict[Any, str]
    view: View


def find(trail: Trail, place: Place, key: Any, depth: int = 0) -> Found:
    """Where a row's key is found, with a selector that names the row; raises LostWay."""
    known = trail.found.get((place.name, key))
    if known is not None:
        return known
    if trail.has_written or key not in place.rows:
        raise LostWay
    for look in looks(trail, place, key, depth):
        if key not in look.paths:
            continue
        for selector in one_row(look.view, key, trail.terrain, trail.rng):
            path = _narrowed(trail, look, selector)[key]
            found = trail.found[place.name, key] = Found(path, trail.name(selector))
            return found
    raise LostWay


def find_all(trail: Trail, place: Place, allowed: frozenset[Any], most: int) -> tuple[Selector, list[Found]]:
    """Two to a few rows that one selector names, all of them allowed; raises LostWay."""
    if trail.has_written:
        raise LostWay
    for look in looks(trail, place, None, 0):
        for selector in many_rows(look.view, trail.terrain, trail.rng, most):
            if allowed >= set(selector.keys):
                paths = _narrowed(trail, look, selector)
                index = trail.name(selector)
                trail.held.add(look.step)
                return selector, [Found(paths[key], index) for key in selector.keys]
    raise LostWay


def looks(trail: Trail, place: Place, key: Any, depth: int) -> Iterator[Look]:
    """Reading calls that show rows of a place; the caller takes the first that serves, the others are not made."""
    terrain = trail.terrain
    found = list(listers(terrain, place))
    trail.rng.shuffle(found)
    found.sort(key=lambda lister: (len(terrain.needs[lister.tool.name]), lister.of != place.name, not lister.source.many))
    if len(found) > 1 and trail.rng.random() < ROUNDABOUT:
        found = found[1:] + found[:1]
    for lister in found[:4]:
        before = trail.mark()
        try:
            look = _look(trail, lister, _Wanted(place, key, depth))
        except LostWay:
            look = None
        if look is not None:
            yield look
        trail.back_to(before)


class _Told(NamedTuple):
    """What a reading call was told: a parent's column and key, the selector that names it, facts, and the arguments for these."""

    arguments: dict[str, Any]
    parent: tuple[str, Any] | None = None
    within: tuple[int, Selector] | None = None
    forced: tuple[Term, ...] = ()


class _Wanted(NamedTuple):
    """A row to be found (any row where the key is None), and how many rows have been set out for before it."""

    place: Place
    key: Any
    depth: int


def _look(trail: Trail, lister: Lister, wanted: _Wanted) -> Look | None:
    told = _Told({})
    for name in lister.tool.parameters.get("required", ()):
        root = trail.terrain.needs[lister.tool.name].get(name)
        more = _with_parent(trail, told, name, root, wanted) if root else _with_fact(trail, told, lister.tool, name, wanted)
        if more is None:
            return None
        told = more
    step = trail.call(lister.tool, told.arguments, (told.within[0],) if told.within else ())
    return None if step is None else _seen(trail, lister, wanted.place, step, told)


def _parent_column(place: Place, root: tuple[str, str], terrain: Terrain) -> str | None:
    """The column of a place that names its parent at this root."""
    held = [key.columns[0].lower() for key in place.table.foreign_keys if len(key.columns) == 1]
    fitting = [c for c in held if root_of((place.name, c), terrain.catalog) == root and all(r[c] is not None for r in place.rows.values())]
    return fitting[0] if len(fitting) == 1 else None


def _with_parent(trail: Trail, told: _Told, name: str, root: tuple[str, str], wanted: _Wanted) -> _Told | None:
    """The call told the key of a row's parent, which is found first."""
    place, key, depth = wanted
    via = _parent_column(place, root, trail.terrain)
    if via is None or depth >= MAX_DEPTH or not place.rows or told.parent:
        return None
    anchor = key if key is not None else trail.rng.choice(list(place.rows))
    parent = (via, place.rows[anchor][via])
    found = find(trail, trail.terrain.places[root[0]], parent[1], depth + 1)
    arguments = {**told.arguments, name: {"$ref": found.path}}
    return told._replace(arguments=arguments, parent=parent, within=(found.selector, trail.selectors[found.selector]))


def _with_fact(trail: Trail, told: _Told, tool: Tool, name: str, wanted: _Wanted) -> _Told | None:
    """The call told a fact of the row, for a required parameter that it is compared with."""
    terrain, (place, key, _) = trail.terrain, wanted
    for link in terrain.links(tool, name):
        for fact in place.facts:
            if fact.home == (link.table, link.column) and key is not None and fact.kind in ("name", "choice", "word"):
                value = terrain.value(place, key, fact)
                if value is not None and (fact.kind != "name" or terrain.stands_once(fact, value)):
                    return told._replace(arguments={**told.arguments, name: value}, forced=(*told.forced, Term(fact, "is", value)))
    return None


def _seen(trail: Trail, lister: Lister, place: Place, step: int, told: _Told) -> Look | None:
    """What a call shows of a place's rows: only facts that are right in every row count as seen."""
    terrain = trail.terrain
    rows = [(path, row) for path, row in lister.source.rows(trail.results[step]) if row.get(lister.field) in place.rows]
    if not rows:
        return None
    paths = {row[lister.field]: f"{step}{path}.{lister.field}" for path, row in reversed(rows)}
    facts = tuple(fact for fact in place.facts if _is_seen(fact, lister, place, rows, terrain))
    keys = tuple(paths)
    if told.parent is not None and any(place.rows[key][told.parent[0]] != told.parent[1] for key in keys):
        return None
    mine = _mine(place, keys, terrain)
    view = View(place, keys, facts, scope_of(place, mine, told.parent, terrain), mine, told.parent, told.within, told.forced)
    return Look(step, lister, paths, view)


def _is_seen(fact: Fact, lister: Lister, place: Place, rows: list[tuple[str, dict[str, Any]]], terrain: Terrain) -> bool:
    field = lister.source.field_of(*fact.home)
    return field is not None and all(row.get(field.name) == terrain.value(place, row[lister.field], fact) for _, row in rows)


def _mine(place: Place, keys: tuple[Any, ...], terrain: Terrain) -> str:
    """The column that holds the signed-in user in all rows seen; empty where there is none, or where it says nothing."""
    me = terrain.bench.draft.me
    for table, column in sorted(terrain.owned):
        held = table == place.name and root_of((table, column), terrain.catalog)[0] == terrain.people
        if held and all(place.rows[key][column] == me for key in keys):
            return f"{table}.{column}"
    return ""


def _narrowed(trail: Trail, look: Look, selector: Selector) -> dict[Any, str]:
    """The keys' paths, after a filter of the call was perhaps told what the selector says."""
    tool, terrain = look.lister.tool, trail.terrain
    if look.step != len(trail.steps) - 1 or trail.uses(look.step) or trail.rng.random() < 0.4:
        return look.paths
    step = trail.steps[look.step]
    told = {said.column: said.value for said in selector.said if said.relation == "is"}
    more = {
        name: told[column]
        for name in tool.parameter_names
        if name not in step.arguments
        for link in terrain.links(tool, name)
        for column in [f"{link.table}.{link.column}"]
        if column in told and _takes(parameter_schema(tool, name), told[column])
    }
    if not more:
        return look.paths
    kept = trail.results[look.step]
    trail.undo()
    again = trail.call(tool, {**step.arguments, **more}, step.selectors)
    if again == look.step:
        rows = look.lister.source.rows(trail.results[again])
        paths = {row.get(look.lister.field): f"{again}{path}.{look.lister.field}" for path, row in reversed(rows)}
        if set(selector.keys) <= set(paths) and (not set(SUPERLATIVES) & {s.relation for s in selector.said} or len(paths) > 1):
            return paths
        trail.undo()
    elif again is not None:
        raise LostWay
    trail.steps.append(step)
    trail.results.append(kept)
    return look.paths


def _takes(schema: dict[str, Any], value: Any) -> bool:
    kind = schema.get("type")
    return {str: "string", int: "integer", float: "number"}.get(type(value)) == kind and value in schema.get("enum", (value,))
