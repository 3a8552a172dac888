"""What a tool's name and description claim, held against what its program does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlglot import exp

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from tasks.sql.catalog import Catalog
from tasks.sql.lineage import ColumnName, Usage, links_of, root_of
from tasks.sql.programs import Site, names_used, parameter_schema, sites_of
from tasks.sql.statements import parse_statement
from tasks.sql.whitelist import words

_READING = words("list get show view find search count browse lookup fetch describe display inspect preview")
_WRITING = words("create add cancel delete remove update place book assign reassign transfer approve reject")
_FIRST = re.compile(
    r"\b(newest|latest|most recent|oldest|earliest|soonest|cheapest|dearest|most expensive|best rated|highest rated)\s+first\b"
)
_DOWN = words("newest latest dearest best highest") | {"most recent", "most expensive", "best rated", "highest rated"}
_TIME = re.compile(r"(_at|_on|_date|^date|_day|^day|_time|_from|_until|_start)$")
_PRICE = re.compile(r"(price|cost|fee|amount|total|cents|rate)")
_BOUND = re.compile(r"\b(?:at most|up to|no more than|maximum of)\s+(\d+)\b|\b(?:from|between)\s+\d+\s+(?:to|and)\s+(\d+)\b", re.IGNORECASE)


def claim_problems(tools: Sequence[Tool], usages: dict[str, Usage], owners: frozenset[ColumnName], schema_sql: str) -> Iterator[Diagnostic]:
    """All claims of a toolset that its programs do not keep."""
    for tool in tools:
        yield from _kind_claims(tool, usages[tool.name])
        yield from _order_claims(tool, schema_sql)
        yield from _bound_claims(tool)
        yield from _owner_claims(tool, usages[tool.name], owners, schema_sql)


def _problem(code: str, tool: Tool, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code=code, place=f"tool:{tool.name}", message=message, hint=hint)


def _kind_claims(tool: Tool, usage: Usage) -> Iterator[Diagnostic]:
    verb = tool.name.split("_")[0]
    opening = tool.description.split()[0].lower()
    if usage.writes and verb in _READING and "and" not in tool.name.split("_"):
        message = f"{tool.name} sounds as if it only looks, but it changes {', '.join(usage.writes)}."
        yield _problem("tool.claims_to_read", tool, message, "Take the change out, or give it a name that says what it does.")
    elif not usage.writes and verb in _WRITING and opening == verb:
        message = f"{tool.name} sounds as if it changes something, but no step of it does."
        yield _problem("tool.claims_to_write", tool, message, "Add the INSERT, UPDATE or DELETE, or name it after what it shows.")


def _order_claims(tool: Tool, schema_sql: str) -> Iterator[Diagnostic]:
    """`newest first` over an ascending time, `cheapest first` over a descending price."""
    found = _FIRST.search(tool.description.lower())
    sites = [site for site in sites_of(tool, schema_sql) if site.role == "return" and site.shape == "many"]
    first = _first_order(sites[0]) if found and len(sites) == 1 else None
    if found is None or first is None:
        return
    column, descending = first
    timely = found[1] in ("newest", "latest", "most recent", "oldest", "earliest", "soonest")
    fits = _TIME if timely else re.compile("rating|stars|score") if "rated" in found[1] else _PRICE
    if fits.search(column) and descending != (found[1] in _DOWN):
        direction = "descending" if descending else "ascending"
        message = f"The description says '{found[0]}', but the list is ordered by {column}, {direction}."
        yield _problem("tool.says_otherwise", tool, message, "Turn the ORDER BY round, or say which comes first.")


def _first_order(site: Site) -> tuple[str, bool] | None:
    """The column that a list is ordered by first, and whether downwards; None where it is no plain column."""
    tree = parse_statement(site.sql).tree
    order = tree.args.get("order") if isinstance(tree, exp.Select) else None
    first = order.expressions[0] if order is not None else None
    column = first.this if isinstance(first, exp.Ordered) else first
    return (column.name.lower(), bool(first is not None and first.args.get("desc"))) if isinstance(column, exp.Column) else None


def _bound_claims(tool: Tool) -> Iterator[Diagnostic]:
    """`at most 20` in a parameter's description whose schema allows more, or less."""
    for name in tool.parameter_names:
        schema = parameter_schema(tool, name)
        most = schema.get("maximum", schema.get("maxItems"))
        found = _BOUND.search(str(schema.get("description", "")))
        said = int(found[1] or found[2]) if found else None
        if said is not None and isinstance(most, int) and most != said and schema.get("type") in ("integer", "array"):
            message = f"The description of {name} says '{found[0] if found else ''}', but its schema allows up to {most}."
            yield _problem("tool.says_otherwise", tool, message, "Let the words and the schema say the same.")


def owner_columns(tools: Sequence[Tool], schema_sql: str, catalog: Catalog) -> frozenset[ColumnName]:
    """The columns that say whose a row is: those that a tool compares with :me, all others with the same root, and the root itself."""
    links = (link for tool in tools for site in sites_of(tool, schema_sql) for link in links_of(site.sql, schema_sql))
    roots = {root_of((link.table, link.column), catalog) for link in links if link.name == "me" and link.relation == "equals"}
    pairs = ((table, column) for table, known in catalog.tables.items() for column in known.columns)
    return frozenset(pair for pair in pairs if root_of(pair, catalog) in roots)


def spoken_of(tool: Tool) -> frozenset[str]:
    """The words, in the singular, that a tool's description and name put behind "your" or "my"."""
    said = re.findall(r"\b(?:your|my)(?: own)?((?: [a-z]+){1,2})", f"{tool.description.lower()} {tool.name.replace('_', ' ')}")
    return frozenset(singular(word) for phrase in said for word in phrase.split())


def singular(word: str) -> str:
    """An English noun without its plural ending, as far as spelling tells: addresses, categories, loans."""
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word if word.endswith("ss") else word.removesuffix("s")


def _owner_claims(tool: Tool, usage: Usage, owners: frozenset[ColumnName], schema_sql: str) -> Iterator[Diagnostic]:
    """`your orders` from a tool that never asks whose they are."""
    if any("me" in names_used(site.sql) for site in sites_of(tool, schema_sql)):
        return
    touched = {table for table, _ in (*usage.gives, *usage.mutates)} | set(usage.writes)
    for table, column in sorted(owners):
        if table in touched and singular(table.split("_")[-1]) in spoken_of(tool):
            message = f"{tool.name} speaks of your {table}, but takes rows of anybody: it never compares {table}.{column} with :me."
            yield _problem("tool.others_rows", tool, message, f"Add {column} = :me to the WHERE, or do not say 'your'.")
            return
