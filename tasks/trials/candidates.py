"""Arguments with which a tool might succeed: turned-round queries first, then values that fit each parameter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlglot import exp

from artifacts.errors import InvalidInput
from artifacts.toolset import RESERVED, Tool
from tasks.sql.lineage import Link, bare, root_of
from tasks.sql.programs import Site, names_used, parameter_schema, sites_of
from tasks.sql.statements import parse_statement
from tasks.trials.workbench import Workbench

Arguments = dict[str, Any]

State = tuple[Arguments, Arguments]
"""A partial argument set, and what the steps so far have bound."""

WIDTH = 10
"""How many values are tried for one parameter, and how many turned-round argument sets."""

BREADTH = 40
"""How many rows a turned-round query gives, and how many partial argument sets are held on the way."""


def candidate_arguments(tool: Tool, bench: Workbench) -> Iterator[Arguments]:
    """Argument sets, likeliest first, without repeats; the caller stops when one succeeds."""
    seen: set[str] = set()
    for arguments in _all_candidates(tool, bench):
        key = repr(sorted(arguments.items(), key=lambda item: item[0]))
        if key not in seen:
            seen.add(key)
            yield arguments


def _all_candidates(tool: Tool, bench: Workbench) -> Iterator[Arguments]:
    required = [n for n in tool.parameter_names if n in tool.parameters.get("required", ())]
    if tool.example or not required:
        yield tool.example
    optional = [n for n in tool.parameter_names if n not in required]
    found = turned_round(tool, bench)
    values = {name: value_candidates(tool, name, bench) for name in tool.parameter_names}
    for wanted in (required, required + optional, *([*required, name] for name in optional)):
        for base in found or [{}]:
            known = {name: value for name, value in base.items() if name in wanted}
            yield from _completed(known, [name for name in wanted if name not in known], values)
    yield from _completed({}, required, values)


def _completed(known: Arguments, missing: list[str], values: Mapping[str, list[Any]]) -> Iterator[Arguments]:
    """The known arguments with the missing ones at their first value, then each at its other values, one at a time."""
    if any(not values[name] for name in missing):
        return
    first = known | {name: values[name][0] for name in missing}
    yield first
    for name in missing:
        for other in values[name][1:]:
            yield first | {name: other}
    for shift in range(1, 4):
        yield known | {name: values[name][(shift + i) % len(values[name])] for i, name in enumerate(missing)}


def turned_round(tool: Tool, bench: Workbench, most: int = WIDTH) -> list[Arguments]:
    """Argument sets that pass the tool's guards, found by asking its own queries for their parameters."""
    states: list[State] = [({}, {})]
    for site in sites_of(tool, bench.draft.schema_sql):
        if site.role == "run" or "/do/" in site.place:
            continue
        states = list(islice((state for old in states for state in _extended(*old, site, bench)), BREADTH)) or states
    return [arguments for arguments, _ in states[:most] if arguments]


def _extended(arguments: Arguments, bound: Arguments, site: Site, bench: Workbench) -> Iterator[State]:
    """The partial argument sets that go on from one at a step: those that its guard lets through."""
    for more in asked_of(arguments, bound, site, bench):
        grown = arguments | more
        known = grown | bound
        guard = site.role in ("require", "refuse") and all(n in known or n in RESERVED for n in names_used(site.sql))
        rows = rows_of(site.sql, known, site, bench) if guard or site.binds else []
        if not guard or passes(site, rows):
            yield grown, bound | {name: rows[0].get(name) for name in site.binds if rows}


def passes(site: Site, rows: list[dict[str, Any]]) -> bool:
    """Whether a step lets a call go on that gives these rows."""
    return site.role not in ("require", "refuse") or bool(rows) is (site.role == "require")


def asked_of(arguments: Arguments, bound: Arguments, site: Site, bench: Workbench) -> list[Arguments]:
    """The values that a step's own rows have for the parameters that are still open; none for a `require` that no row fits."""
    turned = turn_round(site, frozenset(arguments | bound)) if site.role != "refuse" else None
    if turned is None:
        return [{}]
    rows = rows_of(turned, arguments | bound, site, bench)
    return [{name: _typed(value, site.tool, name) for name, value in row.items()} for row in rows] or (
        [{}] if site.role != "require" else []
    )


