"""The gate of the schema: SQLite runs all of it, every table is keyed, every foreign key resolves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from artifacts.errors import StatementFailed
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.gates.gate import verdict
from tasks.sql.lints import lint_view
from tasks.sql.loading import load_failures
from tasks.sql.schema_lints import schema_lints
from tasks.sql.scratch import catalog_of
from tasks.sql.sqlite_messages import sqlite_diagnostic
from tasks.sql.statements import created_object, schema_place, statement_problems

_MADE_BY_OTHERS = ("schema.unknown_parent", "schema.unknown_parent_column")


def schema_runs(draft: Draft) -> Pass | Reject:
    """Runs the whole schema, then its lints."""
    catalog = catalog_of(draft.schema_sql)
    keys = sum(len(table.foreign_keys) for table in catalog.tables.values())
    figures = {"tables": len(catalog.tables), "views": len(catalog.views), "foreign_keys": keys}
    return verdict("schema_runs", _problems(draft), figures)


def _problems(draft: Draft) -> Iterator[Diagnostic]:
    catalog = catalog_of(draft.schema_sql)
    unsafe = [s for s in split_statements(draft.schema_sql) if statement_problems(s, "schema", "schema")]
    failures = [f for f in load_failures(draft.schema_sql, "", draft.clock) if f.statement not in unsafe]
    absent = {name.lower() for _, name in filter(None, map(created_object, [*unsafe, *(f.statement for f in failures)]))}
    if not catalog.tables and not unsafe and not failures:
        yield Diagnostic(
            code="schema.empty",
            place="schema",
            message="The schema makes no table.",
            hint="Write CREATE TABLE statements, each ending with ;",
        )
    found = [_explained(f, draft) for f in failures if f.index >= 0 and not _follows(f, absent)]
    found += [p for p in schema_lints(draft.schema_sql) if p.code not in _MADE_BY_OTHERS or not _named(p.message) & absent]
    found += [p for view in catalog.views.values() for p in lint_view(view.name, view.sql, draft.schema_sql)]
    yield from found or [_explained(f, draft) for f in failures]


def _named(message: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", message)}


def _follows(failure: StatementFailed, absent: set[str]) -> bool:
    """Whether a statement only failed since a table that it names could not be made."""
    found = re.search(r"no such table: (?:\w+\.)?(\w+)", failure.message)
    return bool(found and found[1].lower() in absent)


def _explained(failure: StatementFailed, draft: Draft) -> Diagnostic:
    found = sqlite_diagnostic(failure.message, failure.statement, schema_place(failure.statement), catalog_of(draft.schema_sql))
    return found if found.code != "sql.error" else found.model_copy(update={"code": "schema.failed"})
