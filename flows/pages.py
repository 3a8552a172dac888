"""What `worldloom ls`, `show` and `audit` print: pure functions from nouns to things that rich can print."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from artifacts.agent_task import AgentTask
from artifacts.bundle import counts_of
from artifacts.errors import UnknownName
from artifacts.identity import slug_of
from artifacts.measures import Difficulty
from artifacts.page import parameters
from artifacts.shape import shape_of
from artifacts.store import WorldSummary
from artifacts.verdict import Reject, Verdict
from artifacts.world import World
from tasks.difficulty.levels import LEVELS
from tasks.difficulty.spread import written
from tasks.job.auditing import Judged
from tasks.job.tally import levels_of

MAX_FIGURE = 60
MAX_NAME = 34


def listing(found: Sequence[WorldSummary], store: str, successors: Mapping[str, str] | None = None) -> RenderableType:
    """The worlds of a store, one line each; `successors` gives the world that took the place of another."""
    if not found:
        return f"No worlds in {escape(store)} yet. Weave some with `worldloom synthesize`."
    table = Table(title=f"{counted(len(found), 'world')} in {escape(store)}", title_justify="left")
    table.add_column("world", min_width=max(len(summary.world_id) for summary in found), no_wrap=True)  # whole, to be copied
    table.add_column("category", overflow="fold")
    for heading in ("tables", "rows", "tools", "tasks"):
        table.add_column(heading, justify="right")
    for summary in found:
        counts = (summary.tables, summary.rows, summary.tools, summary.tasks)
        successor = (successors or {}).get(summary.world_id, "")
        table.add_row(listed(summary, successor), escape(summary.category), *(str(count) for count in counts))
    return table


def listed(summary: WorldSummary, successor: str = "") -> str:
    """A world's id, and below it the scenario's name where the id cannot spell it, and the world that took its place."""
    spelt = slug_of(summary.name) != slug_of("")
    line = summary.world_id if spelt else f"{summary.world_id}\n[dim]{escape(summary.name)}[/]"
    return f"{line}\n[dim]→ {successor}[/]" if successor else line


def counted(number: int, noun: str) -> str:
    """A number with its noun: one world, two worlds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def world_page(world: World) -> RenderableType:
    """A world on one page: scenario, tables with their rows, tools, tasks, verdicts."""
    scenario = world.scenario
    made_by = f"[dim]{escape(world.recipe.model)} · clock {world.clock.start} · digest {world.digest[:16]}…[/]"
    head = Panel(
        f"{escape(scenario.description)}\n{made_by}", title=f"{escape(scenario.name)} · {escape(scenario.category)}", title_align="left"
    )
    return Group(head, tables_table(world), tools_table(world), tasks_table(world), verdicts_table(world.report), f"[bold]{world.id}[/]")


def tables_table(world: World) -> Table:
    """Each table with its columns and the number of its rows."""
    table = Table("table", "rows", "columns", title="Tables", title_justify="left")
    for shape in shape_of(world.schema_sql, world.seed_sql):
        table.add_row(shape.name, str(shape.rows), ", ".join(column.name for column in shape.columns))
    return table


def tools_table(world: World) -> Table:
    """Each tool with its parameters and what it does."""
    table = Table(title="Tools", title_justify="left")
    table.add_column("tool", min_width=min(MAX_NAME, max(len(tool.name) for tool in world.tools)), overflow="fold")
    table.add_column("parameters", overflow="fold")
    table.add_column("does")
    for tool in world.tools:
        table.add_row(tool.name, escape(parameters(tool)), escape(tool.description))
    return table


def tasks_table(world: World) -> Table:
    """Each agent task with its kind, its level of difficulty, the calls of its solution, what it began with, and its instruction."""
    spread = spread_line(world)
    table = Table(title="Agent tasks" + (f" ({spread})" if spread else ""), title_justify="left")
    for heading in ("task", "kind", "level", "calls", "from"):
        table.add_column(heading, min_width=len(heading), justify="right" if heading in ("level", "calls") else "left")
    table.add_column("instruction")
    for task in world.tasks:
        figures = (level_of(task), str(len(task.solution)), task.origin or "-")
        table.add_row(task.id, task.kind, *figures, escape(task.instruction))
    return table


def level_of(task: AgentTask) -> str:
    """A task's level, or a dash where it was not measured."""
    return "-" if task.measures.difficulty is None else str(task.measures.difficulty.level)


def spread_line(world: World) -> str:
    """How many of the world's tasks each level has, beside what was asked for; empty where nothing was measured."""
    counts = levels_of(world.tasks)
    if not counts:
        return ""
    asked = "" if world.recipe.difficulty is None else f"; asked for {written(world.recipe.difficulty)} %"
    return ", ".join(f"{counts[level]} of level {level}" for level in LEVELS) + asked


def verdicts_table(report: Sequence[Verdict]) -> Table:
    """Each gate with its verdict and what it measured."""
    table = Table("gate", "verdict", "figures", title="Verdicts", title_justify="left")
    for verdict in report:
        colour = "red" if isinstance(verdict, Reject) else "green"
        table.add_row(verdict.gate, f"[{colour}]{verdict.verdict}[/]", escape(figures_line(verdict.figures)))
    return table


def figures_line(figures: Mapping[str, Any]) -> str:
    """Figures on one line, long ones cut short."""
    plain = ((name, value if isinstance(value, str) else json.dumps(value, default=str)) for name, value in figures.items())
    return ", ".join(f"{name} {value if len(value) <= MAX_FIGURE else value[:MAX_FIGURE] + '…'}" for name, value in plain)


