"""The gate of the seed: every statement succeeds with foreign keys on, the whole is sound, and no table is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.gates.gate import verdict
from tasks.gates.seed_changes import loaded_problems, swallowing_problems
from tasks.gates.seed_dates import date_problems
from tasks.gates.seed_problems import Row, explain_failure, seed_rows, value_problems
from tasks.sql.loading import load_failures
from tasks.sql.scratch import catalog_of


def seed_loads(draft: Draft) -> Pass | Reject:
    """Loads schema and seed; explains each failure by row."""
    statements = split_statements(draft.seed_sql)
    rows, shapes = seed_rows(statements, catalog_of(draft.schema_sql), draft)
    figures = {"statements": len(statements), "rows": len(rows)}
    return verdict("seed_loads", _problems(draft, rows, shapes), figures)


def _problems(draft: Draft, rows: tuple[Row, ...], shapes: tuple[Diagnostic, ...]) -> Iterator[Diagnostic]:
    catalog = catalog_of(draft.schema_sql)
    swallowed = tuple(swallowing_problems(split_statements(draft.seed_sql)))
    explained = (*shapes, *swallowed, *value_problems(rows, catalog), *date_problems(rows))
    yield from explained
    places = {problem.place for problem in explained}
    left = []
    failures = load_failures(draft.schema_sql, draft.seed_sql, draft.clock)
    for failure in failures:
        found = explain_failure(failure, rows, catalog)
        if found is None or failure.index < 0:
            left.append(failure)
        elif found.place not in places:
            places.add(found.place)
            yield found
    if not places:  # a missing parent that no value explains, or an unsound whole
        yield from (Diagnostic(code="seed.foreign_key", place=_place(f.statement, rows), message=f.message) for f in left)
    if not failures and not explained:
        yield from loaded_problems(draft, rows, catalog)
    yield from _empty_tables(draft, rows)


def _place(statement: str, rows: tuple[Row, ...]) -> str:
    return next((row.place for row in rows if row.statement == statement), "seed")


def _empty_tables(draft: Draft, rows: tuple[Row, ...]) -> Iterator[Diagnostic]:
    counts = Counter(row.table.name for row in rows)
    texts = draft.seed_sql.lower()
    for name, table in catalog_of(draft.schema_sql).tables.items():
        if not counts[table.name] and name not in texts:
            yield Diagnostic(
                code="seed.empty_table", place=f"table:{table.name}", message=f"The table {table.name} has no rows.", hint="Add some rows."
            )
