"""What SQLite and the whitelist both let pass and is wrong all the same; each lint is a function of one statement's site."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from artifacts.toolset import Return, Tool
from artifacts.verdict import Diagnostic
from tasks.sql.catalog import Catalog
from tasks.sql.ordering import missing_from_order
from tasks.sql.programs import UNREAD, Site, parameter_schema
from tasks.sql.row_lints import always_true, giving_way, hidden_rows, mixed_or
from tasks.sql.scratch import catalog_of
from tasks.sql.statements import nodes_of, parse_statement, position_of
from tasks.sql.unit_lints import unit_problems
from tasks.sql.whitelist import words

_JSON_MAKERS = words("json_object json_array json_group_array json_group_object json_set json_insert json_replace json_patch json_remove")
_JSON_NODES = (exp.JSONObject, exp.JSONArray, exp.JSONArrayAgg, exp.JSONObjectAgg, exp.JSONSet, exp.JSONRemove)
_AGGREGATES = (exp.AggFunc, exp.JSONArrayAgg, exp.JSONObjectAgg)

Lint = Callable[[exp.Expr, Site, Catalog], Iterator[Diagnostic]]


def lint_site(site: Site, schema_sql: str) -> tuple[Diagnostic, ...]:
    """All lints of one statement that SQLite can prepare."""
    tree = parse_statement(site.sql).tree
    if tree is None:
        return ()
    catalog = catalog_of(schema_sql)
    found = [d for lint in LINTS for d in lint(tree, site, catalog)]
    return (*found, *_order_problems(site, schema_sql), *unit_problems(site, schema_sql))


def _problem(code: str, site: Site, message: str, hint: str, node: exp.Expr | None = None) -> Diagnostic:
    at = position_of(node) if node is not None else ""
    return Diagnostic(code=code, place=site.place, message=f"{message[:-1]} ({at})." if at else message, hint=hint)


def is_json_maker(node: exp.Expr | None) -> bool:
    """Whether an expression makes a JSON document."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _JSON_MAKERS
    return isinstance(node, _JSON_NODES)


def has_aggregate(select: exp.Expr) -> bool:
    """Whether a SELECT aggregates on its own level."""
    return isinstance(select, exp.Select) and any(_aggregate_in(p) for p in select.expressions)


def _aggregate_in(node: exp.Expr) -> bool:
    if isinstance(node, (exp.Query, exp.Window)):
        return False
    if isinstance(node, _AGGREGATES) or (isinstance(node, exp.Anonymous) and node.name.lower() == "total"):
        return not isinstance(node, (exp.Max, exp.Min)) or not node.expressions
    return any(_aggregate_in(child) for child in node.iter_expressions())


