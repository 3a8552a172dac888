"""Whatever the seed: a walk can be done, its checks tell, its selectors give exactly their rows, and nothing has to be guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifacts.agent_task import AgentTask
from artifacts.world import Draft
from containers.environment import Blueprint, Environment
from containers.reference import replay, resolve
from tasks.sql.lineage import needed_keys, usage_of
from tasks.sql.scratch import catalog_of
from tasks.trials.workbench import Workbench
from tasks.walks.walk import SUPERLATIVES, Walk

Stroll = tuple[Draft, Workbench, tuple[Walk, ...]]
Strolling = Callable[[str, int, int], Stroll]

many = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
worlds = st.sampled_from(["shop", "library"])
seeds = st.integers(0, 10_000)


def as_task(walk: Walk) -> AgentTask:
    return walk.task("t01", "Please do what was asked for.")


@many
@given(worlds, seeds)
def test_a_walk_is_worth_a_whole_reward_when_done_and_none_when_not(stroll: Strolling, world: str, seed: int) -> None:
    draft, _, walks = stroll(world, seed, 8)
    assert walks
    with Environment.fork(Blueprint.of(draft)) as environment:
        for walk in walks:
            task = as_task(walk)
            environment.reset()
            assert environment.score(task).reward < 1
            idle = environment.score(task)
            assert not any(check.held for check in idle.checks)
            assert replay(environment, task.solution).failed_at is None
            done = environment.score(task, list(task.answer or ()) or None)
            assert done.outcome in ("completed", "partial")
            assert all(check.held for check in done.checks)
            assert done.answer_matched is not False


@many
@given(worlds, seeds)
def test_selectors_give_exactly_their_keys_and_no_superlative_has_a_tie(stroll: Strolling, world: str, seed: int) -> None:
    _, bench, walks = stroll(world, seed, 8)
    bench.environment.reset()
    for selector in (selector for walk in walks for selector in walk.selectors):
        rows = bench.environment.query(selector.condition.sql)
        assert [repr(next(iter(row.values()))) for row in rows] == [repr(key) for key in selector.keys]
        assert not (selector.many and {said.relation for said in selector.said} & set(SUPERLATIVES))


@many
@given(worlds, seeds)
def test_every_literal_is_said_and_every_key_is_found(stroll: Strolling, world: str, seed: int) -> None:
    draft, _, walks = stroll(world, seed, 8)
    tools = {tool.name: tool for tool in draft.tools}
    for walk in walks:
        told = {repr(s.value) for s in walk.settings} | {repr(s.value) for x in walk.selectors for s in x.said}
        for step in walk.steps:
            assert {repr(value) for value in literals(step.arguments)} <= told
            needed = needed_keys(tools[step.tool], usage_of(tools[step.tool], draft.schema_sql), catalog_of(draft.schema_sql))
            assert all('{"$ref"' in json.dumps(step.arguments[name.split("[")[0]]) for name in needed)


def literals(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if set(value) != {"$ref"}:
            for part in value.values():
                yield from literals(part)
    elif isinstance(value, list):
        for part in value:
            yield from literals(part)
    else:
        yield value


@many
@given(worlds, seeds)
def test_keys_found_are_those_that_the_selectors_name(stroll: Strolling, world: str, seed: int) -> None:
    _, bench, walks = stroll(world, seed, 8)
    for walk in walks:
        bench.environment.reset()
        results: list[Any] = []
        for step in walk.steps:
            named = {key for index in step.selectors for key in walk.selectors[index].keys}
            found = resolve(step.arguments, results)
            keys = {found[name] for name, value in step.arguments.items() if isinstance(value, dict) and "$ref" in value}
            assert keys <= named
            results.append(bench.environment.call_tool(step.tool, found).result)


@many
@given(worlds, seeds)
def test_every_call_and_every_selector_is_needed(stroll: Strolling, world: str, seed: int) -> None:
    _, _, walks = stroll(world, seed, 8)
    for walk in walks:
        used = {index for step in walk.steps for index in step.selectors} | {asked.selector for asked in walk.asked}
        used |= {walk.selectors[index].within for index in used if index is not None}
        assert set(range(len(walk.selectors))) <= used
        text = json.dumps([step.arguments for step in walk.steps] + [asked.reference for asked in walk.asked])
        assert all(step.writes or re.search(rf'"{index}["\\[.]', text) for index, step in enumerate(walk.steps))


def test_the_same_seed_gives_the_same_walks_and_those_taken_are_not_given_again(stroll: Strolling) -> None:
    from tasks.walks.walking import walks_of  # the fixture makes its own stream

    draft, bench, walks = stroll("shop", 5, 12)
    assert walks == stroll("shop", 5, 12)[2]
    assert walks != stroll("shop", 6, 12)[2]
    more = walks_of(draft, bench, 5, walks[:6])
    assert next(more) == walks[6]


def test_whoever_uses_the_workbench_between_two_walks_changes_none_of_them(stroll: Strolling) -> None:
    from tasks.walks.walking import walks_of  # the fixture makes its own stream

    draft, bench, walks = stroll("shop", 9, 12)
    stream = walks_of(draft, Workbench(draft, draft.tools), 9)
    disturbed = walks_of(draft, bench, 9)
    for walk, quiet in zip(disturbed, walks, strict=False):
        assert walk == quiet == next(stream)
        bench.environment.reset()
        for order in (3, 4):
            bench.environment.call_tool("cancel_order", {"order_id": order})


def test_walks_are_of_all_kinds_and_most_are_wide(stroll: Strolling) -> None:
    _, _, walks = stroll("library", 1, 40)
    assert {walk.kind for walk in walks} == {"read", "write", "mixed"}
    assert sum(len(walk.tools) >= 3 and len(walk.tables) >= 2 for walk in walks) > len(walks) / 2
    assert {len(walk.steps) for walk in walks} >= {2, 3, 4}
