"""A condition without the facts that the instruction leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlglot import exp

from tasks.instructions.extremes import says_end, stems_of, superlatives
from tasks.instructions.saying import Saying
from tasks.sql.catalog import Catalog
from tasks.sql.statements import parse_statement

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Is, exp.In, exp.Between)
_BEST = (exp.Max, exp.Min)


class Weakened(NamedTuple):
    """A condition with what is not said taken out; `unsaid` tells it in words, `states` whether it is no more than a state or a limit.

    A state ("pending") or which of several comes first may go unsaid where only one row can be acted on; names and days may not.
    """

    sql: str
    unsaid: tuple[str, ...]
    states: bool


def superlatives_in(sqls: Iterable[str]) -> int:
    """How many different superlatives some conditions hold."""
    return len({part.sql(dialect="sqlite") for sql in sqls for part in _parts(sql) if _superlative(part)})


def as_far_as_said(sql: str, saying: Saying, catalog: Catalog, spare: bool = True) -> Weakened:
    """A condition's query without what the instruction leaves out.

    A superlative counts as said when a word for its end stands there; unless there are fewer such words than superlatives
    (not `spare`): then the word has to be about the table, the column or its parent.
    """
    tree = parse_statement(sql).tree
    unsaid = [part for part in _parts(sql) if not _is_said(part, saying, catalog, spare)]
    if tree is None or not unsaid:
        return Weakened(sql, (), True)
    weakened = tree.copy()
    places = {part.sql(dialect="sqlite") for part in unsaid}
    for node in list(weakened.find_all(*_COMPARED)):
        if node.sql(dialect="sqlite") in places:
            node.replace(exp.true())
    if any(_is_first_of_order(part) for part in unsaid):
        weakened.set("limit", None)
    told = tuple(dict.fromkeys(_in_words(part) for part in unsaid))
    states = all(_superlative(part) or _is_first_of_order(part) or _is_state(part, catalog) for part in unsaid)
    return Weakened(str(weakened.sql(dialect="sqlite")), told, states)


def _is_state(node: exp.Expr, catalog: Catalog) -> bool:
    """Whether a comparison is about a column that the schema limits to a few choices."""
    column = node.this if isinstance(node.this, exp.Column) else None
    if column is None:
        return False
    return any(name in table.columns and table.columns[name].choices for name in [column.name.lower()] for table in catalog.tables.values())


def _is_text(node: exp.Expr, catalog: Catalog) -> bool:
    """Whether what a superlative is taken of is text, as moments are."""
    column = next(node.this.find_all(exp.Column), None)
    named = [
        table.columns[name]
        for table in catalog.tables.values()
        for name in [column.name.lower() if column else ""]
        if name in table.columns
    ]
    return any(found.affinity == "TEXT" for found in named)


@lru_cache(maxsize=500)
def _parts(sql: str) -> tuple[exp.Expr, ...]:
    """The comparisons of a query that hold a value or a superlative, outermost first; a limit counts as one."""
    tree = parse_statement(sql).tree
    if tree is None:
        return ()
    found = [node for node in tree.find_all(*_COMPARED) if _values(node) or _superlative(node)]
    return (*found, *([tree] if tree.args.get("limit") and tree.args.get("order") else []))


def _values(node: exp.Expr) -> list[Any]:
    """The literals that a comparison itself holds."""
    sides = [node.args.get(name) for name in ("this", "expression", "low", "high")] + list(node.args.get("expressions") or [])
    return [side.to_py() for side in sides if isinstance(side, exp.Literal | exp.Neg)]


def _superlative(node: exp.Expr) -> bool:
    side = node.args.get("expression")
    select = side.this if isinstance(side, exp.Subquery) else None
    return isinstance(select, exp.Select) and len(select.expressions) == 1 and isinstance(select.expressions[0].unalias(), _BEST)


def _is_first_of_order(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query)


def _is_said(node: exp.Expr, saying: Saying, catalog: Catalog, spare: bool) -> bool:
    if _is_first_of_order(node):
        return bool(superlatives(saying))
    if _superlative(node):
        side = node.expression.this.expressions[0].unalias()
        nouns = None if spare else stems_of(*(part.name for part in node.find_all(exp.Column, exp.Table)))
        kind = "moment" if _is_text(node, catalog) else "number"
        return says_end("greatest" if isinstance(side, exp.Max) else "least", kind, saying, nouns)
    return all(_value_said(value, saying) for value in _values(node))


def _value_said(value: Any, saying: Saying) -> bool:
    if isinstance(value, str):
        text = value.strip("%")
        return not text or saying.says_bound(text) or saying.says_choice(text)
    return value in (0, 1) or saying.says(value)


def _in_words(node: exp.Expr) -> str:
    if _is_first_of_order(node) or _superlative(node):
        return "which of them comes first"
    return " or ".join(f"'{value}'" for value in _values(node))
