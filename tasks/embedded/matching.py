"""What a scenario is about: the shipped domain that fits it, its kind of organisation, its subject, the features it speaks of."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tasks.embedded.domain import Domain, domains
from tasks.embedded.lexicon import Kind, Subject, kinds, subjects

_WORD = re.compile(r"[a-z]+")
_IDLE_TEXT = (
    "a an the of for and in on at to with by my our your local best new old little small great amateur corner city village town "
    "regional national royal central family municipal neighbourhood county"
)
_IDLE = frozenset(_IDLE_TEXT.split())
_COMMON_TEXT = (
    "amateur art book car clean cold communit community cycl employee event fair food hot ice mail music night office point "
    "public school science self smart stock street student tool travel walk water"
)
_COMMON = frozenset(_COMMON_TEXT.split())
"""First words of labels that stand for too many things to tell a subject alone."""

MENTIONS = {
    "orders": "order orders buy purchase cart basket checkout sell sold",
    "bookings": "book booking bookings appointment appointments slot slots reserve reservation reservations visit visits session",
    "payments": "pay pays payment payments invoice invoices bill bills fee fees price charge",
    "inventory": "stock inventory supplies restock warehouse shelf storage reorder",
    "reviews": "review reviews rate rating ratings feedback rank score",
    "messages": "message messages write contact talk chat conversation ask inbox",
    "memberships": "member members membership plan plans subscription renew tier loyalty",
    "tickets": "ticket tickets issue issues fault faults complaint complaints report problem problems support",
    "schedules": "shift shifts rota roster schedule timetable duty staff",
    "wish_lists": "wish list lists favourite favourites save want watchlist",
    "approvals": "approve approval approvals request requests permission sign apply application applications",
    "loans": "loan loans lend lending borrow borrows return rental hire rent overdue",
    "deliveries": "deliver delivery deliveries parcel ship shipment courier route drop",
    "enrolments": "enrol enrolment course courses class classes lesson lessons register pupil student students",
    "donations": "donate donation donations donor donors gift charity fund appeal campaign",
    "claims": "claim claims insurance damage refund compensation policy",
    "vouchers": "voucher vouchers coupon discount gift points loyalty credit",
    "inspections": "inspect inspection inspections check audit test safety maintenance condition",
}
"""Words that speak for a feature."""


class ScenarioText(NamedTuple):
    """A scenario as prompts give it."""

    name: str
    category: str
    description: str

    @property
    def words(self) -> list[str]:
        """All its words, lower case."""
        return _WORD.findall(f"{self.name} {self.description}".lower())


def read_scenario(text: str) -> ScenarioText:
    """From the lines "Name: …", "Category: …", "Description: …"."""
    parts = dict(re.findall(r"^(Name|Category|Description): *(.*)$", text, re.MULTILINE))
    name = parts.get("Name", "").strip() or text.strip().split("\n")[0]
    return ScenarioText(name, parts.get("Category", "").strip(), parts.get("Description", "").strip())


def mentioned(text: ScenarioText, domain: Domain) -> set[str]:
    """The features that the scenario's own words speak of."""
    words = set(text.words)
    spoken = {name: {*told.split(), *_WORD.findall(domain.term(name).plural)} for name, told in MENTIONS.items()}
    return {name for name, heard in spoken.items() if words & heard}


def nearest(text: ScenarioText) -> Domain | None:
    """The shipped domain that fits: it knows what the name is about, not only what kind of place; None where none does.

    A name about something that the lexicon knows well ("Beekeeping cooperative", "Blood bank") is told better in its own words.
    """
    best = max(domains().values(), key=lambda domain: fitness(text, domain))
    keywords = {stem(word) for word in best.keywords}
    words = [stem(word) for word in content(text.name)]
    telling = _kind_stems(kind_of(text.name).name)
    about = [word for word in words if word not in telling] or words
    alike = text.category.lower() == best.category
    fits = not keywords.isdisjoint(about) and (alike or words[-1] in keywords or set(words) <= keywords or fitness(text, best) >= 6)
    subject = subject_of(text.name)
    elsewhere = subject is not None and (_whole(subject, text.name) or not (alike or subject.category == best.category))
    return best if fits and not elsewhere else None


def fitness(text: ScenarioText, domain: Domain) -> float:
    """How well a domain fits: its keywords in the name count most, then in the description, then an equal category."""
    keywords = {stem(word) for word in domain.keywords}
    name = sum(stem(word) in keywords for word in set(content(text.name)))
    told = sum(stem(word) in keywords for word in set(_WORD.findall(text.description.lower())))
    namesake = stem(domain.name) in map(stem, content(text.name))
    return 4 * name + told + (0.5 if text.category.lower() == domain.category else 0) + (0.25 if namesake else 0)


def kind_of(name: str) -> Kind:
    """The kind of organisation that a name speaks of: its last telling word decides."""
    words = [stem(word) for word in reversed(content(name))]
    found = (kind for word in words for kind in kinds() if word in _kind_stems(kind.name))
    return next(found, kinds()[-1])


@cache
def _kind_stems(name: str) -> frozenset[str]:
    return frozenset(stem(word) for kind in kinds() if kind.name == name for word in kind.words)


def subject_of(name: str) -> Subject | None:
    """The known subject that a name speaks of: by its whole label, the longest first, else by the label's first word."""
    words = {stem(word) for word in content(name)}
    whole = [(-len(label), n) for n, label in enumerate(_labels()) if words.issuperset(label)]
    telling = words - _kind_stems(kind_of(name).name) - _COMMON
    first = [(0, n) for n, label in enumerate(_labels()) if label[0] in telling]
    found = whole or first
    return subjects()[min(found)[1]] if found else None


def _whole(subject: Subject, name: str) -> bool:
    return {stem(word) for word in content(name)}.issuperset(stem(word) for word in content(subject.label))


@cache
def _labels() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(stem(word) for word in _WORD.findall(subject.label.lower())) for subject in subjects())


def label_of(name: str) -> str:
    """What an organisation is about, in its name's own words: those that do not tell its kind."""
    telling = _kind_stems(kind_of(name).name)
    words = [word for word in re.findall(r"[\w'-]+", name) if word.lower() not in _IDLE]
    kept = [word for word in words if stem(word.lower()) not in telling]
    return " ".join(kept or words or [name])


def content(name: str) -> list[str]:
    """The words of a name that carry meaning, lower case."""
    return [word for word in _WORD.findall(name.lower()) if word not in _IDLE]


def stem(word: str) -> str:
    """A word without the endings that plurals and verbs put on it."""
    for ending in ("keeping", "ies", "ing", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word
