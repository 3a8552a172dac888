"""The ground on which walks go: the rows at the start, what tools show of them, and which facts a person can tell of a row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, NamedTuple

from artifacts.toolset import Tool
from containers.environment import Environment
from tasks.sql.catalog import Column, Table
from tasks.sql.lineage import ColumnName, Link, links_of, needed_keys, root_of
from tasks.sql.programs import sites_of
from tasks.trials.workbench import Workbench

FactKind = Literal["name", "word", "choice", "date", "amount"]

_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?")
_ORDERING = re.compile(r"(^|_)(position|sort|line|sequence|seq|rank|ordinal|order_index|version)(_|$)")
_PROSE = re.compile(r"(^|_)(note|notes|body|comment|reason|message|description|text|detail|details|remark|content|summary|bio|url)$")
_LONG = 60


class Field(NamedTuple):
    """One key of a result row, and the table's column that it shows."""

    name: str
    table: str
    column: str


class Source(NamedTuple):
    """Rows that a tool returns: `path` leads to them in the result ("" or ".items"), `many` tells a list from an object."""

    tool: Tool
    path: str
    many: bool
    fields: tuple[Field, ...]

    def rows(self, result: Any) -> list[tuple[str, dict[str, Any]]]:
        """The result's rows, each with its path."""
        found = result.get(self.path[1:]) if self.path and isinstance(result, dict) else result
        if self.many and isinstance(found, list):
            return [(f"{self.path}[{i}]", row) for i, row in enumerate(found) if isinstance(row, dict)]
        return [(self.path, found)] if not self.many and isinstance(found, dict) else []

    def field_of(self, table: str, column: str) -> Field | None:
        """The first field that shows a column."""
        return next((field for field in self.fields if (field.table, field.column) == (table, column)), None)


class Fact(NamedTuple):
    """Something that a person may know of a table's row: a column of its own, or of the parent that the column `via` names."""

    kind: FactKind
    table: str
    column: str
    via: str = ""

    @property
    def home(self) -> ColumnName:
        """The column whose value it is."""
        return self.table, self.column


class Place(NamedTuple):
    """A table whose rows have one key: its rows at the start by key, and what can be told of them."""

    table: Table
    key: str
    rows: dict[Any, dict[str, Any]]
    facts: tuple[Fact, ...]

    @property
    def name(self) -> str:
        """The table's name in lower case."""
        return self.table.name.lower()

    @property
    def noun(self) -> str:
        """What a person calls one of its rows."""
        return singular(self.name)


