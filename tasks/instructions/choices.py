"""Where a reference solution picks: rows whose key it takes out of a list that holds others too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from containers.reference import Replay, UnresolvedReference, resolve
from tasks.instructions.rows import Key
from tasks.sql.lineage import root_of
from tasks.trials.workbench import Workbench

_LIST_PATH = re.compile(r"(\d+)(.*)\[(\d+)\]((?:\.\w+)*)")


class Choice(NamedTuple):
    """One pick: the row of a table, the call and the parameter that take its key, and the list that it was taken from.

    `field` names the key in the list's elements, `among` are the elements, `place` the picked one's place.
    """

    table: str
    key: Key
    call: int
    parameter: str
    source: int
    path: str
    field: str
    place: int
    among: tuple[dict[str, Any], ...]


def choices_of(task: AgentTask, done: Replay, bench: Workbench) -> tuple[Choice, ...]:
    """The picks of a solution that succeeds, each row of each list once; keys that are written out count as picks of the whole table."""
    results = [observation.result for observation in done.observations]
    found: dict[tuple[str, Key], Choice] = {}
    for index, call in enumerate(task.solution):
        for name, path, value in _arguments(call.arguments):
            root = _root(call.tool, name, path, bench)
            if root is None:
                continue
            choice = _choice(root, index, name, value, results)
            if choice is not None:
                found.setdefault((choice.table, choice.key), choice)
    return tuple(found.values())


def _arguments(arguments: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, value in arguments.items():
        yield from ((name, path, leaf) for path, leaf in _leaves(value, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and "$ref" not in value:
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, f"{path}[]")
    else:
        yield path, value


def _root(tool: str, name: str, path: str, bench: Workbench) -> str | None:
    """The table whose single key a parameter names, in lower case."""
    usage = bench.usages.get(tool)
    for link in usage.links if usage else ():
        if link.name == name and (link.path == path or (path == "" and link.path == "[]")) and link.relation != "compares":
            table, column = root_of((link.table, link.column), bench.catalog)
            known = bench.catalog.tables.get(table)
            if known and [c.lower() for c in known.primary_key] == [column]:
                return table
    return None


def _choice(table: str, index: int, name: str, value: Any, results: Sequence[Any]) -> Choice | None:
    if not isinstance(value, dict):
        return Choice(table, (value,), index, name, -1, "", "", 0, ()) if value is not None else None
    match = _LIST_PATH.fullmatch(str(value.get("$ref")))
    try:
        key = resolve(value, results[:index])
        among = resolve({"$ref": f"{match[1]}{match[2]}"}, results[:index]) if match else None
    except UnresolvedReference:
        return None
    if match is None or not isinstance(among, list) or isinstance(key, dict | list) or key is None:
        return None
    rows = tuple(row for row in among if isinstance(row, dict))
    return Choice(
        table, (key,), index, name, int(match[1]), match[2], match[4].lstrip("."), int(match[3]), rows if len(rows) == len(among) else ()
    )
