"""Small pieces of SQL and of parameter types that several features write."""

from __future__ import annotations

from typing import Any

Step = dict[str, Any]


def unless(condition: str, message: str, error: str = "conflict") -> Step:
    """Fails when a condition over what is bound so far holds."""
    return {"refuse": f"SELECT 1 AS offending WHERE {condition}", "error": error, "message": message}


def value(sql: str) -> Step:
    """The result: a scalar or a JSON document."""
    return {"return": sql, "shape": "value"}


def quoted(text: str) -> str:
    """A text literal in SQL."""
    return "'" + text.replace("'", "''") + "'"


def among(column: str, values: tuple[str, ...]) -> str:
    """A CHECK that a text column holds one of these values."""
    return f"CHECK ({column} IN ({', '.join(quoted(v) for v in values)}))"


def choice(values: tuple[str, ...], optional: bool = False) -> str:
    """The parameter type of one of these values, without its description."""
    return f"one of {'|'.join(values)}{'?' if optional else ''}"
