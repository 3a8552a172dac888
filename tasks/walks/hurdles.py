"""Hurdles: a call that fails on the rows as they are, and the one other tool whose call lets it succeed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any, NamedTuple

from artifacts.toolset import Tool
from tasks.sql.lineage import enabling_columns
from tasks.sql.programs import parameter_schema
from tasks.trials.candidates import Arguments, value_candidates
from tasks.trials.search import sweeping_arguments
from tasks.walks.acting import Ground

MAX_BLOCKED = 6
"""How many calls that fail are looked at for one tool."""

MAX_SWEPT = 40
MAX_WAYS = 6
"""How many calls of one helper are tried for one blocked call."""

_GUARDED = ("conflict", "limit", "invalid", "forbidden", "not_found")


class Hurdle(NamedTuple):
    """A call that fails at first, and the call that puts right what stops it; confirmed by making them."""

    tool: Tool
    blocked: Arguments
    helper: Tool
    helping: Arguments


def hurdles_of(ground: Ground, tool: Tool) -> tuple[Hurdle, ...]:
    """The hurdles before one tool: those that exactly one other tool can take away, so that there is one way to do it."""
    helpers = [other for other in ground.writers if other.name != tool.name and enabling_columns(other, tool, ground.schema)]
    if not helpers or not all(name.isidentifier() for name in ground.needs[tool.name]) or not ground.needs[tool.name]:
        return ()
    found = [tuple(_taken(ground, tool, blocked, helpers)) for blocked in islice(_blocked(ground, tool), MAX_BLOCKED)]
    ground.bench.environment.reset()
    return tuple(ways[0] for ways in found if ways and len({way.helper.name for way in ways}) == 1)


def _blocked(ground: Ground, tool: Tool) -> Iterator[Arguments]:
    """Calls about rows that are there, which a guard stops."""
    environment = ground.bench.environment
    environment.reset()
    base = next(iter(ground.openings(tool)), {})
    swept = list(islice(sweeping_arguments(tool, ground.bench), MAX_SWEPT))
    seen: set[str] = set()
    for arguments in swept:
        tried = {**arguments, **{name: value for name, value in base.items() if name not in ground.needs[tool.name]}}
        keys = {name: tried.get(name) for name in ground.needs[tool.name]}
        known = all(keys[name] in ground.places[table].rows for name, (table, _) in ground.needs[tool.name].items())
        if not known or repr(keys) in seen:
            continue
        seen.add(repr(keys))
        environment.reset()
        if environment.call_tool(tool.name, tried).error in _GUARDED:
            yield tried


def _taken(ground: Ground, tool: Tool, blocked: Arguments, helpers: list[Tool]) -> Iterator[Hurdle]:
    """The first call of each helper after which the blocked call succeeds."""
    environment = ground.bench.environment
    for helper in helpers:
        for helping in islice(_helping(ground, tool, blocked, helper), MAX_WAYS):
            environment.reset()
            if not environment.call_tool(helper.name, helping).ok:
                continue
            helped = {(change.table, change.key) for change in environment.difference()}
            if environment.call_tool(tool.name, blocked).ok:
                # What is only done to be undone is no hurdle: every row that the helper touched must still differ.
                if helped <= {(change.table, change.key) for change in environment.difference()}:
                    yield Hurdle(tool, blocked, helper, helping)
                break


def _helping(ground: Ground, tool: Tool, blocked: Arguments, helper: Tool) -> Iterator[Arguments]:
    """Calls of a helper about the rows of a blocked call, their parents or their children."""
    near = dict(_near(ground, tool, blocked))
    keys = ground.needs[helper.name]
    if not all(name.isidentifier() for name in keys) or not any(root[0] in near for root in keys.values()):
        return
    required = tuple(helper.parameters.get("required", ()))
    held = {name: near.get(keys[name][0], ())[:3] if name in keys else _values(ground, helper, name) for name in required}
    for name in keys.keys() - set(near):
        held[name] = held.get(name) or tuple(opening[name] for opening in ground.openings(helper)[:1] if name in opening)
    for chosen in product(*held.values()):
        yield dict(zip(held, chosen, strict=True))


def _values(ground: Ground, helper: Tool, name: str) -> tuple[Any, ...]:
    values = value_candidates(helper, name, ground.bench)
    return tuple(values if parameter_schema(helper, name).get("enum") else values[:2])


def _near(ground: Ground, tool: Tool, blocked: Arguments) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The keys of rows that hang together with those of a call, by table: children first, so that the rows themselves win."""
    for name, (table, _) in ground.needs[tool.name].items():
        key, row = blocked[name], ground.places[table].rows[blocked[name]]
        for child, column, parent in ground.bonds:
            if parent == table and child != table:
                yield child, tuple(k for k, held in ground.places[child].rows.items() if held[column] == key)
            elif child == table and parent != table and row[column] is not None:
                yield parent, (row[column],)
    for name, (table, _) in ground.needs[tool.name].items():
        yield table, (blocked[name],)
