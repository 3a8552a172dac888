"""Which columns a query's result comes from, by sqlglot: what OpenLineage calls the lineage of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

from tasks.standards.jobs import COLUMNS

How = Literal["IDENTITY", "TRANSFORMATION", "AGGREGATION", "FILTER", "JOIN"]


class Origin(NamedTuple):
    """A column that was read, and what was done with it."""

    table: str
    column: str
    how: How


class Origins(NamedTuple):
    """Where a result comes from: the columns behind each of its columns, and those that decide which rows are there."""

    columns: Mapping[str, tuple[Origin, ...]]
    rows: tuple[Origin, ...]


@cache
def origins(sql: str) -> Origins:
    """The origins of a query's result, which has to name its columns or take all with a *; subqueries may stand in its WHERE."""
    schema: dict[str, object] = {table: dict.fromkeys(names, "text") for table, names in COLUMNS.items()}
    query = qualify(parse_one(sql, into=exp.Select, dialect="duckdb"), schema=schema, dialect="duckdb", validate_qualify_columns=False)
    named = {table.alias_or_name: table.name for table in query.find_all(exp.Table)}
    chosen = {column.alias_or_name: _read(column.unalias(), named, _how(column.unalias())) for column in query.selects}
    where = query.args.get("where")
    joins = [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on")]
    rows = (*(_read(where, named, "FILTER") if where else ()), *(one for on in joins for one in _read(on, named, "JOIN")))
    return Origins(chosen, tuple(dict.fromkeys(rows)))


def _how(chosen: exp.Expr) -> How:
    if isinstance(chosen, exp.Column):
        return "IDENTITY"
    return "AGGREGATION" if chosen.find(exp.AggFunc) else "TRANSFORMATION"


def _read(part: exp.Expr, named: Mapping[str, str], how: How) -> tuple[Origin, ...]:
    found: Sequence[exp.Column] = list(part.find_all(exp.Column))
    return tuple(dict.fromkeys(Origin(named.get(column.table, column.table), column.name, how) for column in found))
