"""The worlds' pages, drawn on every core and packed: a page takes some 8 KB until a browser opens it.

A world never changes, so that a page once drawn is kept in the store's home and the next report draws only what is new. The kept pages
are a convenience: where they cannot be written they are drawn again.
"""

from __future__ import annotations

import base64
import gzip
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import cache, partial
from importlib import resources
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from artifacts.errors import UnknownName
from artifacts.identity import digest_of_bytes
from artifacts.rows import world_of_rows
from artifacts.store import Store, open_store
from artifacts.world import World
from tasks.reporting.templating import template
from tasks.reporting.worlds import view_of

FEW = 24
"""So many worlds are drawn in this process: starting others would take longer."""
CHUNK = 16
KEPT = "report.sqlite"

_TABLE = "CREATE TABLE IF NOT EXISTS pages (world_id TEXT PRIMARY KEY, look TEXT NOT NULL, page BLOB NOT NULL) WITHOUT ROWID"


def pages_of(store: Store, world_ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each world's id and its page as gzipped HTML, in no order, as soon as there are more of them.

    Raises UnknownName for a world that is not there, InvalidBundle for rows that were edited.
    """
    known = kept(store.home, world_ids)
    yield from known.items()
    for drawn in drawn_anew(store, [world_id for world_id in world_ids if world_id not in known]):
        keep(store.home, drawn)
        yield from drawn


def drawn_anew(store: Store, world_ids: Sequence[str]) -> Iterator[list[tuple[str, bytes]]]:
    """Pages of worlds, some at a time: in this process where they are few or the store is only here, else on every core."""
    chunks = [world_ids[start : start + CHUNK] for start in range(0, len(world_ids), CHUNK)]
    if len(world_ids) <= FEW or store.url.startswith("memory:"):
        yield from map(partial(drawn_here, store), chunks)
        return
    draw = partial(drawn_there, store.url, str(store.snapshot().number))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(draw, chunks)


def drawn_there(url: str, number: str, world_ids: Sequence[str]) -> list[tuple[str, bytes]]:
    """Pages of some worlds, in a process that knows only where the store is."""
    return drawn_here(open_store(url, create=False).as_of(number), world_ids)


def drawn_here(store: Store, world_ids: Sequence[str]) -> list[tuple[str, bytes]]:
    """Pages of some worlds, read from the tables in one go."""
    return [(world.id, packed(body_of(world))) for world in worlds_of(store, world_ids)]


def worlds_of(store: Store, world_ids: Sequence[str]) -> Iterator[World]:
    """Worlds out of their rows; raises UnknownName, InvalidBundle."""
    mine = pl.col("world_id").is_in(list(world_ids))
    rows = {row["world_id"]: row for row in store.scan("worlds").filter(mine).collect().iter_rows(named=True)}
    tasks = store.scan("agent_tasks").filter(mine).collect().partition_by("world_id", as_dict=True)
    for world_id in world_ids:
        if world_id not in rows:
            raise UnknownName(f"There is no world '{world_id}'.", "`worldloom ls` lists the worlds.")
        held = tasks.get((world_id,))
        yield world_of_rows(rows[world_id], held.to_dicts() if held is not None else [])


def body_of(world: World) -> str:
    """A world's page, to stand inside another."""
    return template("world_body.html.j2").render(world=view_of(world))


def packed(text: str) -> bytes:
    """Text as gzip, the same bytes every time; every browser of the last years unpacks it."""
    return gzip.compress(text.encode(), 9, mtime=0)


def in_base64(data: bytes) -> str:
    """Bytes as they stand in a page."""
    return base64.b64encode(data).decode()


@cache
def look() -> str:
    """The name of how pages are drawn: the digest of what draws them."""
    here = resources.files("tasks.reporting")
    names = sorted((file for folder in (here, here / "templates") for file in folder.iterdir() if file.is_file()), key=lambda f: f.name)
    return digest_of_bytes(b"\0".join(chain.from_iterable((file.name.encode(), file.read_bytes()) for file in names)))


def kept(home: Path, world_ids: Iterable[str]) -> dict[str, bytes]:
    """The pages of these worlds that were drawn before, as they are drawn now."""
    wanted = set(world_ids)
    try:
        with closing(sqlite3.connect(f"file:{home / KEPT}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT world_id, page FROM pages WHERE look = ?", (look(),))
            return {world_id: page for world_id, page in rows if world_id in wanted}
    except sqlite3.Error:  # none were kept, or another program left something else there
        return {}


def keep(home: Path, drawn: Iterable[tuple[str, bytes]]) -> None:
    """Keep pages for the next report; a home that cannot be written keeps none."""
    rows = [(world_id, look(), page) for world_id, page in drawn]
    try:
        with closing(sqlite3.connect(home / KEPT)) as connection, connection:
            connection.execute(_TABLE)
            connection.execute("DELETE FROM pages WHERE look <> ?", (look(),))
            connection.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", rows)
    except sqlite3.Error:
        return
