"""Calling every tool: arguments with which it succeeds on the initial state, and bad ones that must fail cleanly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from artifacts.agent_task import ToolCall
from artifacts.observation import Observation
from artifacts.toolset import Tool
from containers.reference import resolve
from tasks.sql.catalog import Catalog
from tasks.sql.lineage import Link, root_of
from tasks.sql.programs import parameter_schema
from tasks.trials.candidates import Arguments, candidate_arguments
from tasks.trials.preparing import Prepared, performed, prepared
from tasks.trials.search import passing_arguments, sweeping_arguments
from tasks.trials.stops import Stop, stop_of
from tasks.trials.workbench import Workbench

MAX_CALLS = 80
"""The most calls that are tried to see one tool succeed, in each of the three ways of finding arguments."""

MAX_FARTHEST = 6
"""How many of the calls that came farthest are remembered."""

NO_SUCH_ID = 999_999_937
NO_SUCH_TEXT = "no-such-thing-937"


class Probe(NamedTuple):
    """How a tool can be called: arguments that succeed (None when none were found), and what the other tries gave.

    `prepare` are the calls that must come first, where it succeeds only after others; `arguments` are then those that succeed after
    them, and `example` the same with references to the results of `prepare` for keys of rows that these make. `effective` is true when
    the call found rows, or changed some; `stops` counts what ended the other tries, in the order of the program; `farthest` are
    arguments of tries that came to the last of them; `faults` are failures of the environment itself.
    """

    arguments: Arguments | None
    observation: Observation | None
    effective: bool
    tried: int
    stops: tuple[tuple[Stop, int], ...]
    farthest: tuple[Arguments, ...]
    faults: tuple[tuple[str, Arguments], ...]
    prepare: tuple[ToolCall, ...] = ()
    example: Arguments | None = None


def probe(tool: Tool, bench: Workbench) -> Probe:
    """Calls a tool until it succeeds with an effect; remembered on the workbench."""
    found = bench.probed.get(tool.name)
    if not isinstance(found, Probe):
        found = bench.probed[tool.name] = _probe(tool, bench)
    return found


def good_call(tool: Tool, found: Probe, bench: Workbench) -> Observation:
    """The call that succeeds, made again from the initial state after what prepares it."""
    performed(found.prepare, bench)
    return bench.environment.call_tool(tool.name, found.arguments)


def _probe(tool: Tool, bench: Workbench) -> Probe:
    """Alone first; what no call opens is tried after other tools' calls. A tool that says what prepares it is taken at its word first."""
    told = prepared(tool, bench) if tool.prepare else None
    if told is not None:
        return _after_others(tool, told, 1, bench)
    found = _alone(tool, bench)
    if found.arguments is not None or found.faults:
        return found
    ready = prepared(tool.model_copy(update={"prepare": ()}), bench, found.farthest)
    return found if ready is None else _after_others(tool, ready, found.tried + 1, bench)


def _after_others(tool: Tool, ready: Prepared, tried: int, bench: Workbench) -> Probe:
    done = performed(ready.prepare, bench)
    arguments = resolve(ready.example, done or [])
    before = bench.environment.difference()
    observation = bench.environment.call_tool(tool.name, arguments)
    effective = bench.environment.difference() != before if bench.usages[tool.name].writes else not _empty(observation.result)
    bench.environment.reset()
    return Probe(arguments, observation, effective, tried, (), (), (), ready.prepare, ready.example)


def _alone(tool: Tool, bench: Workbench) -> Probe:
    environment = bench.environment
    stops: Counter[Stop] = Counter()
    stopped: list[tuple[Stop, Arguments]] = []
    faults: list[tuple[str, Arguments]] = []
    best: tuple[Arguments, Observation] | None = None
    tried = 0
    for arguments in _tries(tool, bench):
        environment.reset()
        tried += 1
        observation = environment.call_tool(tool.name, arguments)
        if observation.ok:
            best = best or (arguments, observation)
            if _effective(tool, observation, bench):
                return Probe(arguments, observation, True, tried, (), (), tuple(faults))
        elif observation.error == "environment_error":
            faults.append((environment.faults[-1] if environment.faults else "unknown", arguments))
            if len(faults) >= 5 and best is None:
                break
        else:
            stop = stop_of(tool, observation)
            stops[stop] += 1
            stopped.append((stop, arguments))
    arguments_found, seen = best or (None, None)
    return Probe(arguments_found, seen, False, tried, tuple(sorted(stops.items())), _farthest(stopped), tuple(faults))


