"""The scenario stage: describe a bare name, or invent new scenarios of a category."""

from __future__ import annotations

import dspy
from pydantic import BaseModel


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
