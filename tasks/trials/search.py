"""Arguments that pass every guard of a tool, searched for step by step with backtracking; for tools that easier guesses do not open."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from artifacts.toolset import Tool
from tasks.sql.programs import Site, names_used, parameter_schema, sites_of
from tasks.trials.candidates import WIDTH, Arguments, asked_of, passes, rows_of, stored_values, value_candidates
from tasks.trials.workbench import Workbench

SMALL = 60
"""The most rows of a key's table that are tried one by one."""

MAX_STEPS = 1_000
"""The most steps that one pass of a search evaluates."""

BREADTHS = (5, SMALL + WIDTH)
"""How many values of a parameter each pass tries: first a few of all, so that one bad first choice cannot use up the search."""

_ABSENT = object()


class _Search(NamedTuple):
    """One tool's guards in order, the values that each parameter may take, how many of them, and how many steps were taken (a cell)."""

    bench: Workbench
    sites: tuple[Site, ...]
    values: dict[str, list[Any]]
    breadth: int
    spent: list[int]


def sweeping_arguments(tool: Tool, bench: Workbench) -> Iterator[Arguments]:
    """The required parameters at their first values, then each at every row of its key's table, one parameter at a time."""
    values = {name: wide_values(tool, name, bench) for name in tool.parameters.get("required", ())}
    if not values or not all(values.values()):
        return
    first = {name: found[0] for name, found in values.items()}
    for name, found in values.items():
        yield from ({**first, name: value} for value in found)


def passing_arguments(tool: Tool, bench: Workbench) -> Iterator[Arguments]:
    """Argument sets that every guard lets through, depth first, with parameters that no guard meets at their first value."""
    sites = tuple(site for site in sites_of(tool, bench.draft.schema_sql) if site.role in _BINDING and "/do/" not in site.place)
    values = {name: _choices(tool, name, bench) for name in tool.parameter_names}
    for breadth in BREADTHS:
        for known in _through(_Search(bench, sites, values, breadth, [0]), 0, {}, {}):
            missing = {name: values[name] for name in tool.parameters.get("required", ()) if name not in known}
            if all(missing.values()):
                yield known | {name: found[0] for name, found in missing.items()}


_BINDING = ("require", "refuse", "let", "each")


def wide_values(tool: Tool, name: str, bench: Workbench) -> list[Any]:
    """The values that fit a parameter, and every key of the table that it names where that is small."""
    return list({repr(v): v for v in (*value_candidates(tool, name, bench), *stored_values(tool, name, bench, SMALL))}.values())


def _choices(tool: Tool, name: str, bench: Workbench) -> list[Any]:
    optional = name not in tool.parameters.get("required", ())
    return [*((_ABSENT,) if optional else ()), *wide_values(tool, name, bench)]


def _through(search: _Search, index: int, arguments: Arguments, bound: Arguments) -> Iterator[Arguments]:
    """What goes on from some arguments at a step; `bound` holds the columns bound so far and the defaults of what is left out."""
    if index == len(search.sites):
        yield arguments
        return
    site = search.sites[index]
    for more, left_out in _openings(search, site, arguments, bound):
        if search.spent[0] >= MAX_STEPS:
            return
        search.spent[0] += 1
        known = arguments | bound | more | left_out
        rows = rows_of(site.sql, known, site, search.bench)
        if passes(site, rows):
            bindings = {name: rows[0].get(name) if rows else None for name in site.binds}
            yield from _through(search, index + 1, arguments | more, bound | left_out | bindings)


def _openings(search: _Search, site: Site, arguments: Arguments, bound: Arguments) -> Iterator[tuple[Arguments, Arguments]]:
    """The values for parameters that a step is the first to use: those that its own rows ask for, else each that fits."""
    for asked in asked_of(arguments, bound, site, search.bench)[: search.breadth]:
        decided = arguments.keys() | bound.keys() | asked.keys()
        open_names = [name for name in names_used(site.sql) if name in search.values and name not in decided]
        for chosen in product(*(search.values[name][: search.breadth] for name in open_names)):
            pairs = dict(zip(open_names, chosen, strict=True))
            given = {name: value for name, value in pairs.items() if value is not _ABSENT}
            left_out = {name: parameter_schema(site.tool, name).get("default") for name in pairs.keys() - given.keys()}
            yield asked | given, left_out
