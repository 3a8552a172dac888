"""Superlatives and ordinals: the cheapest, the latest, the next; which of them an instruction says, and whether the data has a tie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from tasks.instructions.facts import Fact
from tasks.instructions.rows import Field, Key, Rows
from tasks.instructions.saying import Saying, stem, unquoted

Direction = Literal["greatest", "least"]

_LEAST = re.compile(
    r"\b(?:cheapest|lowest|smallest|fewest|least|shortest|lightest|minimum|cheaper|smaller|lower|fewer|worst|nearest|closest|weakest)\b"
)
_GREATEST = re.compile(
    r"\b(?:most|greatest|largest|biggest|highest|longest|best|maximum|dearest|heaviest|top|priciest|costliest|strongest|busiest|larger|higher"
    r"|bigger)\b"
)
_EARLIEST = re.compile(
    r"\b(?:earliest|first|next|oldest|soonest|original|upcoming|sooner|earlier|longest|as (?:early|soon) as possible|coming)\b"
)
_LATEST = re.compile(r"\b(?:latest|last|newest|most recent|most recently|recent|final|youngest|later|newer|just|shortest)\b")
_KNOWN = re.compile("|".join(pattern.pattern for pattern in (_LEAST, _GREATEST, _EARLIEST, _LATEST)))
_NO_NOUN = r"(?!(?:requ|inter|gu|for|harv|inv|prot|cont|sugg|dig|hon|mod|arr|ch|qu|crest|conqu)est)"
_ANY = re.compile(
    r"\b(?:as (?:early|soon|late|cheap\w*|much|many|little|few) as possible|most recent(?:ly)?|first|last|next|only|best|worst"
    rf"|top|least|most|{_NO_NOUN}[a-z]{{3,}}est|fewer|cheaper|smaller|larger|lower|higher|earlier|later|sooner|newer|older|bigger|upcoming|coming"
    r"|minimum|maximum|final|original|alphabet\w*|recent(?:ly)?)\b"
)
_AFTER = re.compile(r"[\w'-]+|[.,;:!?()]")
_LINKS = frozenset(["and", "or", "in", "on", "for", "with", "to", "at", "by", "from", "but", "so"])
_STANDS_FOR = frozenset(map(stem, ("one", "ones", "them", "those", "these", "thing", "things", "item", "items", "possible")))
_WINDOW = 6


@lru_cache(maxsize=128)
def superlatives(saying: Saying) -> tuple[tuple[str, frozenset[str]], ...]:
    """The superlatives of an instruction, quotations apart, each with the stems of the few words that it is about.

    None of them where a sentence or a clause ends there ("the one that is due first, …").
    """
    text = unquoted(saying.plain)
    return tuple((match[0], frozenset(_following(text[match.end() :]))) for match in _ANY.finditer(text))


def _following(text: str) -> Iterator[str]:
    for count, match in enumerate(_AFTER.finditer(text)):
        word = match[0]
        if word in ".,;:!?()" or word in _LINKS or count >= _WINDOW:
            return
        yield stem(word)


def about(saying: Saying, nouns: frozenset[str]) -> str:
    """The superlatives that are about one of these nouns (stems), or that end a clause and may be about anything."""
    wanted = nouns | _STANDS_FOR
    return " ".join(word for word, after in superlatives(saying) if not after or not wanted.isdisjoint(after) or word.startswith("as "))


def stems_of(*names: str) -> frozenset[str]:
    """The stems of the words of tables, tools and columns; verbs that say nothing are left out."""
    found = {word for name in names for word in re.split(r"[^a-z]+", name.lower()) if len(word) > 2}
    return frozenset(stem(word) for word in found - _VERBS) | (_MONEY_WORDS if "cents" in found else frozenset())


_MONEY_WORDS = frozenset(map(stem, ("money", "amount", "price", "cost", "sum")))
_VERBS = frozenset(
    ("list", "get", "find", "search", "show", "the", "all", "add", "set", "make", "mark", "create", "update", "with", "free", "open")
)


class Extreme(NamedTuple):
    """A row that is the greatest or least of some rows by a field; `ties` are others with the same value."""

    field: Field
    direction: Direction
    ties: frozenset[Key]


def says_end(direction: Direction, kind: str, saying: Saying, nouns: frozenset[str] | None = None) -> bool:
    """Whether a word stands there for this end of an order of amounts or of moments, or one that is not known ("the tallest").

    With `nouns` (stems), only words that are about one of them count.
    """
    words = " ".join(word for word, _ in superlatives(saying)) if nouns is None else about(saying, nouns)
    return direction in directions_said(kind, words) or bool(_KNOWN.sub("", words).strip())


def directions_said(kind: str, words: str) -> tuple[Direction, ...]:
    """Which ends of an order some superlatives name, for amounts or for moments."""
    high, low = (_LATEST, _EARLIEST) if kind == "moment" else (_GREATEST, _LEAST)
    ends: tuple[tuple[Direction, re.Pattern[str]], ...] = (("least", low), ("greatest", high))
    return tuple(direction for direction, pattern in ends if pattern.search(words))


def extremes_of(rows: Rows, key: Key, among: frozenset[Key], saying: Saying, nouns: frozenset[str]) -> Iterator[Extreme]:
    """The fields by which a row comes first or last among some, as far as the words name such an end; own columns first."""
    for field in sorted(rows.fields, key=lambda one: not one.near):
        if field.kind not in ("moment", "number") or field.many or not field.of(key):
            continue
        held = {other: field.of(other)[0] for other in among if field.of(other)}
        value = held[key]
        words = about(saying, nouns | stems_of(field.label)) if _is_meant(field, saying) else ""
        for direction in directions_said(field.kind, words):
            best = min(held.values()) if direction == "least" else max(held.values())
            if value == best and len(held) > 1:
                yield Extreme(field, direction, frozenset(k for k, v in held.items() if v == best and k != key))


_AMOUNT = re.compile(r"price|cost|amount|fee|total|cents|rate|value")
_MONEY = re.compile(r"\b(?:cheap|expensive|dear|pric|cost|money)\w*")


def _is_meant(field: Field, saying: Saying) -> bool:
    return field.kind == "moment" or is_about(field.label, saying)


def is_about(label: str, saying: Saying) -> bool:
    """Whether superlatives may mean a field: its name stands there, or it is an amount and they say cheap, dear, large or small."""
    if _AMOUNT.search(label) and (_MONEY.search(saying.plain) or _SIZE.search(saying.plain)):
        return True
    own = [word for word in label.split() if len(word) > 3 and word not in ("cents", "minutes")]
    return any(saying.has_stem(word) for word in own[-2:])


_SIZE = re.compile(r"\b(?:large|small|big|high|low)(?:r|st|er|est)?\b|\bbiggest\b|\bbigger\b")


def extreme_sql(extreme: Extreme, table: str, facts: list[Fact]) -> str:
    """The superlative as a part of a condition: equal to the best value among the rows that the other facts leave."""
    best = "MIN" if extreme.direction == "least" else "MAX"
    where = f" WHERE {' AND '.join(fact.sql for fact in facts)}" if facts else ""
    return f'{extreme.field.sql} = (SELECT {best}({extreme.field.sql}) FROM "{table}" t{where})'
