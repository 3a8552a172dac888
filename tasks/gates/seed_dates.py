"""Dates in a seed that do not compare: another format than the clock's, a time zone, a day that is none, two forms in one column."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from artifacts.verdict import Diagnostic
from tasks.gates.seed_problems import Row

_TIME_COLUMN = re.compile(r"(_at|_on|_date|^date|_time|^day|_day|_until|_since)$")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})( \d{2}:\d{2}(?::\d{2})?)?")
_DAY_AND_MORE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?\s?(?:Z|UTC|[A-Z]{3,4}|[+-]\d{2}:?\d{2})?)")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_OTHER_FORMS = re.compile(
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}.*|\d{{4}}[./]\d{{1,2}}[./]\d{{1,2}}.*|\d{{4}}-\d{{1,2}}-\d{{1,2}}(?:\D.*)?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)? {_MONTH},? \d{{4}}.*|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}.*",
    re.IGNORECASE,
)


def date_problems(rows: Sequence[Row]) -> Iterator[Diagnostic]:
    """What is wrong with the dates and times of a seed, row by row; then columns that hold both days and moments."""
    forms: dict[tuple[str, str], dict[bool, Row]] = defaultdict(dict)
    for row in rows:
        for name, value in row.values.items():
            column = row.table.columns.get(name)
            if column is None or not isinstance(value, str) or column.affinity != "TEXT":
                continue
            found = _ISO.fullmatch(value)
            if found is not None:
                forms[row.table.name, column.name].setdefault(bool(found[4]), row)
            if _TIME_COLUMN.search(name):
                yield from _value_problems(row, f"{row.table.name}.{column.name}", value)
    yield from _mixed(forms)


def _value_problems(row: Row, name: str, value: str) -> Iterator[Diagnostic]:
    found = _ISO.fullmatch(value)
    if found is None:
        if _DAY_AND_MORE.fullmatch(value) or _OTHER_FORMS.fullmatch(value):
            message = f"{name} = {value!r} does not compare with the world's clock, which is text of the form 2026-03-01 09:00:00."
            yield Diagnostic(
                code="seed.date", place=row.place, message=message, hint="Write YYYY-MM-DD HH:MM:SS, or YYYY-MM-DD for a date."
            )
        return
    try:
        date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        yield Diagnostic(
            code="seed.date", place=row.place, message=f"{name} = {value!r} is not a day of the calendar.", hint="Write a real date."
        )


def _mixed(forms: dict[tuple[str, str], dict[bool, Row]]) -> Iterator[Diagnostic]:
    for (table, column), by_form in forms.items():
        if len(by_form) == 2 and _TIME_COLUMN.search(column.lower()):
            day, moment = by_form[False], by_form[True]
            message = f"{table}.{column} is a day in row {day.number} and a moment in row {moment.number}; as texts they do not compare."
            yield Diagnostic(code="seed.mixed_dates", place=day.place, message=message, hint="Write all values of the column in one form.")
