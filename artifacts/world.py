"""Drafts and worlds: the same content on its way through the stages, and sealed."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import Field

from artifacts.agent_task import AgentTask
from artifacts.identity import digest_of, short
from artifacts.noun import Noun
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.toolset import Tool
from artifacts.verdict import Verdict

FORMAT = 1
SQLITE_MIN = "3.46.0"
"""The oldest SQLite that gives the same results: the first with ordered aggregates and today's JSON subtypes."""


class Clock(Noun):
    """The world's own time: it starts at `start` (YYYY-MM-DD HH:MM:SS) and advances `step_seconds` a call."""

    start: str = "2026-03-02 09:00:00"
    step_seconds: int = 1


class TableRows(Noun):
    """Rows of one table as an author writes them: column names once, then the values."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Draft(Noun):
    """A world on its way through the stages; fields fill up in the stages' order and may be empty before."""

    scenario: Scenario
    recipe: Recipe
    clock: Clock = Clock()
    me: int = 1
    intentions: tuple[str, ...] = ()
    schema_sql: str = ""
    seed: tuple[TableRows, ...] = ()
    seed_sql: str = ""
    tools: tuple[Tool, ...] = ()
    tasks: tuple[AgentTask, ...] = ()

    @cached_property
    def draft_id(self) -> str:
        """Slug and 12 hex digits of scenario and recipe: known before the first model call."""
        return f"{self.scenario.slug}-{short(digest_of([self.scenario.canonical(), self.recipe.canonical()]))}"


class World(Noun):
    """A sealed, immutable world. Its digest covers all but the report, so that anyone can recompute it."""

    format: int = FORMAT
    scenario: Scenario
    recipe: Recipe
    clock: Clock
    me: int
    sqlite_min: str = SQLITE_MIN
    intentions: tuple[str, ...]
    schema_sql: str
    seed_sql: str
    tools: tuple[Tool, ...]
    tasks: tuple[AgentTask, ...]
    report: tuple[Verdict, ...] = Field(default=())

    def content(self) -> dict[str, Any]:
        """What the digest covers: everything but the report."""
        plain = self.model_dump(mode="json", by_alias=True, exclude={"report", "recipe", "tools", "tasks"})
        parts = {"tools": [tool.canonical() for tool in self.tools], "tasks": [task.canonical() for task in self.tasks]}
        return {**plain, "recipe": self.recipe.canonical(), **parts}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical content, 64 hex digits."""
        return digest_of(self.content())

    @property
    def id(self) -> str:
        """`<slug>-<first 12 hex digits of the digest>`."""
        return f"{self.scenario.slug}-{short(self.digest)}"

    def draft(self) -> Draft:
        """The world as a draft, so that the gates can judge it again from the bundle alone."""
        return Draft(
            scenario=self.scenario,
            recipe=self.recipe,
            clock=self.clock,
            me=self.me,
            intentions=self.intentions,
            schema_sql=self.schema_sql,
            seed_sql=self.seed_sql,
            tools=self.tools,
            tasks=self.tasks,
        )
