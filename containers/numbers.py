"""Numbers as people write them: with signs, separators, currency or in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple


class Number(NamedTuple):
    """A number as it was written: where, its value, its decimal places, and whether it counts money in major (1) or minor (-1) units."""

    start: int
    end: int
    value: float
    places: int
    money: int


_CURRENCY = r"[$€£¥]|(?:usd|eur|gbp|chf|jpy)"
_NUMBER = re.compile(
    rf"(?P<before>(?:{_CURRENCY})\s?)?"
    r"(?<![\w.,])(?<!\w[-/:])(?P<sign>-\s?)?(?P<inner>[$€£¥]\s?)?"
    r"(?:(?P<local>\d{1,3}(?:\.\d{3})+,\d{1,2}|\d+,\d\d(?=\s?(?:€|eur\b)))|(?P<whole>\d{1,3}(?:[,' ]\d{3})+(?!\d)|\d+)(?P<rest>\.\d+)?)"
    rf"(?P<after>\s?(?:{_CURRENCY}|cents?\b|dollars?\b|euros?\b|pounds?\b))?"
    r"(?!\d|[a-z_]+\d|[-/:][a-z]*\d|,\d)"
)
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?")
"""A text that is nothing but a number."""

_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {
    "zero": 0,
    "a": 1,
    **{name: n for n, name in enumerate(_UNITS, 1)},
    **{name: n for n, name in enumerate(_TEENS, 10)},
    **{name: 10 * n for n, name in enumerate(_TENS, 2)},
}
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS)}))?|{'|'.join((*_TEENS, *_UNITS))})"
_HUNDREDS = rf"(?P<hundreds>a|{'|'.join(_UNITS)}) hundred(?: and (?P<more>{_SMALL})| (?P<rest>{_SMALL}))?"
_IN_WORDS = re.compile(rf"(?<![\w-])(?:{_HUNDREDS}|(?P<small>{_SMALL}|zero))(?![\w-])")
_COUNTED_ONE = re.compile(r"(?:[:;,(]|\b(?:is|are|was|were|have|has|had|exactly|just|only|found|got|with|leaves|remains|and)) ?$")


def with_digits(text: str) -> str:
    """The (lower-case) text with numbers in words up to 999 as digits; "one" only where it counts, not as in "the one"."""
    return _IN_WORDS.sub(_digits, text)


def _digits(match: re.Match[str]) -> str:
    if match[0] == "one" and not _counts(match):
        return match[0]
    small = match["small"] or match["more"] or match["rest"] or ""
    hundreds = 100 * _VALUES[match["hundreds"]] if match["hundreds"] else 0
    return str(hundreds + sum(_VALUES[part] for part in re.split("[- ]", small) if part))


def _counts(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 12) : match.start()]
    return not match.string.startswith(" of ", match.end()) and (not before or _COUNTED_ONE.search(before) is not None)


def numbers_in(text: str) -> Iterator[Number]:
    """The numbers that stand by themselves: not inside a word, a code or a longer number."""
    for match in _NUMBER.finditer(text):
        whole = match["local"].replace(".", "").replace(",", ".") if match["local"] else re.sub(r"[,' ]", "", match["whole"])
        if len(whole) > 40:
            continue
        digits = whole + (match["rest"] or "")
        marked = bool(match["before"] or match["inner"] or match["after"])
        money = (-1 if "cent" in (match["after"] or "") else 1) if marked else 0
        yield Number(match.start(), match.end(), -float(digits) if match["sign"] else float(digits), len(digits.partition(".")[2]), money)


def same_number(wanted: float, given: Number) -> bool:
    """Equal, or rounded to at least two places; an amount of money also equals its minor units, and the other way round."""
    if math.isclose(wanted, given.value, rel_tol=1e-9, abs_tol=1e-9):
        return True
    if given.money == 1 and float(wanted).is_integer() and math.isclose(wanted, given.value * 100, rel_tol=1e-9):
        return True
    if float(wanted).is_integer():
        return False
    if given.money == -1 and math.isclose(wanted * 100, given.value, rel_tol=1e-9):
        return True
    return given.places >= 2 and math.isclose(round(wanted, given.places), given.value, abs_tol=1e-9)
