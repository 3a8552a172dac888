"""Tools that can succeed only after another tool's call: the calls that prepare them, searched for along the tool graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from artifacts.agent_task import ToolCall
from artifacts.toolset import Tool
from containers.reference import UnresolvedReference, resolve
from tasks.sql.lineage import enabling_columns, needed_keys
from tasks.trials.candidates import Arguments, candidate_arguments
from tasks.trials.search import passing_arguments
from tasks.trials.stops import Stop, stop_of
from tasks.trials.workbench import Workbench

MAX_DEPTH = 3
"""The most preparing calls."""

BEAM = 6
"""How many chains of preparing calls are gone on with: those after which a call comes farthest."""

MAX_WAYS = 24
"""The most different calls of one tool that are tried as a next preparing call."""

MAX_TRIES = 40
"""The most calls of the tool itself after one chain of preparing calls."""

MAX_CALLS = 6_000
"""The most calls of one search."""

LOOKING = 20
"""What it costs to look for arguments in a new state, in calls."""


class Prepared(NamedTuple):
    """Calls to make first, then an example with which the tool succeeds; keys of rows that the calls make are references."""

    prepare: tuple[ToolCall, ...]
    example: Arguments


class _Chain(NamedTuple):
    """Calls made so far, how far a call of the tool comes after them, and what they gave."""

    calls: tuple[ToolCall, ...]
    reach: Stop | None
    results: tuple[Any, ...]


class _Search(NamedTuple):
    """One tool, the tools that may prepare it, its farthest tries, and the calls spent (a cell)."""

    tool: Tool
    bench: Workbench
    helpers: tuple[Tool, ...]
    farthest: tuple[Arguments, ...]
    spent: list[int]


def prepared(tool: Tool, bench: Workbench, farthest: Sequence[Arguments] = ()) -> Prepared | None:
    """Preparing calls after which a tool succeeds with an effect, the fewest that are found; None where none are."""
    if tool.prepare:
        return _as_told(tool, bench)
    search = _Search(tool, bench, helpers_of(tool, bench), tuple(farthest), [0])
    chains = [_Chain((), None, ())]
    for _ in range(MAX_DEPTH):
        longer: list[_Chain] = []
        for found in _lengthened(search, chains):
            if isinstance(found, Prepared):
                bench.environment.reset()
                return found
            longer.append(found)
        chains = sorted(longer, key=lambda one: one.reach or Stop(-9, "", ""), reverse=True)[:BEAM]
    bench.environment.reset()
    return None


def _as_told(tool: Tool, bench: Workbench) -> Prepared | None:
    """The tool's own preparing calls and example, where they succeed."""
    results = performed(tool.prepare, bench)
    if results is None:
        return None
    try:
        arguments = resolve(tool.example, results)
    except UnresolvedReference:
        return None
    observation = bench.environment.call_tool(tool.name, arguments)
    bench.environment.reset()
    return Prepared(tool.prepare, tool.example) if observation.ok else None


def performed(calls: Sequence[ToolCall], bench: Workbench) -> list[Any] | None:
    """The results of calls made from the initial state; None when one of them fails."""
    bench.environment.reset()
    results: list[Any] = []
    for call in calls:
        try:
            observation = bench.environment.call_tool(call.tool, resolve(call.arguments, results))
        except UnresolvedReference:
            return None
        if not observation.ok:
            return None
        results.append(observation.result)
    return results


def helpers_of(tool: Tool, bench: Workbench) -> tuple[Tool, ...]:
    """The tools whose changes may let a tool pass, or let such a tool pass, or make rows that it needs; the nearest first."""
    schema = bench.draft.schema_sql
    near = [other for other in bench.tools if other.name != tool.name and _helps(other, tool, bench)]
    far = [o for o in bench.tools if o not in near and o.name != tool.name and any(enabling_columns(o, n, schema) for n in near)]
    near.sort(key=lambda other: -len(set(bench.usages[other.name].mutates) & set(enabling_columns(other, tool, schema))))
    return (*near, *far)


