"""Scenarios that no shipped domain fits speak their own words."""

from __future__ import annotations

import pytest

from tasks.embedded.composer import compose
from tasks.embedded.domain import Domain
from tasks.embedded.inventing import describe
from tasks.embedded.lexicon import kinds, subjects
from tasks.embedded.matching import ScenarioText, kind_of, label_of, nearest, subject_of
from tasks.embedded.vocabulary import vocabulary, woven
from tasks.scenario import categories

UNKNOWN = [
    ("Beekeeping cooperative", "members", "apiaries", "hive"),
    ("Blood bank", "donors", "donation_rooms", "blood"),
    ("Film festival submissions", "participants", "cinemas", "film"),
    ("Model railway club", "members", "layout_rooms", "railway"),
    ("Tool lending library", "borrowers", "tool_stores", "drill"),
    ("Community choir", "members", "rehearsal_halls", "choir"),
    ("Kite repair shop", "customers", "kite_shops", "kite"),
    ("Tide pool survey", "researchers", "facilities", "tide pool"),
    ("Robot vacuum hotline", "clients", "branches", "robot vacuum"),
    ("Origami guild", "members", "meeting_places", "origami"),
    ("Chess tournament", "participants", "playing_rooms", "chess"),
    ("Wind turbine maintenance", "clients", "branches", "wind turbine"),
    ("Knitting circle", "members", "meeting_places", "knitting"),
    ("Coral reef observatory", "researchers", "facilities", "coral reef"),
    ("Sourdough bakery", "clients", "bakehouses", "sourdough"),
    ("Allotment society", "members", "allotment_sites", "allotment"),
    ("Lighthouse keepers union", "members", "lighthouses", "lighthouse"),
    ("Hot spring baths", "guests", "houses", "hot spring"),
    ("Harp tuition", "students", "classrooms", "harp"),
    ("Sundial exhibition", "participants", "venues", "sundial"),
    ("Umbrella exchange pool", "borrowers", "counters", "umbrella"),
    ("Moss garden", "clients", "workshops", "moss"),
    ("Stargazing retreat", "guests", "houses", "stargazing"),
    ("Pigeon racing federation", "members", "meeting_places", "pigeon"),
    ("Ghostwriting bureau", "clients", "branches", "ghostwriting"),
    ("Orphan wells relief", "donors", "centres", "orphan wells"),
    ("Glider hire", "borrowers", "counters", "glider"),
]


def _text(name: str) -> ScenarioText:
    described = describe(name, categories(), "0")
    return ScenarioText(name, described["category"], described["description"])


@pytest.mark.parametrize(("name", "people", "places", "word"), UNKNOWN)
def test_an_unknown_name_is_told_in_its_own_words(name: str, people: str, places: str, word: str) -> None:
    domain = vocabulary(_text(name), "0")
    assert (domain.name, domain.term("person").table, domain.term("place").table) == ("woven", people, places)
    assert sum(word in item.name.lower() for item in domain.items) >= 1
    about = subject_of(name)
    things = {thing.singular for thing in about.things} if about else set()
    assert sum(item.name.lower() in things or word.split(maxsplit=1)[0] in item.name.lower() for item in domain.items) >= 5


@pytest.mark.parametrize("name", [name for name, *_ in UNKNOWN])
def test_its_whole_world_speaks_of_nothing_foreign(name: str) -> None:
    text = _text(name)
    plan = compose(f"Name: {text.name}\nCategory: {text.category}\nDescription: {text.description}")
    words = " ".join((*(i for i, _ in plan.studio.items), *plan.domain.remarks, *plan.domain.topics, *plan.domain.groups)).lower()
    assert not {"dog", "vet", "puppy", "guest room", "flight"} & set(words.split())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Veterinary clinic", "veterinary"), ("City library", "library"), ("Corner shop", "shop"), ("Dental practice", "clinic")],
)
def test_a_known_name_keeps_its_domain(name: str, expected: str) -> None:
    found = nearest(ScenarioText(name, "", ""))
    assert found is not None
    assert found.name == expected


def test_every_kind_and_every_subject_makes_a_valid_domain() -> None:
    made = [
        woven(ScenarioText(f"{subject.label} {kind.forms[n % len(kind.forms)]}", subject.category, ""), "0")
        for n, subject in enumerate(subjects())
        for kind in kinds()
    ]
    assert all(isinstance(domain, Domain) and 13 <= len(domain.items) <= 16 for domain in made)


def test_names_without_any_known_word_still_work() -> None:
    assert kind_of("Zzyzx").name == "service"
    assert label_of("Zzyzx") == "Zzyzx"
    for name in ("Zzyzx", "42", "Über Öl", "日本の図書館", "of the", "club"):
        plan = compose(f"Name: {name}\nCategory: \nDescription: ")
        assert len(plan.rows) >= 12, name


@pytest.mark.parametrize("name", [name for name, *_ in UNKNOWN])
def test_a_description_is_of_the_world_that_is_made_of_it(name: str) -> None:
    described = describe(name, categories(), "0")
    assert described["category"] in categories()
    assert 15 <= len(described["description"].split()) <= 80
    assert vocabulary(_text(name), "0").term("person").plural in described["description"].lower()
