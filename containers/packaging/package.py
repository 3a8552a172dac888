"""Worlds into images: one base for all, a thin layer each, in parallel, and nothing built twice."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from artifacts.bundle import bundle_files
from artifacts.errors import InvalidInput
from artifacts.identity import digest_of, short
from artifacts.world import World
from containers.packaging import base
from containers.packaging.engine import Engine
from containers.packaging.image import Image
from containers.packaging.layers import Entry, Layer, layer_of

TAG = "worldloom"
PREFIX_PATTERN = r"[a-z0-9]+([._-][a-z0-9]+)*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
"""What images' names may start with."""

REGISTRY_BASE = "python:3.11-slim"
"""What the base is made on where Debian's packages cannot be had."""

WORLD_FOLDER = "world"
LABELS = "dev.worldloom"
PORT = 8765

SYSTEM_CONFIG: Mapping[str, Any] = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}
BASE_CONFIG: Mapping[str, Any] = {
    "User": f"{base.USER}:{base.USER}",
    "WorkingDir": "/",
    "Entrypoint": ["python3.11", "-m", "containers.image_main"],
    "Cmd": ["stdio"],
    "ExposedPorts": {f"{PORT}/tcp": {}},
    "StopSignal": "SIGTERM",
    "Healthcheck": {
        "Test": ["CMD", "python3.11", "-m", "containers.image_main", "health"],
        "Interval": 30 * 10**9,
        "Timeout": 5 * 10**9,
        "StartPeriod": 10 * 10**9,
        "Retries": 3,
    },
}
BASE_ENVIRONMENT = (
    f"PYTHONPATH=/{base.LIBRARY}",
    "PYTHONSAFEPATH=1",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONUNBUFFERED=1",
    "PYTHONUTF8=1",
)


class Base(NamedTuple):
    """The image that worlds are laid upon, its name in the engine, and what it was made on."""

    image: Image
    tag: str
    origin: str


class Packaged(NamedTuple):
    """A world's image in the engine. `seconds` is the time it took to make, or None where it was there already. Sizes in bytes."""

    world_id: str
    image_digest: str
    layer_digest: str
    base_digest: str
    architecture: str
    tags: tuple[str, ...]
    layer_bytes: int
    size_bytes: int
    seconds: float | None


class Shipment(NamedTuple):
    """A world to package and the run that sealed it; `newest` of those with its name gets the name `latest` too."""

    world: Callable[[], World]
    run_id: str
    newest: bool
    world_id: str


def named_well(prefix: str) -> str:
    """The prefix, if images may be named so; raises InvalidInput."""
    if not re.fullmatch(PREFIX_PATTERN, prefix):
        raise InvalidInput(f"'{prefix}' cannot begin an image's name.", "Use lower-case letters, digits and slashes: ghcr.io/me/worlds.")
    return prefix


def make_base(engine: Engine, name: str | None = None, prefix: str = TAG) -> Base:
    """The shared base in the engine: on the image of that name, else on Debian's packages, else on python:3.11-slim.

    Raises InvalidInput for an image that cannot be had or lacks Python 3.11, ServerUnavailable.
    """
    base.require_same_platform()
    if engine.architecture != base.architecture():
        raise InvalidInput(
            f"The engine runs {engine.architecture} containers; the packages here are for {base.architecture()}.",
            "Package on a machine of the engine's kind.",
        )
    system, origin, system_tag = _system(engine, name, prefix)
    server = base.server_layer()
    settings = {**BASE_CONFIG, "Env": [*system.config["Env"], *BASE_ENVIRONMENT]}
    image = system.over(server, settings, {f"{LABELS}.base": origin})
    tag = f"{prefix}/base:{short(image.digest.removeprefix('sha256:'))}"
    if not _there(engine, tag, image):
        engine.load(image, [tag], [server], below=system_tag)
        try:
            engine.starts(tag, ["about"])
        except InvalidInput:
            engine.remove(tag)
            raise
    return Base(image, tag, origin)


