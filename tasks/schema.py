"""The schema stage: the DDL of the world's database."""

from __future__ import annotations

import dspy

from tasks.adapter import with_rules

RULES = """
- SQLite only: CREATE TABLE, CREATE INDEX, CREATE VIEW. No rows, PRAGMA, virtual or temporary table, generated column,
  AUTOINCREMENT, comment or double-quoted string. Each statement ends with `;`; a table comes after the tables it references.
- Names are lower_case_with_underscores, tables plural. The first table holds the people who sign in; its row 1 is the
  signed-in user, and what belongs to a user has a foreign key to it.
- Every table has `id INTEGER PRIMARY KEY`; a pure link table may have a composite PRIMARY KEY instead. Every foreign key is
  declared: `order_id INTEGER NOT NULL REFERENCES orders(id)`.
- NOT NULL wherever a value must exist; CHECK (status IN ('open','closed')) on every closed set; CHECK on quantities and
  amounts; UNIQUE on natural keys. Whatever a person would mention has a handle that a person knows: name, title, code.
- Money is integer minor units (`price_cents`); a flag is INTEGER CHECK (is_open IN (0,1)); a date is TEXT 'YYYY-MM-DD', an
  instant TEXT 'YYYY-MM-DD HH:MM:SS'; ordered lines have an explicit `position`. Defaults are constants.""".strip()


@with_rules(RULES)
class WriteSchema(dspy.Signature):
    """Design the SQLite database of this application, so that every intention can be carried out on it, and so that
    the records depend on each other as they do in life (catalogue, holdings, lines, payments, history, settings).

    {rules}
    - `tables` tables in all, each needed. One or two views at most, for a document that several tools would return.

    ddl: the SQL text.
    """

    scenario: str = dspy.InputField()
    intentions: list[str] = dspy.InputField()
    tables: str = dspy.InputField()
    ddl: str = dspy.OutputField()


@with_rules(RULES)
class RepairSchema(dspy.Signature):
    """Mend the SQLite schema `current`: every problem listed must be gone, and nothing else changes.

    {rules}

    ddl: only the statements that change or that were missing, whole. A statement replaces the one that creates the same object;
    `DROP TABLE name;` (or VIEW, INDEX) removes one. Do not repeat statements that stay as they are.
    """

    scenario: str = dspy.InputField()
    current: str = dspy.InputField()
    problems: list[str] = dspy.InputField()
    ddl: str = dspy.OutputField()
