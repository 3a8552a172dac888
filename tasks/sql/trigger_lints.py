"""Lints of triggers: work that nobody asked for, done where no tool shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from artifacts.verdict import Diagnostic
from containers.initial_state import split_statements
from tasks.sql.statements import parse_statement, trigger_parts

_IGNORE = re.compile(r"\bRAISE\s*\(\s*IGNORE\s*\)", re.IGNORECASE)


def trigger_lints(schema_sql: str) -> Iterator[Diagnostic]:
    """Triggers that swallow rows, and triggers that change rows which have nothing to do with the row that fired them."""
    for statement in split_statements(schema_sql):
        parts = trigger_parts(statement)
        if parts is not None:
            name, _, body = parts
            for inner in body:
                yield from _swallows(name, inner)
                yield from _strays(name, inner)


def _swallows(name: str, sql: str) -> Iterator[Diagnostic]:
    if _IGNORE.search(sql):
        message = "RAISE(IGNORE) drops the row without a word: the statement succeeds and nothing is there."
        hint = "RAISE(ABORT, 'why') tells; or leave the rule to a CHECK or to the tools."
        yield Diagnostic(code="schema.swallows", place=f"trigger:{name}", message=message, hint=hint)


def _strays(name: str, sql: str) -> Iterator[Diagnostic]:
    tree = parse_statement(sql).tree
    if not isinstance(tree, (exp.Update, exp.Delete)):
        return
    where = tree.args.get("where")
    if where is None or not any(column.table.lower() in ("new", "old") for column in where.find_all(exp.Column)):
        verb = "DELETE" if isinstance(tree, exp.Delete) else "UPDATE"
        message = f"The {verb} of {tree.this.name} does not depend on the row that fired the trigger; it changes rows no one asked about."
        hint = "Choose the rows by new. or old. in the WHERE, or do it in the tools, where it can be seen."
        yield Diagnostic(code="schema.stray_trigger", place=f"trigger:{name}", message=message, hint=hint)
