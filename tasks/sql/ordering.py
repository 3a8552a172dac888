"""Whether an ORDER BY is total: functional dependencies from keys, equalities and joins, to a fixed point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from sqlglot import exp

from tasks.sql.catalog import Catalog
from tasks.sql.scratch import catalog_of
from tasks.sql.statements import parse_statement

Name = tuple[str, str]
"""A source's alias and a column of it, in lower case."""


class Source(NamedTuple):
    """Something in a FROM: the columns it has, and the sets of columns that tell its rows apart."""

    columns: frozenset[str]
    keys: tuple[frozenset[str], ...]


_JSON_EACH = Source(
    frozenset("key value type atom id parent fullkey path rowid".split()),  # noqa: SIM905 - reads better than nine quoted words
    (frozenset(("key",)), frozenset(("id",)), frozenset(("rowid",)), frozenset(("fullkey",))),
)


class Undecided(Exception):
    """A form that this analysis does not cover; the caller gives it the benefit of the doubt."""


@lru_cache(maxsize=1_000)
def missing_from_order(sql: str, schema_sql: str) -> tuple[str, ...]:
    """What an ORDER BY lacks before every run must give the rows in the same order, such as `l.id`; nothing where it lacks
    nothing, or where that cannot be decided.
    """
    tree = parse_statement(sql).tree
    if not isinstance(tree, exp.Query):
        return ()
    try:
        return _missing(tree, catalog_of(schema_sql))
    except Undecided:
        return ()


def _missing(tree: exp.Query, catalog: Catalog) -> tuple[str, ...]:
    order = tree.args.get("order")
    if not isinstance(tree, exp.Select):
        return () if order is not None else ("all the columns",)
    if not tree.args.get("from_") or (_aggregates(tree) and not tree.args.get("group")):
        return ()
    ordered = [o.this for o in order.expressions] if order else []
    return _Analysis(tree, catalog).missing(ordered)


def _aggregates(tree: exp.Select) -> bool:
    return any(_own_aggregate(p) for p in tree.expressions)


