"""Choices of a state column that nothing can bring about: no row of the seed has them, and no tool, default or trigger writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlglot import exp

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.gates.seed_problems import seed_rows
from tasks.sql.catalog import Column, Table
from tasks.sql.lineage import ColumnName, usage_of
from tasks.sql.programs import Site, parameter_schema, sites_of
from tasks.sql.scratch import catalog_of
from tasks.sql.statements import nodes_of, trigger_parts


def dead_choices(draft: Draft, tools: Sequence[Tool]) -> Iterator[Diagnostic]:
    """Values that a CHECK allows in a column that tools change, and that no row can ever hold."""
    catalog = catalog_of(draft.schema_sql)
    rows, _ = seed_rows(split_statements(draft.seed_sql), catalog, draft)
    writing = [tool for tool in tools if usage_of(tool, draft.schema_sql).writes]
    changed = {pair for tool in writing for pair in usage_of(tool, draft.schema_sql).mutates}
    made = _made(writing, draft.schema_sql)
    open_ones = _open_columns(writing, draft.schema_sql)
    for name, table in catalog.tables.items():
        for key, column in table.columns.items():
            if column.choices and (name, key) in changed - open_ones:
                held = {str(row.values.get(key)) for row in rows if row.table.name.lower() == name}
                held |= made | {str(column.default or "").strip("'")}
                dead = [choice for choice in column.choices if str(choice) not in held]
                yield from (_problem(table, column, choice) for choice in dead[:1])


def _made(writing: Sequence[Tool], schema_sql: str) -> set[str]:
    """All that tools which write may write: the choices of their parameters, and the literals of their statements and of triggers."""
    chosen = {str(v) for tool in writing for name in tool.parameter_names for v in parameter_schema(tool, name).get("enum", ())}
    literals = {node.name for tool in writing for site in sites_of(tool, schema_sql) for node in _made_literals(site)}
    bodies = (parts[2] for statement in split_statements(schema_sql) for parts in [trigger_parts(statement)] if parts)
    return chosen | literals | {text for body in bodies for sql in body for text in re.findall(r"'([^']*)'", sql)}


def _made_literals(site: Site) -> Iterator[exp.Literal]:
    """The literals that a statement may pass on; those that it only compares with are left out."""
    compared = (exp.EQ, exp.NEQ, exp.In)
    for node in nodes_of(site.sql, exp.Literal):
        stored = isinstance(node.parent, exp.EQ) and isinstance(node.parent.parent, exp.Update)
        if stored or not isinstance(node.parent, compared):
            yield node


def _open_columns(writing: Sequence[Tool], schema_sql: str) -> set[ColumnName]:
    """The columns that take a parameter without choices: any value may come."""
    links = ((tool, link) for tool in writing for link in usage_of(tool, schema_sql).links if link.relation in ("set", "insert"))
    return {(link.table, link.column) for tool, link in links if not parameter_schema(tool, link.name).get("enum")}


def _problem(table: Table, column: Column, choice: str | int) -> Diagnostic:
    message = f"{table.name}.{column.name} may be {choice!r}, but no row is and no tool can make one so."
    hint = f"Give a tool that sets it, a row that has it, or take {choice!r} out of the CHECK."
    return Diagnostic(code="schema.dead_choice", place=f"table:{table.name}", message=message, hint=hint)
