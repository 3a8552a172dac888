"""Whether an answer holds the values that a right answer must hold.

Values are compared whole, after normalising: numbers with signs, separators and currency; dates and times written out in
words; case, spacing and punctuation of text; yes and no. An answer may be a sentence, a number, a list or an object.
An answer that lists far more numbers than asked for is a guess, and matches nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from artifacts.agent_task import Scalar
from containers.dates import with_plain_dates
from containers.plain_text import code_words, plain_text, words

MAX_LENGTH = 20_000
MAX_LEAVES = 2_000
SPARE_NUMBERS = 24
NUMBERS_PER_VALUE = 6
"""An answer may hold SPARE_NUMBERS numbers, and so many more for every value that was asked for."""


def matches(expected: Sequence[Scalar], given: object) -> bool:
    """True when every expected value stands in the given answer, as a whole; no answer never matches."""
    answer = _Answer.of(given)
    if answer is None or len(answer.numbers) > SPARE_NUMBERS + NUMBERS_PER_VALUE * len(expected):
        return False
    return all(_holds(answer, value) for value in expected)


class _Number(NamedTuple):
    """A number as it was written: its value, its decimal places, and whether it stands for an amount of money."""

    value: float
    places: int
    money: bool


class _Answer(NamedTuple):
    """An answer taken apart once: its words, its unbroken chunks, its dates and the numbers that are not part of those."""

    words: tuple[str, ...]
    chunks: frozenset[str]
    dates: str
    numbers: frozenset[_Number]

    @classmethod
    def of(cls, given: object) -> _Answer | None:
        """None for an empty, an oversized or an unreadable answer."""
        leaves = _leaves(_unpacked(given))
        text = plain_text(" ; ".join(leaves)) if leaves else ""
        if not text.strip(" ;") or len(text) > MAX_LENGTH:
            return None
        dated = with_plain_dates(text)
        return cls(words(text), code_words(text) | code_words(dated), dated, frozenset(_numbers(_DATED.sub(" ", dated))))


def _unpacked(given: object) -> object:
    """A text that is a JSON list or object says what that holds; agents write JSON without spaces, where no word would end."""
    if not isinstance(given, str) or len(given) > MAX_LENGTH or not given.strip().startswith(("[", "{")):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def _leaves(given: object) -> list[str]:
    """The scalars of an answer as texts, in order; an empty list where there are none or too many."""
    found: list[str] = []
    waiting: list[object] = [given]
    seen = 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > MAX_LEAVES:
            return []
        if isinstance(value, dict):
            waiting.extend(reversed(list(value.values())))
        elif isinstance(value, list | tuple):
            waiting.extend(reversed(value))
        else:
            found.extend(_leaf(value))
    return found


def _leaf(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif isinstance(value, int) and abs(value) < 2**80:
        yield str(value)
    elif isinstance(value, float) and math.isfinite(value):
        yield repr(value) if abs(value) < 1e15 else f"{value:.0f}"


def _holds(answer: _Answer, value: Scalar) -> bool:
    if value is None:
        return not _NOTHING.isdisjoint(answer.words)
    if isinstance(value, bool):
        return _decision(answer.words) is value
    if isinstance(value, int | float):
        return any(_same_number(value, number) for number in answer.numbers)
    return _holds_text(answer, value)


_NOTHING = frozenset({"none", "null", "nothing", "empty", "nobody", "unset", "no", "not"})
_YES = frozenset({"yes", "true", "correct", "y"})
_NO = frozenset({"no", "false", "not", "n", "never"})


def _decision(found: Sequence[str]) -> bool | None:
    """What an answer decides: its first yes or no, or None. A bare 1 or 0 decides too."""
    if tuple(found) in (("1",), ("0",)):
        return found[0] == "1"
    return next((word in _YES for word in found if word in _YES or word in _NO), None)


def _holds_text(answer: _Answer, value: str) -> bool:
    text = plain_text(value)
    number = _PLAIN_NUMBER.fullmatch(text)
    if number and any(_same_number(float(text.replace(",", "")), given) for given in answer.numbers):
        return True
    dated = with_plain_dates(text)
    if _DATED.fullmatch(dated.strip()):
        return _holds_date(answer.dates, dated.strip())
    if _CODE.fullmatch(text):
        return text in answer.chunks
    return _contains(answer.words, words(text))


def _holds_date(given: str, wanted: str) -> bool:
    """A date, or a date and time to the precision at which it was asked for; full hours may be given without seconds."""
    return wanted in _DATED.findall(given) or (" " not in wanted and any(found.startswith(wanted) for found in _DATED.findall(given)))


def _contains(found: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the wanted words stand next to each other, in order; a text without any word is never held."""
    size = len(wanted)
    return size > 0 and any(tuple(found[i : i + size]) == tuple(wanted) for i in range(len(found) - size + 1))


_DATED = re.compile(r"(?<![\d-])\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?(?![\d-])")
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?")
_CODE = re.compile(r"(?=.*[\d@])[^\s]*[^\s\w][^\s]*")
"""An unbroken text with a digit or an @ and some other sign: an e-mail address, an order code. Compared as one chunk."""

_CURRENCY = r"[$€£¥]|(?:usd|eur|gbp|chf|jpy)"
_NUMBER = re.compile(
    rf"(?P<before>(?:{_CURRENCY})\s?)?"
    r"(?<![\w.,])(?<!\w[-/:])(?P<sign>-\s?)?(?P<inner>[$€£¥]\s?)?"
    r"(?P<whole>\d{1,3}(?:[,' ]\d{3})+(?!\d)|\d+)(?P<rest>\.\d+)?"
    rf"(?P<after>\s?(?:{_CURRENCY}|cents?\b|dollars?\b|euros?\b))?"
    r"(?!\d|[a-z_]+\d|[-/:][a-z]*\d|,\d)"
)


def _numbers(text: str) -> Iterator[_Number]:
    """The numbers that stand by themselves: not inside a word, a code or a longer number."""
    for match in _NUMBER.finditer(text):
        whole = re.sub(r"[,' ]", "", match["whole"])
        if len(whole) > 40:
            continue
        value = float(whole + (match["rest"] or ""))
        money = bool(match["before"] or match["inner"] or (match["after"] and "cent" not in match["after"]))
        yield _Number(-value if match["sign"] else value, len(match["rest"] or ".") - 1, money)


def _same_number(wanted: float, given: _Number) -> bool:
    """Equal, or rounded to at least two places; an amount of money also equals its minor units."""
    if math.isclose(wanted, given.value, rel_tol=1e-9, abs_tol=1e-9):
        return True
    if given.money and float(wanted).is_integer() and math.isclose(wanted, given.value * 100, rel_tol=1e-9):
        return True
    return given.places >= 2 and not float(wanted).is_integer() and math.isclose(round(wanted, given.places), given.value, abs_tol=1e-9)
