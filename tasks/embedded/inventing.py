"""Describing a bare name, and inventing new scenarios, from the same lexicon that worlds are woven from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from random import Random
from typing import Any

from artifacts.scenario import Scenario
from tasks.embedded.chance import stream
from tasks.embedded.domain import Domain, Term
from tasks.embedded.lexicon import Kind, Subject, kinds, phrases, subjects
from tasks.embedded.matching import ScenarioText, kind_of
from tasks.embedded.vocabulary import vocabulary
from tasks.scenarios.novelty import KnownScenarios

_ROUNDS = 4
"""How often a description may change the words that it is written in; they settle at once or at the second turn."""


def describe(name: str, categories: Sequence[str], key: str) -> dict[str, Any]:
    """A description and a category for a name, in the words that the world made of them will speak."""
    text = ScenarioText(name, "", "")
    for _ in range(_ROUNDS):
        domain = vocabulary(text, key)
        said = _description(domain, stream("describe", key, name))
        told = ScenarioText(name, _category(domain.category, name, categories), said)
        if told == text:
            break
        text = told
    return {"description": text.description, "category": text.category}


def _description(domain: Domain, rng: Random) -> str:
    person, staff, place = (domain.term(role) for role in ("person", "staff", "place"))
    first, second = rng.sample([item.name for item in domain.items], 2)
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
    return (
        f"{' and '.join((', '.join((opening, *others[:-1])), *others[-1:]))}. The {staff.plural} keep the {domain.term('item').plural}, "
        f'such as "{first}" and "{second}", up to date at each {place.singular}.'
    )


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


def invent(category: str, known: Sequence[str], count: int) -> list[dict[str, str]]:
    """New scenarios of a category: subjects and forms that no known name joins, none too near another of ours.

    Fewer than `count` where the lexicon is used up.
    """
    taken = {name.lower() for name in known}
    ours = _ours(category)
    judge = KnownScenarios([each for each in ours if each.name.lower() in taken])
    fresh = (each for each in ours if each.name.lower() not in taken and judge.admit((each,))[0] is None)
    return [{"name": each.name, "description": each.description, "category": category} for each in islice(fresh, count)]


@lru_cache(maxsize=32)
def _ours(category: str) -> tuple[Scenario, ...]:
    return tuple(_scenario(*pair, category) for pair in _pairs(category))


def _scenario(subject: Subject, kind: Kind, form: str, category: str) -> Scenario:
    return Scenario(name=_named(subject, form), description=_told(subject, kind, form), category=category)


SUITABLE = {
    "agriculture": "membership trading lending producing research teaching occasions",
    "arts": "membership teaching trading lending occasions research",
    "charity": "giving membership service teaching",
    "clubs": "membership lending occasions teaching trading",
    "education": "teaching membership lending occasions",
    "events": "occasions service lending giving membership",
    "finance": "service membership teaching",
    "fitness": "membership teaching hosting occasions lending",
    "fleet": "lending service membership trading",
    "food": "producing trading membership occasions teaching",
    "health": "care giving service membership teaching",
    "helpdesk": "service lending trading teaching",
    "hospitality": "hosting membership occasions service",
    "household": "service teaching trading lending",
    "hr": "service teaching membership",
    "insurance": "service membership trading",
    "logistics": "service lending membership trading",
    "manufacturing": "producing trading teaching research",
    "media": "membership service producing lending occasions",
    "property": "service membership hosting lending",
    "public services": "service membership lending giving",
    "retail": "trading lending membership occasions",
    "science": "research lending membership occasions teaching",
    "sports": "membership teaching occasions lending trading",
    "travel": "hosting service membership trading lending",
}
"""The kinds of organisation that people found in each category."""


def _pairs(category: str) -> Iterator[tuple[Subject, Kind, str]]:
    """Every subject of the category with every form, in an order in which neighbours share neither."""
    own = [subject for subject in subjects() if subject.category == category.lower()] or list(subjects())
    suitable = SUITABLE.get(category.lower(), "").split()
    forms = [(kind, form) for kind in kinds() if not suitable or kind.name in suitable for form in kind.forms]
    rng = stream("pairs", category)
    rng.shuffle(own)
    rng.shuffle(forms)
    for turn in range(len(forms)):
        for at, subject in enumerate(own):
            kind, form = forms[(turn + at * 5) % len(forms)]
            yield subject, kind, form


def _named(subject: Subject, form: str) -> str:
    return f"{subject.label[:1].upper()}{subject.label[1:]} {form}"


def _told(subject: Subject, kind: Kind, form: str) -> str:
    """What people do there with three of the subject's things, what staff do with a fourth, and what is particular."""
    rng = stream("told", subject.label, form)
    one, two, three, four = (thing.plural for thing in rng.sample(subject.things, 4))
    people, staff = (Term.parse(kind.terms[role]).plural for role in ("person", "staff"))
    verbs, manners = rng.sample(phrases("verbs"), 3), rng.sample(phrases("manners"), 2)
    return (
        f"{people.capitalize()} {verbs[0]} {one} {manners[0]}, {verbs[1]} {two} {manners[1]} and {verbs[2]} {three}. "
        f"{rng.choice(phrases('twists'))} The {staff} {rng.choice(phrases('duties'))} {four}."
    )
