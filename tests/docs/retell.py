"""Runs the queries and the Python of docs/analysis.md and writes their output below them: `python tests/docs/retell.py`."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from artifacts.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "analysis.md"
BLOCK = re.compile(r"```sql\n(?P<sql>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
PYTHON = re.compile(r"```python\n(?P<code>(?:(?!```).)*)```\n\n```text\n(?:(?!```).)*```\n", re.DOTALL)
"""Python that is run: what has an output below it."""


def told(store: Store, page: str) -> str:
    """The page with the output of every query below it."""
    with store.duckdb() as connection:

        def answer(match: re.Match[str]) -> str:
            found = connection.execute(match["sql"])
            names = [column[0] for column in found.description or ()]
            return f"```sql\n{match['sql']}```\n\n```text\n{shown(names, found.fetchall())}```\n"

        return PYTHON.sub(lambda match: printed(store, match["code"]), BLOCK.sub(answer, page))


def printed(store: Store, code: str) -> str:
    """A block of Python with what it prints; `store` stands for the reader's own."""
    said = io.StringIO()
    with redirect_stdout(said):
        exec(code, {"store": store})  # noqa: S102 (the page's own code)
    return f"```python\n{code}```\n\n```text\n{said.getvalue().rstrip()}\n```\n"


def shown(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    """A result as plain text."""
    table = Table(*names, box=box.ASCII2, show_edge=False)
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row))
    console = Console(width=150, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def made(folder: Path) -> Store:
    """The store that the guides are about."""
    spec = spec_from_file_location("manifests", Path(__file__).with_name("manifests.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    store: Store = module.make(folder)
    return store


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        PAGE.write_text(told(made(Path(place)), PAGE.read_text()))
    sys.stdout.write(f"{PAGE} is told anew.\n")
