"""SQLite's error messages as diagnostics: a stable code, and the nearest right names as a hint."""

from __future__ import annotations

import re

from sqlglot import exp

from artifacts.verdict import Diagnostic
from tasks.sql.catalog import Catalog
from tasks.sql.statements import nearest, parse_statement

_CODES = (
    (r"no such column|has no column named|unknown column", "sql.unknown_column"),
    (r"no such table", "sql.unknown_table"),
    (r"ambiguous column", "sql.ambiguous_column"),
    (r"no such function", "sql.function"),
    (r"wrong number of arguments", "sql.arguments"),
    (r"misuse of", "sql.aggregate"),
    (r"values for \d+ columns|values were supplied|VALUES must all have", "sql.values"),
    (r"not authorized|prohibited", "sql.forbidden"),
    (r"syntax error|unrecognized token|incomplete input", "sql.syntax"),
    (r"already exists|duplicate column|already another", "sql.duplicate"),
    (r"UNIQUE constraint failed", "seed.duplicate_key"),
    (r"NOT NULL constraint failed", "seed.null"),
    (r"CHECK constraint failed", "seed.check"),
    (r"FOREIGN KEY", "seed.foreign_key"),
    (r"datatype mismatch|cannot store", "seed.type"),
)

_MISSING = re.compile(r"no such (column|table): \"?([\w.$]+)\"?|table (\w+) has no column named (\w+)", re.IGNORECASE)


_PREFIX = re.compile(r"^(?:Statement \d+ failed: )?(?:\w+Error: )?")


def code_of(message: str) -> str:
    """The stable code of one of SQLite's messages."""
    return next((code for pattern, code in _CODES if re.search(pattern, message, re.IGNORECASE)), "sql.error")


def sqlite_diagnostic(message: str, sql: str, place: str, catalog: Catalog) -> Diagnostic:
    """One diagnostic for a message of SQLite about a statement on this catalog."""
    cleaned = _PREFIX.sub("", message).rstrip(".")
    return Diagnostic(code=code_of(cleaned), place=place, message=f"SQLite says: {cleaned}.", hint=_hint(cleaned, sql, catalog))


def _hint(message: str, sql: str, catalog: Catalog) -> str:
    found = _MISSING.search(message)
    if "single-quotes" in message:
        return "Double quotes name columns; text takes single quotes."
    if found is None:
        return "Say whose it is: put the table's name or alias and a dot before it." if "ambiguous column" in message else ""
    if found[3]:
        table = catalog.find(found[3])
        return f"{found[3]}: {nearest(found[4], [c.name for c in table.columns.values()])}" if table else ""
    if found[1].lower() == "table":
        return nearest(found[2].split(".")[-1], catalog.names())
    return _column_hint(found[2], sql, catalog)


def _column_hint(name: str, sql: str, catalog: Catalog) -> str:
    tree = parse_statement(sql).tree
    tables = {t.alias_or_name.lower(): t.name for t in tree.find_all(exp.Table)} if tree is not None else {}
    qualifier, _, column = name.rpartition(".")
    fired = re.search(r"\bON\s+[\"\[`]?(\w+)", sql, re.IGNORECASE) if qualifier.lower() in ("new", "old") else None
    tables |= {"new": fired[1], "old": fired[1]} if fired else {}
    chosen = [tables.get(qualifier.lower(), qualifier)] if qualifier else sorted(set(tables.values()))
    hints = []
    for found in (catalog.find(table) for table in chosen):
        if found is not None:
            hint = nearest(column, [c.name for c in found.columns.values()])
            hints.append(f"{found.name}: {hint}" if hint else "")
    close = [hint for hint in hints if "Did you mean" in hint]
    homes = [t.name for t in catalog.tables.values() if column.lower() in t.columns and t.name not in chosen]
    elsewhere = f"{column} is a column of {', '.join(homes[:4])}; join it." if homes else ""
    return " ".join(filter(None, [*(close or hints), elsewhere]))
