"""Small worlds of the core tables and one feature, for the tests of features."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft, TableRows
from containers.environment import Blueprint, Environment
from containers.reference import replay, resolve
from tasks.acceptance import finished as accepted
from tasks.embedded import names
from tasks.embedded.chance import stream
from tasks.embedded.domain import DEFAULT_TERMS, FEATURES, Domain, domains
from tasks.embedded.feature import Desk, Part, Studio, Unfit, quoted
from tasks.embedded.features import core
from tasks.embedded.tasking import finished
from tasks.gates.sealing import accept_tools
from tasks.parameters import json_schema
from tasks.trials.workbench import workbench_of


class FeatureWorld(NamedTuple):
    """A draft of core and one feature with its tools accepted, and what the feature contributed."""

    part: Part
    studio: Studio
    draft: Draft
    blueprint: Blueprint


def _domain(feature: str, seed: int) -> Domain:
    """One of the domains that the feature suits; every third time its main things have other words."""
    fitting = [domain for domain in domains().values() if feature in domain.features]
    domain = fitting[seed % len(fitting)]
    if seed % 3 != 2:
        return domain
    odd = {role: f"odd {DEFAULT_TERMS[role].replace('/', '/odd ')}" for role in FEATURES}
    return domain.model_copy(update={"terms": {**domain.terms, **odd}})


def _studio(feature: str, seed: int) -> Studio:
    """A studio with few people and places, so that modules are held to the least they may count on."""
    domain, rng = _domain(feature, seed), stream("feature worlds", feature, seed)
    full_names = names.people(rng, 13)
    chosen = rng.sample(domain.items, 12)
    return Studio(
        domain=domain,
        rng=rng,
        people=tuple(full_names[:8]),
        staff=tuple(full_names[8:]),
        places=tuple(rng.sample(domain.places, 3)),
        items=tuple((item.name, item.price_cents) for item in chosen),
        features=frozenset((feature,)),
    )


def _build(feature: str, studio: Studio) -> Part:
    """What the feature's module contributes."""
    part: Part = import_module(f"tasks.embedded.features.{feature}").build(studio)
    return part


@cache
def _world(feature: str, seed: int) -> FeatureWorld:
    """The world of a feature and a seed, made once for all tests."""
    studio = _studio(feature, seed)
    base, part = core.build(studio), _build(feature, studio)
    draft = accept_tools(
        Draft(
            scenario=Scenario(name="Feature world"),
            recipe=Recipe(model="worldloom/procedural-1", size=Size(tables=1, rows=1, tools=1, tasks=1)),
            schema_sql="\n".join((*base.ddl, *part.ddl)),
            seed_sql="\n".join(_insert(rows) for rows in _in_order((*base.ddl, *part.ddl), (*base.rows, *part.rows))),
            tools=tuple(Tool.model_validate({**t, "parameters": json_schema(t["parameters"])}) for t in (*base.tools, *part.tools)),
        )
    )
    return FeatureWorld(part, studio, draft, Blueprint.of(draft))


def _in_order(ddl: tuple[str, ...], rows: tuple[TableRows, ...]) -> list[TableRows]:
    """The rows in the order in which their tables are created."""
    whole = "\n".join(ddl)
    return sorted(rows, key=lambda part: whole.index(f"CREATE TABLE {part.table} ("))


def _insert(rows: TableRows) -> str:
    lines = ",\n".join(f"({', '.join('NULL' if v is None else quoted(v) for v in row)})" for row in rows.rows)
    return f"INSERT INTO {rows.table} ({', '.join(rows.columns)}) VALUES\n{lines};"


def _tasks(world: FeatureWorld, seed: int) -> tuple[AgentTask, ...]:
    """The tasks of all ideas that the rows allow."""
    tools = {tool["name"]: tool for tool in (*core.build(world.studio).tools, *world.part.tools)}
    made = []
    with Environment.fork(world.blueprint) as environment:
        for number, idea in enumerate(world.part.ideas):
            environment.reset()
            try:
                draft = idea(Desk(environment, world.studio, stream("feature tasks", number, seed)))
            except Unfit:
                continue
            made.append(_resolved(finished(draft, tools), number, environment))
    # As the stage does it: with policies, decoys and conditions, before any gate looks.
    return tuple(accepted(task, workbench_of(world.draft)) for task in made)


def _resolved(draft: dict[str, Any], number: int, environment: Environment) -> AgentTask:
    """The draft as a task, the references of its answer replaced by what its calls return."""
    task = AgentTask.model_validate({**draft, "id": f"t{number:02d}", "answer": None})
    environment.reset()
    results = [observation.result for observation in replay(environment, task.solution).observations]
    return task.model_copy(update={"answer": draft["answer"] and tuple(resolve(draft["answer"], results))})


class Worlds:
    """Makes worlds and tasks of features, each once."""

    def of(self, feature: str, seed: int = 0) -> FeatureWorld:
        """The world of a feature and a seed."""
        return _world(feature, seed)

    def tasks(self, feature: str, seed: int) -> tuple[AgentTask, ...]:
        """The tasks of all ideas that the rows of that world allow."""
        return _tasks(_world(feature, seed), seed)

    def part(self, feature: str, seed: int) -> Part:
        """What the feature's module contributes, made anew."""
        return _build(feature, _studio(feature, seed))


@pytest.fixture(scope="session")
def worlds() -> Worlds:
    return Worlds()
