"""`worldloom package`: sealed worlds as Docker images."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from artifacts.errors import UnknownName
from artifacts.rows import row_of_image
from artifacts.store import Store, open_store
from flows.options import JsonOption, StoreOption, print_json

if TYPE_CHECKING:
    from containers.packaging.engine import Engine
    from containers.packaging.package import Packaged, Shipment


def package(
    worlds: Annotated[list[str] | None, typer.Argument(metavar="[WORLD]...", help="Worlds to package; all if left out.")] = None,
    *,
    base: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Image with Python 3.11 to build on, such as python:3.11-slim; Debian's packages if left out."),
    ] = None,
    tag: Annotated[
        str, typer.Option(metavar="PREFIX", help="What the images' names start with: a registry, a folder in it.")
    ] = "worldloom",
    push: Annotated[bool, typer.Option("--push", help="Send the images to the registry that their names say.")] = False,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> None:
    """Package worlds as Docker images: `docker run -i --rm worldloom/<name>` is then an MCP server. What is built is skipped."""
    from containers.packaging.engine import connect
    from containers.packaging.package import make_base, named_well, package_worlds

    shelf = open_store(store, create=False)
    prefix = named_well(tag)
    shipments = chosen(shelf, worlds or ())
    console = Console(stderr=True)
    with connect() as engine:
        with console.status("Making the base …"):
            ground = make_base(engine, base, prefix)
        began = time.monotonic()
        made = package_worlds(engine, ground, shipments, prefix)
        done = list(track(made, "Packaging", len(shipments), console=console, transient=True))
        elapsed = time.monotonic() - began
        pushed = dict(sent(engine, ground.tag, done)) if push else {}
        base_bytes = engine.size(ground.tag)
    record(shelf, done, pushed, shipments)
    if as_json:
        print_json([{**image._asdict(), "pushed_digest": pushed.get(image.world_id)} for image in done])
    else:
        Console(highlight=False, soft_wrap=True).print(closing(done, base_bytes, ground.tag, elapsed))


def chosen(shelf: Store, names: Sequence[str]) -> list[Shipment]:
    """The named worlds, or all, oldest first, as shipments; raises UnknownName where there is none of them."""
    from containers.packaging.package import Shipment

    known = {summary.world_id: summary for summary in shelf.worlds()}
    if not known:
        raise UnknownName(f"There is no world in {shelf.url}.", "Weave one with `worldloom synthesize`.")
    newest = {slug_in(world_id): world_id for world_id in known}
    wanted = dict.fromkeys(shelf.world(name).id for name in names) if names else known
    return [
        Shipment(partial(shelf.world, name), known[name].run_id, newest[slug_in(name)] == name, known[name].world_id) for name in wanted
    ]


def slug_in(world_id: str) -> str:
    """A world's id without its digest: worlds of one slug share an image's name."""
    return world_id.rpartition("-")[0]


def sent(engine: Engine, base_tag: str, done: Sequence[Packaged]) -> Iterator[tuple[str, str]]:
    """Push the base, then every world under all its names; gives each world's digest in the registry."""
    engine.push(base_tag)
    for image in done:
        digests = [engine.push(name) for name in image.tags]
        yield image.world_id, digests[0]


def record(shelf: Store, done: Sequence[Packaged], pushed: dict[str, str], shipments: Sequence[Shipment]) -> None:
    """A row of `images` for each that has none, and for each that is pushed for the first time."""
    runs = {shipment.world_id: shipment.run_id for shipment in shipments}
    now = datetime.now(UTC)
    shelf.commit({"images": [row_of_image(image._asdict(), runs[image.world_id], pushed.get(image.world_id), now) for image in done]})


def closing(done: Sequence[Packaged], base_bytes: int, base_tag: str, elapsed: float) -> str:
    """What was made, how large and how fast, and how to run one."""
    counts = Counter("made" if image.seconds is not None else "there already" for image in done)
    largest = max(image.layer_bytes for image in done)
    lines = [f"[bold]{image.tags[-1]}[/]  {image.world_id}" for image in done[:10]]
    lines += [f"and {len(done) - 10} more"] if len(done) > 10 else []
    said = ", ".join(f"{number} {how}" for how, number in counts.items())
    lines += [f"{said}, in {elapsed:.1f} s; base {base_tag} {base_bytes / 1e6:.0f} MB, a world's layer at most {largest / 1e6:.2f} MB"]
    return "\n".join([*lines, f"Play one: docker run -i --rm --read-only --network none {done[0].tags[-1]}"])
