"""Days, times of day and spans of time, in the many ways in which people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from tasks.instructions.numbers import NUMBER_WORDS, ONES, worded

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400, "year": 365 * 86_400}
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_BY_MONTH = {name[:size]: n for n, name in enumerate(MONTHS, 1) for size in {3, len(name)}} | {"sept": 9}
_MONTH = "|".join(sorted(_BY_MONTH, key=len, reverse=True))

_YEAR_AFTER = r"(?:\.?,? (\d{4})\b)?"
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?:and|or|to) \d{{1,2}}(?:st|nd|rd|th)?)?(?: of)? ({_MONTH})\b{_YEAR_AFTER}")
_MONTH_DAY = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?!:){_YEAR_AFTER}")
_PAIRED_DAY = re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?,? (?:and|or|to) (\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b{_YEAR_AFTER}")
_MONTH_ALONE = re.compile(rf"\b({_MONTH})\b(?: (\d{{4}}))?")
_ISO_DAY = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)")
_CLOCK = re.compile(r"(?<![\d:-])([01]?\d|2[0-4]):([0-5]\d)(?!\d)")
_OCLOCK = re.compile(r"(?<![\d:])([01]?\d|2[0-4]) o'?clock\b")
_SPAN = re.compile(
    r"\b(\d+(?:\.\d+)?|[a-z]+(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)(?: and a half)?[ -]"
    r"(second|minute|hour|day|week|month|year)s?\b"
)
_YEAR = re.compile(r"(?<![\d-])(19|20)\d\d(?![\d-])")


def spans_in(text: str) -> Iterator[float]:
    """Spans of time in seconds: "two weeks", "36 hours", "an hour and a half"."""
    for match in _SPAN.finditer(text):
        count, unit = match[1], float(UNITS[match[2]])
        number = float(count) if count[0].isdigit() else worded(count)
        if number is not None:
            yield number * unit
            yield (number + 0.5) * unit if "and a half" in match[0] + text[match.end() : match.end() + 11] else number * unit
    if "fortnight" in text:
        yield 14.0 * UNITS["day"]
    if re.search(r"\b(?:a|one|this|next|last|past)(?: whole)? week\b", text):
        yield 7.0 * UNITS["day"]
    if re.search(r"\bhalf (?:an hour|hour)\b", text):
        yield 1800.0
    if re.search(r"\b(?:the |this |next |last )?day before\b|\b(?:a|one) day\b|\btomorrow\b|\byesterday\b", text):
        yield 86_400.0


def day_of(year: int, month: int, day: int) -> date | None:
    """The day, or None where the calendar has none."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def days_in(dated: str, plain: str, today: date) -> Iterator[date]:
    """Days in full, without a year (any near one), of the week (within two weeks), today and its neighbours."""
    for year, month, day in _ISO_DAY.findall(dated):
        yield from filter(None, [day_of(int(year), int(month), int(day))])
    named = [(int(d), m, y) for d, m, y in (*_DAY_MONTH.findall(plain), *_PAIRED_DAY.findall(plain))]
    named += [(int(d), m, y) for m, d, y in _MONTH_DAY.findall(plain)]
    near = (today.year - 1, today.year, today.year + 1)
    for number, month, said in named:
        yield from filter(None, (day_of(year, _BY_MONTH[month], number) for year in ((int(said),) if said else near)))
    yield from (today + timedelta(days=shift) for word, shift in _NEAR_DAYS if re.search(rf"\b{word}\b", plain))
    for place, name in enumerate(_WEEKDAYS):
        if name in plain:
            ahead = (place - today.weekday()) % 7
            yield from (today + timedelta(days=ahead + weeks * 7) for weeks in (-2, -1, 0, 1, 2))


_NEAR_DAYS = (
    ("today", 0), ("tonight", 0), ("this morning", 0), ("this afternoon", 0), ("this evening", 0), ("now", 0), ("right away", 0),
    ("tomorrow", 1), ("tomorrow's", 1), ("yesterday", -1), ("day after tomorrow", 2), ("day before yesterday", -2),
)  # fmt: skip


def month_edges_in(plain: str, today: date) -> Iterator[date]:
    """First and last days, and the days beside them, of the months and years that are named."""
    named = [(_BY_MONTH[name], int(year) if year else None) for name, year in _MONTH_ALONE.findall(plain)]
    named += [
        (today.month + shift, today.year) for word, shift in (("this month", 0), ("last month", -1), ("next month", 1)) if word in plain
    ]
    for month, year in named:
        for each in [year] if year else [today.year - 1, today.year, today.year + 1]:
            first = date(each + (month - 1) // 12, (month - 1) % 12 + 1, 1)
            after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
            yield from (first, after - timedelta(days=1), after, first - timedelta(days=1))
    years = {int(match[0]) for match in _YEAR.finditer(plain)} | ({today.year} if "year" in plain else set())
    for each in years:
        yield from (date(each, 1, 1), date(each, 12, 31), date(each + 1, 1, 1))


def times_in(dated: str) -> Iterator[tuple[int, int]]:
    """Times of day as hours and minutes."""
    yield from ((int(hour), int(minute)) for hour, minute in _CLOCK.findall(dated))
    yield from ((int(hour), 0) for hour in _OCLOCK.findall(dated))
    yield from ((hour, 0) for word, hour in (("noon", 12), ("midday", 12), ("midnight", 0)) if word in dated)
    for match in re.finditer(r"\bhalf past ([a-z]+|\d{1,2})\b", dated):
        hour = _hour(match[1])
        yield from ((hour + half, 30) for half in (0, 12) if hour is not None and hour + half < 24)
    for match in re.finditer(r"\bat ([a-z]+|\d{1,2})\b", dated):
        hour = _hour(match[1])
        yield from ((hour + half, 0) for half in (0, 12) if hour is not None and hour + half < 24)


def _hour(text: str) -> int | None:
    hour = int(text) if text.isdigit() else int(NUMBER_WORDS.get(text, -1)) if text in ONES else -1
    return hour if 0 <= hour <= 23 else None
