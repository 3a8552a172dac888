"""Telling an answer from a guess: one that leaves open which value it means, or that names others beside the right ones.

The exact rule stands in docs/format.md, section 6; what is here follows it word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from artifacts.agent_task import Scalar
from containers.dates import MONTH
from containers.mentions import Answer, Mention, answer_of, kind_of, mentions

Plain = str | int | float

WEAK_BELOW = 100
"""Whole numbers below this, and texts of one lower-case word, are common: they are candidates only where they are listed."""

WEAK_SPARE = 3
"""How many such candidates an answer may mention, and so many more as values were asked for."""

MOST_MENTIONS = 40
"""How many mentions of one value are looked at; one that names a candidate so often is a guess."""

UNSURE = re.compile(
    r"\b(?:maybe|perhaps|possibly|either|unsure|uncertain|unclear|not sure|not certain|no idea|cannot tell|cant tell|cannot say|cant say|"
    r"dont know|do not know|not known|unknown|hard to say|depends)\b"
)
"""Words of someone who does not decide."""

_LISTING = re.compile(
    r"[\s,;/|+*-]*(?:\b(?:and|or|also|plus|as well as|nor|maybe|perhaps|possibly|then)\b[\s,;]*)*(?:\b(?:the|a|an)\b\s*)?"
)
_OR = re.compile(r"[\s,;/]*\bor\b[\s,;]*(?:(?:maybe|perhaps|possibly|even|the|a|an|it is|its)\b\s*)*")
_OTHERWISE = re.compile(r"\s*[.,;]?\s*or\s+(?:in|so|more|less|later|earlier|rather|about|if|better|over|under|above|below)\b")
_BOUNDARY = re.compile(r"(?<!\d)[.,;!?|()\[\]{}]|[.,;!?|()\[\]{}](?!\d)")
_END = re.compile(r"\s*(?:[.,;!?|()\[\]{}/]|(?:and|or)\b|$)")
_BEGIN = re.compile(r"(?:^|[,;|]\s|\s[-*\u2022]\s)\s*[*'\"]*$")
_STOP = re.compile(r"[*'\"]*\s*(?:[,;|]|\.?$)")
_CONTRAST = re.compile(
    r"\b(?:than|not|no|never|without|neither|nor|unlike|instead|rather|versus|vs|compared|over|under|while|whereas|though|although|but|however|"
    r"others?|another|second|third|next|last|runner|more|less|fewer|most|least|before|after|behind|ahead|followed|besides|except|excluding|"
    r"beats?|(?:isn|wasn|aren|weren|doesn|didn|hasn|won|couldn)t|"
    r"(?:cheap|costli|dear|prici|high|low|earli|lat|old|new|young|bigg|small|larg|long|short|soon|slow|fast|heavi|light|clos|furth|near|great)er|"
    r"better|worse)\b"
)


def decision(answer: Answer) -> bool | None:
    """What an answer decides: its first yes or no. None without one, with both in one breath, or where it is not sure."""
    found = answer.words
    if found in (("1",), ("0",)):
        return found[0] == "1"
    if UNSURE.search(answer.flat) or _BOTH.search(answer.flat):
        return None
    return next((word in YES for word in found if word in YES or word in NO), None)


YES = frozenset({"yes", "true", "correct", "y"})
NO = frozenset({"no", "false", "not", "n", "never"})
_BOTH = re.compile(
    r"\b(?:yes|true)[\s,;/|]*(?:(?:and|or|but(?: also)?|maybe|perhaps|also)[\s,;]*)*\b(?:no|false)\b(?=\s*(?:[.,;!?|)]|$))|"
    r"\b(?:no|false)[\s,;/|]*(?:(?:and|or|but(?: also)?|maybe|perhaps|also)[\s,;]*)*\b(?:yes|true)\b(?=\s*(?:[.,;!?|)]|$))"
)


def settled(answer: Answer, value: Plain, asked: Sequence[Plain]) -> list[Mention]:
    """Where an answer states a value, and not one of two that it leaves open ("12 or 14", "between 12 and 14", "Ann or Ben")."""
    found = list(islice(mentions(answer, value), MOST_MENTIONS))
    if not found or (" or " not in answer.plain and " between " not in f" {answer.plain}"):
        return found
    others = [place for other in asked if other != value for place in islice(mentions(answer, other), MOST_MENTIONS)]
    return [place for place in found if not _open(answer, place, others)]


def _open(answer: Answer, place: Mention, others: Sequence[Mention]) -> bool:
    """Whether "or" puts another value of the same kind beside this one that was not asked for."""
    if place.track in ("numbers", "dates"):
        return any(_alternative(answer, *sorted((place, rival))) for rival in _rivals(answer, place) if rival not in others)
    text = answer.track(place.track)
    if any(one.track == place.track and _OR.fullmatch(text, *between) for one in others for between in _gap(place, one)):
        return False
    before = re.search(r"\bor(?: the| a| an)?\s*$", text[max(0, place.start - 12) : place.start])
    after = re.compile(r"\s*[.,;]?\s*or\b").match(text, place.end)
    return before is not None or (after is not None and not _OTHERWISE.match(text, place.end))


def _gap(one: Mention, other: Mention) -> Iterator[tuple[int, int]]:
    first, second = sorted((one, other))
    if first.end <= second.start:
        yield first.end, second.start


def _rivals(answer: Answer, place: Mention) -> Iterator[Mention]:
    if place.track == "numbers":
        yield from (Mention("numbers", n.start, n.end) for n in answer.numbers if (n.start, n.end) != (place.start, place.end))
    else:
        yield from (other for _, other in answer.days if (other.start, other.end) != (place.start, place.end))


def _alternative(answer: Answer, first: Mention, second: Mention) -> bool:
    text = answer.track(first.track)
    if not first.end <= second.start <= first.end + 30:
        return False
    gap = text[first.end : second.start]
    between = _NUMBER_AND.fullmatch(gap) and text[max(0, first.start - 16) : first.start].rstrip(" $€£¥").endswith("between")
    return bool(between) or _NUMBER_OR.fullmatch(gap) is not None


_NUMBER_AND = re.compile(r"\s?(?:[^\W\d]+\s)?and\s[$€£¥]?")
_NUMBER_OR = re.compile(r"\s?(?:[^\W\d]+\s)?,?\s?or\s(?:[^\W\d]+\s){0,2}[$€£¥]?")


def has_strays(answer: Answer, asked: Sequence[Plain]) -> bool:
    """Whether a list holds a bare number or date that was not asked for, where others were."""
    kinds = {kind_of(str(value)) for value in asked} - {"text"}
    for item in answer.items if kinds and len(answer.items) > 1 else ():
        alone = answer_of(item, answer.today) if kind_of(item) in kinds else None
        if alone is not None and not any(True for value in asked for _ in mentions(alone, value)):
            return True
    return False


def is_guess(answer: Answer, asked: Sequence[Plain], decoys: Sequence[Scalar]) -> bool:
    """Whether an answer names candidates beside the right values in a way that does not choose between them."""
    stated = _stated(answer, asked)
    bare = answer.without([place for place in stated if place.track == "words"])
    views = {"words": (answer, stated), "numbers": (bare, _stated(bare, asked))}
    named: set[Plain] = set()
    for decoy in decoys:
        if decoy is None or isinstance(decoy, bool):
            continue
        view, right = views["words" if any(place.track in _OF_WORDS for place in mentions(answer, decoy)) else "numbers"]
        found = list(islice(mentions(view, decoy), MOST_MENTIONS))
        places = [place for place in found if not _part_of(place, right) and not _day_of_month(view, place)]
        if not places:
            continue
        if len(found) == MOST_MENTIONS or any(_alone(view, place) or _listed(view, place, right) for place in places):
            return True
        if not is_weak(decoy) and not all(_in_passing(view, place) for place in places):
            return True
        named.add(decoy)
    return _too_many(named, len(asked), decoys)


_OF_WORDS = ("words", "chunks")


def _stated(answer: Answer, asked: Sequence[Plain]) -> list[Mention]:
    return [place for value in asked for place in islice(mentions(answer, value), MOST_MENTIONS)]


def _too_many(named: set[Plain], asked: int, decoys: Sequence[Scalar]) -> bool:
    common = sum(is_weak(decoy) for decoy in decoys)
    weak = sum(is_weak(decoy) for decoy in named)
    return len(named) - weak > max(1, asked) or weak > WEAK_SPARE + asked or 2 <= common == weak


def is_weak(value: Scalar) -> bool:
    """Whether a value is so common that an answer may well hold it for other reasons."""
    if isinstance(value, int | float):
        return float(value).is_integer() and abs(value) < WEAK_BELOW
    return isinstance(value, str) and re.fullmatch(r"[a-z_]+|\d{1,2}", value) is not None


def _part_of(place: Mention, stated: Sequence[Mention]) -> bool:
    return any(one.track == place.track and one.start <= place.start and place.end <= one.end for one in stated)


def _day_of_month(answer: Answer, place: Mention) -> bool:
    """Whether a number is the day of a date without a year."""
    if place.track != "numbers":
        return False
    text = answer.counted
    return re.match(rf"(?:st|nd|rd|th)?(?: of)? (?:{MONTH})\b", text[place.end : place.end + 20]) is not None or (
        re.search(rf"\b(?:{MONTH})\.? $", text[max(0, place.start - 12) : place.start]) is not None
    )


def inside(place: Mention, longer: Sequence[Mention]) -> bool:
    """Whether a mention is only a part of a longer one."""
    return any(
        one.track == place.track and one.start <= place.start and place.end <= one.end and one.end - one.start > place.end - place.start
        for one in longer
    )


def _alone(answer: Answer, place: Mention) -> bool:
    """Whether a candidate stands by itself between separators, as an item of a list does; an object's values may."""
    text = answer.track(place.track)
    return (
        not answer.keyed
        and _BEGIN.search(text, max(0, place.start - 8), place.start) is not None
        and _STOP.match(text, place.end) is not None
    )


def _listed(answer: Answer, place: Mention, stated: Sequence[Mention]) -> bool:
    """Whether a candidate stands in a row with a right value: nothing but separators, and, or between them, and then an end."""
    text = answer.track(place.track)
    for one in stated:
        if one.track != place.track:
            continue
        for start, end in _gap(place, one):
            closed = place.track == "numbers" or _END.match(text, max(place.end, one.end)) or _OR.fullmatch(text, start, end)
            if closed and _LISTING.fullmatch(text, start, end):
                return True
    return False


def _in_passing(answer: Answer, place: Mention) -> bool:
    """Whether a candidate is named by way of explanation: its clause has a word of contrast, and none of doubt."""
    text = answer.track(place.track)
    before = list(_BOUNDARY.finditer(text, 0, place.start))
    after = _BOUNDARY.search(text, place.end)
    clause = text[before[-1].end() if before else 0 : place.start] + " \u00b7 " + text[place.end : after.start() if after else len(text)]
    return _CONTRAST.search(clause) is not None and UNSURE.search(clause) is None
