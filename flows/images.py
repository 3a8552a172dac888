"""`worldloom package`: sealed worlds as Docker images."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from artifacts.store import open_store
from flows.observing import observed_command
from flows.options import JsonOption, StoreOption, print_json

if TYPE_CHECKING:
    from containers.packaging.package import Packaged


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
    from tasks.packing.shipping import chosen, record, sent

    shelf = open_store(store, create=False)
    prefix = named_well(tag)
    shipments = chosen(shelf, worlds or ())
    console = Console(stderr=True)
    with observed_command("package", None, store), connect() as engine:
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


def closing(done: Sequence[Packaged], base_bytes: int, base_tag: str, elapsed: float) -> str:
    """What was made, how large and how fast, and how to run one."""
    counts = Counter("made" if image.seconds is not None else "there already" for image in done)
    largest = max(image.layer_bytes for image in done)
    lines = [f"[bold]{image.tags[-1]}[/]  {image.world_id}" for image in done[:10]]
    lines += [f"and {len(done) - 10} more"] if len(done) > 10 else []
    said = ", ".join(f"{number} {how}" for how, number in counts.items())
    lines += [f"{said}, in {elapsed:.1f} s; base {base_tag} {base_bytes / 1e6:.0f} MB, a world's layer at most {largest / 1e6:.2f} MB"]
    return "\n".join([*lines, f"Play one: docker run -i --rm --read-only --network none {done[0].tags[-1]}"])
