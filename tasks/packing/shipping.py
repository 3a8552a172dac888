"""Which worlds are to be packaged, and what is kept of it: one place for the command and the flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from artifacts.errors import UnknownName
from artifacts.rows import row_of_image
from artifacts.store import Store
from containers.packaging.engine import Engine
from containers.packaging.package import Packaged, Shipment


def chosen(shelf: Store, names: Sequence[str]) -> list[Shipment]:
    """The named worlds, or all, oldest first, as shipments; raises UnknownName where there is none of them."""
    known = {summary.world_id: summary for summary in shelf.worlds()}
    if not known:
        raise UnknownName(f"There is no world in {shelf.url}.", "Weave one with `worldloom synthesize`.")
    newest = {slug_in(world_id): world_id for world_id in known}
    wanted = list(dict.fromkeys(shelf.world(name).id for name in names) if names else known)
    return [
        Shipment(partial(shelf.world, name), known[name].run_id, newest[slug_in(name)] == name, known[name].world_id) for name in wanted
    ]


def without_images(shelf: Store, prefix: str) -> list[str]:
    """The ids of the worlds, oldest first, that no row of `images` names with this prefix."""
    rows = shelf.scan("images").select("world_id", "tags").collect().to_dicts()
    there = {row["world_id"] for row in rows if any(tag.startswith(f"{prefix}/") for tag in row["tags"])}
    return [summary.world_id for summary in shelf.worlds() if summary.world_id not in there]


def slug_in(world_id: str) -> str:
    """A world's id without its digest: worlds of one slug share an image's name."""
    return world_id.rpartition("-")[0]


def sent(engine: Engine, base_tag: str, done: Sequence[Packaged]) -> Iterator[tuple[str, str]]:
    """Push the base, then every world under all its names; gives each world's digest in the registry."""
    engine.push(base_tag)
    for image in done:
        digests = [engine.push(name) for name in image.tags]
        yield image.world_id, digests[0]


def record(shelf: Store, done: Sequence[Packaged], pushed: Mapping[str, str], shipments: Sequence[Shipment]) -> None:
    """A row of `images` for each that has none, and for each that is pushed for the first time."""
    runs = {shipment.world_id: shipment.run_id for shipment in shipments}
    now = datetime.now(UTC)
    shelf.commit({"images": [row_of_image(image._asdict(), runs[image.world_id], pushed.get(image.world_id), now) for image in done]})