def task_named(world: World, task_id: str) -> AgentTask:
    """The world's task of that id; raises UnknownName with the nearest."""
    found = {task.id: task for task in world.tasks}
    if task_id not in found:
        near = difflib.get_close_matches(task_id, found, n=3, cutoff=0.3) or list(found)[:3]
        raise UnknownName(f"{world.id} has no task '{task_id}'.", f"Did you mean {' or '.join(near)}?")
    return found[task_id]


def task_page(world: World, task: AgentTask) -> RenderableType:
    """A task with its reference solution, answer and checks, what it means, what was measured of it, and how columns are compared."""
    steps = Table("", "tool", "arguments", title="Reference solution", title_justify="left")
    for number, call in enumerate(task.solution):
        steps.add_row(str(number), call.tool, escape(json.dumps(call.arguments, ensure_ascii=False)))
    answer = [] if task.answer is None else [f"[bold]Answer:[/] {escape(json.dumps(list(task.answer), ensure_ascii=False))}"]
    checks = [part for check in task.checks for part in (f"[bold]{escape(check.name)}[/]", Syntax(check.sql, "sql", word_wrap=True))]
    head = Panel(escape(task.instruction), title=" · ".join(head_of(world, task)), title_align="left")
    return Group(head, steps, *answer, *checks, *conditions(task), *measures(task), *policies(task))


def head_of(world: World, task: AgentTask) -> tuple[str, ...]:
    """What stands over a task: the world, the task's id and kind, its level, what it began with."""
    difficulty = task.measures.difficulty
    level = [f"level {difficulty.level} of {len(LEVELS)}"] if difficulty else []
    began = {"walk": ["from a walk"], "intention": ["from an intention"]}.get(task.origin or "", [])
    return (world.id, task.id, task.kind, *level, *began)


def conditions(task: AgentTask) -> list[RenderableType]:
    """Which rows the instruction means, in words and as queries."""
    return [
        part
        for condition in task.conditions
        for part in (
            f"[bold]Means:[/] {escape(condition.name)} [dim]({escape(condition.table)})[/]",
            Syntax(condition.sql, "sql", word_wrap=True),
        )
    ]


def measures(task: AgentTask) -> list[RenderableType]:
    """What was measured of a task, a line a kind; nothing for what was not."""
    figures, mutation, fairness = task.measures.difficulty, task.measures.mutation, task.measures.fairness
    lines = []
    if figures is not None:
        lines.append(f"[bold]Difficulty {figures.level}:[/] {difficulty_line(figures)}")
    if mutation is not None:
        same = "".join(f", {count} {what}" for what, count in (("equivalent", mutation.equivalent), ("free", mutation.free)) if count)
        lines.append(f"[bold]Near misses:[/] {mutation.rejected} of {mutation.mutants} rejected{same}")
    if fairness is not None:
        lines.append(f"[bold]Other right ways:[/] {fairness.accepted} of {fairness.ways} accepted")
    return list(lines)


def difficulty_line(figures: Difficulty) -> str:
    """The parts of a difficulty as one line of words."""
    parts = [
        f"{counted(figures.steps, 'call')} of {counted(figures.tools, 'tool')}",
        f"{figures.branching:g} tools open at each",
        counted(figures.distractors, "distracting row"),
        counted(figures.irrelevant_tools, "irrelevant tool"),
        f"{counted(figures.looked_up, 'value')} to look up",
        f"{figures.given} given",
        counted(figures.hurdles, "hurdle"),
    ]
    return ", ".join(parts)


def policies(task: AgentTask) -> list[RenderableType]:
    """How the columns that the reference writes are compared, and what an answer may not list beside the right values."""
    kinds = {
        "compared exactly": task.exact_columns,
        "compared without case, spacing and closing punctuation": task.fuzzy_columns,
        "left to the agent": task.free_columns,
    }
    lines = [f"[dim]{how}: {escape(', '.join(columns))}[/]" for how, columns in kinds.items() if columns]
    beside = escape(", ".join(map(str, task.decoys)))
    return [*lines, *([f"[dim]beside the right answer there were: {beside}[/]"] if task.decoys else [])]


def plain_world(world: World) -> dict[str, Any]:
    """A world for machines: its content, identity, counts and report."""
    report = [verdict.canonical() for verdict in world.report]
    levels = plain_levels(levels_of(world.tasks))
    return {"id": world.id, "digest": world.digest, "counts": counts_of(world), "levels": levels, **world.content(), "report": report}


def plain_levels(counts: Mapping[int, int]) -> dict[str, int]:
    """The number of tasks of each level, for machines."""
    return {str(level): counts.get(level, 0) for level in LEVELS}


def plain_listing(
    found: Sequence[WorldSummary], levels: Mapping[str, Mapping[int, int]], successors: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The worlds of a store for machines, each with the levels of its tasks, and with the world that took its place, if any."""
    return [
        {
            **summary._asdict(),
            "created_at": summary.created_at.isoformat(),
            "levels": plain_levels(levels.get(summary.world_id, {})),
            "successor": (successors or {}).get(summary.world_id),
        }
        for summary in found
    ]


def audit_page(found: Sequence[Judged]) -> RenderableType:
    """The outcome of an audit, a line a world, and the first thing wrong with each that fails."""
    table = Table(title="Audit", title_justify="left")
    table.add_column("world", min_width=max((len(judged.world_id) for judged in found), default=0), no_wrap=True)  # whole, to be copied
    table.add_column("gates")
    table.add_column("agrees")
    table.add_column("first problem", overflow="fold")
    for judged in found:
        agrees = "[green]yes[/]" if judged.agrees else "[red]no[/]"
        table.add_row(escape(judged.world_id), f"{judged.passed}/{judged.gates}", agrees, escape(judged.problem))
    good = sum(judged.holds for judged in found)
    return Group(table, f"[bold]{good} of {counted(len(found), 'world')} {'holds' if len(found) == 1 else 'hold'}.[/]")