def _system(engine: Engine, name: str | None, prefix: str) -> tuple[Image, str, str]:
    if name is None and base.can_make_debian():
        return _debian(engine, prefix)
    reference = name or REGISTRY_BASE
    return engine.pulled(reference), reference, reference


def _debian(engine: Engine, prefix: str) -> tuple[Image, str, str]:
    origin = f"{base.DEBIAN}-{base.DEBIAN_SUITE}"
    recipe = digest_of([base.debian_recipe(), dict(SYSTEM_CONFIG)])
    tag = f"{prefix}/system:{origin}-{short(recipe)}"
    image = engine.found(tag)
    if image is None:
        with tempfile.TemporaryDirectory(prefix="worldloom-") as folder:
            layer = base.debian_layer(Path(folder))
        image = Image(engine.architecture, (), {}).over(layer, SYSTEM_CONFIG, {})
        engine.load(image, [tag], [layer])
    return image, origin, tag


def package_worlds(engine: Engine, ground: Base, shipments: Iterable[Shipment], prefix: str = TAG) -> Iterator[Packaged]:
    """Every world's image, as they get done in the order asked for; several at once."""
    with ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1))) as pool:
        yield from pool.map(lambda shipment: package_world(engine, ground, shipment, prefix), shipments)


def package_world(engine: Engine, ground: Base, shipment: Shipment, prefix: str = TAG) -> Packaged:
    """One world's image in the engine: made, or found there; raises InvalidBundle, ServerUnavailable."""
    began = time.monotonic()
    world = shipment.world()
    layer = world_layer(world)
    image = world_image(world, layer, ground, shipment.run_id)
    tags = image_tags(world, prefix, shipment.newest)
    there = _there(engine, tags[0], image)
    if there:
        engine.tag(tags)
    else:
        engine.load(image, tags, [layer], below=ground.tag)
    seconds = None if there else time.monotonic() - began
    size = engine.size(tags[0])
    return Packaged(world.id, image.digest, layer.digest, ground.image.digest, image.architecture, tags, layer.size, size, seconds)


def world_layer(world: World) -> Layer:
    """The world's bundle, for the server's user alone to read."""
    tree = {f"{WORLD_FOLDER}/{name}": Entry(data, mode=0o400, owner=base.USER) for name, data in bundle_files(world).items()}
    return layer_of(tree, {WORLD_FOLDER: (0o500, base.USER)})


def world_image(world: World, layer: Layer, ground: Base, run_id: str) -> Image:
    """The world's image over the base; the same world, run and base give the same digest."""
    return ground.image.over(layer, {}, world_labels(world, run_id, ground))


def world_labels(world: World, run_id: str, ground: Base) -> dict[str, str]:
    """What the image says of itself, in the OCI's words and in ours."""
    return {
        "org.opencontainers.image.title": world.scenario.name,
        "org.opencontainers.image.description": world.scenario.description,
        "org.opencontainers.image.version": short(world.digest),
        "org.opencontainers.image.base.name": ground.origin,
        "org.opencontainers.image.base.digest": ground.image.digest,
        f"{LABELS}.world.id": world.id,
        f"{LABELS}.world.digest": world.digest,
        f"{LABELS}.world.format": str(world.format),
        f"{LABELS}.world.run": run_id,
        f"{LABELS}.world.recipe": json.dumps(world.recipe.canonical(), sort_keys=True, ensure_ascii=False),
    }


def image_tags(world: World, prefix: str, newest: bool) -> tuple[str, ...]:
    """The image's names: by slug and digest always, and `latest` for the newest world of its slug."""
    repository = f"{prefix}/{world.scenario.slug}"
    named = (f"{repository}:{short(world.digest)}",)
    return (*named, f"{repository}:latest") if newest else named


def _there(engine: Engine, tag: str, image: Image) -> bool:
    found = engine.found(tag)
    return found is not None and (found.layers, found.labels) == (image.layers, image.labels)
