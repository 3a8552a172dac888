"""The facts that an instruction says of a row: its names, dates, choices and amounts, as far as they are true of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from containers.plain_text import plain_text, words
from tasks.instructions.rows import Field, Key, Rows, literal
from tasks.instructions.saying import STOPWORDS, Saying

NAME = 6
"""The least weight of a name: what a person goes by first."""

SMALL = 20
"""Numbers up to this one stand in many sentences for another reason."""

_LONGEST_NAME = 9
"""Texts of more words are no names."""


class Fact(NamedTuple):
    """One thing said of rows: in words, as SQL on the row `t`, and the keys of the rows of which it is true."""

    words: str
    sql: str
    keys: frozenset[Key]
    weight: int
    """Names weigh most; what may stand there by chance, such as a small number, least."""


def said_facts(rows: Rows, key: Key, saying: Saying, settings: frozenset[Any]) -> list[Fact]:
    """All that the instruction says of a row, the weightiest first; `settings` are values that it says for another reason."""
    found = (
        fact for field in rows.fields for value in dict.fromkeys(field.of(key)) for fact in _facts(field, value, rows, saying, settings)
    )
    return sorted(found, key=lambda fact: (-fact.weight, len(fact.keys)))


def _facts(field: Field, value: Any, rows: Rows, saying: Saying, settings: frozenset[Any]) -> Iterator[Fact]:
    weight = 2 * field.near - field.many
    match field.kind:
        case "text":
            if not (field.many and value in settings):
                yield from _named(field, value, rows, saying, NAME + weight)
        case "choice":
            if isinstance(value, str) and saying.says_choice(value):
                yield _equal(field, value, rows, 3 + weight)
        case "moment":
            yield from _dated(field, value, rows, saying, 5 + weight)
        case "number":
            if value not in settings and not field.many and _amount_said(field, value, saying):
                yield _equal(field, value, rows, (2 if abs(value) > SMALL else 0) + weight)


def _amount_said(field: Field, value: float, saying: Saying) -> bool:
    """Whether a number is said of a field; a small one must stand with the field's name, for it may be about anything."""
    if not saying.says_number(value):
        return False
    return abs(value) > SMALL or (field.near and saying.has_stem(field.label.split()[-1]))


def _with(field: Field, rows: Rows, holds: Any) -> frozenset[Key]:
    return frozenset(key for key in rows.keys if any(map(holds, field.of(key))))


def _equal(field: Field, value: Any, rows: Rows, weight: int) -> Fact:
    sql = field.sql.replace("{}", literal(value)) if field.many else f"{field.sql} = {literal(value)}"
    return Fact(f"{field.label} {value}", sql, _with(field, rows, lambda other: other == value), weight)


def _named(field: Field, value: str, rows: Rows, saying: Saying, weight: int) -> Iterator[Fact]:
    """A text that is said whole, in another form of its words, or by a part that tells."""
    own = _words(value)
    common = len(own) == 1 and value.islower() and not field.near
    if not own or len(own) > _LONGEST_NAME or common:
        return
    if saying.says_words(value):
        yield _equal(field, value, rows, weight)
        return
    if len(own) > 1 and all(saying.has_stem(word) for word in own if word not in STOPWORDS):
        fact = _equal(field, value, rows, weight - 1)
        same = [k for k in rows.keys if any(all(saying.has_stem(w) for w in _words(v) if w not in STOPWORDS) for v in field.of(k))]
        yield fact._replace(keys=fact.keys | frozenset(same))
        return
    part = _part_said(own, saying)
    if part and not field.many:
        sql = f"{field.sql} LIKE {literal('%' + part[1] + '%')}"
        yield Fact(
            f"{field.label} with '{part[1]}'", sql, _with(field, rows, lambda other: part[0] in f" {' '.join(_words(other))} "), weight - 3
        )


@lru_cache(maxsize=4_000)
def _words(value: str) -> tuple[str, ...]:
    return words(plain_text(value))


def _part_said(own: Sequence[str], saying: Saying) -> tuple[str, str] | None:
    """The longest run of a name's words that is said and tells something: two words, or one that is written like a name."""
    for size in range(len(own) - 1, 0, -1):
        for start in range(len(own) - size + 1):
            run = own[start : start + size]
            text = " ".join(run)
            if f" {text} " in saying.run and any(len(w) > 3 and w not in STOPWORDS for w in run) and (size > 1 or _as_name(text, saying)):
                return f" {text} ", text
    return None


def _as_name(word: str, saying: Saying) -> bool:
    """Whether a word is written with a capital in the middle of a sentence."""
    return re.search(rf"(?<![.?!:] )(?<!^)\b{re.escape(word.capitalize())}\b", saying.text) is not None


def _dated(field: Field, value: str, rows: Rows, saying: Saying, weight: int) -> Iterator[Fact]:
    """A moment that is said: its day, and its time too where that is said."""
    if saying.says_text(value) and not (len(value) > 10 and value[11:16] in ("00:00", "23:59")):
        yield _equal(field, value, rows, weight)
    elif len(value) > 10 and not field.many and saying.says_text(value[:10]):
        sql = f"substr({field.sql}, 1, 10) = {literal(value[:10])}"
        yield Fact(f"{field.label} on {value[:10]}", sql, _with(field, rows, lambda other: other[:10] == value[:10]), weight - 1)
    elif len(value) > 10 and not field.many and saying.says_text(value[11:16]):
        sql = f"substr({field.sql}, 12, 5) = {literal(value[11:16])}"
        yield Fact(f"{field.label} at {value[11:16]}", sql, _with(field, rows, lambda other: other[11:16] == value[11:16]), weight - 2)


def fewest(facts: Sequence[Fact], within: frozenset[Key], wanted: frozenset[Key]) -> list[Fact] | None:
    """A small set of facts that are true of the wanted rows only; None where all of them together leave others too."""
    if all_of(facts, within) != wanted:
        return None
    kept: list[Fact] = []
    left = within
    for fact in facts:
        if left != wanted and left & fact.keys != left:
            kept.append(fact)
            left &= fact.keys
    for fact in [one for one in reversed(kept) if one.weight < NAME]:
        others = [one for one in kept if one is not fact]
        if all_of(others, within) == wanted:
            kept = others
    return kept


def all_of(facts: Sequence[Fact], within: frozenset[Key]) -> frozenset[Key]:
    """The rows of which all facts are true."""
    for fact in facts:
        within &= fact.keys
    return within
