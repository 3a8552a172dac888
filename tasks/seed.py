"""The seed stage: the rows of the initial state."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import dspy
from pydantic import BaseModel, model_validator

from artifacts.identity import unique
from artifacts.verdict import Diagnostic
from artifacts.world import Draft, TableRows
from containers.initial_state import split_statements
from tasks.correction import Ask, Built, Made, Problems, Stage, correct
from tasks.gates import diagnose
from tasks.models.adapter import with_rules
from tasks.scenario import scenario_text
from tasks.sql.arrange import parents_first
from tasks.sql.catalog import Catalog, Table
from tasks.sql.scratch import catalog_of
from tasks.stage import StageResult, stage_task

ROWS = "120 to 200"


class RowsDraft(BaseModel):
    """Rows of one table as a model writes them."""

    table: str
    columns: list[str]
    rows: list[list[Any]]

    @model_validator(mode="before")
    @classmethod
    def _rows_may_be_objects(cls, data: Any) -> Any:
        """Rows written as objects say the same; a value that one lacks is NULL."""
        rows = data.get("rows") if isinstance(data, dict) else None
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            return data
        columns = list(unique(column for row in rows for column in row))
        return {**data, "columns": columns, "rows": [[row.get(column) for column in columns] for row in rows]}


class RowFix(BaseModel):
    """A row's new values, or None to delete it; `row` counts the author's rows of that table from 1."""

    table: str
    row: int
    values: dict[str, Any] | None


RULES = """
- Every constraint holds: NOT NULL, CHECK, UNIQUE, and each foreign key names a row that you write. Keys are explicit integers
  from 1. Every row has exactly one value per listed column.
- JSON values: numbers, strings, null; a flag is 0 or 1; money is an integer of minor units; a date is "YYYY-MM-DD", an instant
  "YYYY-MM-DD HH:MM:SS". The world's clock starts at 2026-03-02 09:00:00 (a Monday): what is done lies before it, what is
  booked or due lies around and after it.""".strip()


@with_rules(RULES)
class WriteSeed(dspy.Signature):
    """Write the rows that this application's database starts with: a small, believable slice of its life.

    {rules}
    - `rows` rows in all; no table is empty; three or four rows in small look-up tables, 15 to 30 in the busiest ones.
    - Row 1 of the people's table is the signed-in user. That user owns plenty in every table of owned records, in most statuses,
      and others own rows too, so that "mine" and "theirs" differ.
    - Every change that `intentions` or the statuses suggest can be made on some row: something is still open, pending, free, in stock,
      cleared, overdue; and some rows forbid it.
    - Rows can be told apart by what a person would say (name, title, date, amount), amounts and dates vary, and there is a clear
      cheapest, latest, largest. Stored totals agree with their lines. Names are realistic, plain text.

    tables: a JSON array, parents before children, one row per inner array, no line breaks:
    [{"table":"users","columns":["id","name"],"rows":[[1,"Ana Ruiz"],[2,"Joel Park"]]},{"table":"orders",...}]
    """

    scenario: str = dspy.InputField()
    intentions: list[str] = dspy.InputField()
    ddl: str = dspy.InputField()
    rows: str = dspy.InputField()
    tables: list[RowsDraft] = dspy.OutputField()


@with_rules(RULES)
class RepairSeed(dspy.Signature):
    """Mend the rows of a database: every problem listed must be gone. `rows` shows the failing rows as they stand, each
    with its number within its table.

    {rules}

    fixes: a JSON array of {"table":"orders","row":7,"values":{"user_id":2}}: only the columns that change; "values":null deletes
    the row (take care of rows that refer to it).
    tables: a JSON array of {"table","columns","rows"} with rows to add where some are missing; [] if none.
    """

    scenario: str = dspy.InputField()
    ddl: str = dspy.InputField()
    rows: list[str] = dspy.InputField()
    problems: list[str] = dspy.InputField()
    fixes: list[RowFix] = dspy.OutputField()
    tables: list[RowsDraft] = dspy.OutputField()


Blocks = tuple[TableRows, ...]
"""Rows as an author writes them; a table may have several blocks, and its rows are numbered from 1 across them."""

_ROW_PLACE = re.compile(r"row:([^:]+):(\d+)")
_OTHER_ROW = re.compile(r"\bin row (\d+)")
_TABLE_PLACE = re.compile(r"(?:table|row):([^:/]+)")
_CREATED = re.compile(
    r"\s*CREATE\s+(?:TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?|UNIQUE\s+INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?\S+\s+ON\s+)[\"`\[]?(\w+)", re.IGNORECASE
)
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the draft's rows and their INSERT statements."""
    return correct(STAGE, draft, model)


