"""Days compared with moments: text of ten characters beside text of nineteen, where the boundary falls on the wrong side of midnight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from tasks.gates.seed_problems import Row
from tasks.sql.catalog import Catalog
from tasks.sql.lineage import ColumnName, bare, origin_of
from tasks.sql.programs import Site, parameter_schema, sites_of
from tasks.sql.row_lints import problem
from tasks.sql.statements import nodes_of, parse_statement

_DAY, _MOMENT = 10, 19
_TURNED: dict[type[exp.Expr], type[exp.Expr]] = {exp.LTE: exp.GTE, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.GT: exp.LT, exp.EQ: exp.EQ}


def lengths_of(rows: Sequence[Row]) -> Mapping[ColumnName, int]:
    """The columns whose texts are all days (10) or all moments (19), by table and column in lower case."""
    seen: dict[ColumnName, set[int]] = {}
    for row in rows:
        for name, value in row.values.items():
            if value is not None:
                dated = isinstance(value, str) and len(value) in (_DAY, _MOMENT) and value[4:5] == value[7:8] == "-"
                seen.setdefault((row.table.name.lower(), name), set()).add(len(str(value)) if dated else 0)
    return {pair: length for pair, found in seen.items() if len(found) == 1 for length in found if length}


def day_problems(tool: Tool, lengths: Mapping[ColumnName, int], schema_sql: str, catalog: Catalog) -> Iterator[Diagnostic]:
    """Comparisons of a tool in which one side is a day and the other a moment, and the last day falls out or in."""
    for site in sites_of(tool, schema_sql):
        for node in nodes_of(site.sql, *_TURNED, exp.Between):
            if isinstance(node.parent, exp.Update):
                continue
            yield from _compared(node, site, lengths, catalog)


def _compared(node: exp.Expr, site: Site, lengths: Mapping[ColumnName, int], catalog: Catalog) -> Iterator[Diagnostic]:
    sides: list[tuple[exp.Expr, exp.Expr, type[exp.Expr]]]
    if isinstance(node, exp.Between):
        sides = [(node.this, node.args["high"], exp.LTE)]
    else:
        sides = [(node.this, node.expression, type(node)), (node.expression, node.this, _TURNED[type(node)])]
    for left, right, kind in sides:
        other = _value_length(right, site)
        length = _column_length(left, site, lengths, catalog) if other else 0
        if length == _MOMENT and other == _DAY and kind in (exp.LTE, exp.GT, exp.EQ):
            shown = node.sql(dialect="sqlite")
            hint = f"Compare date({left.sql(dialect='sqlite')}) with the day, or take the moment before the next day."
            effect = "no moment ever equals it" if kind is exp.EQ else "all that happens on that day falls on the wrong side"
            yield problem("sql.day_boundary", site, f"{shown} compares moments with a day, so {effect}.", hint, left)
        elif length == _DAY and other == _MOMENT and kind in (exp.LT, exp.GTE, exp.EQ):
            shown = node.sql(dialect="sqlite")
            message = f"{shown} compares days with a moment, so today already counts as past."
            yield problem("sql.day_boundary", site, message, "Compare with :today.", left)


def _column_length(node: exp.Expr, site: Site, lengths: Mapping[ColumnName, int], catalog: Catalog) -> int:
    """How long the texts of a plain column are in the seed; 0 where that is not settled."""
    tree = parse_statement(site.sql).tree
    if not isinstance(node, exp.Column) or tree is None:
        return 0
    homes = {
        origin_of(table.name.lower(), node.name.lower(), catalog)
        for table in tree.find_all(exp.Table)
        if (not node.table or table.alias_or_name.lower() == node.table.lower()) and catalog.column(table.name, node.name)
    }
    return lengths.get(homes.pop(), 0) if len(homes) == 1 else 0


def _value_length(node: exp.Expr, site: Site) -> int:
    inner = bare(node)
    if not isinstance(inner, exp.Placeholder):
        return 0
    name = str(inner.this)
    if name in ("now", "today"):
        return _MOMENT if name == "now" else _DAY
    binding = site.scope.get(name)
    schema = parameter_schema(site.tool, name) if binding is not None and binding.kind == "parameter" else {}
    return _DAY if schema.get("format") == "date" else 0
