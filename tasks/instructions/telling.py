"""Telling a person which row is meant: by its names, days and states, never by its key alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tasks.instructions.moments import MONTHS
from tasks.instructions.rows import Field, Key, Rows

_ORDER = ("text", "moment", "choice", "number")
_LONG = 60


def row_in_words(rows: Rows, key: Key) -> str:
    """Up to three facts of a row: names first, its own before its parents'."""
    fields = sorted((f for f in rows.fields if not f.many and f.of(key)), key=lambda f: (_ORDER.index(f.kind), not f.near))
    told = [in_words(f.of(key)[0]) for f in fields if len(str(f.of(key)[0])) <= _LONG]
    return ", ".join(dict.fromkeys(told[:1] + [in_words(f.of(key)[0]) for f in fields if f.kind == "moment" and f.near][:1] + told[1:2]))


def what_differs(rows: Rows, key: Key, others: Collection[Key]) -> str:
    """The facts in which a row differs from all others, or else from most, with its values."""
    own = [field for field in rows.fields if not field.many and field.of(key) and len(str(field.of(key)[0])) <= _LONG]
    ranked = sorted(own, key=lambda f: (sum(f.of(other) == f.of(key) for other in others), _ORDER.index(f.kind), not f.near))
    differing = [field for field in ranked if any(field.of(other) != field.of(key) for other in others)]
    return (
        ", ".join(f"{_label(field)} {in_words(field.of(key)[0])}" for field in differing[:3]) or "nothing does; change the data or the task"
    )


def _label(field: Field) -> str:
    return field.label.removesuffix(" cents")


def in_words(value: Any) -> str:
    """A value as a person writes it: a day with its month's name, words without underscores."""
    text = str(value)
    if len(text) >= 10 and text[4] == text[7] == "-" and text[:4].isdigit():
        day = f"{int(text[8:10])} {MONTHS[int(text[5:7]) - 1].capitalize()} {text[:4]}"
        return f"{day} at {text[11:16]}" if len(text) >= 16 else day
    return text.replace("_", " ")