def _own_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate stands in an expression, outside its subqueries and windows."""
    if isinstance(node, (exp.Query, exp.Window)):
        return False
    if isinstance(node, (exp.AggFunc, exp.JSONArrayAgg, exp.JSONObjectAgg)) or (
        isinstance(node, exp.Anonymous) and node.name.lower() == "total"
    ):
        return True
    return any(_own_aggregate(child) for child in node.iter_expressions())


class _Analysis:
    """The sources of one SELECT, and what a set of ordered expressions determines in it."""

    def __init__(self, tree: exp.Select, catalog: Catalog) -> None:
        self.tree = tree
        self.catalog = catalog
        self.ctes = {cte.alias.lower(): cte.this for cte in _ctes(tree)}
        self.sources = dict(self._sources())
        self.aliases: dict[str, exp.Expr] = {p.alias.lower(): p.this for p in tree.expressions if isinstance(p, exp.Alias)}

    def _sources(self) -> Iterator[tuple[str, Source]]:
        tables = [self.tree.args["from_"].this, *(join.this for join in self.tree.args.get("joins") or ())]
        for table in tables:
            yield self._source(table)

    def _source(self, table: exp.Expr) -> tuple[str, Source]:
        if isinstance(table, exp.Subquery) and isinstance(table.this, exp.Select):
            return (table.alias or "").lower(), _derived(table.this, self.catalog)
        if not isinstance(table, exp.Table):
            raise Undecided
        if isinstance(table.this, exp.Func):
            if table.this.name.lower() not in ("json_each",):
                raise Undecided
            return (table.alias or "json_each").lower(), _JSON_EACH
        name = table.name.lower()
        if name in self.ctes:
            if not isinstance(self.ctes[name], exp.Select) or any(t.name.lower() == name for t in self.ctes[name].find_all(exp.Table)):
                raise Undecided
            return table.alias_or_name.lower(), _derived(self.ctes[name], self.catalog)
        return table.alias_or_name.lower(), _stored(name, self.catalog)

    def name_of(self, column: exp.Column) -> Name | None:
        """The source and column that a column names; None for one of an outer query."""
        column_name = column.name.lower()
        if column.table:
            return (column.table.lower(), column_name) if column.table.lower() in self.sources else None
        return next(((alias, column_name) for alias, source in self.sources.items() if column_name in source.columns), None)

    def determines(self, ordered: Iterable[exp.Expr]) -> bool:
        """Whether rows with equal ordered expressions are the same row (or the same group)."""
        return not self.missing(ordered)

    def missing(self, ordered: Iterable[exp.Expr]) -> tuple[str, ...]:
        """What must be ordered too before rows with equal ordered expressions are the same row (or the same group)."""
        expressions = [self._resolved(e) for e in ordered]
        texts = {e.sql() for e in expressions}
        known = {n for n in (self.name_of(e) for e in expressions if isinstance(e, exp.Column)) if n}
        known = self._closure(known | set(self._constants()))
        group = self.tree.args.get("group")
        if group or self.tree.args.get("distinct"):
            parts = [self._resolved(e) for e in (group.expressions if group else [p.unalias() for p in self.tree.expressions])]
            return tuple(part.sql(dialect="sqlite") for part in parts if not self._settled(part, known, texts))
        return tuple(self._missing_keys(known))

    def _missing_keys(self, known: set[Name]) -> Iterator[str]:
        """A key of each source whose row is not determined yet, one after the other: a key may determine further sources."""
        for alias, source in self.sources.items():
            if (alias, "*") in known:
                continue
            key = {(alias, column) for column in next(iter(source.keys), source.columns)}
            yield ", ".join(".".join(filter(None, name)) for name in sorted(key - known))
            known = self._closure(known | key | {(alias, "*")})

    def _resolved(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Collate) and isinstance(node.this, exp.Expr):
            node = node.this
        if isinstance(node, exp.Literal) and not node.is_string and 0 < int(node.this) <= len(self.tree.expressions):
            positioned: exp.Expr = self.tree.expressions[int(node.this) - 1].unalias()
            return positioned
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in self.aliases:
            return self.aliases[node.name.lower()]
        return node

    def _settled(self, part: exp.Expr, known: set[Name], texts: set[str]) -> bool:
        if part.sql() in texts:
            return True
        if isinstance(part, exp.Star):
            return all((alias, "*") in known for alias in self.sources)
        columns = list(part.find_all(exp.Column))
        return all(self.name_of(c) in known or (name := self.name_of(c)) is None or (name[0], "*") in known for c in columns)

    def _conditions(self) -> Iterator[exp.Expr]:
        where = self.tree.args.get("where")
        joins = self.tree.args.get("joins") or ()
        for condition in [where.this if where else None, *(join.args.get("on") for join in joins)]:
            if condition is not None:
                yield from condition.unnest().flatten() if isinstance(condition.unnest(), exp.And) else (condition.unnest(),)

    def _equalities(self) -> Iterator[tuple[exp.Expr, exp.Expr]]:
        for condition in self._conditions():
            if isinstance(condition.unnest(), (exp.EQ, exp.Is)):
                yield condition.unnest().this, condition.unnest().expression

    def _constants(self) -> Iterator[Name]:
        for left, right in self._equalities():
            for column, value in ((left, right), (right, left)):
                if (
                    isinstance(column, exp.Column)
                    and not any(self.name_of(c) for c in value.find_all(exp.Column))
                    and not value.find(exp.Query)
                ):
                    name = self.name_of(column)
                    if name:
                        yield name

    def _pairs(self) -> Iterator[tuple[Name, Name]]:
        for left, right in self._equalities():
            if isinstance(left, exp.Column) and isinstance(right, exp.Column):
                one, other = self.name_of(left), self.name_of(right)
                if one and other:
                    yield one, other
        for join in self.tree.args.get("joins") or ():
            for used in join.args.get("using") or ():
                homes = [(alias, used.name.lower()) for alias, source in self.sources.items() if used.name.lower() in source.columns]
                yield from combinations(homes, 2)

    def _closure(self, known: set[Name]) -> set[Name]:
        pairs = list(self._pairs())
        while True:
            grown = set(known)
            for alias, source in self.sources.items():
                if any(all((alias, c) in known for c in key) for key in source.keys):
                    grown |= {(alias, c) for c in source.columns} | {(alias, "*")}
            for one, other in pairs:
                if one in grown or other in grown:
                    grown |= {one, other}
            if grown == known:
                return known
            known = grown


def _ctes(tree: exp.Expr) -> Iterator[exp.CTE]:
    here: exp.Expr | None = tree
    while here is not None:
        with_ = here.args.get("with_")
        yield from with_.expressions if with_ else ()
        here = here.parent


def _stored(name: str, catalog: Catalog) -> Source:
    table = catalog.tables.get(name)
    if table is not None:
        keys = [frozenset(c.lower() for c in key) for key in table.keys]
        return Source(frozenset(table.columns) | {"rowid"}, (*keys, frozenset(("rowid",))))
    view = catalog.views.get(name)
    tree = parse_statement(view.sql).tree if view else None
    if view is None or tree is None or not isinstance(tree.expression, exp.Select):
        raise Undecided
    derived = _derived(tree.expression, catalog)
    return Source(frozenset(view.columns), derived.keys)


def _derived(select: exp.Select, catalog: Catalog) -> Source:
    """A subquery or view as a source: its columns, and those single columns or pairs that determine its rows."""
    outputs: Mapping[str, exp.Expr] = {p.alias_or_name.lower(): p.unalias() for p in select.expressions if p.alias_or_name != "*"}
    if len(outputs) != len(select.expressions):
        raise Undecided
    if not select.args.get("from_") or (_aggregates(select) and not select.args.get("group")):
        return Source(frozenset(outputs), (frozenset(),))
    analysis = _Analysis(select, catalog)
    singles = [(name,) for name, e in outputs.items() if analysis.determines([e])]
    plain = [name for name, e in outputs.items() if (name,) not in singles]
    pairs = [] if singles else [p for p in combinations(plain, 2) if analysis.determines([outputs[c] for c in p])]
    keys = tuple(frozenset(key) for key in (*singles, *pairs))
    if not keys:
        raise Undecided
    return Source(frozenset(outputs), keys)
