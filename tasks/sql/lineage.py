"""Where data flows: parameters to columns, columns to results, and from tool to tool. Derived, never authored."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import permutations
from typing import Literal, NamedTuple

import networkx as nx
from sqlglot import exp

from artifacts.toolset import Tool
from tasks.sql.catalog import Catalog
from tasks.sql.memory import remembered
from tasks.sql.programs import Site, names_used, parameter_schema, sites_of
from tasks.sql.scratch import catalog_of, describe
from tasks.sql.statements import nodes_of, parse_statement

Relation = Literal["equals", "compares", "insert", "set"]
ColumnName = tuple[str, str]
"""A table and a column, in lower case."""


class Link(NamedTuple):
    """A bound name that meets a column; `path` is "" for the value itself, "[]" or "[].key" for parts of a JSON list."""

    name: str
    path: str
    table: str
    column: str
    relation: Relation


class Usage(NamedTuple):
    """What a tool does with the data."""

    reads: tuple[ColumnName, ...]
    writes: tuple[str, ...]
    mutates: tuple[ColumnName, ...]
    links: tuple[Link, ...]
    gives: tuple[ColumnName, ...]

    @property
    def only_reads(self) -> bool:
        """Whether the tool changes nothing."""
        return not self.writes


@lru_cache(maxsize=1_000)
def links_of(sql: str, schema_sql: str) -> tuple[Link, ...]:
    """Every bound name of one statement that is compared with a column or stored in one."""
    tree = parse_statement(sql).tree
    if tree is None:
        return ()
    catalog = catalog_of(schema_sql)
    return tuple(dict.fromkeys((*_compared(sql, tree, catalog), *_stored(tree, catalog))))


_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Glob, exp.Between, exp.Is)


_WRAPPERS = (exp.Lower, exp.Upper, exp.Trim, exp.Cast, exp.Collate, exp.Paren)


def bare(node: exp.Expr) -> exp.Expr:
    """What stands inside case folding, trimming, casts and collations."""
    while isinstance(node, _WRAPPERS):
        node = node.this
    return node


def _compared(sql: str, tree: exp.Expr, catalog: Catalog) -> Iterator[Link]:
    for node in nodes_of(sql, *_COMPARISONS, exp.In):
        relation: Relation = "equals" if isinstance(node, (exp.EQ, exp.In)) else "compares"
        sides = [bare(node.this), *(node.args.get(k) for k in ("expression", "low", "high", "query")), *node.expressions]
        columns = [
            found
            for side in map(bare, filter(None, sides))
            if isinstance(side, exp.Column)
            for found in [_home(side, tree, catalog)]
            if found
        ]
        values = [value for side in sides if side is not None for value in _sources(side, tree)]
        if isinstance(node.parent, exp.Update) or not columns:
            continue
        yield from (Link(name, path, *column, relation) for column in columns for name, path in values)


def _stored(tree: exp.Expr, catalog: Catalog) -> Iterator[Link]:
    if isinstance(tree, exp.Update):
        for pair in tree.expressions:
            if isinstance(pair, exp.EQ) and isinstance(pair.this, exp.Column):
                for name, path in _sources(pair.expression, tree):
                    yield Link(name, path, tree.this.name.lower(), pair.this.name.lower(), "set")
    for insert in [tree] if isinstance(tree, exp.Insert) else []:
        target = insert.this
        table = (target.this if isinstance(target, exp.Schema) else target).name.lower()
        known = catalog.tables.get(table)
        columns = [c.name.lower() for c in target.expressions] if isinstance(target, exp.Schema) else list(known.columns) if known else []
        for values in _inserted(insert.expression):
            for column, value in zip(columns, values, strict=False):
                yield from (Link(name, path, table, column, "insert") for name, path in _sources(value.unalias(), tree))


def _inserted(source: exp.Expr | None) -> Iterator[list[exp.Expr]]:
    if isinstance(source, exp.Values):
        yield from (row.expressions if isinstance(row, exp.Tuple) else [row] for row in source.expressions)
    elif isinstance(source, exp.Select):
        yield source.expressions


def _sources(node: exp.Expr, tree: exp.Expr) -> Iterator[tuple[str, str]]:
    """The bound names whose value a side of a comparison is, with the path into a JSON list."""
    inner = bare(node)
    if isinstance(inner, exp.Placeholder):
        yield str(inner.this), ""
    elif isinstance(inner, exp.Coalesce):
        yield from _sources(inner.this, tree)
    elif isinstance(inner, exp.DPipe):
        yield from (found for side in (inner.this, inner.expression) for found in _sources(side, tree))
    elif isinstance(inner, exp.Query):
        select = inner.this if isinstance(inner, exp.Subquery) else inner
        if isinstance(select, exp.Select) and len(select.expressions) == 1:
            yield from _sources(select.expressions[0].unalias(), tree)
    elif isinstance(inner, exp.Column) and inner.name.lower() == "value":
        yield from ((name, "[]") for name in _lists(inner, tree))
    elif isinstance(inner, (exp.JSONExtract, exp.JSONExtractScalar)) and isinstance(inner.this, exp.Column):
        key = ".".join(part.name for part in inner.expression.find_all(exp.JSONPathKey)) if inner.expression else ""
        yield from ((name, f"[].{key}") for name in _lists(inner.this, tree))


def _lists(column: exp.Column, tree: exp.Expr) -> Iterator[str]:
    """The bound names over which a json_each that gives this column runs."""
    for table in tree.find_all(exp.Table):
        call = table.this
        if isinstance(call, exp.Func) and call.name.lower() == "json_each" and call.expressions:
            if column.table and column.table.lower() != (table.alias or "json_each").lower():
                continue
            if isinstance(call.expressions[0], exp.Placeholder):
                yield str(call.expressions[0].this)


def _home(column: exp.Column, tree: exp.Expr, catalog: Catalog) -> ColumnName | None:
    """The table's column that a name in a statement means; views are followed to their tables."""
    name, qualifier = column.name.lower(), column.table.lower()
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func) or (qualifier and table.alias_or_name.lower() != qualifier):
            continue
        known = catalog.find(table.name)
        if known is not None and name in known.columns:
            return origin_of(known.name.lower(), name, catalog)
    return None


