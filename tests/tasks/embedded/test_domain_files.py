"""The shipped domains: complete, distinct, and enough of them for every category of the seeds."""

from collections import Counter
from importlib.util import find_spec
from itertools import combinations

import pytest

from tasks.embedded.domain import FEATURES, Domain, domains
from tasks.embedded.matching import ScenarioText
from tasks.embedded.vocabulary import vocabulary
from tasks.scenarios.pool import categories_of, shipped_scenarios

ALL = tuple(domains().values())
ROLES = ("person", "staff", "item", "place", "group")
SHARED_TABLES = {"payments", "payment_methods", "notices", "notice_receipts", "stock_transfers", "restock_requests", "emergency_contacts"}
each_domain = pytest.mark.parametrize("domain", ALL, ids=lambda domain: domain.name)


def test_there_are_more_domains_than_promised_and_one_for_every_category() -> None:
    assert len(ALL) >= 40
    assert {domain.category for domain in ALL} == set(categories_of(shipped_scenarios()))


@each_domain
def test_a_domain_has_as_much_as_the_schema_of_its_file_asks_for(domain: Domain) -> None:
    sizes = {
        "keywords": (10, 26),
        "features": (8, len(FEATURES)),
        "groups": (4, 6),
        "roles": (3, 5),
        "places": (4, 6),
        "topics": (8, 20),
        "remarks": (8, 20),
        "units": (1, 4),
        "items": (14, 20),
    }
    wrong = {field: len(getattr(domain, field)) for field, (low, high) in sizes.items() if not low <= len(getattr(domain, field)) <= high}
    assert wrong == {}


@each_domain
def test_nothing_is_listed_twice(domain: Domain) -> None:
    lists = (domain.keywords, domain.features, domain.groups, domain.roles, domain.places, domain.topics, domain.remarks, domain.units)
    assert [value for values in lists for value, count in Counter(values).items() if count > 1] == []


@each_domain
def test_every_group_has_items_and_every_item_a_plausible_price(domain: Domain) -> None:
    assert {item.group for item in domain.items} == set(domain.groups)
    assert max(item.price_cents for item in domain.items) < 1_000_000
    assert len({item.price_cents for item in domain.items}) > len(domain.items) // 2


@each_domain
def test_its_nouns_make_names_that_differ_from_each_other_and_from_shared_tables(domain: Domain) -> None:
    terms = [domain.term(role) for role in (*ROLES, *FEATURES)]
    assert [name for name, count in Counter(term.one for term in terms).items() if count > 1] == []
    assert {term.table for term in terms} & SHARED_TABLES == set()
    assert all(term.singular == term.singular.lower() and term.singular != term.plural for term in terms)


@each_domain
def test_enough_of_its_features_are_built(domain: Domain) -> None:
    built = [name for name in domain.features if find_spec(f"tasks.embedded.features.{name}")]
    assert len(built) >= 8


def test_the_domains_say_different_things() -> None:
    for one, other in combinations(ALL, 2):
        assert {i.name for i in one.items} & {i.name for i in other.items} == set(), (one.name, other.name)
        assert len(set(one.remarks) & set(other.remarks)) == 0, (one.name, other.name)


@each_domain
def test_values_of_the_attribute_are_of_one_type(domain: Domain) -> None:
    assert len({type(value) for value in domain.attribute.values}) == 1
    assert len(set(domain.attribute.values)) == len(domain.attribute.values)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("Dairy farm", "farm"),
        ("Veterinary clinic", "veterinary"),
        ("Hobby club", "hobby_club"),
        ("Bookstore", "bookshop"),
        ("Village savings bank", "bank"),
        ("Amateur football league", "sports_club"),
        ("Tattoo parlour", "tattoo_studio"),
        ("Dental practice", "clinic"),
    ],
)
def test_a_bare_name_finds_its_domain(name: str, domain: str) -> None:
    assert vocabulary(ScenarioText(name, "", ""), "0").name == domain


def test_most_seeds_find_a_domain_of_their_own_category() -> None:
    found = [(vocabulary(ScenarioText(s.name, s.category, s.description), "0").category, s.category) for s in shipped_scenarios()]
    assert sum(domain == seed for domain, seed in found) >= 95