def _tries(tool: Tool, bench: Workbench) -> Iterator[Arguments]:
    """Argument sets, each once: likely ones, then those that pass every guard, then one for each row that could be meant."""
    ways = (candidate_arguments, passing_arguments, sweeping_arguments)
    seen: set[str] = set()
    for arguments in chain.from_iterable(islice(way(tool, bench), MAX_CALLS) for way in ways):
        key = repr(sorted(arguments.items(), key=lambda item: item[0]))
        if key not in seen:
            seen.add(key)
            yield arguments


def _farthest(stopped: list[tuple[Stop, Arguments]]) -> tuple[Arguments, ...]:
    last = max((stop for stop, _ in stopped), default=None)
    return tuple(arguments for stop, arguments in stopped if stop == last)[:MAX_FARTHEST]


def _effective(tool: Tool, observation: Observation, bench: Workbench) -> bool:
    if bench.usages[tool.name].writes:
        return not bench.unchanged()
    return not _empty(observation.result)


def _empty(result: Any) -> bool:
    """Whether a result holds nothing, or nothing in any of its named parts."""
    if isinstance(result, dict):
        return all(value is None or value == [] for value in result.values())
    return result is None or result == []


class BadCall(NamedTuple):
    """Arguments that a tool must refuse (`refused`) or, for an unknown id, at least survive without a trace."""

    kind: str
    arguments: Any
    refused: bool


def bad_calls(tool: Tool, good: Arguments, keys: Iterable[str]) -> Iterator[BadCall]:
    """Wrong types, missing and extra arguments, and ids that do not exist, each on top of arguments that succeed."""
    yield BadCall("an unknown argument", {**good, "no_such_argument": 1}, True)
    yield BadCall("a list instead of arguments", [1], True)
    for name in tool.parameters.get("required", ()):
        yield BadCall(f"{name} left out", {k: v for k, v in good.items() if k != name}, True)
    for name in tool.parameter_names:
        yield BadCall(f"{name} of a wrong type", {**good, name: _wrong_type(parameter_schema(tool, name))}, True)
    for name in keys:
        unknown = _unknown(parameter_schema(tool, name))
        if unknown is not None:
            yield BadCall(f"an unknown {name}", {**good, name: unknown}, False)


def key_parameters(tool: Tool, links: Iterable[Link], catalog: Catalog) -> tuple[str, ...]:
    """The required parameters that look a row up by its key; natural keys that the call itself makes are left out."""
    held = [link for link in links if link.name in tool.parameters.get("required", ()) and link.path in ("", "[]")]
    made = {(link.name, link.table, link.column) for link in held if link.relation in ("insert", "set")}
    sought = [k for k in held if k.relation == "equals" and (k.name, k.table, k.column) not in made and is_key(k, catalog)]
    return tuple(dict.fromkeys(link.name for link in sought))


def is_key(link: Link, catalog: Catalog) -> bool:
    """Whether a link meets the whole primary key of a table, directly or through foreign keys."""
    table, column = root_of((link.table, link.column), catalog)
    known = catalog.tables.get(table)
    return known is not None and [c.lower() for c in known.primary_key] == [column]


def _wrong_type(schema: dict[str, Any]) -> Any:
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "object" not in kinds:
        return {"no": "thing"}
    return "no thing"


def _unknown(schema: dict[str, Any]) -> Any:
    if schema.get("enum") or schema.get("format"):
        return None
    if schema.get("type") == "array":
        inner = _unknown(schema.get("items", {}))
        return None if inner is None else [inner] * max(1, int(schema.get("minItems", 1)))
    return {"integer": NO_SUCH_ID, "string": NO_SUCH_TEXT}.get(str(schema.get("type")))
