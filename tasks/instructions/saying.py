"""What an instruction says: its words, numbers, amounts, dates and times, in whichever way a person writes them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

from containers.dates import with_plain_dates
from containers.plain_text import plain_text, words
from tasks.instructions.moments import UNITS, day_of, days_in, month_edges_in, spans_in, times_in
from tasks.instructions.numbers import numbers_in

_QUOTED = re.compile(r'"([^"]+)"|(?<!\w)\'([^\']+)\'(?!\w)')
_STORED_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?")
_STORED_TIME = re.compile(r"(\d\d):(\d\d)(?::00)?")

STOPWORDS = frozenset(
    words(
        "a an and at be by do for from i in is it my me of on or our so the this that to us was we will with you your please not no yes one"
    )
)


_NO = ("no", "not agree", "disagree", "turn down", "turn it down", "refuse", "against", "deny")
_YES = ("yes", "agree", "go ahead", "fine with", "accept", "ok", "okay")
_DONE = ("done", "finish", "finished", "complete", "completed", "over", "settled", "close")
EVERYDAY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("rejected", "declined", "denied", "refused", "disapproved"), _NO),
    **dict.fromkeys(("approved", "accepted", "agreed", "confirmed"), _YES),
    **dict.fromkeys(("completed", "done", "finished", "resolved", "closed", "settled"), _DONE),
    **dict.fromkeys(
        ("cancelled", "canceled", "withdrawn"), ("call off", "called off", "drop", "take back", "no longer", "cancel", "give up")
    ),
    **dict.fromkeys(("high", "urgent", "critical"), ("urgently", "important", "emergency", "as fast as possible", "asap")),
    **dict.fromkeys(("male", "female"), ("mr", "mrs", "ms", "he", "she")),
    **dict.fromkeys(("returned",), ("bring back", "brought back", "back", "give back", "gave back")),
    **dict.fromkeys(("phone",), ("call", "called", "by telephone", "ring")),
    **dict.fromkeys(("email",), ("mail", "e mail", "emailed")),
    **dict.fromkeys(("sms", "text"), ("text message", "texted", "message")),
}
"""Phrases by which people say a choice without its own word."""


@lru_cache(maxsize=128)
def saying_of(text: str, today: str) -> Saying:
    """The reading of an instruction on a day (YYYY-MM-DD…) of the world's clock; made once per text."""
    return Saying(text, today)