def _write(draft: Draft, ask: Ask) -> Made[Blocks]:
    inputs = {"scenario": scenario_text(draft.scenario), "intentions": list(draft.intentions), "ddl": tables_of(draft.schema_sql)}
    reply = ask(WriteSeed, {**inputs, "rows": ROWS})
    return Made(_blocks(reply.values["tables"]), (reply,))


def _repair(draft: Draft, parts: Blocks, problems: Problems, ask: Ask) -> Made[Blocks]:
    inputs = {
        "scenario": scenario_text(draft.scenario),
        "ddl": concerned_ddl(draft.schema_sql, problems),
        "rows": failing_rows(parts, problems),
        "problems": [problem.line() for problem in problems],
    }
    reply = ask(RepairSeed, inputs)
    return Made((*fixed(parts, reply.values["fixes"]), *_blocks(reply.values["tables"])), (reply,))


def _build(draft: Draft, parts: Blocks) -> Built:
    sql = render_seed(parts, catalog_of(draft.schema_sql))
    built = draft.model_copy(update={"seed": parts, "seed_sql": sql})
    return Built(built, (*_unsafe_values(parts), *diagnose(built, "seed")))


def _blocks(tables: Iterable[RowsDraft]) -> Blocks:
    made = (TableRows(table=t.table, columns=tuple(t.columns), rows=tuple(map(tuple, t.rows))) for t in tables)
    return tuple(block for block in made if block.rows)


def _unsafe_values(parts: Blocks) -> Problems:
    return tuple(
        Diagnostic(
            code="seed.text", place=f"row:{name}:{number}", message="A text holds a NUL or half of a character.", hint="Leave it out."
        )
        for name, number, _, row in numbered(parts)
        if any(isinstance(value, str) and _UNSAFE.search(value) for value in row)
    )


def numbered(parts: Blocks) -> Iterator[tuple[str, int, tuple[str, ...], tuple[Any, ...]]]:
    """Every row with its table, its number within that table from 1, and its columns."""
    counts: dict[str, int] = {}
    for block in parts:
        for row in block.rows:
            counts[block.table.lower()] = number = counts.get(block.table.lower(), 0) + 1
            yield block.table, number, block.columns, row


def failing_rows(parts: Blocks, problems: Problems) -> list[str]:
    """The rows that diagnostics name, by place or as the row that one collides with, as `table #number: {json}`, in order."""
    found = [(m.group(1).lower(), int(m.group(2)), p.message) for p in problems if (m := _ROW_PLACE.match(p.place))]
    failing = {(table, row) for table, number, said in found for row in (number, *map(int, _OTHER_ROW.findall(said)))}
    return [
        f"{name} #{number}: {json.dumps(dict(zip(columns, row, strict=False)), ensure_ascii=False, separators=(',', ':'))}"
        for name, number, columns, row in numbered(parts)
        if (name.lower(), number) in failing
    ]


def concerned_ddl(schema_sql: str, problems: Problems) -> str:
    """The tables that diagnostics name and those that they refer to; all of them where a diagnostic names none."""
    found = [_TABLE_PLACE.match(problem.place) for problem in problems]
    tables = catalog_of(schema_sql).tables
    named = {match.group(1).lower() for match in found if match}
    if not all(found) or not named <= set(tables):
        return tables_of(schema_sql)
    return tables_of(schema_sql, named | {key.parent.lower() for name in named for key in tables[name].foreign_keys})


