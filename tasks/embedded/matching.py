"""Which words a world speaks: the shipped domain that fits a scenario, or words woven from the scenario's own."""

from __future__ import annotations

import re
from typing import NamedTuple

from tasks.embedded.domain import Domain, domains

_WORD = re.compile(r"[a-z]+")

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


def vocabulary(text: ScenarioText, digest: str) -> Domain:
    """The domain whose words this world speaks."""
    return max(domains().values(), key=lambda domain: fitness(text, domain))


def fitness(text: ScenarioText, domain: Domain) -> float:
    """How well a domain fits: its keywords in the name count most, then in the description, then an equal category."""
    keywords = {_stem(word) for word in domain.keywords}
    name = sum(_stem(word) in keywords for word in set(_WORD.findall(text.name.lower())))
    told = sum(_stem(word) in keywords for word in set(_WORD.findall(text.description.lower())))
    return 4 * name + told + (0.5 if text.category.lower() == domain.category else 0)


def _stem(word: str) -> str:
    """A word without the endings that plurals and verbs put on it."""
    for ending in ("ies", "ing", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word
