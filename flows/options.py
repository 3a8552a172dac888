"""Options that several commands take, and how they print JSON."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

StoreOption = Annotated[
    str, typer.Option("--store", envvar="WORLDLOOM_STORE", help="Folder or fsspec URL that holds the worlds.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def print_json(value: Any) -> None:
    """JSON on standard output, and nothing else with it."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
