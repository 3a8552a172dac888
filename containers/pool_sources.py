"""The worlds of a pool: as objects, as the bytes of a bundle, or by their ids in a store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from artifacts.bundle import BODY, HEAD, read_bundle
from artifacts.errors import InvalidBundle, UnknownName
from artifacts.identity import short
from artifacts.store import Store, open_store
from artifacts.world import Draft, World

Bundle = Mapping[str, bytes]
"""The files of a bundle, name to bytes, as `artifacts.bundle.bundle_files` gives them."""


class Source(NamedTuple):
    """What a worker needs of a world, and what the pool must know of it."""

    name: str
    draft_json: bytes
    tasks: frozenset[str]


def source_of(world: World | Draft | Bundle) -> Source:
    """The source of a world, a draft or a bundle; raises InvalidBundle for a bundle that is not as it was sealed."""
    if not isinstance(world, World | Draft):
        world = _unpacked(world)
    draft = world.draft() if isinstance(world, World) else world
    name = world.id if isinstance(world, World) else f"{draft.draft_id}-{short(draft.digest)}"
    lean = draft.model_copy(update={"seed": (), "intentions": ()})
    return Source(name, lean.model_dump_json(by_alias=True).encode(), frozenset(task.id for task in draft.tasks))


def _unpacked(bundle: Bundle) -> World:
    for name in bundle:
        if name not in (HEAD, *BODY):
            raise InvalidBundle(f"'{name[:80]}' does not belong to a bundle.", f"A bundle is {HEAD} and {', '.join(BODY)}.")
    with tempfile.TemporaryDirectory() as folder:
        for name, data in bundle.items():
            Path(folder, name).write_bytes(data)
        return read_bundle(folder)


def shelf_of(store: Store | str | Path | None) -> Callable[[str], World]:
    """Where worlds that are only named come from; raises UnknownName when asked for one that is not there."""
    if store is None:
        return _no_store
    opened = store if isinstance(store, Store) else open_store(store, create=False)
    return opened.world


def _no_store(name: str) -> World:
    raise UnknownName(f"The pool has no world '{name[:80]}'.", "Add it first, or give the pool a store.")