def origin_of(table: str, column: str, catalog: Catalog, depth: int = 0) -> ColumnName:
    """Follows a view's column to the table's column that it shows; itself where it is computed."""
    view = catalog.views.get(table)
    tree = parse_statement(view.sql).tree if view is not None else None
    if tree is None or depth > 8 or not isinstance(tree.expression, exp.Select):
        return table, column
    shown = next((p.unalias() for p in tree.expression.expressions if p.alias_or_name.lower() == column), None)
    home = _home(shown, tree.expression, catalog) if isinstance(shown, exp.Column) else None
    return home or (table, column)


@remembered()
def usage_of(tool: Tool, schema_sql: str) -> Usage:
    """What a tool reads, writes, takes and gives."""
    return _usage(sites_of(tool, schema_sql), schema_sql)


def _usage(sites: tuple[Site, ...], schema_sql: str) -> Usage:
    catalog = catalog_of(schema_sql)
    reads = {pair for site in sites for pair in site.described.reads if pair[0] in catalog.tables and pair[1]}
    changes = {change for site in sites for change in site.described.writes if change[1] in catalog.tables}
    links = [found for site in sites for link in links_of(site.sql, schema_sql) for found in _to_parameters(link, site, schema_sql)]
    gives = {pair for site in sites if site.role == "return" for pair in given_columns(site.sql, schema_sql)}
    return Usage(
        tuple(sorted(reads)),
        tuple(sorted({table for _, table, _ in changes})),
        tuple(sorted({(table, column) for _, table, column in changes if column})),
        tuple(dict.fromkeys(links)),
        tuple(sorted(gives)),
    )


def _to_parameters(link: Link, site: Site, schema_sql: str, depth: int = 0) -> Iterator[Link]:
    """A link of a bound name as links of the parameters from which that name was taken."""
    binding = site.scope.get(link.name)
    if binding is None or binding.kind == "reserved" or depth > 4:
        return
    if binding.kind == "parameter":
        yield link
        return
    origin = binding.site
    tree = parse_statement(origin.sql).tree if origin is not None else None
    if origin is None or not isinstance(tree, exp.Select):
        return
    shown = next((p.unalias() for p in tree.expressions if p.alias_or_name == link.name), None)
    for name, path in _sources(shown, tree) if shown is not None else ():
        yield from _to_parameters(link._replace(name=name, path=path + link.path), origin, schema_sql, depth + 1)


@lru_cache(maxsize=1_000)
def given_columns(sql: str, schema_sql: str) -> frozenset[ColumnName]:
    """The tables' columns whose values a query's result shows, inside JSON documents too."""
    catalog = catalog_of(schema_sql)
    tree = parse_statement(sql).tree
    direct = {(c.table.lower(), c.origin.lower()) for c in describe(schema_sql, sql).columns if c.table and c.origin}
    computed = shown_columns(tree) if tree is not None else ()
    seen = {home for column in computed if tree is not None for home in [_home(column, tree, catalog)] if home}
    inside = {pair for table, column in seen if table in catalog.views for pair in _shown_by_view(table, column, catalog)}
    return frozenset(direct | {pair for pair in seen if pair[0] in catalog.tables} | inside)


