"""A bundle's README.md: the world for a person."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifacts.shape import TableShape, shape_of
from artifacts.toolset import Tool
from artifacts.verdict import Pass
from artifacts.world import World

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent / "templates"


def readme(world: World) -> str:
    """The page in Markdown: what the world is, its diagram, tools and tasks, how to check it, how it was made.

    Raises InvalidBundle where the schema or the seed does not load.
    """
    tables = shape_of(world.schema_sql, world.seed_sql)
    return _template().render(
        world=world, tables=tables, diagram=diagram(tables), parameters=parameters, counted=counted, quality=quality_rows(world)
    )


def counted(number: int, what: str, more: str = "") -> str:
    """A number and its noun: `1 tool`, `2 tools`; `more` is the plural where that is not what an s makes."""
    return f"{number} {what}" if number == 1 else f"{number} {more or what + 's'}"


def quality_rows(world: World) -> tuple[tuple[str, str], ...]:
    """What was measured of the tasks and tools when the world was sealed, by name; empty where nothing was."""
    rows = (
        ("tools that were called with success", _called(world)),
        ("near misses of the reference solutions", _near_misses(world)),
        ("other right ways", _right_ways(world)),
        ("doing nothing", _idleness(world)),
        ("tasks by level, 1 easy to 5 hard", _levels(world)),
    )
    return tuple((name, text) for name, text in rows if text)


def _called(world: World) -> str:
    figures = _figures(world, "tools_work")
    return f"all {figures['tools']}" if figures.get("tools") else ""


def _near_misses(world: World) -> str:
    found = [task.measures.mutation for task in world.tasks if task.measures.mutation]
    count, rejected = sum(one.mutants for one in found), sum(one.rejected for one in found)
    harmless = sum(one.equivalent + one.free for one in found)
    same = f"; {harmless} differ in nothing that counts" if harmless else ""
    return f"{counted(count, 'was', 'were')} carried out, {rejected} rejected{same}" if count else ""


def _right_ways(world: World) -> str:
    found = [task.measures.fairness for task in world.tasks if task.measures.fairness]
    count, accepted = sum(one.ways for one in found), sum(one.accepted for one in found)
    return f"{counted(count, 'was', 'were')} carried out, {accepted} accepted" if count else ""


def _idleness(world: World) -> str:
    tasks = _figures(world, "idle_scores_zero").get("tasks")
    return f"earns 0 on {counted(tasks, 'task')}, whatever is said" if tasks else ""


def _levels(world: World) -> str:
    levels = Counter(task.measures.difficulty.level for task in world.tasks if task.measures.difficulty)
    return ", ".join(f"level {level}: {levels[level]}" for level in sorted(levels))


def _figures(world: World, gate: str) -> dict[str, Any]:
    """What a gate that the world passed has measured."""
    return next((verdict.figures for verdict in world.report if verdict.gate == gate and isinstance(verdict, Pass)), {})


def diagram(tables: tuple[TableShape, ...]) -> str:
    """A Mermaid entity-relationship diagram: every table with its columns, one line per foreign key."""
    return "\n".join(["erDiagram", *(line for t in tables for line in _entity(t)), *(line for t in tables for line in _relations(t))])


def parameters(tool: Tool) -> str:
    """A tool's parameters as one line, optional ones with a question mark: `order_id: integer, note?: string`."""
    required = tool.parameters.get("required", ())
    properties: dict[str, Any] = tool.parameters.get("properties", {})
    return ", ".join(f"{name}{'' if name in required else '?'}: {_type(spec)}" for name, spec in properties.items())


def _type(spec: Any) -> str:
    if not isinstance(spec, dict):
        return "any"
    if "enum" in spec:
        return " or ".join(str(choice) for choice in spec["enum"])
    kind = spec.get("type", "any")
    if kind == "array":
        return f"list of {_type(spec.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _entity(table: TableShape) -> list[str]:
    keys = {True: "PK", False: ""}
    lines = []
    for column in table.columns:
        marks = ", ".join(mark for mark in (keys[column.primary > 0], "FK" if column.references else "") if mark)
        lines.append(f"        {_word(column.type or 'ANY')} {_word(column.name)} {marks}".rstrip())
    return [f"    {_word(table.name)} {{", *lines, "    }"]


def _relations(table: TableShape) -> list[str]:
    """Crow's feet: many rows here belong to exactly one (required) or at most one row there."""
    return [
        f"    {_word(c.references.partition('.')[0])} {'||' if c.required else '|o'}--o{{ {_word(table.name)} : {_word(c.name)}"
        for c in table.columns
        if c.references
    ]


def _word(name: str) -> str:
    """A name as Mermaid takes it: letters, digits and underscores, not a digit first."""
    word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "x"
    return f"_{word}" if word[0].isdigit() else word


def _text(value: object) -> str:
    """Text that cannot become markup: one line, with Markdown's and HTML's own characters escaped."""
    return re.sub(r"([\\`*_\[\]<>|#~$])", r"\\\1", " ".join(str(value).split()))


def _code(value: object) -> str:
    """Text in a code span of a table cell."""
    line = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line}`"


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - the page is Markdown, not HTML; the filters below escape what models wrote
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(text=_text, code=_code)
    return environment.get_template("bundle.md.j2")
