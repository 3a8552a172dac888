"""A store as a folder that other tools read: plain Parquet by table and split, a card, and a Croissant description."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from artifacts.errors import InvalidInput
from artifacts.files import TEMPORARY, refused
from artifacts.store import Store
from artifacts.tables import table_named
from tasks.standards.card import card
from tasks.standards.croissant import croissant
from tasks.standards.extract import Extract, extract, world_splits
from tasks.standards.origin import Provenance, provenance

USUAL = ("agent_tasks", "worlds", "tools", "trajectories")
"""The tables that are exported when none are named, the one that is loaded by default first."""


class ExportOrder(NamedTuple):
    """What is exported, under which name and licence, and where it will be found."""

    tables: tuple[str, ...] = ()
    name: str = "worlds"
    licence: str | None = None
    url: str = "."


class Exported(NamedTuple):
    """What came of an export."""

    made: Provenance
    files: tuple[Extract, ...]


def export(store: Store, order: ExportOrder, folder: Path) -> Exported:
    """Write a store's tables, card and description into a new folder, which is whole or not there.

    Raises UnknownName for a table, InvalidInput for a folder that is not empty or a store without worlds, Unwritable.
    """
    tables = tuple(table_named(name) for name in order.tables or USUAL)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is there already, and not empty.", "Name a new folder, or empty this one.")
    splits, made = world_splits(store), provenance(store, order.name, order.licence, order.url)
    if not splits:
        raise InvalidInput(f"There are no worlds in {store.url}.", "Weave some with `worldloom synthesize`.")
    aside = folder.absolute().with_name(f"{TEMPORARY}{folder.absolute().name}-{secrets.token_hex(6)}")
    try:
        aside.mkdir(parents=True)
        files = tuple(one for table in tables for one in extract(store, table, splits, aside))
        describe(aside, made, files)
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    except OSError as problem:
        raise refused(str(folder), problem) from problem
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Exported(made, files)


def describe(folder: Path, made: Provenance, files: Sequence[Extract]) -> None:
    """Write the card and the description beside the data."""
    (folder / "README.md").write_text(card(made, files), encoding="utf-8")
    text = json.dumps(croissant(made, files), indent=2, ensure_ascii=False)
    (folder / "croissant.json").write_text(text + "\n", encoding="utf-8")
