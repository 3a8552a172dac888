"""Describing a bare name, and inventing new scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.embedded.chance import stream
from tasks.embedded.matching import ScenarioText, vocabulary


def describe(name: str, categories: Sequence[str], key: str) -> dict[str, Any]:
    """A description and a category for a name, in the words that its world will speak."""
    rng = stream("describe", key, name)
    domain = vocabulary(ScenarioText(name, "", ""), key)
    person, item, place, staff = (domain.term(role) for role in ("person", "item", "place", "staff"))
    text = f"{person.plural.capitalize()} look up {item.plural} and {place.plural}, and the {staff.plural} keep the records up to date."
    category = domain.category if domain.category in categories else rng.choice(list(categories))
    return {"description": text, "category": category}


def invent(category: str, known: Sequence[str], count: int, key: str) -> list[dict[str, str]]:
    """New scenarios."""
    return []
