"""Domains: the words and things of one kind of organisation, kept as TOML files in `domains/`.

A file `domains/<name>.toml` holds:

    name = "veterinary"                  # same as the file
    category = "health"                  # one of the categories of the seed scenarios
    keywords = ["vet", "pet", "animal"]  # lower case, for matching scenarios to domains: 10 to 25
    features = ["bookings", "payments"]  # 8 or more that suit it, the most fitting first (see FEATURES)

    [terms]                              # singular/plural, lower case; the plural becomes the table's name
    person = "owner/owners"              # who signs in and uses it (customers, patients, members …)
    staff = "vet/vets"                   # who works there
    item = "treatment/treatments"        # what is offered, sold, lent or booked
    place = "clinic/clinics"             # where: branches, rooms, sites, vehicles …
    group = "species/species groups"     # how items are grouped ("category/categories" where nothing better fits)
    bookings = "appointment/appointments"  # optional: what a feature's main thing is called here

    [attribute]                          # one more column of items that suits the domain
    name = "duration_minutes"            # a column name
    label = "duration in minutes"        # how a person says it
    values = [15, 20, 30, 45, 60]        # integers or short texts

    groups = [...]                       # 4 to 6 group names
    roles = [...]                        # 3 to 5 roles of staff
    places = [...]                       # 4 to 6 proper names of places
    topics = [...]                       # 8 or more short subjects that people raise (messages, tickets, requests)
    remarks = [...]                      # 8 or more sentences that people write (reviews, notes)
    units = ["each", "box"]              # 1 to 4 units in which items are counted

    [[items]]                            # 14 to 20, names unique, realistic and of your own making
    name = "Vaccination booster"
    group = "Preventive care"            # one of groups
    price_cents = 3500                   # integer minor units; for things that are lent: the fee or the value
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pydantic import Field, model_validator

from artifacts.noun import Noun

FEATURES = (
    "orders",
    "bookings",
    "payments",
    "inventory",
    "reviews",
    "messages",
    "memberships",
    "tickets",
    "schedules",
    "wish_lists",
    "approvals",
    "loans",
    "deliveries",
    "enrolments",
    "donations",
    "claims",
    "vouchers",
    "inspections",
)
"""Names of the optional feature modules; `core` (people, staff, places, groups, items) is in every world."""

DEFAULT_TERMS = {
    "group": "category/categories",
    "orders": "order/orders",
    "bookings": "booking/bookings",
    "payments": "invoice/invoices",
    "inventory": "stock record/stock records",
    "reviews": "review/reviews",
    "messages": "conversation/conversations",
    "memberships": "membership/memberships",
    "tickets": "ticket/tickets",
    "schedules": "shift/shifts",
    "wish_lists": "wish list/wish lists",
    "approvals": "request/requests",
    "loans": "loan/loans",
    "deliveries": "delivery/deliveries",
    "enrolments": "enrolment/enrolments",
    "donations": "donation/donations",
    "claims": "claim/claims",
    "vouchers": "voucher/vouchers",
    "inspections": "inspection/inspections",
}


class Term(NamedTuple):
    """A noun with its plural, and the names that code makes of it."""

    singular: str
    plural: str

    @classmethod
    def parse(cls, text: str) -> Term:
        """From "singular/plural"."""
        singular, _, plural = text.partition("/")
        return cls(singular.strip(), (plural or singular + "s").strip())

    @property
    def table(self) -> str:
        """The table's name: the plural in snake case."""
        return _snake(self.plural)

    @property
    def one(self) -> str:
        """The singular in snake case, for tool names such as `get_<one>`."""
        return _snake(self.singular)

    @property
    def many(self) -> str:
        """The plural in snake case, for tool names such as `list_<many>`."""
        return _snake(self.plural)

    @property
    def key(self) -> str:
        """The name of a foreign key or parameter that holds the id."""
        return f"{self.one}_id"

    @property
    def a(self) -> str:
        """The singular with its article."""
        return f"{'an' if self.singular[0] in 'aeiou' else 'a'} {self.singular}"


class Attribute(Noun):
    """One column of items that suits the domain."""

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    label: str
    values: tuple[int | str, ...] = Field(min_length=3)


class DomainItem(Noun):
    """One thing that is offered, sold, lent or booked."""

    name: str
    group: str
    price_cents: int = Field(ge=0)


class Domain(Noun):
    """The vocabulary and sample material of one kind of organisation."""

    name: str
    category: str
    keywords: tuple[str, ...]
    features: tuple[str, ...] = Field(min_length=6)
    terms: dict[str, str]
    attribute: Attribute
    groups: tuple[str, ...] = Field(min_length=3)
    roles: tuple[str, ...] = Field(min_length=2)
    places: tuple[str, ...] = Field(min_length=3)
    topics: tuple[str, ...] = Field(min_length=6)
    remarks: tuple[str, ...] = Field(min_length=6)
    units: tuple[str, ...] = ("each",)
    items: tuple[DomainItem, ...] = Field(min_length=12)

    @model_validator(mode="after")
    def _consistent(self) -> Domain:
        missing = {"person", "staff", "item", "place"} - self.terms.keys()
        strange = [f for f in self.features if f not in FEATURES] + [i.group for i in self.items if i.group not in self.groups]
        names = [i.name for i in self.items]
        tables = [self.term(role).table for role in ("person", "staff", "item", "place", "group", *FEATURES)]
        twice = [n for n in names if names.count(n) > 1] + [t for t in tables if tables.count(t) > 1]
        if missing or strange or twice:
            raise ValueError(f"domain {self.name}: missing terms {sorted(missing)}, unknown {strange}, repeated {sorted(set(twice))}")
        return self

    def term(self, role: str) -> Term:
        """The noun for a role: person, staff, item, place, group, or a feature's main thing."""
        return Term.parse(self.terms.get(role) or DEFAULT_TERMS[role])


@cache
def domains() -> dict[str, Domain]:
    """Every shipped domain by name, in the order of their names."""
    folder = files("tasks.embedded") / "domains"
    texts = sorted((f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".toml"))
    return {domain.name: domain for domain in (Domain.model_validate(tomllib.loads(text)) for _, text in texts)}


def _snake(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
