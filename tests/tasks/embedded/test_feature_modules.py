"""Every feature module stands on the core tables alone: its rows load, its tools work, its ideas become tasks that every gate accepts."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.embedded.domain import FEATURES
from tasks.gates import diagnose

SEEDS = (0, 1, 2)
every_feature = pytest.mark.parametrize("feature", FEATURES)
every_seed = pytest.mark.parametrize("seed", SEEDS)


@every_seed
@every_feature
def test_schema_rows_and_tools_are_accepted(worlds: Any, feature: str, seed: int) -> None:
    world = worlds.of(feature, seed)
    assert [problem.line() for stage in ("schema", "seed", "tools") for problem in diagnose(world.draft, stage)] == []
    assert 2 <= len(world.part.rows) <= 4
    assert 10 <= sum(len(rows.rows) for rows in world.part.rows) <= 60
    assert 4 <= len(world.part.tools) <= 11


@every_seed
@every_feature
def test_ideas_become_tasks_that_every_gate_accepts(worlds: Any, feature: str, seed: int) -> None:
    world = worlds.of(feature, seed)
    tasks = worlds.tasks(feature, seed)
    assert len(tasks) >= len(world.part.ideas) / 2
    assert [problem.line() for problem in diagnose(world.draft.model_copy(update={"tasks": tasks}), "agent_tasks")] == []


@every_seed
@every_feature
def test_instructions_are_those_of_a_person(worlds: Any, feature: str, seed: int) -> None:
    world = worlds.of(feature, seed)
    spoken = [task.instruction for task in worlds.tasks(feature, seed)]
    tool_names = {tool.name for tool in world.draft.tools if "_" in tool.name}
    assert [text for text in spoken if any(name in text for name in tool_names)] == []
    assert [text for text in spoken if any(mark in text for mark in ("_id", "_cents", "{", "None"))] == []
    assert [text for text in spoken if not (text[0].isupper() or text[0] in "\"'")] == []


@every_feature
def test_the_same_seed_gives_the_same_and_another_seed_something_else(worlds: Any, feature: str) -> None:
    first, again, other = (worlds.part(feature, seed) for seed in (0, 0, 1))
    assert (first.ddl, first.rows, first.tools, first.intentions) == (again.ddl, again.rows, again.tools, again.intentions)
    assert first.rows != other.rows


@every_feature
def test_ideas_of_all_kinds(worlds: Any, feature: str) -> None:
    tasks = [task for seed in SEEDS for task in worlds.tasks(feature, seed)]
    assert {task.kind for task in tasks} == {"read", "write", "mixed"}
    assert max(len(task.solution) for task in tasks) >= 2
