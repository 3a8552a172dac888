"""A condition without the facts that the instruction leaves out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlglot import exp

from tasks.instructions.extremes import says_extreme
from tasks.instructions.saying import Saying
from tasks.sql.statements import parse_statement

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Is, exp.In, exp.Between)
_BEST = (exp.Max, exp.Min)


def as_far_as_said(sql: str, saying: Saying) -> tuple[str, tuple[str, ...]]:
    """A condition's query with what is not said taken out, and that in words; superlatives count as said when any stands there."""
    tree = parse_statement(sql).tree
    if tree is None:
        return sql, ()
    unsaid = [part for part in _parts(sql) if not _is_said(part, saying)]
    if not unsaid:
        return sql, ()
    weakened = tree.copy()
    places = {part.sql(dialect="sqlite") for part in unsaid}
    for node in list(weakened.find_all(*_COMPARED)):
        if node.sql(dialect="sqlite") in places:
            node.replace(exp.true())
    if any(_is_first_of_order(part) for part in unsaid):
        weakened.set("limit", None)
    return str(weakened.sql(dialect="sqlite")), tuple(_in_words(part) for part in unsaid)


@lru_cache(maxsize=2_000)
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


def _is_said(node: exp.Expr, saying: Saying) -> bool:
    if _is_first_of_order(node) or _superlative(node):
        return says_extreme(saying)
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
