"""The gate of size: as many tables, rows, tools and tasks as were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.gates.gate import verdict
from tasks.sql.inserts import read_insert
from tasks.sql.scratch import catalog_of

Part = Literal["schema", "seed", "tools", "tasks"]
PARTS: tuple[Part, ...] = ("schema", "seed", "tools", "tasks")
WORDS: dict[Part, str] = {"schema": "tables", "seed": "rows", "tools": "tools", "tasks": "tasks"}


def measure(draft: Draft, part: Part) -> int:
    """How many tables, rows, tools or tasks a draft holds."""
    if part == "schema":
        return len(catalog_of(draft.schema_sql).tables)
    if part == "seed":
        inserts = (read_insert(statement) for statement in split_statements(draft.seed_sql))
        return sum(len(insert.rows) if insert else 1 for insert in inserts)
    return len(draft.tools if part == "tools" else draft.tasks)


def size_met(draft: Draft, parts: tuple[Part, ...] = PARTS) -> Pass | Reject:
    """Compares the parts' sizes with the recipe's."""
    wanted = draft.recipe.size
    least = {"schema": wanted.tables, "seed": wanted.rows, "tools": wanted.tools, "tasks": wanted.tasks}
    found = {part: measure(draft, part) for part in parts}
    return verdict("size_met", _problems(found, least), {WORDS[part]: found[part] for part in parts})


def _problems(found: dict[Part, int], least: dict[str, int]) -> Iterator[Diagnostic]:
    for part, count in found.items():
        if count < least[part]:
            message = f"There are {count} {WORDS[part]}; at least {least[part]} are needed."
            yield Diagnostic(code="size.too_few", place=part, message=message, hint=f"Add {least[part] - count} more {WORDS[part]}.")