def _helps(other: Tool, tool: Tool, bench: Workbench) -> bool:
    if bench.usages[other.name].only_reads:
        return False
    needed = {table for table, _ in needed_keys(tool, bench.usages[tool.name], bench.catalog).values()}
    return bool(enabling_columns(other, tool, bench.draft.schema_sql)) or bool(needed & set(bench.usages[other.name].writes))


def _lengthened(search: _Search, chains: Sequence[_Chain]) -> Iterator[_Chain | Prepared]:
    """Every chain with one more call that changes something, and how far the tool comes then; a `Prepared` when it succeeds."""
    for chain_ in chains:
        for helper in search.helpers:
            for call in _calls_of(search, chain_, helper):
                if search.spent[0] >= MAX_CALLS:
                    return
                yield from _tried(search, chain_, call)


def _calls_of(search: _Search, before: _Chain, helper: Tool) -> Iterator[ToolCall]:
    """Different calls of a helper, found in the state that a chain leaves."""
    bench = search.bench
    if performed(before.calls, bench) is None:
        return
    ways = list(islice(chain(islice(candidate_arguments(helper, bench), MAX_WAYS), passing_arguments(helper, bench)), 2 * MAX_WAYS))
    for arguments in ways[: 2 * MAX_WAYS]:
        yield ToolCall(tool=helper.name, arguments=arguments)


def _tried(search: _Search, before: _Chain, call: ToolCall) -> Iterator[_Chain | Prepared]:
    bench, tool = search.bench, search.tool
    calls = (*before.calls, _with_references(call, before.results, bench))
    search.spent[0] += len(calls)
    results = performed(calls, bench)
    if results is None or bench.unchanged():
        return
    reach: Stop | None = None
    search.spent[0] += LOOKING
    for arguments in _attempts(search):
        search.spent[0] += 1
        observation = bench.environment.call_tool(tool.name, arguments)
        if observation.ok:
            given = _with_references(ToolCall(tool=tool.name, arguments=arguments), results, bench)
            yield Prepared(calls, given.arguments)
            return
        if observation.error != "environment_error":
            stop = stop_of(tool, observation)
            reach = stop if reach is None or stop > reach else reach
    yield _Chain(calls, reach, tuple(results))


def _attempts(search: _Search) -> list[Arguments]:
    """What is tried of the tool in the present state: what came farthest before, then what its own queries ask for now."""
    tool, bench = search.tool, search.bench
    likely = chain(islice(candidate_arguments(tool, bench), MAX_TRIES // 2), islice(passing_arguments(tool, bench), MAX_TRIES // 2))
    found = {repr(sorted(a.items(), key=lambda item: item[0])): a for a in (*search.farthest, *likely)}
    return list(found.values())


def _with_references(call: ToolCall, results: Sequence[Any], bench: Workbench) -> ToolCall:
    """A call whose keys of rows that earlier calls made are references to those calls' results."""
    tool = next(t for t in bench.tools if t.name == call.tool)
    arguments = dict(call.arguments)
    for name, (table, column) in needed_keys(tool, bench.usages[tool.name], bench.catalog).items():
        value = arguments.get(name)
        if type(value) is int and not _known_at_start(table, column, value, bench):
            path = next((p for i, result in enumerate(results) for p in _paths(result, value, str(i))), None)
            arguments[name] = {"$ref": path} if path else value
    return call.model_copy(update={"arguments": arguments})


def _known_at_start(table: str, column: str, value: int, bench: Workbench) -> bool:
    rows = bench.environment.query(f'SELECT 1 FROM initial."{table}" WHERE "{column}" = :value', {"value": value})
    return bool(rows)


def _paths(result: Any, value: int, path: str) -> Iterator[str]:
    """Where a key stands in a result: under a name that ends like a key."""
    if isinstance(result, dict):
        for name, part in result.items():
            if part == value and type(part) is int and (name == "id" or name.endswith("_id")):
                yield f"{path}.{name}"
            elif isinstance(part, dict | list):
                yield from _paths(part, value, f"{path}.{name}")
    elif isinstance(result, list):
        for index, part in enumerate(result):
            yield from _paths(part, value, f"{path}[{index}]")
