"""Whether an answer holds the values that a right answer must hold.

Values are compared whole, after normalising: numbers with signs, separators and currency, or in words; dates and times written out
in words; case, spacing and punctuation of text; yes and no. An answer may be a sentence, a number, a list or an object.
An answer that leaves open which value it means is a guess, and matches nothing; so is one that lists far more numbers than asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from artifacts.agent_task import Scalar
from containers.guesses import MOST_MENTIONS, UNSURE, Plain, decision, has_strays, inside, is_guess, settled
from containers.mentions import Answer, Mention, answer_of, mentions
from containers.plain_text import plain_text

SPARE_NUMBERS = 24
NUMBERS_PER_VALUE = 6
"""An answer may hold SPARE_NUMBERS numbers, and so many more for every value that was asked for."""


def matches(expected: Sequence[Scalar], given: object, decoys: Sequence[Scalar] = (), today: str = "") -> bool:
    """True when every expected value stands in the given answer, as a whole; no answer never matches.

    `decoys` are candidates that the answer may not name as well, other than in passing; `today` is the world's day, by which a day
    without a year is understood.
    """
    answer = answer_of(given, today)
    if answer is None:
        return False
    asked = [value for value in expected if value is not None and not isinstance(value, bool)]
    if not all(_decided(answer, value) for value in expected if value is None or isinstance(value, bool)):
        return False
    rivals = [decoy for decoy in decoys if decoy not in asked]
    longer = [place for decoy in rivals if isinstance(decoy, str) for place in islice(mentions(answer, decoy), MOST_MENTIONS)]
    if not all(_holds(answer, value, asked, longer) for value in asked):
        return False
    if len({number[2:] for number in answer.numbers}) > SPARE_NUMBERS + NUMBERS_PER_VALUE * len(expected):
        return False
    if has_strays(answer, asked):
        return False
    return not (rivals and is_guess(answer, asked, rivals))


def _holds(answer: Answer, value: Plain, asked: Sequence[Plain], longer: Sequence[Mention]) -> bool:
    word = plain_text(value) if isinstance(value, str) else ""
    if word in _DECISIONS:
        return decision(answer) is (word == "yes")
    return any(not inside(place, longer) for place in settled(answer, value, asked)) or _none_left(answer, value)


_DECISIONS = ("yes", "no")


def _none_left(answer: Answer, value: Plain) -> bool:
    """Whether an answer without any number says that there are none, where the number asked for is 0."""
    return value == 0 and not isinstance(value, str) and not answer.numbers and not _ZERO.isdisjoint(answer.words) and _says_nothing(answer)


_ZERO = frozenset({"none", "nothing", "nobody", "no"})


def _says_nothing(answer: Answer) -> bool:
    return not NOTHING.isdisjoint(answer.words) and UNSURE.search(answer.flat) is None


NOTHING = frozenset({"none", "null", "nothing", "empty", "nobody", "unset", "no", "not"})


def _decided(answer: Answer, value: Scalar) -> bool:
    return _says_nothing(answer) if value is None else decision(answer) is value
