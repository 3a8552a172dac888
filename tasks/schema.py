"""The schema stage: the DDL of the world's database."""

from __future__ import annotations

import re
from collections.abc import Iterable

import dspy

from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.correction import Ask, Built, Made, Problems, Stage, correct, without_size
from tasks.gates import diagnose
from tasks.models.adapter import with_rules
from tasks.scenario import scenario_text
from tasks.sql.arrange import parents_first
from tasks.stage import StageResult, stage_task

TABLES = "12 to 16"

RULES = """
- SQLite only: CREATE TABLE, CREATE INDEX, CREATE VIEW. No rows, PRAGMA, virtual or temporary table, generated column,
  AUTOINCREMENT, comment or double-quoted string. Each statement ends with `;`; a table comes after the tables it references.
- Names are lower_case_with_underscores, tables plural. One table holds the people who sign in (users, members, staff); its row 1
  is the signed-in user, and what belongs to a user has a foreign key to it.
- Every table has `id INTEGER PRIMARY KEY`; a pure link table may have a composite PRIMARY KEY instead. Every foreign key is
  declared: `order_id INTEGER NOT NULL REFERENCES orders(id)`.
- NOT NULL wherever a value must exist; CHECK (status IN ('open','closed')) on every closed set; CHECK on quantities and
  amounts; UNIQUE on natural keys, and where dead rows may repeat one, an index: CREATE UNIQUE INDEX seat_live ON bookings(seat_id)
  WHERE status<>'cancelled'. Whatever a person would mention has a handle that a person knows: name, title, code.
- Money is INTEGER minor units, named so (`price_cents`); a flag is INTEGER CHECK (is_open IN (0,1)); a date is TEXT 'YYYY-MM-DD', an
  instant TEXT 'YYYY-MM-DD HH:MM:SS'; ordered lines have an explicit `position`. Defaults are constants.""".strip()


@with_rules(RULES)
class WriteSchema(dspy.Signature):
    """Design the SQLite database of this application, so that every intention can be carried out on it, and so that
    the records depend on each other as they do in life (catalogue, holdings, lines, payments, history, settings).

    {rules}
    - `tables` tables in all, each needed. Views are not needed; two at most, for a document that several tools would return.

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


_OBJECT = re.compile(r"\s*CREATE\s+(?:UNIQUE\s+)?(TABLE|INDEX|VIEW|TRIGGER)\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"`\[]?(\w+)", re.IGNORECASE)
_DROP = re.compile(r"\s*DROP\s+(TABLE|INDEX|VIEW|TRIGGER)\s+(?:IF\s+EXISTS\s+)?[\"`\[]?(\w+)", re.IGNORECASE)
_FIRST = re.compile(r"^[ \t]*(?:CREATE|DROP)\b", re.IGNORECASE | re.MULTILINE)
_LINE = re.compile(r"(?m)^(?=[ \t]*CREATE[ \t])", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_REFERENCE = re.compile(r"\bREFERENCES\s+[\"`\[]?(\w+)", re.IGNORECASE)
_RANK = {"TABLE": 0, "VIEW": 1, "TRIGGER": 2, "INDEX": 3}

Statements = tuple[str, ...]


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the draft's DDL."""
    return correct(STAGE, draft, model)


def _write(draft: Draft, ask: Ask) -> Made[Statements]:
    inputs = {"scenario": scenario_text(draft.scenario), "intentions": list(draft.intentions), "tables": TABLES}
    reply = ask(WriteSchema, inputs)
    statements, problems = read_ddl(reply.values["ddl"])
    return Made(merged((), statements), (reply._replace(problems=(*reply.problems, *problems)),))


def _repair(draft: Draft, parts: Statements, problems: Problems, ask: Ask) -> Made[Statements]:
    lines = [problem.line() for problem in problems]
    reply = ask(RepairSchema, {"scenario": scenario_text(draft.scenario), "current": text_of(parts), "problems": lines})
    statements, unread = read_ddl(reply.values["ddl"])
    return Made(merged(parts, statements), (reply._replace(problems=(*reply.problems, *unread)),))


