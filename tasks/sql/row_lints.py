"""Lints of which rows a statement means: conditions that hold for any row, a first row of several, rows that a join hides."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from artifacts.toolset import Run
from artifacts.verdict import Diagnostic
from tasks.sql.catalog import Catalog
from tasks.sql.ordering import missing_from_order
from tasks.sql.programs import Site, names_used
from tasks.sql.statements import nodes_of, position_of

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def problem(code: str, site: Site, message: str, hint: str, node: exp.Expr | None = None) -> Diagnostic:
    """A diagnostic of one statement, with the position of the part that is wrong where it is known."""
    at = position_of(node) if node is not None else ""
    return Diagnostic(code=code, place=site.place, message=f"{message[:-1]} ({at})." if at else message, hint=hint)


def always_true(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    """Comparisons of a thing with itself, and of a literal with a literal: they choose no rows."""
    for node in nodes_of(site.sql, *_COMPARED):
        if isinstance(node.parent, exp.Update) or not node.find_ancestor(exp.Where, exp.Join, exp.Having):
            continue
        sides = node.this.unnest(), node.expression.unnest()
        if sides[0] == sides[1] or all(isinstance(side, exp.Literal) for side in sides):
            hint = "Compare with another column (say whose: a.id = b.a_id) or with a parameter, or take the condition out."
            message = f"The condition {node.sql(dialect='sqlite')} compares a thing with itself and chooses nothing."
            yield problem("sql.always_true", site, message, hint, node)


def mixed_or(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    """`mine AND open OR urgent` means `(mine AND open) OR urgent`: the rows on the right are not held to the condition on the left."""
    for node in nodes_of(site.sql, exp.Or):
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(side, exp.And) and not isinstance(other, exp.And) and _names_me(side) and not _names_me(other):
                hint = "Put the alternatives in parentheses: owner = :me AND (… OR …)."
                message = f"AND binds before OR, so rows with {other.sql(dialect='sqlite')[:80]} are chosen whoever they belong to."
                yield problem("sql.mixed_or", site, message, hint, other)


def _names_me(node: exp.Expr) -> bool:
    return any(str(found.this) == "me" for found in node.find_all(exp.Placeholder))


def giving_way(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    """An INSERT that does nothing where the row is there already, in a run that does not count what it did."""
    step = site.step
    if not isinstance(tree, exp.Insert) or not isinstance(step, Run) or step.expect is not None:
        return
    conflict = tree.args.get("conflict")
    nothing = conflict is not None and "NOTHING" in conflict.sql(dialect="sqlite").upper()
    if str(tree.args.get("alternative") or "").upper() == "IGNORE" or nothing:
        hint = "Refuse the call first where the row is there (conflict), and insert plainly; or give the run an `expect`."
        message = "This INSERT does nothing where the row is there already, and the call reports success all the same."
        yield problem("tool.gives_way", site, message, hint)


def first_of_several(site: Site, later: frozenset[str], schema_sql: str) -> Iterator[Diagnostic]:
    """A row that is taken as the first of a list with ties: by LIMIT, or by a require or let whose columns are used afterwards."""
    tree = site.described.columns and nodes_of(site.sql, exp.Query)[:1]
    if not tree or site.role not in ("require", "let", "return") or site.shape == "many":
        return
    limited, ordered = tree[0].args.get("limit"), tree[0].args.get("order")
    binds = site.role == "return" or bool(later & set(site.binds))
    missing = missing_from_order(site.sql, schema_sql) if binds and (limited or ordered) else ()
    if missing:
        unsaid = "the ORDER BY does not say which of several equal ones" if ordered else "without an ORDER BY nothing says which of several"
        message = f"Only the first row counts here, and {unsaid} is first."
        yield problem("tool.first_of_several", site, message, f"Add {', '.join(missing)} to the ORDER BY.")


def used_later(sites: tuple[Site, ...], index: int) -> frozenset[str]:
    """The names that the statements after one use."""
    return frozenset(name for site in sites[index + 1 :] for name in names_used(site.sql))


def hidden_rows(tree: exp.Expr, site: Site, catalog: Catalog) -> Iterator[Diagnostic]:
    """What a view leaves out without a word: rows whose optional parent is not set, and rows beyond a LIMIT."""
    select = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(select, exp.Select) or not select.args.get("from_"):
        return
    if select.args.get("limit"):
        yield problem(
            "sql.hidden_rows", site, "A view with LIMIT hides rows from every tool that reads it.", "Leave the LIMIT to the tools."
        )
    first = select.args["from_"].this
    for join in select.args.get("joins") or ():
        on = join.args.get("on")
        if join.side or on is None or not isinstance(first, exp.Table):
            continue
        for column in on.find_all(exp.Column):
            if _optional(column, first, catalog):
                hint = f"Use LEFT JOIN {join.this.sql(dialect='sqlite')}."
                message = f"The join hides every row whose {column.name} is NULL."
                yield problem("sql.hidden_rows", site, message, hint, column)


def _optional(column: exp.Column, first: exp.Table, catalog: Catalog) -> bool:
    """Whether a column is one of the first table's foreign keys that may be NULL."""
    table = catalog.tables.get(first.name.lower())
    if table is None or (column.table and column.table.lower() != first.alias_or_name.lower()):
        return False
    found = table.columns.get(column.name.lower())
    return found is not None and not found.not_null and not found.key and table.parent_of(found.name) is not None
