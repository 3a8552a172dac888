"""Doing things: arguments with which a tool succeeds on the initial rows, and the calls that use rows found before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice
from typing import Any

from artifacts.toolset import Tool
from tasks.sql.lineage import root_of
from tasks.sql.programs import parameter_schema
from tasks.trials.candidates import Arguments, turned_round, value_candidates
from tasks.trials.search import passing_arguments, sweeping_arguments
from tasks.walks.finding import find, find_all
from tasks.walks.settings import setting_values
from tasks.walks.terrain import Terrain, words
from tasks.walks.trail import LostWay, Trail
from tasks.walks.walk import Setting

MAX_TRIES = 60
"""Argument sets that are tried to learn on which rows a tool succeeds."""

MAX_OPENINGS = 24


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
            self._openings[tool.name] = tuple(islice(self._open(tool), MAX_OPENINGS))
            self.bench.environment.reset()
        return self._openings[tool.name]

    def _open(self, tool: Tool) -> Iterator[Arguments]:
        needs = self.needs[tool.name]
        seen: set[str] = set()
        for arguments in islice(self._tries(tool), MAX_TRIES):
            keys = repr({name: arguments.get(name) for name in needs})
            if keys in seen:
                continue
            self.bench.environment.reset()
            if self.bench.environment.call_tool(tool.name, arguments).ok:
                seen.add(keys)
                yield arguments

    def _tries(self, tool: Tool) -> Iterator[Arguments]:
        required = tuple(tool.parameters.get("required", ()))
        self.bench.environment.reset()
        turned = [{n: v for n, v in found.items() if n in required} for found in turned_round(tool, self.bench, 40)]
        rest = {n: next(iter(value_candidates(tool, n, self.bench)), None) for n in required if any(n not in found for found in turned)}
        whole = ({**{n: v for n, v in rest.items() if n not in found}, **found} for found in turned)
        yield from chain([tool.example] if tool.example or not required else [], whole)
        self.bench.environment.reset()
        swept = list(islice(sweeping_arguments(tool, self.bench), 40))
        yield from swept
        self.bench.environment.reset()
        yield from list(islice(passing_arguments(tool, self.bench), 20))


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
            raise LostWay
        trail.settings += [Setting(step=step, parameter=n, label=words(n), value=v) for n, v in values.items()]
        return step
    raise LostWay


def _is_free_text(tool: Tool, name: str) -> bool:
    schema = parameter_schema(tool, name)
    return schema.get("type") == "string" and not schema.get("enum") and not schema.get("format")


def keys_found(trail: Trail, tool: Tool, opening: Arguments) -> tuple[Arguments, tuple[int, ...]]:
    """The key arguments as references to what reading calls showed; raises LostWay."""
    arguments: Arguments = {}
    named: list[int] = []
    for parameter, (table, _) in trail.terrain.needs[tool.name].items():
        if not parameter.isidentifier():
            raise LostWay  # a list of keys
        found = find(trail, trail.terrain.places[table], opening[parameter])
        arguments[parameter] = {"$ref": found.path}
        named.append(found.selector)
    return arguments, tuple(named)


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


def act_on_all(trail: Trail, tool: Tool, ground: Ground) -> list[int]:
    """Calls a tool on each row that one selector names; raises LostWay."""
    needs = ground.needs[tool.name]
    if len(needs) != 1:
        raise LostWay
    ((parameter, (table, _)),) = needs.items()
    if not parameter.isidentifier():
        raise LostWay
    openings = {opening[parameter]: opening for opening in ground.openings(tool) if parameter in opening}
    selector, found = find_all(trail, ground.places[table], frozenset(openings), 3)
    opening = openings[selector.keys[0]]
    values = _values(trail, tool, {parameter: None}, opening)
    steps = []
    for row in found:
        step = trail.call(tool, {parameter: {"$ref": row.path}, **values}, (row.selector,))
        if step is None:
            raise LostWay
        steps.append(step)
    trail.settings += [Setting(step=steps[0], parameter=n, label=words(n), value=v) for n, v in values.items()]
    return steps
