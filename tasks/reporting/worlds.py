"""One world as a section of the report: its tables and their references, its tools and what feeds them, rows, tasks, figures."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.page import parameters, quality_rows
from artifacts.shape import TableShape, shape_of
from artifacts.world import World
from containers.environment import Blueprint, Environment
from tasks.reporting.drawing import Box, svg
from tasks.sql.lineage import needed_keys, root_of, usage_of
from tasks.sql.scratch import catalog_of

SAMPLE_ROWS = 4
MOST_COLUMNS = 9


class Sample(NamedTuple):
    """The first rows of a table."""

    table: str
    rows: int
    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]


class TaskView(NamedTuple):
    """A task as the page shows it."""

    id: str
    kind: str
    level: str
    origin: str
    instruction: str
    calls: tuple[str, ...]
    answer: str
    checks: tuple[str, ...]
    figures: str


class WorldView(NamedTuple):
    """A world as the page shows it; the two graphs are SVG."""

    id: str
    name: str
    category: str
    description: str
    model: str
    tables: str
    tools: str
    tool_lines: tuple[tuple[str, str, str], ...]
    samples: tuple[Sample, ...]
    tasks: tuple[TaskView, ...]
    quality: tuple[tuple[str, str], ...]


def view_of(world: World) -> WorldView:
    """A world, drawn and listed."""
    shapes = shape_of(world.schema_sql, world.seed_sql)
    scenario = world.scenario
    return WorldView(
        world.id,
        scenario.name,
        scenario.category,
        scenario.description,
        world.recipe.model,
        tables_svg(shapes),
        tools_svg(world),
        tuple((tool.name, parameters(tool), tool.description) for tool in world.tools),
        samples_of(world, shapes),
        tuple(map(task_view, world.tasks)),
        quality_rows(world),
    )


def tables_svg(shapes: tuple[TableShape, ...]) -> str:
    """The entity-relationship diagram: keys and references of each table, arrows from what is referred to."""
    boxes = {shape.name: Box(f"{shape.name} ({shape.rows})", _column_lines(shape)) for shape in shapes}
    arrows = [(c.references.partition(".")[0], shape.name) for shape in shapes for c in shape.columns if c.references]
    known = {name.lower(): name for name in boxes}
    return svg(boxes, [(known[tail.lower()], head) for tail, head in arrows if tail.lower() in known])


def _column_lines(shape: TableShape) -> tuple[str, ...]:
    lines = [f"{'● ' if c.primary else '→ ' if c.references else ''}{c.name} {c.type.lower()}" for c in shape.columns]
    more = len(lines) - MOST_COLUMNS
    return tuple(lines[:MOST_COLUMNS]) + ((f"… {more} more",) if more > 0 else ())


def tools_svg(world: World) -> str:
    """The tool graph: an arrow where a result of one tool feeds a key of another."""
    catalog = catalog_of(world.schema_sql)
    usages = {tool.name: usage_of(tool, world.schema_sql) for tool in world.tools}
    boxes = {name: Box(name, (), "writes" if usage.writes else "reads") for name, usage in usages.items()}
    gives = {name: {root_of(pair, catalog) for pair in usage.gives} for name, usage in usages.items()}
    needs = {tool.name: set(needed_keys(tool, usages[tool.name], catalog).values()) for tool in world.tools}
    feeders = {head: [tail for tail in sorted(gives) if tail != head and gives[tail] & needs[head]] for head in sorted(needs)}
    # One feeder tells the story; a dozen lists that all give the same id would hide it.
    return svg(boxes, [(tails[0], head) for head, tails in feeders.items() if tails])


def samples_of(world: World, shapes: tuple[TableShape, ...]) -> tuple[Sample, ...]:
    """The first rows of every table."""
    with Environment.fork(Blueprint.of(world)) as environment:
        return tuple(_sample(environment, shape) for shape in shapes)


def _sample(environment: Environment, shape: TableShape) -> Sample:
    names = tuple(column.name for column in shape.columns)
    rows = environment.query(f'SELECT * FROM "{shape.name}" ORDER BY 1 LIMIT {SAMPLE_ROWS}')
    return Sample(shape.name, shape.rows, names, tuple(tuple(_shown(row.get(name)) for name in names) for row in rows))


def task_view(task: AgentTask) -> TaskView:
    """A task with its solution, checks and figures as lines."""
    measures = task.measures
    mutation, fairness = measures.mutation, measures.fairness
    figures = [f"{mutation.rejected} of {mutation.mutants - mutation.equivalent - mutation.free} near misses rejected"] if mutation else []
    figures += [f"{fairness.accepted} of {fairness.ways} right ways accepted"] if fairness else []
    return TaskView(
        task.id,
        task.kind,
        str(measures.difficulty.level) if measures.difficulty else "-",
        task.origin or "-",
        task.instruction,
        tuple(f"{n}. {call.tool}({_arguments(call.arguments)})" for n, call in enumerate(task.solution)),
        "" if task.answer is None else ", ".join(map(_shown, task.answer)),
        tuple(f"{check.name}: {check.sql}" for check in task.checks),
        "; ".join(figures),
    )


def _arguments(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {_argument(value)}" for name, value in arguments.items())


def _argument(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"$ref"}:
        return f"← {value['$ref']}"
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
