"""Describing a bare name, and inventing new scenarios, from the same lexicon that worlds are woven from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from tasks.embedded.chance import stream
from tasks.embedded.domain import Term
from tasks.embedded.lexicon import Kind, Subject, kinds, subjects, twists
from tasks.embedded.matching import ScenarioText, kind_of, nearest
from tasks.embedded.vocabulary import vocabulary


def describe(name: str, categories: Sequence[str], key: str) -> dict[str, Any]:
    """A description and a category for a name, in the words that its world will speak."""
    rng = stream("describe", key, name)
    text = ScenarioText(name, "", "")
    domain = nearest(text) or vocabulary(text, key)
    person, staff, place = (domain.term(role) for role in ("person", "staff", "place"))
    first, second = rng.sample([item.name.lower() for item in domain.items], 2)
    people = person.plural.capitalize()
    told = {
        "bookings": f"{people} make and move {domain.term('bookings').plural}",
        "orders": f"{people} place and change {domain.term('orders').plural}",
        "loans": f"{people} take out and renew {domain.term('loans').plural}",
        "enrolments": f"{people} sign up for {domain.term('item').plural}",
        "donations": f"{people} make and follow {domain.term('donations').plural}",
        "tickets": f"{people} open {domain.term('tickets').plural}",
        "payments": f"settle their {domain.term('payments').plural}",
        "messages": f"write to the {staff.plural}",
        "reviews": f"leave {domain.term('reviews').plural}",
        "memberships": f"renew {domain.term('memberships').plural}",
    }
    spoken = [told[feature] for feature in domain.features if feature in told]
    opening = next((clause for clause in spoken if clause.startswith(people)), f"{people} look after their records")
    others = [clause for clause in spoken if not clause.startswith(people)][:2]
    description = (
        f"{' and '.join((', '.join((opening, *others[:-1])), *others[-1:]))}. The {staff.plural} keep the {domain.term('item').plural}, "
        f"such as {first} and {second}, up to date at each {place.singular}."
    )
    return {"description": description, "category": _category(domain.category, name, categories)}


def _category(meant: str, name: str, categories: Sequence[str]) -> str:
    """The meant category where it may be chosen, else the one that kinds of such names mostly belong to."""
    usual = {
        "membership": "clubs",
        "care": "health",
        "teaching": "education",
        "trading": "retail",
        "lending": "public services",
        "hosting": "hospitality",
        "occasions": "events",
        "producing": "manufacturing",
        "giving": "charity",
        "research": "science",
        "service": "public services",
    }
    return next((c for c in (meant, usual[kind_of(name).name]) if c in categories), categories[0] if categories else "")


def invent(category: str, known: Sequence[str], count: int, key: str) -> list[dict[str, str]]:
    """New scenarios of a category: subjects and forms that no known name joins, each told by its kind with a twist of its own.

    Fewer than `count` where the lexicon is used up.
    """
    taken = {name.lower() for name in known}
    made: list[dict[str, str]] = []
    for number, (subject, kind, form) in enumerate(_pairs(category)):
        name = _named(subject, form)
        if name.lower() not in taken and len(made) < count:
            rng = stream("invent", key, category, number)
            made.append({"name": name, "description": _told(subject, kind, rng), "category": category})
    return made


def _pairs(category: str) -> Iterator[tuple[Subject, Kind, str]]:
    """Every subject of the category with every form, in an order in which neighbours share neither."""
    own = [subject for subject in subjects() if subject.category == category.lower()] or list(subjects())
    forms = [(kind, form) for kind in kinds() for form in kind.forms]
    rng = stream("pairs", category)
    rng.shuffle(own)
    rng.shuffle(forms)
    for turn in range(len(forms)):
        for at, subject in enumerate(own):
            kind, form = forms[(turn + at * 5) % len(forms)]
            yield subject, kind, form


def _named(subject: Subject, form: str) -> str:
    return f"{subject.label[:1].upper()}{subject.label[1:]} {form}"


def _told(subject: Subject, kind: Kind, rng: Random) -> str:
    """Two sentences of the kind's way of working, on four of the subject's things, and a twist."""
    things: list[Term] = rng.sample(subject.things, 4)
    people = Term.parse(kind.terms["person"]).plural
    tells = rng.sample(kind.tells, 2)
    sentences = [
        tell.replace("{a}", first.plural).replace("{b}", second.plural).replace("{p}", people)
        for tell, first, second in zip(tells, things[::2], things[1::2], strict=True)
    ]
    return " ".join((*sentences[:1], rng.choice(twists()), *sentences[1:][: rng.randint(0, 1)]))
