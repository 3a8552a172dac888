"""Superlatives and ordinals: the cheapest, the latest, the next; which of them an instruction says, and whether the data has a tie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from tasks.instructions.facts import Fact
from tasks.instructions.rows import Field, Key, Rows
from tasks.instructions.saying import Saying

Direction = Literal["greatest", "least"]

_LEAST = re.compile(
    r"\b(?:cheapest|lowest|smallest|fewest|least|shortest|lightest|minimum|cheaper|smaller|lower|fewer|worst|nearest|closest|weakest)\b"
)
_GREATEST = re.compile(
    r"\b(?:most|greatest|largest|biggest|highest|longest|best|maximum|dearest|heaviest|top|priciest|costliest|strongest|busiest|larger|higher"
    r"|bigger|more)\b"
)
_EARLIEST = re.compile(
    r"\b(?:earliest|first|next|oldest|soonest|original|upcoming|sooner|earlier|longest|as (?:early|soon) as possible|coming)\b"
)
_LATEST = re.compile(r"\b(?:latest|last|newest|most recent|most recently|recent|final|youngest|later|newer|just|shortest)\b")
_NO_NOUN = r"(?!(?:requ|inter|gu|for|harv|inv|prot|cont|sugg|dig|hon|mod|arr|ch|qu|crest|conqu)est)"
_ANY = re.compile(
    r"\b(?:first|last|next|only|best|worst|top|as (?:early|soon|late|cheap|much|many|little|few) as"
    rf"|{_NO_NOUN}[a-z]{{3,}}est|most|more|less|fewer|[a-z]{{3,}}er than|alphabet\w*|recent\w*)\b"
)


class Extreme(NamedTuple):
    """A row that is the greatest or least of some rows by a field; `ties` are others with the same value."""

    field: Field
    direction: Direction
    ties: frozenset[Key]


def says_extreme(saying: Saying) -> bool:
    """Whether a word stands there that picks one out of an order."""
    return _ANY.search(saying.plain) is not None


def directions_said(kind: str, saying: Saying) -> tuple[Direction, ...]:
    """Which ends of an order the words name, for amounts or for moments."""
    high, low = (_LATEST, _EARLIEST) if kind == "moment" else (_GREATEST, _LEAST)
    found: list[Direction] = []
    if low.search(saying.plain):
        found.append("least")
    if high.search(saying.plain):
        found.append("greatest")
    return tuple(found)


def extremes_of(rows: Rows, key: Key, among: frozenset[Key], saying: Saying) -> Iterator[Extreme]:
    """The fields by which a row comes first or last among some, as far as the words name such an end; own columns first."""
    for field in sorted(rows.fields, key=lambda one: not one.near):
        if field.kind not in ("moment", "number") or field.many or not field.of(key):
            continue
        held = {other: field.of(other)[0] for other in among if field.of(other)}
        value = held[key]
        for direction in directions_said(field.kind, saying) if _is_meant(field, saying) else ():
            best = min(held.values()) if direction == "least" else max(held.values())
            if value == best and len(set(held.values())) > 1:
                yield Extreme(field, direction, frozenset(k for k, v in held.items() if v == best and k != key))


_AMOUNT = re.compile(r"price|cost|amount|fee|total|cents|rate|value")
_MONEY = re.compile(r"\b(?:cheap|expensive|dear|pric|cost)\w*")


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
