"""An answer taken apart once, and the places where a value is mentioned in it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from containers.dates import with_plain_dates, with_whole_dates
from containers.numbers import PLAIN_NUMBER, Number, numbers_in, same_number, with_digits
from containers.plain_text import OUTER, plain_text, words

MAX_LENGTH = 20_000
MAX_LEAVES = 2_000

Track = Literal["words", "chunks", "numbers", "dates"]


class Mention(NamedTuple):
    """A stretch of one of an answer's texts: as words, as unbroken chunks, with plain dates, or with numbers in digits."""

    track: Track
    start: int
    end: int


class Answer:
    """An answer in the forms in which values are looked for; each is made when it is first needed.

    `keyed`: it was an object; `items`: it was a list of these plain values.
    """

    def __init__(self, text: str, today: str, keyed: bool = False, items: Sequence[str] = ()) -> None:
        self.plain = text
        self.today = today
        self.keyed = keyed
        self.items = items

    @cached_property
    def flat(self) -> str:
        """The text in which words are found."""
        return solid(self.plain).replace("'", "").replace("&", " and ")

    @cached_property
    def places(self) -> list[tuple[str, int, int]]:
        """Every word with its place."""
        return [(match[0], match.start(), match.end()) for match in _WORD.finditer(self.flat)]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words in order."""
        return tuple(word for word, _, _ in self.places)

    @cached_property
    def chunks(self) -> dict[str, list[Mention]]:
        """The unbroken pieces of the text, without the punctuation around them, and where they stand."""
        found: dict[str, list[Mention]] = {}
        for match in _CHUNK.finditer(self.plain):
            inner = match[0].strip(OUTER)
            start = match.start() + match[0].find(inner)
            found.setdefault(inner, []).append(Mention("chunks", start, start + len(inner)))
        return found

    @cached_property
    def _plainly_dated(self) -> str:
        return with_plain_dates(self.plain)

    @cached_property
    def dated(self) -> str:
        """The text in which dates and times are found."""
        return with_whole_dates(self._plainly_dated, self.today)

    @cached_property
    def days(self) -> list[tuple[str, Mention]]:
        """Every date, with its time where one is given."""
        return [(match[0], Mention("dates", match.start(), match.end())) for match in DATED.finditer(self.dated)]

    @cached_property
    def counted(self) -> str:
        """The text in which numbers are found: no dates, numbers in digits."""
        return with_digits(DATED.sub(" ", self._plainly_dated))

    @cached_property
    def numbers(self) -> list[Number]:
        """The numbers that are not part of a date."""
        return list(numbers_in(self.counted))

    def without(self, places: Sequence[Mention]) -> Answer:
        """The answer with some words made unreadable: a number in a title is no number of the answer's."""
        text = self.flat
        for place in places:
            text = f"{text[: place.start]}{'x' * (place.end - place.start)}{text[place.end :]}"
        return Answer(text, self.today, self.keyed) if places else self

    def track(self, name: Track) -> str:
        """The text of one kind of mention."""
        return {"words": self.flat, "chunks": self.plain}.get(name) or (self.counted if name == "numbers" else self.dated)


def answer_of(given: object, today: str = "") -> Answer | None:
    """None for an empty, an oversized or an unreadable answer."""
    unpacked = _unpacked(given)
    leaves = _leaves(unpacked)
    text = plain_text(" ; ".join(_LINES.sub(" ; ", leaf) for leaf in leaves)) if leaves else ""
    return (
        None
        if not text.strip(" ;") or len(text) > MAX_LENGTH
        else Answer(text, today, isinstance(unpacked, dict), _items(unpacked, leaves))
    )


_LINES = re.compile(r"\s*\n\s*(?=[-*\u2022#|A-Z]|\d+[.)]\s|\n)")
"""The end of a line that the next one does not go on with."""


def _items(unpacked: object, leaves: list[str]) -> Sequence[str]:
    flat = isinstance(unpacked, list | tuple) and not any(isinstance(part, list | tuple | dict) for part in unpacked)
    return leaves if flat else ()


def kind_of(text: str) -> Literal["number", "day", "text"]:
    """What a text is that stands by itself."""
    plain = plain_text(text)
    if PLAIN_NUMBER.fullmatch(plain):
        return "number"
    return "day" if DATED.fullmatch(with_plain_dates(plain).strip()) else "text"


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


def solid(text: str) -> str:
    """The text with mail and web addresses as one word each: a name inside one is no mention of it."""
    if "@" not in text and "://" not in text:
        return text
    return _ADDRESS.sub(lambda match: _SIGNS.sub("", match[0]), text)


def mentions(answer: Answer, value: str | float) -> Iterator[Mention]:
    """Where a number or a text stands in an answer, as a whole; a value that is a number by its text may stand as one."""
    if isinstance(value, int | float):
        yield from _numbers(answer, value)
        return
    text = plain_text(value)
    if PLAIN_NUMBER.fullmatch(text):
        yield from _numbers(answer, float(text.replace(",", "")))
        return
    day = DATED.fullmatch(with_plain_dates(text).strip())
    if day:
        yield from (place for found, place in answer.days if _same_day(day[0], found))
    elif _TIME.fullmatch(text):
        wanted = _plain_time(text)
        yield from (Mention("dates", m.start(), m.end()) for m in _TIMES.finditer(answer.dated) if _plain_time(m[0]) == wanted)
    elif _CODE.fullmatch(text):
        yield from answer.chunks.get(text, ())
    else:
        yield from _texts(answer, words(solid(text)))


def _numbers(answer: Answer, value: float) -> Iterator[Mention]:
    yield from (Mention("numbers", found.start, found.end) for found in answer.numbers if same_number(value, found))


def _same_day(wanted: str, found: str) -> bool:
    """A date, or a date and time to the precision at which it was asked for; full hours may be given without seconds."""
    return wanted == found or (" " not in wanted and found.startswith(wanted))


def _plain_time(text: str) -> str:
    hour, _, rest = text.partition(":")
    return f"{int(hour):02}:{rest.removesuffix(':00') if rest.count(':') else rest}"


def _texts(answer: Answer, wanted: tuple[str, ...]) -> Iterator[Mention]:
    """Where the wanted words stand next to each other, in order; a text without any word is never held."""
    size = len(wanted)
    if not size:
        return
    for index, (word, start, _) in enumerate(answer.places):
        if word == wanted[0] and answer.words[index : index + size] == wanted:
            yield Mention("words", start, answer.places[index + size - 1][2])


_WORD = re.compile(r"[^\W_]+")
_ADDRESS = re.compile(r"(?:[^\s@;,<>()]+@|\w+://)[^\s@;,<>()]*[^\W_]")
_SIGNS = re.compile(r"[\W_]+")
_CHUNK = re.compile(r"\S+")
DATED = re.compile(r"(?<![\d-])\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?(?![\d-])")
_TIME = re.compile(r"\d{1,2}:[0-5]\d(?::[0-5]\d)?")
_TIMES = re.compile(r"(?<![\d:.])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?![\d:])")
_CODE = re.compile(r"(?=.*[\d@])[^\s]*[^\s\w][^\s]*")
"""An unbroken text with a digit or an @ and some other sign: an e-mail address, an order code. Compared as one chunk."""
