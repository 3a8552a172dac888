"""`worldloom export`: a store for other tools, as a folder that the Hugging Face libraries and Croissant loaders read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.observing import observed_command
from flows.options import JsonOption, StoreOption, print_json
from flows.querying import AsOfOption, opened


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    *,
    tables: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="A table; may be given again. Those that agents learn from by default."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the data set is called.")] = "worlds",
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="Licence of the data, such as cc-by-4.0. Needed for other models' worlds.")
    ] = None,
    url: Annotated[str, typer.Option(metavar="URL", help="Where it is going to be published, for its Croissant description.")] = ".",
    as_of: AsOfOption = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> None:
    """Export tables as plain Parquet by split, with a data-set card and a Croissant description."""
    from tasks.standards import export as exporting
    from tasks.standards.origin import UNSTATED

    shelf = opened(store, as_of)
    order = exporting.ExportOrder(tuple(tables or ()), name, licence, url)
    with observed_command("export", None, store):
        done = exporting.export(shelf, order, folder)
    if as_json:
        print_json({"folder": str(folder), **done.made._asdict(), "files": [file._asdict() for file in done.files]})
        return
    shown = Table("table", "split", "rows", "file")
    for file in done.files:
        shown.add_row(file.table, file.split, f"{file.rows:,}", escape(file.path))
    console = Console(highlight=False, soft_wrap=True)
    console.print(shown)
    console.print(f"Wrote {escape(str(folder))}: snapshot {done.made.snapshot}, licence {escape(done.made.licence)}.")
    if done.made.licence == UNSTATED:
        console.print("[yellow]No licence is stated: models with terms of their own wrote these worlds. Name it with --license.[/]")