def shown_columns(node: exp.Expr) -> Iterator[exp.Column]:
    """The columns whose values an expression or a query shows; those that it only compares, counts or adds up are left out."""
    if isinstance(node, exp.Column):
        yield node
    elif isinstance(node, exp.Select):
        for projection in node.expressions:
            yield from shown_columns(projection)
    elif isinstance(node, exp.Order):  # of an aggregate: `json_group_array(x ORDER BY y)` shows x
        yield from shown_columns(node.this) if isinstance(node.this, exp.Expr) else ()
    elif not isinstance(node, (exp.Predicate, exp.Connector, exp.Not, exp.Count, exp.Sum, exp.Avg, exp.Where)):
        for child in node.iter_expressions():
            yield from shown_columns(child)


def _shown_by_view(view: str, column: str, catalog: Catalog, depth: int = 0) -> Iterator[ColumnName]:
    tree = parse_statement(catalog.views[view].sql).tree
    if tree is None or depth > 8 or not isinstance(tree.expression, exp.Select):
        return
    shown = next((p.unalias() for p in tree.expression.expressions if p.alias_or_name.lower() == column), None)
    for inner in shown_columns(shown) if shown is not None else ():
        home = _home(inner, tree.expression, catalog)
        if home and home[0] in catalog.tables:
            yield home
        elif home and home[0] in catalog.views:
            yield from _shown_by_view(*home, catalog, depth + 1)


def root_of(pair: ColumnName, catalog: Catalog) -> ColumnName:
    """The key at the end of a column's foreign keys: orders.user_id and users.id have the same root."""
    for _ in range(8):
        table = catalog.tables.get(pair[0])
        parent = table.parent_of(table.columns[pair[1]].name) if table and pair[1] in table.columns else None
        if parent is None or (parent[0].lower(), parent[1].lower()) == pair:
            break
        pair = (parent[0].lower(), parent[1].lower())
    return pair


def needed_keys(tool: Tool, usage: Usage, catalog: Catalog) -> dict[str, ColumnName]:
    """The required parameters that only a tool's result can supply: integer keys, by the root of their column."""
    needed: dict[str, ColumnName] = {}
    for link in usage.links:
        root = root_of((link.table, link.column), catalog)
        column = catalog.column(*root)
        table = catalog.tables.get(root[0])
        required = link.name in tool.parameters.get("required", ())
        keyed = table is not None and column is not None and table.primary_key == (column.name,) and column.affinity == "INTEGER"
        if required and keyed and link.relation != "compares" and not parameter_schema(tool, link.name).get("enum"):
            needed.setdefault(f"{link.name}{link.path}", root)
    return needed


@remembered()
def guarded_columns(tool: Tool, schema_sql: str) -> frozenset[ColumnName]:
    """The columns on which a tool's guards hang: what its `require` and `refuse` steps read, and what stands behind the names they use."""
    sites = sites_of(tool, schema_sql)
    guards = [site for site in sites if site.role in ("require", "refuse")]
    used = {name for site in guards for name in names_used(site.sql)}
    behind = [site for site in sites if site.role == "let" and used & set(site.binds)]
    return frozenset((table, column) for site in (*guards, *behind) for table, column in site.described.reads if column)


@remembered()
def changed_columns(tool: Tool, schema_sql: str) -> frozenset[ColumnName]:
    """The columns that a tool changes; all of a table's where it adds or removes rows."""
    catalog = catalog_of(schema_sql)
    changes = [change for site in sites_of(tool, schema_sql) for change in site.described.writes if change[1] in catalog.tables]
    whole = {table for verb, table, _ in changes if verb != "update"}
    return frozenset(
        {(table, column) for _, table, column in changes if column}
        | {(table, column) for table in whole for column in catalog.tables[table].columns}
    )


def enabling_columns(first: Tool, then: Tool, schema_sql: str) -> tuple[ColumnName, ...]:
    """The columns that one tool changes and another's guards read: by these alone can it let the other's calls pass, or stop them."""
    return tuple(sorted(changed_columns(first, schema_sql) & guarded_columns(then, schema_sql)))


def tool_graph(tools: tuple[Tool, ...], schema_sql: str) -> nx.DiGraph[str]:
    """Tools as nodes; an edge where a result column of one can feed a key parameter of another (attribute `feeds`: the parameters),
    or where a change of one can let a guard of the other pass (attribute `enables`: the columns). Either may be empty, not both.
    """
    catalog = catalog_of(schema_sql)
    usages = {tool.name: usage_of(tool, schema_sql) for tool in tools}
    gives = {name: {root_of(pair, catalog) for pair in usage.gives} for name, usage in usages.items()}
    graph: nx.DiGraph[str] = nx.DiGraph()
    for tool in tools:
        graph.add_node(tool.name, needs=needed_keys(tool, usages[tool.name], catalog), writes=usages[tool.name].writes)
    for source, tool in permutations(tools, 2):
        feeds = tuple(name for name, root in graph.nodes[tool.name]["needs"].items() if root in gives[source.name])
        enables = enabling_columns(source, tool, schema_sql)
        if feeds or enables:
            graph.add_edge(source.name, tool.name, feeds=feeds, enables=enables)
    return graph