class Terrain:
    """What walks need to know of one workbench; made once, from the initial state."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.catalog = bench.catalog
        self.schema = bench.draft.schema_sql
        self.shown: dict[str, Any] = {}
        bench.environment.reset()
        self.places = {name: place for name, table in self.catalog.tables.items() for place in [self._place(table)] if place}

    @cached_property
    def walking(self) -> Environment:
        """The environment on which walks are made; the workbench's own stays in the initial state."""
        return Environment.fork(self.bench.blueprint)

    @cached_property
    def tools(self) -> dict[str, Tool]:
        """The tools by name."""
        return {tool.name: tool for tool in self.bench.tools}

    @cached_property
    def readers(self) -> tuple[Tool, ...]:
        """The tools that change nothing."""
        return tuple(tool for tool in self.bench.tools if self.bench.usages[tool.name].only_reads)

    @cached_property
    def writers(self) -> tuple[Tool, ...]:
        """The tools that change rows."""
        return tuple(tool for tool in self.bench.tools if not self.bench.usages[tool.name].only_reads)

    @cached_property
    def owned(self) -> frozenset[ColumnName]:
        """The columns that tools compare with the signed-in user or fill with them."""
        sites = (site for tool in self.bench.tools for site in sites_of(tool, self.schema))
        links = (link for site in sites for link in links_of(site.sql, self.schema))
        return frozenset((k.table, k.column) for k in links if k.name == "me" and k.relation in ("equals", "insert", "set") and not k.path)

    @cached_property
    def people(self) -> str:
        """The table of the signed-in user, in lower case; empty where none is known."""
        roots = Counter(root_of(pair, self.catalog)[0] for pair in sorted(self.owned))
        return roots.most_common(1)[0][0] if roots else ""

    @cached_property
    def bonds(self) -> tuple[tuple[str, str, str], ...]:
        """Which place's column names a row of which other place."""
        roots = (
            (place.name, column, root_of((place.name, column), self.catalog))
            for place in self.places.values()
            for column in place.table.columns
        )
        return tuple((child, column, root[0]) for child, column, root in roots if root != (child, column) and self._is_key(root))

    def _is_key(self, pair: ColumnName) -> bool:
        return pair[0] in self.places and self.places[pair[0]].key == pair[1]

    @cached_property
    def sources(self) -> dict[str, tuple[Source, ...]]:
        """The rows that each tool returns."""
        return {tool.name: tuple(self._sources(tool)) for tool in self.bench.tools}

    def _sources(self, tool: Tool) -> Iterator[Source]:
        for site in sites_of(tool, self.schema):
            if site.role == "return" and site.shape in ("one", "many"):
                fields = tuple(
                    Field(c.name, c.table.lower(), c.origin.lower()) for c in site.described.columns if c.table and c.origin and c.name
                )
                yield Source(tool, f".{site.key}" if site.key else "", site.shape == "many", fields)

    @cached_property
    def needs(self) -> dict[str, dict[str, ColumnName]]:
        """The keys that each tool needs, by parameter."""
        return {tool.name: self._needs(tool) for tool in self.bench.tools}

    def _needs(self, tool: Tool) -> dict[str, ColumnName]:
        found = needed_keys(tool, self.bench.usages[tool.name], self.catalog)
        return {name: root for name, root in found.items() if root[0] in self.places}

    def links(self, tool: Tool, parameter: str) -> tuple[Link, ...]:
        """The columns that a parameter meets."""
        return tuple(link for link in self.bench.usages[tool.name].links if link.name == parameter and not link.path)

    def column(self, table: str, column: str) -> Column | None:
        """A column by its names."""
        return self.catalog.column(table, column)

    def _place(self, table: Table) -> Place | None:
        if len(table.primary_key) != 1:
            return None
        key = table.primary_key[0].lower()
        names = ", ".join(f'"{column.name}" AS "{name}"' for name, column in table.columns.items())
        rows = self.bench.environment.query(f'SELECT {names} FROM "{table.name}" ORDER BY "{key}"')
        return Place(table, key, {row[key]: row for row in rows}, tuple(self._facts(table, rows)))

    def _facts(self, table: Table, rows: list[dict[str, Any]]) -> Iterator[Fact]:
        name = table.name.lower()
        for column_name, column in table.columns.items():
            if column.key or table.parent_of(column.name) or _ORDERING.search(column_name):
                continue
            kind = _kind(column, [row[column_name] for row in rows])
            if kind is not None:
                yield Fact(kind, name, column_name)
        parents = Counter(key.parent.lower() for key in table.foreign_keys)
        for key in table.foreign_keys:
            parent = self.catalog.tables.get(key.parent.lower())
            if parent is None or len(key.columns) > 1 or parents[key.parent.lower()] > 1 or parent.name == table.name:
                continue
            if [c.lower() for c in key.parent_columns] != [c.lower() for c in parent.primary_key]:
                continue
            for column_name, column in parent.columns.items():
                if column.affinity == "TEXT" and not column.choices and column_name in _naming(parent):
                    yield Fact("name", parent.name.lower(), column_name, key.columns[0].lower())

    def values(self, place: Place, fact: Fact) -> dict[Any, Any]:
        """A fact of every row, by key; None where there is none."""
        known = self._values.get((place.name, fact))
        if known is None:
            known = self._values[place.name, fact] = {key: self._value(place, row, fact) for key, row in place.rows.items()}
        return known

    @cached_property
    def _values(self) -> dict[tuple[str, Fact], dict[Any, Any]]:
        return {}

    def _value(self, place: Place, row: dict[str, Any], fact: Fact) -> Any:
        if not fact.via:
            return row[fact.column]
        parent = self.places.get(fact.table)
        held = parent.rows.get(row[fact.via]) if parent else None
        return held[fact.column] if held else None

    def value(self, place: Place, key: Any, fact: Fact) -> Any:
        """A fact of one row; None where there is none."""
        return self.values(place, fact)[key]

    @cached_property
    def _texts(self) -> dict[ColumnName, Counter[str]]:
        return {}

    def stands_once(self, fact: Fact, value: Any) -> bool:
        """Whether no other row of the fact's table holds this text, or a longer one with it inside."""
        place = self.places.get(fact.table)
        if place is None or not isinstance(value, str) or not value.strip():
            return False
        known = self._texts.get(fact.home)
        if known is None:
            known = self._texts[fact.home] = Counter(str(row[fact.column]).casefold() for row in place.rows.values())
        wanted = value.casefold()
        return known[wanted] == 1 and sum(wanted in text for text in known) == 1


def _naming(table: Table) -> tuple[str, ...]:
    """The columns by which a person would name a row: those that end like a name, a title or a code."""
    return tuple(name for name in table.columns if re.search(r"(^|_)(name|title|code|label|number|subject|reference|headline)$", name))


def _kind(column: Column, values: list[Any]) -> FactKind | None:
    """What sort of fact a column holds; None where a person would not go by it."""
    held = [value for value in values if value is not None]
    if not held or column.generated:
        return None
    if column.affinity == "TEXT":
        if column.choices:
            return "choice"
        if all(isinstance(v, str) and _DATE.fullmatch(v) for v in held):
            return "date"
        if _PROSE.search(column.name.lower()) or any(not isinstance(v, str) or len(v) > _LONG or v[:1] in "[{" for v in held):
            return None
        return "name" if _unique(held) else "word"
    if column.affinity in ("INTEGER", "REAL", "NUMERIC") and all(isinstance(v, int | float) for v in held):
        flag = set(held) <= {0, 1}
        return None if flag or column.choices else "amount"
    return None


def _unique(values: list[Any]) -> bool:
    return len(set(values)) == len(values)


def words(name: str) -> str:
    """A column's or a parameter's name in everyday words."""
    return re.sub(r"_(id|cents)$", "", name).replace("_", " ").strip() or name


def singular(name: str) -> str:
    """A table's name as the noun for one row."""
    text = name.replace("_", " ")
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ses", "se"), ("s", "")):
        if text.endswith(ending) and not text.endswith("ss"):
            return text[: -len(ending)] + instead
    return text
