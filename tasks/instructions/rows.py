"""A table's rows with all that a person may know of them: their own columns, their parents' and their children's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tasks.sql.catalog import Column, Table
from tasks.sql.lineage import links_of, root_of
from tasks.sql.programs import sites_of
from tasks.trials.workbench import Workbench

FieldKind = Literal["text", "choice", "number", "moment", "owner"]
Key = tuple[Any, ...]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?|\d\d:\d\d(?::\d\d)?")
_DEPTH = 2
"""How many parents up a person's facts about a row go."""


class Field(NamedTuple):
    """Something known of each row of a table: `sql` gives it for the row `t`; where `many`, it is a test with `{}` for the value."""

    kind: FieldKind
    label: str
    column: str
    sql: str
    values: Mapping[Key, Any]
    many: bool = False
    near: bool = True
    """Whether it is a column of the table itself."""

    def of(self, key: Key) -> tuple[Any, ...]:
        """The values that a row has; none where it has none."""
        value = self.values.get(key)
        return () if value is None else value if self.many else (value,)


class Rows(NamedTuple):
    """The rows of a table at the start, by primary key, and its fields."""

    table: Table
    keys: tuple[Key, ...]
    fields: tuple[Field, ...]
    owners: tuple[Field, ...]


class Known:
    """The initial rows of all tables of one workbench; tables' fields are made when they are asked for."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.catalog = bench.catalog
        self.plain: dict[str, dict[Key, dict[str, Any]]] = {}
        self.made: dict[str, Rows] = {}
        self.people, self.owned = _people(bench)
        self.offspring: dict[str, list[tuple[Table, str]]] = defaultdict(list)
        for table in self.catalog.tables.values():
            for key in table.foreign_keys:
                if len(key.columns) == 1:
                    self.offspring[key.parent.lower()].append((table, key.columns[0].lower()))

    def rows(self, table: str) -> dict[Key, dict[str, Any]]:
        """The plain rows of a table, by key; columns in lower case."""
        found = self.plain.get(table)
        if found is None:
            known = self.catalog.tables[table]
            names = ", ".join(f'"{column.name}" AS "{name}"' for name, column in known.columns.items())
            held = self.bench.environment.query(f'SELECT {names} FROM "{known.name}"')
            key = [name.lower() for name in known.primary_key]
            found = self.plain[table] = {tuple(row[name] for name in key): row for row in held}
        return found

    def of(self, table: str) -> Rows:
        """A table's rows and fields; raises KeyError for a table that does not exist."""
        found = self.made.get(table)
        if found is None:
            known = self.catalog.tables[table]
            keys = tuple(self.rows(table))
            own = dict(self.rows(table))
            fields = (*self._fields(known, own, "t", 0), *self._offspring_fields(known))
            owners = tuple(field for field in fields if field.kind == "owner")
            found = self.made[table] = Rows(known, keys, tuple(f for f in fields if f.kind != "owner"), owners)
        return found

    def _fields(self, table: Table, rows: Mapping[Key, Mapping[str, Any]], alias: str, depth: int, without: str = "") -> Iterator[Field]:
        """The fields of a table's row that stands for each key, and of its parents but one; keys themselves are no facts."""
        prefix = "" if depth == 0 else f"{_noun(table.name)} "
        for name, column in table.columns.items():
            if name == without:
                continue
            parent = table.parent_of(column.name)
            values = {key: row[name] for key, row in rows.items()}
            sql = f'{alias}."{column.name}"' if depth == 0 else alias.format(column.name)
            if parent is None and not column.key:
                kind = _kind(column, values.values())
                if kind is not None:
                    yield Field(kind, prefix + name.replace("_", " "), f"{table.name}.{column.name}", sql, values, near=depth == 0)
            elif parent is not None and (table.name.lower(), name) in self.owned:
                yield Field("owner", "mine", f"{table.name}.{column.name}", sql, values, near=depth == 0)
            if parent is not None and depth < _DEPTH and parent[0].lower() in self.catalog.tables:
                yield from self._of_parent(parent, values, sql, depth)

    def _of_parent(self, parent: tuple[str, str], held: Mapping[Key, Any], sql: str, depth: int) -> Iterator[Field]:
        table = self.catalog.tables[parent[0].lower()]
        by_key = {row[parent[1].lower()]: row for row in self.rows(table.name.lower()).values()}
        rows = {key: by_key[value] for key, value in held.items() if value in by_key}
        name = f"p{depth}"
        alias = f'(SELECT {name}."{{}}" FROM "{table.name}" {name} WHERE {name}."{parent[1]}" = {sql})'.replace("{}", "{0}")
        yield from self._fields(table, rows, alias, depth + 1)

    def _offspring_fields(self, table: Table) -> Iterator[Field]:
        """What the children of a row and the children's parents are called, and when they are."""
        if len(table.primary_key) != 1:
            return
        own = table.primary_key[0]
        for child, column in self.offspring[table.name.lower()]:
            if child.name == table.name:
                continue
            rows = self.rows(child.name.lower())
            for field in self._fields(child, rows, "c", 0, without=column):
                if field.kind not in ("text", "moment", "choice") or field.column.split(".")[0] == table.name:
                    continue
                values: dict[Key, tuple[Any, ...]] = defaultdict(tuple)
                for key, row in rows.items():
                    if field.values.get(key) is not None:
                        values[row[column],] += (field.values[key],)
                test = f'EXISTS (SELECT 1 FROM "{child.name}" c WHERE c."{column}" = t."{own}" AND {field.sql} = {{}})'
                yield Field(field.kind, f"{_noun(child.name)} {field.label}", field.column, test, dict(values), many=True, near=False)


def _people(bench: Workbench) -> tuple[str, frozenset[tuple[str, str]]]:
    """The table of the signed-in user, and the columns that tools compare with them or fill with them."""
    schema = bench.draft.schema_sql
    links = (link for tool in bench.tools for site in sites_of(tool, schema) for link in links_of(site.sql, schema))
    owned = frozenset((k.table, k.column) for k in links if k.name == "me" and not k.path and k.relation != "compares")
    roots = [root_of(pair, bench.catalog)[0] for pair in sorted(owned)]
    return (max(sorted(set(roots)), key=roots.count) if roots else ""), owned


def _noun(table: str) -> str:
    return table.replace("_", " ").removesuffix("s")


def _kind(column: Column, values: Any) -> FieldKind | None:
    held = [value for value in values if value is not None]
    if not held:
        return None
    if column.choices or set(held) <= {0, 1}:
        return "choice"
    if all(isinstance(value, str) for value in held):
        if all(_MOMENT.fullmatch(value) for value in held):
            return "moment"
        return "choice" if len(set(held)) <= 2 < len(held) and all(value.islower() and " " not in value for value in held) else "text"
    return "number" if all(isinstance(value, int | float) for value in held) else None


def literal(value: Any) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value)) if isinstance(value, bool) else repr(value)
