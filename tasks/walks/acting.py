"""Doing things: arguments with which a tool succeeds on the initial rows, and the calls that use rows found before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from random import Random
from typing import Any, NamedTuple

from artifacts.toolset import Tool
from tasks.sql.lineage import root_of
from tasks.sql.programs import parameter_schema
from tasks.trials.candidates import Arguments, turned_round, value_candidates
from tasks.trials.search import passing_arguments, sweeping_arguments
from tasks.walks.finding import find, find_all
from tasks.walks.settings import setting_values
from tasks.walks.terrain import Terrain, words
from tasks.walks.trail import Found, LostWay, Trail
from tasks.walks.walk import Setting

MAX_TRIES = 60
"""Argument sets that are tried to learn on which rows a tool succeeds."""

MAX_OPENINGS = 24
MAX_TURNED = 40
MAX_SEARCHED = 20
ENOUGH = 4
"""So many openings make it needless to search for more with backtracking."""

MAX_AT_ONCE = 3
"""The most rows that one walk changes alike."""


class Ground(Terrain):
    """A terrain on which tools can be tried."""

    @cached_property
    def remembered(self) -> dict[str, Any]:
        """What was found out about single tools, by name."""
        return {}

    @cached_property
    def _openings(self) -> dict[str, tuple[Arguments, ...]]:
        return {}

    def openings(self, tool: Tool) -> tuple[Arguments, ...]:
        """Arguments, different in their keys, with which a tool succeeds on the initial state."""
        if tool.name not in self._openings:
            likely = tuple(islice(self._open(tool, self._likely(tool)), MAX_OPENINGS))
            searched = islice(passing_arguments(tool, self.bench), MAX_SEARCHED) if len(likely) < ENOUGH else ()
            self.bench.environment.reset()
            known = {repr(self._keys(tool, a)) for a in likely}
            more = [a for a in self._open(tool, list(searched)) if repr(self._keys(tool, a)) not in known]
            self._openings[tool.name] = (*likely, *more)
            self.bench.environment.reset()
        return self._openings[tool.name]

    def _keys(self, tool: Tool, arguments: Arguments) -> Arguments:
        return {name: arguments.get(list_of(name)) for name in self.needs[tool.name]}

    def _open(self, tool: Tool, tries: Iterable[Arguments]) -> Iterator[Arguments]:
        seen: set[str] = set()
        for arguments in islice(tries, MAX_TRIES):
            keys = repr(self._keys(tool, arguments))
            if keys in seen:
                continue
            self.bench.environment.reset()
            if self.bench.environment.call_tool(tool.name, arguments).ok:
                seen.add(keys)
                yield arguments

    def _likely(self, tool: Tool) -> list[Arguments]:
        """The example, what the tool's own queries ask for, and each row of the keys' tables."""
        required = tuple(tool.parameters.get("required", ()))
        self.bench.environment.reset()
        turned = [{n: v for n, v in found.items() if n in required} for found in turned_round(tool, self.bench, MAX_TURNED)]
        rest = {n: next(iter(value_candidates(tool, n, self.bench)), None) for n in required if any(n not in found for found in turned)}
        whole = ({**{n: v for n, v in rest.items() if n not in found}, **found} for found in turned)
        swept = islice(sweeping_arguments(tool, self.bench), MAX_TURNED)
        return list(chain([tool.example] if tool.example or not required else [], whole, swept))


def act(trail: Trail, tool: Tool, opening: Arguments, kept: bool = False) -> int:
    """Calls a tool on the rows of an opening, found by reading calls, with values with which it changes something; raises LostWay.

    `kept` keeps the opening's own values, free text apart.
    """
    keys, named = keys_found(trail, tool, opening)
    for _ in range(3):
        before = trail.environment.difference()
        values = _values(trail, tool, keys, opening)
        if kept:
            values = {name: values[name] if _is_free_text(tool, name) else opening[name] for name in values if name in opening}
        step = trail.call(tool, {**keys, **values}, named)
        if step is None:
            continue
        if trail.environment.difference() == before:
            trail.undo()
            continue
        told = [(name, name, value) for name, value in values.items()]
        told += [(name, inner, value) for name, part in keys.items() for inner, value in said_inside(name, part)]
        trail.settings += [Setting(step=step, parameter=name, label=words(inner), value=value) for name, inner, value in told]
        return step
    raise LostWay


def _is_free_text(tool: Tool, name: str) -> bool:
    schema = parameter_schema(tool, name)
    return schema.get("type") == "string" and not schema.get("enum") and not schema.get("format")


def list_of(name: str) -> str:
    """The parameter that a need such as `lines[].product_id` stands in."""
    return name.partition("[")[0]


def keys_found(trail: Trail, tool: Tool, opening: Arguments) -> tuple[Arguments, tuple[int, ...]]:
    """The key arguments as references to what reading calls showed, those in lists too; raises LostWay."""
    needs = trail.terrain.needs[tool.name]
    arguments: Arguments = {}
    named: list[int] = []

    def reference(need: str, key: Any) -> dict[str, str]:
        found = find(trail, trail.terrain.places[needs[need][0]], key)
        named.append(found.selector)
        return {"$ref": found.path}

    for need in needs:
        name = list_of(need)
        if need == name:
            arguments[name] = reference(need, opening[name])
        elif name not in arguments and isinstance(opening.get(name), list):
            arguments[name] = [
                {k: reference(f"{name}[].{k}", v) if f"{name}[].{k}" in needs else v for k, v in part.items()}
                if isinstance(part, dict)
                else reference(f"{name}[]", part)
                for part in opening[name]
            ]
    return arguments, tuple(named)


def with_more(opening: Arguments, openings: Sequence[Arguments], tool: Tool, rng: Random) -> Arguments:
    """The opening with up to two more elements of other openings in a list of keys."""
    longer = dict(opening)
    for name, value in opening.items():
        if isinstance(value, list) and value and parameter_schema(tool, name).get("type") == "array":
            pool = {repr(part): part for one in openings for part in one.get(name) or ()}
            others = [part for part in pool.values() if part not in value]
            most = min(len(others), parameter_schema(tool, name).get("maxItems", 9) - len(value), 2)
            longer[name] = [*value, *rng.sample(others, rng.randint(0, max(0, most)))]
    return longer


def said_inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The plain values inside a list argument, each under its own name."""
    if isinstance(value, dict):
        if set(value) != {"$ref"}:
            yield from (pair for key, part in value.items() for pair in said_inside(key, part))
    elif isinstance(value, list):
        yield from (pair for part in value for pair in said_inside(name, part))
    else:
        yield name, value


