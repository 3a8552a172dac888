"""Lints of units: an amount in cents that is passed on, taken or shown as if it were whole units, or the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from artifacts.verdict import Diagnostic
from tasks.sql.lineage import links_of
from tasks.sql.programs import Site, parameter_schema
from tasks.sql.row_lints import problem
from tasks.sql.statements import nodes_of

_MINOR = re.compile(r"cents?|pence|minor|öre|groszy|satang|sen|kopeks?|paise", re.IGNORECASE)


def unit_problems(site: Site, schema_sql: str) -> Iterator[Diagnostic]:
    """Result names that deny the cents of their column, and parameters that do not say that they are in cents."""
    yield from _shown(site)
    yield from _taken(site, schema_sql)


def _shown(site: Site) -> Iterator[Diagnostic]:
    select = next(iter(nodes_of(site.sql, exp.Select)), None)
    for node in select.expressions if select is not None and site.role == "return" else ():
        inner, name = node.unalias().unnest(), node.alias_or_name
        if isinstance(inner, exp.Column) and inner.name.lower().endswith("_cents") and not _MINOR.search(name):
            message = f"{inner.name} is shown as {name}, which no longer says that it counts cents."
            yield problem("sql.unit", site, message, f"Name it {inner.name}, or divide by 100.0 and say the currency.", node)
        if isinstance(inner, exp.Div) and name.lower().endswith("_cents") and _by_hundred(inner):
            yield problem("sql.unit", site, f"{name} is divided by 100 and no longer counts cents.", "Give the cents as they are.", node)


def _by_hundred(node: exp.Div) -> bool:
    right = node.expression.unnest()
    left = node.this.unnest()
    return (
        isinstance(right, exp.Literal) and right.name in ("100", "100.0") and isinstance(left, exp.Column) and left.name.endswith("_cents")
    )


def _taken(site: Site, schema_sql: str) -> Iterator[Diagnostic]:
    for link in links_of(site.sql, schema_sql):
        binding = site.scope.get(link.name)
        if not link.column.endswith("_cents") or link.path or binding is None or binding.kind != "parameter":
            continue
        words = f"{link.name} {parameter_schema(site.tool, link.name).get('description', '')}"
        if not _MINOR.search(words):
            message = f"The parameter {link.name} meets {link.table}.{link.column}, but neither its name nor its description says cents."
            hint = f"Call it {link.name}_cents, or say in the description that it is in cents."
            yield problem("tool.unit", site, message, hint)
