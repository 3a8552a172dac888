"""The first gate: every statement of a draft is read by sqlglot and stands on the whitelist of its place."""

from __future__ import annotations

from collections.abc import Iterator

from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.gates.gate import verdict
from tasks.sql.inserts import insert_target, read_insert
from tasks.sql.statements import schema_place, statement_problems


def schema_statements_safe(draft: Draft) -> Pass | Reject:
    """The schema's statements only."""
    return verdict("statements_safe", _schema(draft), {"statements": len(split_statements(draft.schema_sql))})


def seed_statements_safe(draft: Draft) -> Pass | Reject:
    """The seed's statements only."""
    return verdict("statements_safe", _seed(draft), {"statements": len(split_statements(draft.seed_sql))})


def _schema(draft: Draft) -> Iterator[Diagnostic]:
    for statement in split_statements(draft.schema_sql):
        yield from statement_problems(statement, "schema", schema_place(statement))


def _seed(draft: Draft) -> Iterator[Diagnostic]:
    for statement in split_statements(draft.seed_sql):
        if read_insert(statement) is None:
            target = insert_target(statement)
            yield from statement_problems(statement, "seed", f"table:{target}" if target else "seed")
