"""A violated constraint in words for an agent: its kind and the column, where SQLite tells it; never its SQL."""

from __future__ import annotations

import re
from collections.abc import Collection

import apsw

_WORD = re.compile(r"[A-Za-z_]\w*")


def explain_constraint(trouble: apsw.ConstraintError, columns: Collection[str]) -> str:
    """One sentence; `columns` are all column names of the world, which a CHECK's expression may name."""
    code: int = vars(trouble)["extendedresult"]
    detail = str(trouble).partition("failed: ")[2]
    if code in (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID):
        return f"unique: another row already has this {_columns(detail)}."
    if code == apsw.SQLITE_CONSTRAINT_NOTNULL:
        return f"not null: {_columns(detail)} must have a value."
    if code == apsw.SQLITE_CONSTRAINT_FOREIGNKEY:
        return "foreign key: it refers to something that does not exist, or something else still refers to it."
    if code == apsw.SQLITE_CONSTRAINT_CHECK:
        return f"check: the value of {_checked(detail, columns)} is not allowed."
    if code == apsw.SQLITE_CONSTRAINT_TRIGGER:
        return f"rule: {' '.join(str(trouble).split())[:200]}"
    return "type: a value is of the wrong type."


def _columns(detail: str) -> str:
    names = [part.rpartition(".")[2].strip() for part in detail.split(",")]
    return " and ".join(name for name in names if _WORD.fullmatch(name)) or "value"


def _checked(detail: str, columns: Collection[str]) -> str:
    """The columns that a CHECK names; a constraint's own name holds them too, if its author so wished."""
    words = [word for word in _WORD.findall(detail) if word in columns]
    words = words or [part for word in _WORD.findall(detail) for part in word.split("_") if part in columns]
    return " and ".join(dict.fromkeys(words)) or "a column"
