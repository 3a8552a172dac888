"""A plan's own world at work: its tools called for real, for examples and for tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Lock
from typing import Any

from artifacts.observation import Observation
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.world import Draft, TableRows
from containers.environment import Blueprint, Environment
from tasks.embedded.composer import Plan, writes
from tasks.embedded.feature import quoted
from tasks.embedded.tasking import Author, TaskDraft
from tasks.parameters import json_schema
from tasks.sql.result_types import with_types


class Workshop:
    """Tasks, written as far as anyone has asked, and calls that succeed; threads may share it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._blueprint = Blueprint.of(draft_of(plan))
        self._witness = Witness(self._blueprint, frozenset(tool["name"] for tool in plan.tools if writes(tool)))
        author = Author(plan, self._witness, 0)
        author.sketch()
        self.examples = dict(self._witness.seen)
        """For each changing tool that an idea uses first, arguments with which it succeeds on the initial rows."""
        self._written: dict[int, list[TaskDraft]] = {}
        self._streams: dict[int, Iterator[TaskDraft]] = {0: author.tasks()}
        self._lock = Lock()

    def tasks(self, count: int, spare: int = 0) -> tuple[TaskDraft, ...]:
        """The first `count` tasks, fewer only where the ideas are exhausted; `spare` numbers other draws of them."""
        with self._lock:
            written = self._written.setdefault(spare, [])
            stream_of_tasks = self._streams.setdefault(spare, Author(self._plan, self._witness, spare).tasks())
            while len(written) < count and (found := next(stream_of_tasks, None)) is not None:
                written.append(found)
            return tuple(written[:count])


def draft_of(plan: Plan) -> Draft:
    """The plan as a draft without tasks, as the stages would make it."""
    schema_sql = "\n".join(plan.ddl)
    return Draft(
        scenario=Scenario(name="Plan"),
        recipe=Recipe(model="worldloom/procedural-1"),
        schema_sql=schema_sql,
        seed_sql="\n".join(_insert(rows) for rows in plan.rows),
        tools=tuple(_tool(tool, schema_sql) for tool in plan.tools),
    )


def _tool(draft: dict[str, Any], schema_sql: str) -> Tool:
    """A draft as a tool; types are derived only where a result holds JSON, for nothing else looks different without them."""
    tool = Tool.model_validate({**draft, "parameters": json_schema(draft["parameters"])})
    return with_types(tool, schema_sql) if "json_" in json.dumps(draft["program"][-1]) else tool


def _insert(rows: TableRows) -> str:
    """One INSERT for all the rows of a table: the quickest to load."""
    values = ",\n".join(f"({', '.join('NULL' if v is None else quoted(v) for v in row)})" for row in rows.rows)
    return f"INSERT INTO {rows.table} ({', '.join(rows.columns)}) VALUES\n{values};"


class Witness(Environment):
    """An environment that notes, for each changing tool, the first call that succeeds before anything else has changed."""

    def __init__(self, blueprint: Blueprint, changing: frozenset[str]) -> None:
        super().__init__(blueprint)
        self.changing = changing
        self.seen: dict[str, Any] = {}
        self._untouched = True

    def reset(self) -> None:
        """Back to the initial state."""
        super().reset()
        self._untouched = True

    def call_tool(self, name: str, arguments: object = None) -> Observation:
        """The call, noted when it is the first change."""
        observation = super().call_tool(name, arguments)
        if observation.ok and name in self.changing:
            if self._untouched:
                self.seen.setdefault(name, arguments)
            self._untouched = False
        return observation
