"""The types of result columns, derived once when a tool is accepted: SQLite forgets them for computed columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from artifacts.toolset import Query, Return, Step, Tool, ValueType
from tasks.sql.catalog import Catalog, Column
from tasks.sql.lints import is_json_maker
from tasks.sql.programs import Binding, Site, parameter_schema, sites_of
from tasks.sql.scratch import catalog_of
from tasks.sql.statements import function_name, parse_statement
from tasks.sql.whitelist import words

_INTEGER = words(
    "count length instr row_number rank dense_rank ntile unicode unixepoch sign json_array_length octet_length str_position time_to_unix"
)
_TEXT = words(
    """lower upper trim ltrim rtrim substr substring replace date datetime time strftime time_to_str printf format concat concat_ws char chr
    group_concat string_agg hex quote typeof json_type timediff current_date current_time current_timestamp ts_or_ds_to_timestamp"""
)
_REAL = words("avg julianday sqrt pow power exp ln log log10 log2 total percent_rank cume_dist")
_SAME = words("max min abs first_value last_value lag lead nth_value likely unlikely")

_SCHEMA_TYPES: dict[str, ValueType] = {
    "integer": "integer",
    "number": "real",
    "string": "text",
    "boolean": "boolean",
    "array": "json",
    "object": "json",
}


def with_types(tool: Tool, schema_sql: str) -> Tool:
    """The tool with the types of its results filled in; a type that cannot be told is left out, which converts nothing."""
    by_place = {site.place: site for site in sites_of(tool, schema_sql) if site.role == "return"}
    last = len(tool.program) - 1
    step = tool.program[last]
    if not isinstance(step, Return):
        return tool
    place = f"tool:{tool.name}/program/{last}"
    return tool.model_copy(update={"program": (*tool.program[:last], _typed(step, place, by_place, schema_sql))})


def _typed(step: Return, place: str, sites: Mapping[str, Site], schema_sql: str) -> Step:
    if isinstance(step.returns, str):
        return step.model_copy(update={"types": types_of(sites[place], schema_sql)})
    queries: dict[str, Query] = {
        key: query.model_copy(update={"types": types_of(sites[f"{place}/{key}"], schema_sql)}) for key, query in step.returns.items()
    }
    return step.model_copy(update={"returns": queries})


def types_of(site: Site, schema_sql: str) -> dict[str, ValueType]:
    """The types of one query's columns by name; the key is `value` for a value."""
    tree = parse_statement(site.sql).tree
    if not isinstance(tree, exp.Query):
        return {}
    context = _Context(catalog_of(schema_sql), site.tool, site.scope)
    found = dict(context.outputs(tree))
    if site.shape == "value":
        kinds = list(found.values())
        return {"value": kinds[0]} if kinds and kinds[0] else {}
    known = {column.name for column in site.described.columns}
    return {name: kind for name, kind in found.items() if kind and name in known}


def column_type(column: Column, sql: str) -> ValueType | None:
    """The type of a stored column: 0/1 flags are boolean, checked JSON is JSON."""
    name = column.name.lower()
    if "JSON" in column.type or f"json_valid({name})" in sql.lower().replace('"', "").replace(" ", ""):
        return "json"
    if "BOOL" in column.type or (column.affinity == "INTEGER" and set(column.choices) == {0, 1}):
        return "boolean"
    by_affinity: dict[str, ValueType] = {"INTEGER": "integer", "REAL": "real", "TEXT": "text"}
    return by_affinity.get(column.affinity)


