"""`worldloom report`: a store on one page, or one world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from artifacts.files import refused
from artifacts.store import Store
from flows.options import StoreOption
from flows.querying import AsOfOption, opened
from tasks.reporting.page import html_of, report_of, require_worlds, world_html


def report(
    world: Annotated[str | None, typer.Argument(metavar="[WORLD]", help="One world alone; the whole store if left out.")] = None,
    *,
    output: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")] = Path("report.html"),
    worlds: Annotated[int | None, typer.Option(min=0, help="How many worlds are drawn, the newest first; all if left out.")] = None,
    as_of: AsOfOption = None,
    store: StoreOption = "./loom",
) -> None:
    """Write a report: one HTML file that needs no network, with the store's figures and a page for each world."""
    shelf = opened(store, as_of)
    require_worlds(shelf)
    text = whole(shelf, worlds) if world is None else world_html(shelf.world(world))
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise refused(str(output), problem) from problem
    Console(highlight=False).print(f"Wrote {escape(str(output))} ({len(text.encode()) / 1e6:.1f} MB).")


def whole(shelf: Store, worlds: int | None) -> str:
    """The report of a store; a bar on the terminal tells how many worlds are drawn."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Drawing worlds", total=None)
        return html_of(report_of(shelf, worlds, lambda done, total: progress.update(bar, completed=done, total=total)))