def turn_round(site: Site, known: frozenset[str]) -> str | None:
    """The query that gives, instead of its result, the parameters that are not yet known; None when it names none."""
    return _turned(site.sql, frozenset(name for name in names_used(site.sql) if _open(name, site, known)))


@lru_cache(maxsize=500)
def _turned(sql: str, asked_for: frozenset[str]) -> str | None:
    tree = parse_statement(sql).tree if asked_for else None
    if not isinstance(tree, exp.Select) or tree.args.get("group") or not tree.args.get("from_"):
        return None
    turned = tree.copy()
    asked: dict[str, exp.Expr] = {}
    for node in list(turned.find_all(exp.EQ)):
        if node.find_ancestor(exp.Select) is not turned or node.find_ancestor(exp.Or, exp.Not, exp.Case):
            continue
        left, right = bare(node.this), bare(node.expression)
        for column, value in ((left, right), (right, left)):
            name = str(value.this) if isinstance(value, exp.Placeholder) else ""
            if isinstance(column, exp.Column) and name in asked_for and name not in asked:
                asked[name] = column.copy()
                node.replace(exp.true())
                break
    if not asked:
        return None
    turned.set("expressions", [exp.alias_(column, name, quoted=True) for name, column in asked.items()])
    turned.set("distinct", exp.Distinct())
    turned.set("order", None)
    return str(turned.limit(BREADTH).sql(dialect="sqlite"))


def _open(name: str, site: Site, known: frozenset[str]) -> bool:
    binding = site.scope.get(name)
    return binding is not None and binding.kind == "parameter" and name not in known


def rows_of(sql: str, bound: Arguments, site: Site, bench: Workbench) -> list[dict[str, Any]]:
    """The rows of a step's query, or of one made from it, with what is bound there; none where it cannot be run."""
    names = {name: None for name in (*names_used(sql), *names_used(site.sql)) if name not in RESERVED}
    values = names | {k: v for k, v in bound.items() if k in names}
    try:
        return bench.environment.query(sql, {k: _bindable(v) for k, v in values.items()})
    except InvalidInput:
        return []