def _build(draft: Draft, parts: Statements) -> Built:
    """A statement with an open quote would swallow all that follow it: it is told of by itself, and what only misses it is not."""
    open_ended = {_name(statement): statement for statement in parts if open_quote(statement)}
    built = draft.model_copy(update={"schema_sql": text_of(s for s in parts if _name(s) not in open_ended)})
    found = without_size(diagnose(built, "schema"), sum(_rank(s) == 0 for s in parts), draft.recipe.size.tables)
    problems = (p for p in found if not any(re.search(rf"\b{re.escape(name)}\b", p.message) for name in open_ended))
    return Built(built, (*map(_unquoted, open_ended.values()), *problems))


def open_quote(statement: str) -> bool:
    """Whether a quote is opened in a statement and never closed."""
    return any(quote in _QUOTED.sub("", statement) for quote in "'\"`")


def _unquoted(statement: str) -> Diagnostic:
    kind, name = found.groups() if (found := _OBJECT.match(statement)) else ("schema", "")
    message = "A quote is opened and never closed."
    return Diagnostic(
        code="sql.syntax",
        place=f"{kind.lower()}:{name}",
        message=message,
        hint="Double a quote inside a string: 'it''s'. Write it whole again.",
    )


def read_ddl(text: str) -> tuple[Statements, Problems]:
    """The whole statements of an answer; prose before and after is passed over, a statement that breaks off is told of."""
    first = _FIRST.search(text)
    if first is None:
        return (), (
            Diagnostic(code="schema.no_statement", place="schema", message="The answer holds no CREATE statement."),
        ) if text else ()
    statements = tuple(s for piece in _LINE.split(text[first.start() :]) for s in split_statements(piece))
    cut = () if text.rstrip().endswith(";") or not statements else statements[-1:]
    whole = tuple(s for s in statements if s not in cut and (_OBJECT.match(s) or _DROP.match(s) or _verb(s)))
    return whole, tuple(_cut(statement) for statement in cut if _verb(statement))


def _verb(statement: str) -> bool:
    return statement.split(None, 1)[0].upper() in ("CREATE", "DROP", "ALTER", "INSERT", "PRAGMA")


def _cut(statement: str) -> Diagnostic:
    head = " ".join(statement.split()[:4])
    return Diagnostic(
        code="schema.truncated",
        place="schema",
        message=f"The answer breaks off inside {head!r}.",
        hint="Write that statement and all that follow it.",
    )


def merged(current: Statements, changes: Iterable[str]) -> Statements:
    """The statements with the changes in them: a CREATE replaces its namesake, a DROP removes one, new ones are added, in order."""
    objects = {_name(statement): statement for statement in current}
    for change in changes:
        dropped = _DROP.match(change)
        if dropped:
            objects.pop(dropped.group(2).lower(), None)
        else:
            objects[_name(change)] = change.strip().rstrip(";")
    return ordered(objects.values())


def _name(statement: str) -> str:
    found = _OBJECT.match(statement)
    return found.group(2).lower() if found else statement


def ordered(statements: Iterable[str]) -> Statements:
    """Tables before those that refer to them, then views, triggers and indexes; otherwise as written. A cycle stays as written."""
    ranked = sorted(statements, key=_rank)
    tables = [statement for statement in ranked if _rank(statement) == 0]
    return (*parents_first(tables, _name, _parents), *ranked[len(tables) :])


def _rank(statement: str) -> int:
    found = _OBJECT.match(statement)
    return _RANK[found.group(1).upper()] if found else len(_RANK)


def _parents(statement: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in _REFERENCE.findall(statement))


def text_of(statements: Iterable[str]) -> str:
    """The statements as one SQL text."""
    return "".join(f"{statement};\n" for statement in statements)


STAGE: Stage[Statements] = Stage("schema", _write, _repair, _build)
write_schema = stage_task("write_schema", run)