class Saying:
    """One instruction, read once."""

    def __init__(self, text: str, today: str) -> None:
        self.text = text
        self.today = date.fromisoformat(today[:10])
        self.plain = plain_text(text)
        self.dated = with_plain_dates(self.plain)
        self.words = words(self.plain)
        self.run = f" {' '.join(self.words)} "

    @cached_property
    def stems(self) -> frozenset[str]:
        """The words without their endings."""
        return frozenset(map(stem, self.words))

    @cached_property
    def quotes(self) -> tuple[str, ...]:
        """What stands in quotation marks."""
        return tuple(one or other for one, other in _QUOTED.findall(self.text.translate(_STRAIGHT)))

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The numbers, in digits or in words."""
        return frozenset(numbers_in(self.plain, self.words))

    @cached_property
    def spans(self) -> frozenset[float]:
        """Spans of time in seconds: "two weeks", "36 hours", "an hour and a half"."""
        return frozenset(spans_in(self.plain))

    @cached_property
    def days(self) -> frozenset[date]:
        """The days it names: in full, without a year, as a day of the week, or as today and its neighbours."""
        return frozenset(days_in(self.dated, self.plain, self.today))

    @cached_property
    def month_edges(self) -> frozenset[date]:
        """First and last days, and the first days after, of the months and years that it names."""
        return frozenset(month_edges_in(self.plain, self.today))

    @cached_property
    def times(self) -> frozenset[tuple[int, int]]:
        """Times of day as hours and minutes."""
        return frozenset(times_in(self.dated))

    def says(self, value: Any) -> bool:
        """Whether a value is said, whatever its kind; truths and nothing are always a plain consequence of the words."""
        if value is None or isinstance(value, bool):
            return True
        if isinstance(value, int | float):
            return self.says_number(value)
        if isinstance(value, str):
            return self.says_text(value)
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        return all(map(self.says, parts))

    def says_number(self, value: float) -> bool:
        """A number as it is, in words, as an amount of whole money units, or as a span of time in another unit."""
        if value in self.numbers or round(value / 100, 2) in self.numbers:
            return True
        return bool(self.spans) and any(value * unit in self.spans for unit in UNITS.values())

    def says_text(self, value: str) -> bool:
        """A date, a time or words, as they are or in another spelling."""
        stored = _STORED_DAY.fullmatch(value.strip())
        if stored is not None:
            return self.says_moment(stored)
        clock = _STORED_TIME.fullmatch(value.strip())
        if clock is not None:
            return (int(clock[1]), int(clock[2])) in self.times
        return self.says_words(value)

    def says_moment(self, stored: re.Match[str]) -> bool:
        """A day, and its time where it has one that is not the day's start or end."""
        day = day_of(int(stored[1]), int(stored[2]), int(stored[3]))
        if day is None or day not in self.days:
            return False
        hour, minute = int(stored[4] or 0), int(stored[5] or 0)
        return (hour, minute) in self.times or (hour, minute) in ((0, 0), (23, 59))

    def says_bound(self, value: str) -> bool:
        """A day that is said, or that bounds a month, a week or a span which is said ("in February", "the last seven days")."""
        stored = _STORED_DAY.fullmatch(value.strip())
        if stored is None:
            return self.says_text(value)
        day = day_of(int(stored[1]), int(stored[2]), int(stored[3]))
        if day is None:
            return False
        near = {day + timedelta(days=n) for n in (-1, 0, 1)}
        weekly = "week" in self.run and abs((day - self.today).days) <= 14
        distant = abs((day - self.today).days) * 86_400
        return bool(near & self.days) or day in self.month_edges or weekly or any(abs(distant - span) <= 86_400 for span in self.spans)

    def says_words(self, value: str) -> bool:
        """The very words, next to each other; case, spacing and punctuation apart."""
        wanted = words(plain_text(value))
        return bool(wanted) and f" {' '.join(wanted)} " in self.run

    def says_choice(self, value: Any) -> bool:
        """A choice by its everyday word: every part of it stands there in some form ("in_progress": in progress, "cancelled": cancel)."""
        if not isinstance(value, str):
            return self.says(value)
        if any(f" {phrase} " in self.run for phrase in EVERYDAY.get(value.lower(), ())):
            return True
        parts = [word for word in words(plain_text(value)) if len(word) > 2 or word.isdigit()] or list(words(plain_text(value)))
        return all(self.has_stem(part) for part in parts)

    def says_most(self, value: str) -> bool:
        """Whether more than half of the words that tell something stand there, in some form."""
        told = [word for word in words(plain_text(value)) if word not in STOPWORDS]
        return sum(map(self.has_stem, told)) * 2 > len(told)

    def has_stem(self, word: str) -> bool:
        """Whether a word stands there, in some form."""
        wanted = stem(word)
        if wanted in self.stems:
            return True
        return len(wanted) >= 4 and any(_akin(wanted, found) for found in self.stems)


_STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ies", "ed", "es", "er", "ly", "al", "s", "e", "y")


@lru_cache(maxsize=8_000)
def stem(word: str) -> str:
    """A word without its ending, so that "cancelled", "cancels" and "cancellation" are one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return _undoubled(word[: -len(ending)])
    return word


def _undoubled(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou" else word


def _akin(one: str, other: str) -> bool:
    """Two stems of which one begins with the other, four letters at least."""
    return len(other) >= 4 and (one.startswith(other) or other.startswith(one))


_QUOTATION = re.compile(r'["\u201c][^"\u201d]*["\u201d]|(?<!\w)[\'\u2018][^\'\u2019]*[\'\u2019](?!\w)')


def unquoted(text: str) -> str:
    """An instruction without what stands in quotation marks: names and texts to store are not the person's own words."""
    return _QUOTATION.sub('""', text)