def _bindable(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    return int(value) if isinstance(value, bool) else value


def _typed(value: Any, tool: Tool, name: str) -> Any:
    kind = parameter_schema(tool, name).get("type")
    return bool(value) if kind == "boolean" and value is not None else value


def value_candidates(tool: Tool, name: str, bench: Workbench) -> list[Any]:
    """A few values for one parameter: its choices, the data it meets, then values that its type allows."""
    schema = parameter_schema(tool, name)
    links = [link for link in bench.usages[tool.name].links if link.name == name]
    if schema.get("type") == "array":
        return _lists(schema, links, bench)
    return _scalars(schema, links, bench)


def stored_values(tool: Tool, name: str, bench: Workbench, most: int) -> list[Any]:
    """What the keys that a parameter names hold, at most so many each."""
    links = [link for link in bench.usages[tool.name].links if link.name == name and not link.path and _is_key(link, bench)]
    schema = parameter_schema(tool, name)
    return [] if schema.get("enum") else [value for link in links for value in _stored(link, bench, most) if _fits(value, schema)]


def _lists(schema: dict[str, Any], links: list[Link], bench: Workbench) -> list[Any]:
    items = schema.get("items", {})
    least = max(1, int(schema.get("minItems", 1)))
    if items.get("type") == "object":
        parts = {
            key: _scalars(part, [link for link in links if link.path in (f"[].{key}", f"[][].{key}")], bench)
            for key, part in items.get("properties", {}).items()
        }
        if any(not values for values in parts.values()):
            return []
        found: list[Any] = [{key: values[i % len(values)] for key, values in parts.items()} for i in range(WIDTH)]
    else:
        found = _scalars(items, [link for link in links if link.path.startswith("[]")], bench)
    return [found[i : i + least] for i in range(max(0, len(found) - least + 1))]


def _scalars(schema: dict[str, Any], links: list[Link], bench: Workbench) -> list[Any]:
    if schema.get("enum"):
        return [choice for choice in schema["enum"] if choice is not None]
    stored = [value for link in links for value in _stored(link, bench)]
    fitting = [value for value in stored if _fits(value, schema)]
    made = list(_made(schema, bench.draft.clock.start))
    stores = any(link.relation in ("insert", "set") for link in links)
    keyed = any(_is_key(link, bench) for link in links)
    ordered = [*made, *fitting] if stores and not keyed else [*fitting, *made]
    return list({repr(value): value for value in ordered}.values())[:WIDTH]


def _is_key(link: Link, bench: Workbench) -> bool:
    column = bench.catalog.column(link.table, link.column)
    table = bench.catalog.find(link.table)
    return bool(column and (column.key or column.choices or (table and table.parent_of(column.name))))


def _stored(link: Link, bench: Workbench, most: int = WIDTH) -> list[Any]:
    """Values that a column may take: its choices, its parents' keys, or what it holds; the signed-in user's rows first."""
    column = bench.catalog.column(link.table, link.column)
    if column is None:
        return []
    if column.choices:
        return list(column.choices)
    table, name = root_of((link.table, link.column), bench.catalog) if link.relation in ("insert", "set") else (link.table, link.column)
    known = bench.catalog.find(table)
    people = [k.columns[0] for k in known.foreign_keys if len(k.columns) == 1 and _people(k.parent, bench)] if known else []
    mine = "".join(f'"{c}" = :me DESC, ' for c in people)
    rows = (
        bench.environment.query(f'SELECT "{name}" AS value FROM "{table}" WHERE "{name}" IS NOT NULL ORDER BY {mine}rowid LIMIT {most}')
        if (known is not None and known.name.lower() in bench.catalog.tables and "WITHOUT" not in known.sql.upper())
        else []
    )
    return [row["value"] for row in rows]


def _people(parent: str, bench: Workbench) -> bool:
    return any(
        word in parent.lower()
        for word in ("user", "member", "customer", "account", "person", "people", "patient", "client", "guest", "employee")
    )


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "integer":
        return isinstance(value, int) and schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if kind == "number":
        return isinstance(value, (int, float)) and schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if kind == "string":
        return isinstance(value, str) and (schema.get("format") != "date" or len(value) == 10)
    return kind not in ("boolean", "array", "object") or (kind == "boolean" and isinstance(value, bool))


def _made(schema: dict[str, Any], start: str) -> Iterator[Any]:
    """Sensible values of a type, inside its bounds."""
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    for one in kinds:
        match one:
            case "integer" | "number":
                least, most = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1), schema.get("maximum", 1_000_000)
                yield from dict.fromkeys(v for v in (least, 1, 2, 3, 5, 10, 50, 1000, 5000, most) if least <= v <= most)
            case "boolean":
                yield from (True, False)
            case "string":
                yield from _texts(schema, start)
            case "object":
                parts = {key: next(_made(part, start), None) for key, part in schema.get("properties", {}).items()}
                yield {key: value for key, value in parts.items() if value is not None}


def _texts(schema: dict[str, Any], start: str) -> Iterator[str]:
    moment = datetime.fromisoformat(start)
    days = [moment + timedelta(days=n) for n in (3, 10, 1, 30, 0, -1, -30)]
    if schema.get("format") == "date":
        yield from (day.strftime("%Y-%m-%d") for day in days)
    elif schema.get("format") == "date-time":
        yield from (day.strftime("%Y-%m-%d 10:00:00") for day in days)
    else:
        least, most = int(schema.get("minLength", 1)), int(schema.get("maxLength", 200))
        for text in ("Sample text", "Second sample", moment.strftime("%Y-%m-%d"), "10:00", "a@example.org", "A"):
            yield text.ljust(least, "x")[:most]