def _values(trail: Trail, tool: Tool, keys: Arguments, opening: Arguments) -> Arguments:
    """Values for the parameters that are no keys: those required, and now and then one that need not be given."""
    required = [n for n in tool.parameters.get("required", ()) if n not in keys]
    optional = [n for n in tool.parameter_names if n not in tool.parameters.get("required", ()) and _can_be_said(trail, tool, n)]
    trail.rng.shuffle(optional)
    extra = optional[:1] if trail.rng.random() < 0.25 or not (required or keys) else []
    values: Arguments = {}
    for name in (*required, *extra):
        held = list(islice(setting_values(trail.terrain, tool, name, trail.rng), 4))
        if not held and name in required and name in opening and not isinstance(opening[name], list | dict):
            held = [opening[name]]
        if not held and name in required:
            raise LostWay
        if held:
            values[name] = held[0]
    return values


def _can_be_said(trail: Trail, tool: Tool, name: str) -> bool:
    """Whether a parameter takes a plain value that a person would give: no key of a row."""
    terrain = trail.terrain
    roots = {root_of((link.table, link.column), terrain.catalog) for link in terrain.links(tool, name)}
    keyed = any(root[0] in terrain.places and terrain.places[root[0]].key == root[1] for root in roots)
    writes = any(link.relation in ("set", "insert") for link in terrain.links(tool, name))
    return writes and not keyed and parameter_schema(tool, name).get("type") in ("string", "integer", "number", "boolean")


class RowSet(NamedTuple):
    """Rows that one selector names, found; and an opening of a tool that takes one of them as its parameter."""

    parameter: str
    rows: tuple[Found, ...]
    opening: Arguments


def set_of_rows(trail: Trail, tool: Tool, ground: Ground) -> RowSet:
    """Two or three rows on which a tool with one key parameter succeeds, named by one selector; raises LostWay."""
    ((parameter, (table, _)),) = ground.needs[tool.name].items()
    if parameter != list_of(parameter):
        raise LostWay
    openings = {opening[parameter]: opening for opening in ground.openings(tool) if parameter in opening}
    selector, found = find_all(trail, ground.places[table], frozenset(openings), MAX_AT_ONCE)
    return RowSet(parameter, tuple(found), openings[selector.keys[0]])


def act_on_all(trail: Trail, tool: Tool, rows: RowSet) -> None:
    """Calls a tool on each row of a set, with the same values; raises LostWay."""
    values = _values(trail, tool, {rows.parameter: None}, rows.opening)
    steps = [trail.call(tool, {rows.parameter: {"$ref": row.path}, **values}, (row.selector,)) for row in rows.rows]
    if None in steps:
        raise LostWay
    trail.settings += [Setting(step=steps[0] or 0, parameter=n, label=words(n), value=v) for n, v in values.items()]
