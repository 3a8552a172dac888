"""Images before any engine has seen them: configuration, layers, and the archive that an engine loads. Pure."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from artifacts.identity import digest_of_bytes
from containers.packaging.layers import Layer

GZIP = b"\x1f\x8b"

EPOCH = "1970-01-01T00:00:00Z"
"""When every image says it was created: a time would make each build another image."""


@dataclass(frozen=True)
class Image:
    """An image's layers, lowest first, by digest, and how a container of it starts."""

    architecture: str
    layers: tuple[str, ...]
    config: dict[str, Any]

    @cached_property
    def config_bytes(self) -> bytes:
        """The image's configuration as the format has it; its digest is the image's id."""
        history = [{"created": EPOCH, "created_by": "worldloom package"} for _ in self.layers]
        plain = {
            "architecture": self.architecture,
            "os": "linux",
            "created": EPOCH,
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": list(self.layers)},
            "history": history,
        }
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def digest(self) -> str:
        """`sha256:` and the digest of the configuration, which covers the layers' digests: what identifies the image."""
        return f"sha256:{digest_of_bytes(self.config_bytes)}"

    @property
    def labels(self) -> dict[str, str]:
        """What the image says of itself."""
        return dict(self.config.get("Labels") or {})

    def over(self, layer: Layer, config: Mapping[str, Any], labels: Mapping[str, str]) -> Image:
        """This image with one more layer, other settings where `config` gives some, and more labels."""
        merged = {**self.config, **config, "Labels": {**self.labels, **labels}}
        return Image(architecture=self.architecture, layers=(*self.layers, layer.digest), config=merged)


def archive_of(image: Image, tags: Sequence[str], layers: Sequence[Layer]) -> bytes:
    """What `docker load` takes. Layers that are not among `layers` must be in the engine already."""
    names = {digest: f"{digest.removeprefix('sha256:')}/layer.tar" for digest in image.layers}
    config_name = f"{image.digest.removeprefix('sha256:')}.json"
    manifest = [{"Config": config_name, "RepoTags": list(tags), "Layers": [names[digest] for digest in image.layers]}]
    files = {
        config_name: image.config_bytes,
        **{names[layer.digest]: layer.data for layer in layers},
        "manifest.json": json.dumps(manifest).encode(),
    }
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def layers_in(archive: bytes) -> tuple[Layer, ...]:
    """The layers of an image that `docker save` wrote, lowest first, packed or not."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as saved:

        def data(name: str) -> bytes:
            file = saved.extractfile(name)
            return file.read() if file else b""

        (manifest,) = json.loads(data("manifest.json"))
        parts = [data(name) for name in manifest["Layers"]]
    return tuple(Layer(gzip.decompress(part) if part.startswith(GZIP) else part) for part in parts)
