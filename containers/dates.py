"""Dates and times written in words or with other signs, rewritten as `YYYY-MM-DD HH:MM:SS`."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_BY_NAME = {name[:size]: number for number, name in enumerate(_MONTHS, 1) for size in range(3, len(name) + 1)}
MONTH = "|".join(sorted((*_MONTHS, *(name[:3] for name in _MONTHS), "sept"), key=len, reverse=True))

_FORMS = (
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\.?(?: of)? (?P<name>{MONTH})\.?,? (?P<y>\d{{4}})\b"),
    re.compile(rf"\b(?P<name>{MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})\b"),
    re.compile(r"(?<![\d/.-])(?P<y>\d{4})[/.](?P<m>\d{1,2})[/.](?P<d>\d{1,2})(?![\d/])"),
    re.compile(r"(?<![\d/.-])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?![\d/])"),
)
_AMERICAN = re.compile(r"(?<![\d/.-])(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})(?![\d/])")
_HALF_DAY = re.compile(r"\b(?P<h>1[0-2]|0?[1-9])(?::(?P<m>[0-5]\d))?(?::(?P<s>[0-5]\d))? ?(?P<half>[ap])\.?m\b\.?")
_NOON = re.compile(r"\b(?:12 ?)?(noon|midday|midnight)\b")
_JOINED = re.compile(r"(\d{4}-\d\d-\d\d)(?:t|,? (?:at|from) |, | )(\d{1,2}:\d\d(?::\d\d)?)(?:\.0+)?(?: ?z\b| ?utc\b)?")


def with_plain_dates(text: str) -> str:
    """The (lower-case) text with its dates and times in the plain form; a time of full minutes has no seconds."""
    for form in _FORMS:
        text = form.sub(_plain_date, text)
    text = _AMERICAN.sub(_slashed_date, text)
    text = _NOON.sub(lambda match: "00:00" if match[1] == "midnight" else "12:00", text)
    text = _HALF_DAY.sub(_whole_day, text)
    return _JOINED.sub(_joined, text)


_YEARLESS = (
    re.compile(rf"(?<![\d.,:-])(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<name>{MONTH})\b(?!\.?,? \d{{4}}\b)"),
    re.compile(rf"\b(?P<name>{MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!,? \d{{4}}\b|[:\d])"),
)
_TIME_FIRST = re.compile(
    r"(?<![\d:-])(\d{1,2}:\d\d(?::\d\d)?)(?: on|,)? (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:the )?"
    r"(\d{4}-\d\d-\d\d)(?! \d\d:\d\d)"
)


def with_whole_dates(dated: str, today: str) -> str:
    """A text in plain dates, further: days without a year become those nearest to today, and a time before its date comes after it.

    `today` is `YYYY-MM-DD` or a longer form of it; without one, days without a year stay as they are.
    """
    if today:
        near = date.fromisoformat(today[:10])
        for form in _YEARLESS:
            dated = form.sub(lambda match: _nearest(match, near), dated)
    return _JOINED.sub(_joined, _TIME_FIRST.sub(r"\2 \1", dated))


def _nearest(match: re.Match[str], today: date) -> str:
    """The day of that name that is nearest to today; the text as it was where there is none."""
    isos = [_iso(year, _BY_NAME[match["name"]], int(match["d"])) for year in (today.year - 1, today.year, today.year + 1)]
    days = [date.fromisoformat(iso) for iso in isos if iso]
    return min(days, key=lambda day: abs(day - today)).isoformat() if days else match[0]


def _plain_date(match: re.Match[str]) -> str:
    parts = match.groupdict()
    month = int(parts["m"]) if parts.get("m") else _BY_NAME[parts["name"]]
    return _iso(int(parts["y"]), month, int(parts["d"])) or match[0]


def _slashed_date(match: re.Match[str]) -> str:
    """Month first or day first: whichever exists; where both do, the text stays, since nobody can tell."""
    first, second, year = int(match["a"]), int(match["b"]), int(match["y"])
    found = {_iso(year, first, second), _iso(year, second, first)} - {""}
    return found.pop() if len(found) == 1 else match[0]


def _iso(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _whole_day(match: re.Match[str]) -> str:
    hour = int(match["h"]) % 12 + (12 if match["half"] == "p" else 0)
    seconds = f":{match['s']}" if match["s"] else ""
    return f"{hour:02}:{match['m'] or '00'}{seconds}"


def _joined(match: re.Match[str]) -> str:
    hour, _, rest = match[2].partition(":")
    return f"{match[1]} {int(hour):02}:{rest.removesuffix(':00') if rest.count(':') else rest}"
