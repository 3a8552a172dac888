"""Walks over the two small worlds of the gates' tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft
from tasks.trials.workbench import Workbench
from tasks.walks.walk import Walk
from tasks.walks.walking import walks_of

WORLDS = Path(__file__).parent.parent / "gates" / "worlds"

Stroll = tuple[Draft, Workbench, tuple[Walk, ...]]


def load(name: str, more_seed: str = "") -> Draft:
    folder = WORLDS / name
    return Draft(
        scenario=Scenario(name=name.title()),
        recipe=Recipe(model="hand"),
        schema_sql=(folder / "schema.sql").read_text(),
        seed_sql=(folder / "seed.sql").read_text() + more_seed,
        tools=tuple(Tool.model_validate(tool) for tool in json.loads((folder / "tools.json").read_text())),
    )


@pytest.fixture(scope="session")
def stroll() -> Callable[[str, int, int], Stroll]:
    """A world's first walks of a seed, with the workbench on which they were made."""

    def walked(name: str, seed: int, count: int) -> Stroll:
        draft = load(name)
        bench = Workbench(draft, draft.tools)
        return draft, bench, tuple(islice(walks_of(draft, bench, seed), count))

    return walked


@pytest.fixture(scope="session")
def patched() -> Callable[[str, str], Draft]:
    """A world with more rows."""
    return load
