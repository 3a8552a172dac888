"""Numbers as people write them: in digits, with separators, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator


def _each(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ONES = _each(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = _each("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = _each("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
_COUNTS = {
    "once": 1, "twice": 2, "thrice": 3, "a": 1, "an": 1, "single": 1, "both": 2, "pair": 2, "couple": 2, "half": 0.5, "dozen": 12,
    "hundred": 100, "thousand": 1000, "no": 0, "none": 0, "fortnight": 14, "weekly": 7,
}  # fmt: skip
NUMBER_WORDS: dict[str, float] = {
    **{word: n for n, word in enumerate(ONES)},
    **{word: 10 * n for n, word in enumerate(_TENS, 2)},
    **{word: n for n, word in enumerate(_ORDINALS, 1)},
    **_COUNTS,
}

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[,' ]\d{3})*(?:\.\d+)?(?=\D|$)")


def numbers_in(plain: str, found: tuple[str, ...]) -> Iterator[float]:
    """The numbers of a plain text and of its words; a number with separators gives its parts too."""
    yield from (float(re.sub(r"[,' ]", "", match[0])) for match in _NUMBER.finditer(plain))
    yield from (float(match[0]) for match in _DIGITS.finditer(plain))
    yield from _worded_numbers(found)


_DIGITS = re.compile(r"\d+(?:\.\d+)?")


def _worded_numbers(found: tuple[str, ...]) -> Iterator[float]:
    for place, word in enumerate(found):
        value = NUMBER_WORDS.get(word)
        if value is None:
            continue
        yield float(value)
        after = NUMBER_WORDS.get(found[place + 1]) if place + 1 < len(found) else None
        if after is not None and 20 <= value <= 90 and after < 10:
            yield float(value + after)
        if after in (12, 100, 1000) and after > value:
            yield float(value * after)
        if found[place + 1 : place + 4] == ("and", "a", "half"):
            yield value + 0.5


def worded(text: str) -> float | None:
    """The number that some words make up together ("twenty-five"), or None."""
    values = [NUMBER_WORDS[part] for part in re.split(r"[- ]", text) if part in NUMBER_WORDS]
    return float(sum(values)) if values else None