def _aggregate_guard(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    if site.role not in ("require", "refuse") or not has_aggregate(tree) or tree.args.get("group") or tree.args.get("having"):
        return
    always = "so it never fails" if site.role == "require" else "so it always fails"
    hint = "Compare in WHERE or HAVING, as in SELECT 1 WHERE (SELECT COUNT(*) FROM …) < 5."
    yield _problem("tool.aggregate_guard", site, f"This {site.role} aggregates without GROUP BY and always gives one row, {always}.", hint)


def _bare_json(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    for subquery in nodes_of(site.sql, exp.Subquery):
        inner = subquery.this
        if isinstance(inner, exp.Select) and inner.expressions and is_json_maker(inner.expressions[0].unalias()) and _inside_json(subquery):
            hint = "Wrap it: json((SELECT json_group_array(…) FROM …))."
            yield _problem("sql.bare_json", site, "A subquery's JSON would be embedded as a text, not as JSON.", hint, inner)


def _inside_json(node: exp.Expr) -> bool:
    """Whether a value goes into a JSON document as it is, or only through COALESCE, IFNULL or CASE."""
    parent = node.parent
    while isinstance(parent, (exp.Coalesce, exp.JSONKeyValue, exp.Order, exp.Paren)):
        parent = parent.parent
    return is_json_maker(parent)


def _null_sum(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    if site.role not in ("return", "let", "run", "each"):
        return
    for node in nodes_of(site.sql, exp.Sum):
        select = node.find_ancestor(exp.Select)
        if select is None or select.args.get("group") or node.find_ancestor(exp.Window, exp.Select) is not select:
            continue
        if not _guarded(node):
            hint = "Write COALESCE(SUM(…), 0)."
            yield _problem("sql.null_sum", site, "SUM over no rows is NULL, which an agent would get instead of 0.", hint, node)


def _guarded(node: exp.Expr) -> bool:
    """Whether a NULL is caught, or lies in a condition where it only means false."""
    parent = node.parent
    while parent is not None:
        if isinstance(parent, (exp.Coalesce, exp.Where, exp.Having, exp.Predicate, exp.Case, exp.If, exp.Is)):
            return True
        parent = parent.parent
    return False


def _not_in_nullable(tree: exp.Expr, site: Site, catalog: Catalog) -> Iterator[Diagnostic]:
    for node in nodes_of(site.sql, exp.In):
        query = node.args.get("query")
        inner = query.this if isinstance(query, exp.Subquery) else query
        if not isinstance(node.parent, exp.Not) or not isinstance(inner, exp.Select) or len(inner.expressions) != 1:
            continue
        column = inner.expressions[0].unalias()
        if isinstance(column, exp.Column) and _nullable(column, inner, catalog):
            hint = f"Add WHERE {column.name} IS NOT NULL to the subquery, or use NOT EXISTS."
            yield _problem("sql.not_in_null", site, f"NOT IN finds nothing as soon as one {column.name} is NULL.", hint, node)


def _nullable(column: exp.Column, inner: exp.Select, catalog: Catalog) -> bool:
    where = inner.args.get("where")
    if where is not None and any(isinstance(n, (exp.Is, exp.EQ)) and column.name in n.sql() for n in where.find_all(exp.Is, exp.EQ)):
        return False
    tables = [t for t in inner.find_all(exp.Table) if not column.table or t.alias_or_name.lower() == column.table.lower()]
    for table in tables:
        known = catalog.tables.get(table.name.lower())
        found = known.columns.get(column.name.lower()) if known else None
        if known is not None and found is not None:
            return not found.not_null and not found.key
    return False


def _text_and_number(tree: exp.Expr, site: Site, catalog: Catalog) -> Iterator[Diagnostic]:
    for node in nodes_of(site.sql, exp.EQ, exp.NEQ):
        for column, value in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(column, exp.Column) and _is_number(value, site) and _affinity(column, tree, catalog) == "TEXT":
                shown = value.sql(dialect="sqlite")
                hint = f"Declare the parameter a string, or compare with the right column than {column.name}."
                yield _problem("sql.text_number", site, f"{column.name} holds text and is compared with the number {shown}.", hint, column)


def _is_number(value: exp.Expr, site: Site) -> bool:
    if isinstance(value, exp.Literal):
        return not value.is_string
    binding = site.scope.get(str(value.this)) if isinstance(value, exp.Placeholder) else None
    if binding is None or binding.kind != "parameter":
        return False
    return parameter_schema(site.tool, str(value.this)).get("type") in ("integer", "number", "boolean")


def _affinity(column: exp.Column, tree: exp.Expr, catalog: Catalog) -> str:
    found = {
        known.columns[column.name.lower()].affinity
        for table in tree.find_all(exp.Table)
        if (not column.table or table.alias_or_name.lower() == column.table.lower())
        and (known := catalog.tables.get(table.name.lower())) is not None
        and column.name.lower() in known.columns
    }
    return found.pop() if len(found) == 1 else ""


def _unbounded_write(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    if isinstance(tree, (exp.Update, exp.Delete)) and tree.args.get("where") is None:
        yield _problem(
            "tool.unbounded_write", site, f"{type(tree).__name__.upper()} without WHERE changes every row.", "Name the rows in a WHERE."
        )


def _unordered_json(tree: exp.Expr, site: Site, _catalog: Catalog) -> Iterator[Diagnostic]:
    for node in nodes_of(site.sql, exp.JSONArrayAgg):
        select = node.find_ancestor(exp.Select)
        from_ = select.args.get("from_") if select is not None else None
        ordered_source = from_ is not None and isinstance(from_.this, exp.Subquery) and from_.this.this.args.get("order")
        if not isinstance(node.this, exp.Order) and from_ is not None and not ordered_source:
            hint = "Write json_group_array(… ORDER BY …), ending with a unique column."
            yield _problem("sql.unordered_json", site, "The elements of this JSON list have no order.", hint, node)


LINTS: tuple[Lint, ...] = (
    _aggregate_guard,
    _bare_json,
    _null_sum,
    _not_in_nullable,
    _text_and_number,
    _unbounded_write,
    _unordered_json,
    always_true,
    mixed_or,
    giving_way,
)


def _order_problems(site: Site, schema_sql: str) -> Iterator[Diagnostic]:
    ordered = site.role == "each" or (site.role == "return" and site.shape == "many")
    missing = missing_from_order(site.sql, schema_sql) if ordered else ()
    if missing:
        what = "An each" if site.role == "each" else "A list"
        hint = f"Add {', '.join(missing)} to the ORDER BY: rows that are equal in all else differ there (a join may give several)."
        yield _problem("tool.order", site, f"{what} needs an ORDER BY that leaves no ties.", hint)


_OF_VIEWS: tuple[Lint, ...] = (_bare_json, _null_sum, _not_in_nullable, _unordered_json, always_true, hidden_rows)


def lint_view(name: str, sql: str, schema_sql: str) -> tuple[Diagnostic, ...]:
    """The lints that also hold for a view: JSON embedded as text, sums that may be NULL, rows that a join hides."""
    tree = parse_statement(sql).tree
    if tree is None:
        return ()
    step = Return(**{"return": sql})
    tool = Tool(name="view", description=name, parameters={}, program=(step,))
    site = Site(tool, f"view:{name}", "return", sql, {}, UNREAD, step)
    catalog = catalog_of(schema_sql)
    return tuple(d for lint in _OF_VIEWS for d in lint(tree, site, catalog))
