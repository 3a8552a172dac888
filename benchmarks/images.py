"""What images cost: seconds a world, the size of the base and of a world's layer; nothing where no engine answers."""

from __future__ import annotations

import time
from pathlib import Path

from artifacts.errors import ServerUnavailable
from artifacts.store import open_store
from benchmarks.weaving import Row
from containers.packaging.engine import connect
from containers.packaging.package import make_base, package_worlds
from tasks.packing.shipping import chosen

PREFIX = "worldloom-bench"


def image_rows(store: Path) -> list[Row]:
    """Every world of a store as an image, made anew and then found there."""
    shipments = chosen(open_store(store, create=False), ())
    try:
        with connect() as engine:
            ground = make_base(engine, None, PREFIX)
            began = time.monotonic()
            done = list(package_worlds(engine, ground, shipments, PREFIX))
            seconds = time.monotonic() - began
            base_bytes = engine.size(ground.tag)
            for image in done:
                for tag in image.tags:
                    engine.remove(tag)
    except ServerUnavailable as missing:
        return [Row("images", f"not measured: {missing.message}", "")]
    each, largest = seconds / len(done), max(image.layer_bytes for image in done)
    return [
        Row(f"image, a world, {len(done)} worlds", f"{each:.2f} s", "< 1 s"),
        Row("image, base", f"{base_bytes / 1e6:.0f} MB", "< 200 MB"),
        Row("image, a world's largest layer", f"{largest / 1e6:.2f} MB", "< 0.5 MB"),
    ]
