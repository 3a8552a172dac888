"""`worldloom query`, `snapshots` and `fsck`: asking the manifests, looking into their past, and checking them."""

from __future__ import annotations

import json
import math
import sys
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts.errors import InvalidInput
from artifacts.fsck import Fault, check
from artifacts.mending import mend
from artifacts.snapshots import Snapshot, history
from artifacts.store import Store, open_store
from flows.boundary import FAILED, OK
from flows.options import JsonOption, StoreOption, print_json

AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="WHEN", help="A snapshot's number, the first digits of its id, or a time; now if left out.")
]


class Format(StrEnum):
    """How a query's result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One query over runs, attempts, verdicts, worlds, agent_tasks, tools, …")],
    *,
    form: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file; needed for Parquet on a terminal.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most rows that a table on the terminal shows.")] = 40,
    as_of: AsOfOption = None,
    store: StoreOption = "./loom",
) -> None:
    """Ask the manifests in SQL (DuckDB's), as they are now or as they were."""
    from artifacts import querying

    found = querying.query(opened(store, as_of), sql)
    if form is Format.TABLE and output is None:
        show(found, limit)
    else:
        write(found, form if form is not Format.TABLE else Format.CSV, output)


def show(found: Any, limit: int) -> None:
    """A result on the terminal."""
    console = Console()
    table = Table(*(escape(name) for name in found.column_names))
    for row in found.slice(0, limit).to_pylist():
        table.add_row(*(escape(cell(value)) for value in row.values()))
    console.print(table)
    more = f" (the first {limit} are shown)" if found.num_rows > limit else ""
    console.print(f"{found.num_rows:,} row{'s' if found.num_rows != 1 else ''}{more}")


def cell(value: Any) -> str:
    """One value in a table: NULL as a dash, text cut where it would crowd the others out."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"


def write(found: Any, form: Format, output: Path | None) -> None:
    """A result for other programs, into a file or onto standard output; raises InvalidInput."""
    if form is Format.JSON:
        text = "[\n" + ",\n".join(json_lines(found)) + "\n]\n"
        _ = output.write_text(text, encoding="utf-8") if output else sys.stdout.write(text)
        return
    if form is Format.PARQUET and output is None and sys.stdout.isatty():
        raise InvalidInput("Parquet on a terminal would be noise.", "Give --output FILE, or pipe it into a file.")
    sink: Any = str(output) if output else import_module("pyarrow").PythonFile(sys.stdout.buffer, mode="w")
    if form is Format.PARQUET:
        import_module("pyarrow.parquet").write_table(found, sink, compression="zstd")
    else:
        import_module("pyarrow.csv").write_csv(flat(found), sink)


def json_lines(found: Any) -> list[str]:
    """Each row as one line of JSON that any reader takes: whole sums are numbers, bytes are base64, what is not finite is null."""
    return [json.dumps(plain(row), ensure_ascii=False, default=str, allow_nan=False) for row in found.to_pylist()]


def plain(value: Any) -> Any:
    """A value as JSON has it; DuckDB gives sums of whole numbers as decimals."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return b64encode(value).decode() if isinstance(value, bytes) else value


def flat(found: Any) -> Any:
    """The table with lists and structures as JSON text and bytes in base64, which CSV can hold."""
    types = import_module("pyarrow").types
    for index, field in enumerate(found.schema):
        if types.is_nested(field.type):
            found = written(found, index, lambda value: json.dumps(plain(value), ensure_ascii=False, default=str))
        elif types.is_binary(field.type) or types.is_large_binary(field.type):
            found = written(found, index, lambda value: b64encode(value).decode())
    return found


def written(found: Any, index: int, write: Callable[[Any], str]) -> Any:
    """The table with one column as text."""
    texts = [None if value is None else write(value) for value in found.column(index).to_pylist()]
    pa = import_module("pyarrow")
    return found.set_column(index, found.schema.field(index).name, pa.array(texts, pa.string()))


def list_snapshots(store: StoreOption = "./loom", as_json: JsonOption = False) -> None:
    """List the snapshots of a store, newest first: each is the whole content at one moment."""
    found = list(history(opened(store).files))
    if as_json:
        print_json([{**s.model_dump(exclude={"parts", "seal"}), "id": s.id, "parts": len(s.parts), "rows": rows_of(s)} for s in found])
        return
    table = Table("number", "id", "created", "what", "parts", "rows")
    for snapshot in found:
        counts = (f"{len(snapshot.parts):,}", f"{rows_of(snapshot):,}")
        table.add_row(str(snapshot.number), snapshot.id[:12], snapshot.created_at[:19], snapshot.operation, *counts)
    Console().print(table if found else f"{escape(store)} has no snapshots yet.")


def rows_of(snapshot: Snapshot) -> int:
    """The rows of all tables of a snapshot."""
    return sum(part.rows for part in snapshot.parts)


def fsck(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be put right.")] = False,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Check every hash, key and reference of a store, name each fault, and repair what can be repaired."""
    shelf = opened(store)
    faults = check(shelf)
    done = mend(shelf, faults) if repair and faults else ()
    left = check(shelf) if done else faults
    if as_json:
        print_json({"faults": [fault._asdict() for fault in faults], "repaired": done, "left": [fault._asdict() for fault in left]})
    else:
        Console(highlight=False).print(fsck_page(faults, done, left), soft_wrap=True)
    return FAILED if left else OK


def fsck_page(faults: tuple[Fault, ...], done: tuple[str, ...], left: tuple[Fault, ...]) -> str:
    """What was found, what was done, and what is left."""
    lines = [
        f"{escape(f.kind)}: {escape(f.place)} {escape(f.problem)}{' [dim](--repair can mend this)[/]' if f.mendable else ''}"
        for f in faults
    ]
    lines += [f"[green]repaired:[/] {escape(line)}" for line in done]
    if done and left:
        lines += [f"[red]left:[/] {escape(f.place)} {escape(f.problem)}" for f in left]
    verdict = "The store is sound." if not left else f"{len(left)} fault{'s' if len(left) > 1 else ''}."
    return "\n".join([*lines, f"[bold]{verdict}[/]"])


def opened(url: str, as_of: str | None = None) -> Store:
    """The store, which has to be there, as it is or as it was."""
    shelf = open_store(url, create=False)
    return shelf if as_of is None else shelf.as_of(as_of)
