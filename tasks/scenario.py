"""The scenario stage: describe a bare name, or invent new scenarios of a category."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import dspy
from pydantic import BaseModel, ValidationError

from artifacts.scenario import MAX_DESCRIPTION, Scenario
from tasks.correction import Reply, asking


class ScenarioDraft(BaseModel):
    """A scenario as a model writes it."""

    name: str
    description: str = ""
    category: str = ""


class DescribeScenario(dspy.Signature):
    """Describe the application behind a scenario's name, for people who will build a simulation of it.

    description: two or three sentences on who uses it, which records it keeps, and what its users look up and change, day
    to day. It must be an application with state that people create, read, update and delete.
    category: the one of `categories` that fits best, copied exactly.
    """

    name: str = dspy.InputField()
    categories: list[str] = dspy.InputField()
    description: str = dspy.OutputField()
    category: str = dspy.OutputField()


class InventScenarios(dspy.Signature):
    """Invent `count` new scenarios of the category: applications with a database behind them that people use to look things
    up and to change them (create, book, move, cancel, approve, pay).

    `examples` show the style. Nothing close to a name in `examples` or `avoid`, nor to another of yours: choose other trades,
    places and purposes. No games, chat bots, search engines, document editors, or anything without records of its own.

    scenarios: a JSON array of {"name":"Tool lending library","description":"<two or three sentences: who uses it, which
    records it keeps, what its users look up and change>","category":"<the category>"}. Names have two to five words.
    """

    category: str = dspy.InputField()
    examples: list[str] = dspy.InputField()
    avoid: list[str] = dspy.InputField()
    count: int = dspy.InputField()
    scenarios: list[ScenarioDraft] = dspy.OutputField()


def scenario_text(scenario: Scenario) -> str:
    """A scenario as every prompt shows it."""
    return f"Name: {scenario.name}\nCategory: {scenario.category}\nDescription: {scenario.description}"


def describe(scenario: Scenario, categories: Sequence[str], model: dspy.LM, seed: int = 0) -> tuple[Scenario, Reply | None]:
    """The scenario with a description and a category; whatever it already has stays, and nothing is asked when nothing is missing.

    An answer without a usable part leaves that part empty: a bare name is enough for the stages that follow.
    """
    if scenario.description and scenario.category:
        return scenario, None
    reply = asking(model, seed)(DescribeScenario, {"name": scenario.name, "categories": list(categories)})
    description = scenario.description or str(reply.values["description"])[:MAX_DESCRIPTION]
    category = scenario.category or nearest_category(str(reply.values["category"]), categories)
    return _checked(scenario.name, description, category) or scenario, reply


def invent(
    category: str, examples: Sequence[str], avoid: Sequence[str], model: dspy.LM, *, count: int, rollout: int = 0
) -> tuple[tuple[Scenario, ...], Reply]:
    """New scenarios of a category, as many as the answer holds that can be used; duplicates are the caller's to find."""
    inputs = {"category": category, "examples": list(examples), "avoid": list(avoid), "count": count}
    reply = asking(model, rollout)(InventScenarios, inputs)
    found = (_checked(each.name, each.description, category) for each in reply.values["scenarios"])
    return tuple(scenario for scenario in found if scenario is not None), reply


def nearest_category(said: str, categories: Sequence[str]) -> str:
    """The category that a model meant; empty when it is none of them."""
    by_key = {category.casefold(): category for category in categories}
    close = difflib.get_close_matches(said.strip().strip(".`\"'").casefold(), list(by_key), n=1, cutoff=0.7)
    return by_key[close[0]] if close else ""


def _checked(name: str, description: str, category: str) -> Scenario | None:
    try:
        return Scenario(name=name, description=" ".join(description.split()), category=category)
    except ValidationError:
        return None
