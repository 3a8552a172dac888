"""Words for organisations of which no domain is shipped: what they are about, what kind they are, and what is particular."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from artifacts.noun import Noun
from tasks.embedded.domain import Term


class Subject(NamedTuple):
    """What an organisation is about, with its things, and the place where they are found or None."""

    label: str
    category: str
    things: tuple[Term, ...]
    place: Term | None


class Kind(Noun):
    """A kind of organisation: who uses it, who works there, and how people speak there."""

    name: str
    words: tuple[str, ...]
    forms: tuple[str, ...]
    terms: dict[str, str]
    features: tuple[str, ...]
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    items: tuple[str, ...]
    topics: tuple[str, ...]


def _text(name: str) -> str:
    return (files("tasks.embedded") / "words" / name).read_text("utf-8")


@cache
def subjects() -> tuple[Subject, ...]:
    """Every subject, category by category."""
    return tuple(
        _subject(label, category, text) for category, held in tomllib.loads(_text("subjects.toml")).items() for label, text in held.items()
    )


def _subject(label: str, category: str, text: str) -> Subject:
    things, _, place = text.partition("@")
    return Subject(label, category, tuple(map(_thing, things.split(","))), _thing(place) if place else None)


def _thing(text: str) -> Term:
    """A noun with its plural, which is regular where none is given."""
    noun = text.strip()
    regular = f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}es" if re.search(r"(s|x|ch|sh)$", noun) else f"{noun}s"
    return Term.parse(noun if "/" in noun else f"{noun}/{regular}")


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind; the last one fits what no other does."""
    return tuple(Kind.model_validate(kind) for kind in tomllib.loads(_text("kinds.toml"))["kind"])


@cache
def phrases(part: str) -> tuple[str, ...]:
    """Pieces of descriptions: "twists", "verbs", "manners" or "duties"."""
    return tuple(tomllib.loads(_text("phrases.toml"))[part])
