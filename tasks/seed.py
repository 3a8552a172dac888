"""The seed stage: the rows of the initial state."""

from __future__ import annotations

from typing import Any

import dspy
from pydantic import BaseModel

from tasks.adapter import with_rules


class RowsDraft(BaseModel):
    """Rows of one table as a model writes them."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


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
    - Row 1 of the people's table is the signed-in user. That user owns plenty in every table of owned records, in every status,
      and others own rows too, so that "mine" and "theirs" differ.
    - Rows can be told apart by what a person would say (name, title, date, amount), amounts and dates vary, and there is a clear
      cheapest, latest, largest. Stored totals agree with their lines. Names are realistic, plain text.

    tables: a JSON array, parents before children, one row per inner array, no line breaks:
    [{"table":"users","columns":["id","name"],"rows":[[1,"Ana Ruiz"],[2,"Joel Park"]]},{"table":"orders",...}]
    """

    scenario: str = dspy.InputField()
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