class _Context:
    """The catalog and the bound names that an expression's type depends on."""

    def __init__(self, catalog: Catalog, tool: Tool, scope: Mapping[str, Binding], depth: int = 0) -> None:
        self.catalog = catalog
        self.tool = tool
        self.scope = scope
        self.depth = depth

    def outputs(self, tree: exp.Expr) -> Iterator[tuple[str, ValueType | None]]:
        """Names and types of a query's columns, `*` expanded."""
        select = tree
        while isinstance(select, (exp.SetOperation, exp.Subquery)):
            select = select.this
        for projection in select.expressions if isinstance(select, exp.Select) else ():
            if isinstance(projection, exp.Star) or (isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)):
                yield from self._starred(projection, select)
            else:
                yield projection.alias_or_name, self.type_of(projection.unalias(), select)

    def _starred(self, star: exp.Expr, select: exp.Expr) -> Iterator[tuple[str, ValueType | None]]:
        qualifier = star.table.lower() if isinstance(star, exp.Column) else ""
        for table in select.find_all(exp.Table):
            known = self.catalog.find(table.name)
            if known is not None and table.find_ancestor(exp.Select) is select and qualifier in ("", table.alias_or_name.lower()):
                for column in known.columns.values():
                    yield column.name, self._in_table(table.name.lower(), column.name.lower())

    def type_of(self, node: exp.Expr, select: exp.Expr) -> ValueType | None:
        """The type of an expression inside a SELECT, None where it cannot be told."""
        node = node.unnest()
        if is_json_maker(node) or function_name(node) == "json" or isinstance(node, (exp.ParseJSON,)):
            return "json"
        if isinstance(node, exp.Column):
            return self._of_column(node, select)
        if isinstance(node, exp.Placeholder):
            return self._of_name(str(node.this))
        if isinstance(node, exp.Literal):
            return "text" if node.is_string else "integer" if str(node.this).isdigit() else "real"
        if isinstance(node, (exp.Predicate, exp.Not, exp.Exists, exp.Connector, exp.Boolean, exp.Is, exp.In)):
            return "boolean"
        if isinstance(node, exp.Cast):
            return self._of_cast(node)
        if isinstance(node, (exp.Subquery, exp.Select)):
            return next((kind for _, kind in self.outputs(node)), None)
        if isinstance(node, (exp.Coalesce, exp.Case, exp.If, exp.Nullif, exp.Greatest, exp.Least)):
            return self._merged(node, select)
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.IntDiv)):
            return self._arithmetic(node, select)
        if isinstance(node, exp.DPipe):
            return "text"
        return self._of_function(node, select)

    def _of_function(self, node: exp.Expr, select: exp.Expr) -> ValueType | None:
        if isinstance(node, (exp.Window, exp.Filter)):
            return self.type_of(node.this, select)
        if isinstance(node, exp.Sum):
            inner = self.type_of(node.this, select)
            return "integer" if inner in ("integer", "boolean") else inner if inner == "real" else None
        if isinstance(node, exp.Round):
            return "real"
        name = function_name(node) if isinstance(node, exp.Func) else ""
        if name in _SAME or isinstance(node, (exp.Max, exp.Min, exp.Abs)):
            return self.type_of(node.this, select) if isinstance(node.this, exp.Expr) else None
        known: ValueType | None = "integer" if name in _INTEGER else "text" if name in _TEXT else "real" if name in _REAL else None
        return known

    def _of_column(self, column: exp.Column, select: exp.Expr) -> ValueType | None:
        scope: exp.Expr | None = select
        while scope is not None:
            found = self._in_sources(column, scope)
            if found is not None:
                return found[0]
            scope = scope.find_ancestor(exp.Select)
        return None

    def _in_sources(self, column: exp.Column, select: exp.Expr) -> tuple[ValueType | None] | None:
        name, qualifier = column.name.lower(), column.table.lower()
        from_ = select.args.get("from_")
        ctes = {cte.alias.lower(): cte.this for cte in select.root().find_all(exp.CTE)}
        for source in [from_.this if from_ else None, *(join.this for join in select.args.get("joins") or ())]:
            if source is None or (qualifier and source.alias_or_name.lower() != qualifier):
                continue
            inner = source.this if isinstance(source, exp.Subquery) else ctes.get(source.name.lower())
            if inner is not None and self.depth < 8:
                outputs = {n.lower(): kind for n, kind in _Context(self.catalog, self.tool, self.scope, self.depth + 1).outputs(inner)}
                if name in outputs:
                    return (outputs[name],)
            elif self.catalog.column(source.name, name) is not None:
                return (self._in_table(source.name.lower(), name),)
        return None

    def _in_table(self, table: str, name: str) -> ValueType | None:
        known = self.catalog.tables.get(table)
        if known is not None:
            return column_type(known.columns[name], known.sql)
        view = self.catalog.views.get(table)
        tree = parse_statement(view.sql).tree if view is not None else None
        if tree is None or self.depth > 8:
            return None
        inner = _Context(self.catalog, self.tool, self.scope, self.depth + 1)
        return {n.lower(): kind for n, kind in inner.outputs(tree.expression)}.get(name)

    def _of_name(self, name: str) -> ValueType | None:
        binding = self.scope.get(name)
        if binding is None or binding.kind == "reserved":
            return "integer" if name == "me" else "text" if binding else None
        if binding.site is None:
            kind = parameter_schema(self.tool, name).get("type")
            return _SCHEMA_TYPES.get(kind) if isinstance(kind, str) else None
        tree = parse_statement(binding.site.sql).tree
        inner = _Context(self.catalog, self.tool, binding.site.scope, self.depth + 1)
        return dict(inner.outputs(tree)).get(name) if tree is not None and self.depth < 8 else None

    def _of_cast(self, node: exp.Cast) -> ValueType | None:
        target = node.to.sql(dialect="sqlite").upper()
        return "integer" if "INT" in target else "text" if "TEXT" in target or "CHAR" in target else "real" if "REAL" in target else None

    def _merged(self, node: exp.Expr, select: exp.Expr) -> ValueType | None:
        if isinstance(node, exp.Case):
            parts = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
        elif isinstance(node, exp.If):
            parts = [node.args.get("true"), node.args.get("false")]
        else:
            parts = [node.this, *node.expressions] if not isinstance(node, exp.Nullif) else [node.this]
        kinds = {self.type_of(part, select) for part in parts if part is not None and not isinstance(part, exp.Null)}
        if kinds == {"integer", "real"}:
            return "real"
        if kinds == {"integer", "boolean"}:
            literals = [p for p in parts if isinstance(p, exp.Literal)]
            return "boolean" if literals and all(str(p.this) in "01" for p in literals) else "integer"
        return kinds.pop() if len(kinds) == 1 else None

    def _arithmetic(self, node: exp.Expr, select: exp.Expr) -> ValueType | None:
        parts = [node.this, node.args.get("expression")]
        kinds = {self.type_of(part, select) for part in parts if isinstance(part, exp.Expr)}
        if "real" in kinds and kinds <= {"real", "integer", "boolean"}:
            return "real"
        return "integer" if kinds and kinds <= {"integer", "boolean"} else None
