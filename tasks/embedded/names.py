"""Names of people, towns and streets for the embedded author's rows; invented mixtures, no real persons."""

from __future__ import annotations

from random import Random

FIRST = (
    "Amara Anton Bianca Callum Chidi Clara Dmitri Elena Emeka Farah Felix Greta Hassan Ines Ivo Jana Joaquin Kaito Keira Lars "
    "Leila Lucia Malik Marta Mei Nadia Nils Noor Olga Owen Paola Pedro Quinn Rania Ravi Rosa Samir Sofia Tariq Thea Tomas Uma "
    "Viktor Wanda Xenia Yara Yusuf Zofia"
).split()
LAST = (
    "Abara Bergstrom Castellan Dube Eriksen Fontaine Garrick Hadley Iversen Jankowski Kessler Lindqvist Moreau Nakamura Okafor "
    "Petrov Quintero Rahimi Sandoval Tanaka Ulrich Varga Whitlock Xiang Yildiz Zamora Ashdown Birch Corwin Delaney Ferro Gallo "
    "Holm Imai Jardim Kovac Larkin Mbeki Novak Ostrow Pryce Rossi Steele Thorne Udo Vance Weaver"
).split()
TOWNS = ("Ashford", "Brindle", "Carrow", "Dunmere", "Eastvale", "Fernhill", "Glenmoor", "Hartwell", "Kingsmead", "Larkton")
STREETS = ("Mill Lane", "Station Road", "Orchard Way", "Bridge Street", "Chapel Hill", "Quarry Road", "Park Avenue", "Canal Walk")


def people(rng: Random, count: int) -> list[str]:
    """`count` different full names."""
    pairs = rng.sample(range(len(FIRST) * len(LAST)), count)
    return [f"{FIRST[p % len(FIRST)]} {LAST[p // len(FIRST)]}" for p in pairs]


def email(name: str) -> str:
    """A mail address in a domain that no one can own (RFC 2606)."""
    return f"{name.lower().replace(' ', '.')}@example.com"


def phone(rng: Random) -> str:
    """A number from a range kept for fiction."""
    return f"+44 1632 96{rng.randrange(10_000):04d}"
