"""Ties behind an answer: a superlative that two rows of a list share, so that either could be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artifacts.verdict import Diagnostic
from tasks.instructions.extremes import about, directions_said, is_about, stems_of
from tasks.instructions.inference import Reader, lists_in
from tasks.instructions.listed import alike, measures
from tasks.instructions.telling import in_words


def tie_problems(reader: Reader) -> Iterator[Diagnostic]:
    """Answers that name the first of several equals by what the instruction calls the most, the least, the first or the last."""
    for call, result in zip(reader.task.solution, reader.results, strict=True):
        for rows in lists_in(result):
            told = [row for row in rows if _answers(row, reader)]
            if len(told) == 1 and len(rows) > 1:
                yield from _tied(told[0], rows, call.tool, reader)


def _answers(row: dict[str, Any], reader: Reader) -> bool:
    """Whether a row shows a name of the answer that the instruction does not give itself."""
    return any(
        isinstance(v, str) and len(v) > 2 and v in row.values() and not reader.saying.says_words(v) for v in reader.task.answer or ()
    )


def _tied(row: dict[str, Any], rows: list[dict[str, Any]], tool: str, reader: Reader) -> Iterator[Diagnostic]:
    equal: list[str] = []
    for name, value in row.items():
        ends = _ends(name, value, tool, reader)
        held = alike(value, [other.get(name) for other in rows]) if ends else []
        best = {"least": min, "greatest": max}
        if not ends or len(held) < 2 or not any(value == best[end](held) for end in ends):
            continue
        if held.count(value) == 1:
            return  # by this it is the only one, and this may be what is meant
        equal.append(name)
    for name in equal[:1]:
        others = [_name_of(other) for other in rows if other.get(name) == row[name]]
        label = name.removesuffix("_cents").replace("_", " ")
        message = f"{len(others)} rows tie by {label} ({in_words(row[name])}): {'; '.join(others[:5])}."
        hint = "Ask for something that only one of them has, or say how a tie is settled."
        yield Diagnostic(code="task.tie", place=f"task:{reader.task.id}/instruction", message=message, hint=hint)


def _ends(name: str, value: Any, tool: str, reader: Reader) -> tuple[str, ...]:
    """The ends of an order that the words name for what a row shows under a name."""
    if not measures(name, value):
        return ()
    moment = isinstance(value, str)
    if not moment and not is_about(name.replace("_", " "), reader.saying):
        return ()
    return directions_said("moment" if moment else "number", about(reader.saying, stems_of(name, tool)))


def _name_of(row: dict[str, Any]) -> str:
    return next((value for value in row.values() if isinstance(value, str)), str(row))[:60]