def tables_of(schema_sql: str, names: Container[str] | None = None) -> str:
    """A schema's tables with their unique indexes, which rows must keep too: all or those named (in lower case)."""
    created = ((statement, _CREATED.match(statement)) for statement in split_statements(schema_sql))
    return "".join(f"{statement};\n" for statement, m in created if m and (names is None or m.group(1).lower() in names))


def fixed(parts: Blocks, fixes: Iterable[RowFix]) -> Blocks:
    """The rows with the fixes in them, numbers as before the fixes; a fix of a row that does not exist changes nothing."""
    by_row: dict[tuple[str, int], RowFix] = {(fix.table.lower(), fix.row): fix for fix in fixes}
    blocks: list[TableRows] = []
    for name, number, columns, row in numbered(parts):
        fix = by_row.get((name.lower(), number))
        if fix is not None and fix.values is None:
            continue
        _append(blocks, name, *_with_values(columns, row, fix.values or {} if fix else {}))
    return tuple(blocks)


def _with_values(columns: tuple[str, ...], row: tuple[Any, ...], values: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    if not values:
        return columns, row
    exact = {column.lower(): column for column in columns}
    merged = {**dict(zip(columns, row, strict=False)), **{exact.get(key.lower(), key): value for key, value in values.items()}}
    return tuple(merged), tuple(merged.values())


def _append(blocks: list[TableRows], table: str, columns: tuple[str, ...], row: tuple[Any, ...]) -> None:
    last = blocks[-1] if blocks else None
    if last is not None and last.table == table and last.columns == columns:
        blocks[-1] = last.model_copy(update={"rows": (*last.rows, row)})
    else:
        blocks.append(TableRows(table=table, columns=columns, rows=(row,)))


def render_seed(parts: Blocks, catalog: Catalog) -> str:
    """One INSERT a row, in canonical literals: tables in the order of their foreign keys, and rows of one table likewise."""
    names = unique(block.table.lower() for block in parts)
    order = parents_first(names, str, lambda name: _parent_names(catalog.find(name)))
    rows = list(numbered(parts))
    return "".join(_insert(table, columns, row) for name in order for table, _, columns, row in _rows_of(name, rows, catalog.find(name)))


Numbered = tuple[str, int, tuple[str, ...], tuple[Any, ...]]


def _parent_names(table: Table | None) -> tuple[str, ...]:
    return tuple(key.parent.lower() for key in table.foreign_keys) if table else ()


def _rows_of(name: str, rows: Sequence[Numbered], table: Table | None) -> tuple[Numbered, ...]:
    own = tuple(row for row in rows if row[0].lower() == name)
    inner = next((k for k in table.foreign_keys if k.parent.lower() == name and len(k.columns) == 1), None) if table else None
    if inner is None:
        return own
    return parents_first(own, lambda r: _identity(r, inner.parent_columns[0]), lambda r: (_value(r, inner.columns[0]),))


def _identity(row: Numbered, column: str) -> Any:
    """What others refer to a row by; a row that lacks it is told by its number."""
    value = _value(row, column)
    return ("row", row[1]) if value is None else value


def _value(row: Numbered, column: str) -> Any:
    found = next((v for c, v in zip(row[2], row[3], strict=False) if c.lower() == column.lower()), None)
    return json.dumps(found) if isinstance(found, list | dict) else found


def _insert(table: str, columns: tuple[str, ...], row: tuple[Any, ...]) -> str:
    names = ", ".join(map(_identifier, columns))
    return f"INSERT INTO {_identifier(table)} ({names}) VALUES ({', '.join(map(literal, row))});\n"


def _identifier(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A JSON value as a SQLite literal, in one form only; lists and objects become JSON text, no text is ever left open."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return "'" + _UNSAFE.sub("?", text).replace("'", "''") + "'"


STAGE: Stage[Blocks] = Stage("seed", _write, _repair, _build)
write_seed = stage_task("write_seed", run)
