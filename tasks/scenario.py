"""The scenario stage: describe a bare name, or invent new scenarios of a category."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache

import dspy
from pydantic import BaseModel, ValidationError

from artifacts.scenario import MAX_DESCRIPTION, Scenario
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from tasks.correction import Ask, Built, Made, Problems, Reply, Stage, asking, correct
from tasks.scenarios.pool import shipped_scenarios
from tasks.stage import StageResult, stage_task

_FEWEST_WORDS = 8


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


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the scenario's description and category where they are missing; nothing is asked when nothing is."""
    if draft.scenario.description and draft.scenario.category:
        return StageResult(draft=draft)
    return correct(STAGE, draft, model)


Parts = tuple[tuple[str, str], ...]
"""The description and the category, or nothing."""


def _write(draft: Draft, ask: Ask) -> Made[Parts]:
    reply = ask(DescribeScenario, {"name": draft.scenario.name, "categories": list(categories())})
    return Made(((str(reply.values["description"]), str(reply.values["category"])),), (reply,))


def _repair(draft: Draft, _parts: Parts, _problems: Problems, ask: Ask) -> Made[Parts]:
    """There is no smaller part to mend: another draw."""
    return _write(draft, ask)


def _build(draft: Draft, parts: Parts) -> Built:
    ((said, category),) = parts
    old = draft.scenario
    description = old.description or _cut(" ".join(said.split()))
    scenario = _checked(old.name, description, old.category or nearest_category(category, categories()))
    if scenario is None or len(description.split()) < _FEWEST_WORDS:
        message = f"The description {description[:80]!r} does not describe an application."
        return Built(draft, (Diagnostic(code="scenario.description", place="scenario", message=message),))
    return Built(draft.model_copy(update={"scenario": scenario}), ())


def _cut(text: str) -> str:
    """At most as long as a description may be, ended after a whole sentence where there is one."""
    if len(text) <= MAX_DESCRIPTION:
        return text
    return text[: text.rfind(". ", 0, MAX_DESCRIPTION) + 1] or text[:MAX_DESCRIPTION]


@cache
def categories() -> tuple[str, ...]:
    """The categories of the shipped scenarios, in alphabetical order."""
    return tuple(sorted({scenario.category for scenario in shipped_scenarios() if scenario.category}))


def invent(
    category: str, examples: Sequence[str], avoid: Sequence[str], model: dspy.LM, *, count: int, rollout: int = 0
) -> tuple[tuple[Scenario, ...], Reply]:
    """New scenarios of a category, as many as the answer holds that can be used; duplicates are the caller's to find."""
    inputs = {"category": category, "examples": list(examples), "avoid": list(avoid), "count": count}
    reply = asking(model, rollout)(InventScenarios, inputs)
    found = (_checked(each.name, each.description, category) for each in reply.values["scenarios"])
    return tuple(scenario for scenario in found if scenario is not None), reply


def nearest_category(said: str, known: Sequence[str]) -> str:
    """The category that a model meant; empty when it is none of them."""
    by_key = {category.casefold(): category for category in known}
    close = difflib.get_close_matches(said.strip().strip(".`\"'").casefold(), list(by_key), n=1, cutoff=0.7)
    return by_key[close[0]] if close else ""


def _checked(name: str, description: str, category: str) -> Scenario | None:
    try:
        return Scenario(name=name, description=" ".join(description.split()), category=category)
    except ValidationError:
        return None


STAGE: Stage[Parts] = Stage("scenario", _write, _repair, _build)
describe_scenario = stage_task("describe_scenario", run)
