"""`worldloom lineage`: where a thing came from, what came of it, what a program reaches, what rejections share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts.ancestry import Ancestry, Cause, Direction, Reach, ancestry, causes, reach, require_one
from artifacts.errors import InvalidInput
from artifacts.files import refused
from artifacts.picture import Picture, mermaid, picture_of_causes, picture_of_reach, picture_of_walk
from artifacts.store import Store
from flows.options import JsonOption, StoreOption, print_json
from flows.querying import AsOfOption, opened
from tasks.reporting.drawing import alone

MOST_NAMED = 5


def lineage(
    name: Annotated[str | None, typer.Argument(metavar="[ID]", help="A world, task, attempt, run, scenario, image or checkpoint.")] = None,
    *,
    down: Annotated[bool, typer.Option("--down/--up", help="What came of it, or what it came from.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="Draw the answer, as Mermaid.")] = False,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the answer into a file: .svg, or .mmd for Mermaid.")] = None,
    program: Annotated[str | None, typer.Option(metavar="STAGE", help="What would change if this stage's program changed.")] = None,
    cause: Annotated[
        str | None,
        typer.Option(metavar="DRAFT|GATE|CODE|all", help="Which rejected drafts share a cause."),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="How many steps to walk at most.")] = 32,
    as_of: AsOfOption = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> None:
    """Ask where a thing came from (or with --down, what came of it), what a program reaches, or what rejections share."""
    require_one(ID=name, program=program, cause=cause)
    shelf = opened(store, as_of)
    found = answered(shelf, name, program, cause, "down" if down else "up", depth)
    if output is not None:
        draw(found.picture, output)
    elif graph:
        typer.echo(mermaid(found.picture))
    elif as_json:
        print_json(found.plain)
    else:
        Console(highlight=False).print(found.page)


class Answer(NamedTuple):
    """An answer for machines, for people, and as a picture."""

    plain: Any
    page: Table
    picture: Picture


def answered(shelf: Store, name: str | None, program: str | None, cause: str | None, direction: Direction, depth: int) -> Answer:  # noqa: PLR0917 (the command's own arguments)
    """The answer to the one question that is asked."""
    if program is not None:
        reached = reach(shelf, program)
        return Answer(reached._asdict(), reach_table(reached), picture_of_reach(reached))
    if cause is not None:
        shared = causes(shelf, None if cause == "all" else cause)
        return Answer([found._asdict() for found in shared], cause_table(shared), picture_of_causes(shared))
    walked = ancestry(shelf, str(name), direction, depth)
    plain = {**walked._asdict(), "edges": [edge._asdict() for edge in walked.edges], "met": walked.met}
    return Answer(plain, ancestry_table(walked), picture_of_walk(walked))


def draw(picture: Picture, output: Path) -> None:
    """Write a picture as its file's name says; raises InvalidInput for another ending, Unwritable."""
    if output.suffix not in (".svg", ".mmd"):
        raise InvalidInput(f"{output} ends neither in .svg nor in .mmd.", "Name the file by what it shall hold: SVG or Mermaid.")
    try:
        output.write_text(alone(picture) if output.suffix == ".svg" else mermaid(picture) + "\n", encoding="utf-8")
    except OSError as problem:
        raise refused(str(output), problem) from problem
    Console(highlight=False).print(f"Wrote {escape(str(output))}.")


def ancestry_table(walked: Ancestry) -> Table:
    """What a walk met, a line for each kind."""
    words = "came from" if walked.direction == "up" else "gave"
    table = Table("kind", "how many", "which", title=f"{walked.kind} {escape(walked.start)} {words}", title_justify="left")
    for kind, names in walked.met.items():
        table.add_row(kind, f"{len(names):,}", escape(named(names)))
    return table


def cause_table(found: tuple[Cause, ...]) -> Table:
    """Causes of rejections, the commonest first."""
    table = Table("gate or stage", "first diagnostic", "drafts", "which", title="Rejected drafts by cause", title_justify="left")
    for cause in found:
        table.add_row(cause.gate, cause.code, f"{len(cause.drafts):,}", escape(named(list(cause.drafts))))
    return table


def reach_table(found: Reach) -> Table:
    """What a stage's program has made, by its digest."""
    after = ", ".join(f"{count:,} {kind}s" for kind, count in found.after.items()) or "nothing yet"
    table = Table("program", "worlds", "which", title=f"Made by the stage {found.stage}; after them came {after}", title_justify="left")
    for digest, worlds in found.programs.items():
        table.add_row(digest, f"{len(worlds):,}", escape(named(list(worlds))))
    return table


def named(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" … and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
