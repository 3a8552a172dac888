"""The container engine, through the Docker SDK: the only place that knows it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Self

from docker.client import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound
from requests.exceptions import RequestException

from artifacts.errors import InvalidInput, ServerUnavailable
from containers.packaging.image import Image, archive_of, layers_in
from containers.packaging.layers import Layer

HOST = "unix:///var/run/docker.sock"
SECONDS = 600
NEEDS_PYTHON = "A base must have Python 3.11."


class Engine:
    """A reachable engine. Every method raises ServerUnavailable where it fails us."""

    def __init__(self, client: DockerClient) -> None:
        self.client = client
        self._exported: dict[str, tuple[Layer, ...]] = {}
        self._exporting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open to the engine."""
        self.client.close()

    @property
    def architecture(self) -> str:
        """The architecture of its containers, as images name it."""
        return str(self.client.version()["Arch"])

    def found(self, reference: str) -> Image | None:
        """The image of that name or id, if the engine has it."""
        try:
            plain: dict[str, Any] = self.client.api.inspect_image(reference)
        except ImageNotFound:
            return None
        except (DockerException, RequestException) as error:
            raise _failed(f"look at {reference}", error) from error
        return Image(plain["Architecture"], tuple(plain["RootFS"]["Layers"]), _settings(plain["Config"]))

    def pulled(self, reference: str) -> Image:
        """The image of that name, from the engine, or else from its registry; raises InvalidInput where neither has it."""
        here = self.found(reference)
        if here is not None:
            return here
        try:
            self.client.images.pull(*repository_and_tag(reference))
        except (DockerException, RequestException) as error:
            hint = "Name another with --base, or leave it out to make one from Debian's packages."
            raise InvalidInput(f"The image {reference} cannot be had: {_reason(error)}.", hint) from error
        image = self.found(reference)
        if image is None:
            raise ServerUnavailable(f"The engine pulled {reference} and does not have it.")
        return image

    def load(self, image: Image, tags: Sequence[str], layers: Sequence[Layer], below: str = "") -> None:
        """Put an image into the engine, of which it has the layers of `below`.

        Those are not sent, which saves a second an image; an engine that insists on them (containerd's store does) gets them all.
        """
        try:
            self.client.images.load(archive_of(image, tags, layers))
        except (DockerException, RequestException) as error:
            if not below:
                raise _failed(f"load {tags[0]}", error) from error
            self.load(image, tags, [*self.layers_of(below), *layers])

    def layers_of(self, reference: str) -> tuple[Layer, ...]:
        """The layers of an image that the engine has, lowest first."""
        with self._exporting:
            if reference not in self._exported:
                try:
                    data = b"".join(self.client.api.get_image(reference))
                except (DockerException, RequestException) as error:
                    raise _failed(f"export {reference}", error) from error
                self._exported[reference] = layers_in(data)
            return self._exported[reference]

    def starts(self, reference: str, command: Sequence[str]) -> str:
        """Run a command in a container that has no network and nothing to write to, and give what it prints; raises InvalidInput."""
        try:
            container = self.client.containers.create(reference, list(command), read_only=True, network_mode="none", cap_drop=["ALL"])
            try:
                container.start()
                code = container.wait()["StatusCode"]
                printed = bytes(container.logs()).decode(errors="replace")
            finally:
                container.remove(force=True)
        except APIError as error:
            raise InvalidInput(f"A container of {reference} does not start: {_reason(error)}.", NEEDS_PYTHON) from error
        except (DockerException, RequestException) as error:
            raise _failed(f"run {reference}", error) from error
        if code:
            raise InvalidInput(f"A container of {reference} does not run: {printed.strip()[-300:]}.", NEEDS_PYTHON)
        return printed

    def tag(self, tags: Sequence[str]) -> None:
        """Give the image that has the first of these names the others as well."""
        try:
            for tag in tags[1:]:
                self.client.api.tag(tags[0], *repository_and_tag(tag))
        except (DockerException, RequestException) as error:
            raise _failed("name an image", error) from error

    def size(self, reference: str) -> int:
        """Bytes of an image's files, the layers that it shares with others included."""
        return int(self.client.api.inspect_image(reference)["Size"])

    def remove(self, tag: str) -> None:
        """Take a name from an image, which goes with its last one."""
        try:
            self.client.images.remove(tag, force=True)
        except (DockerException, RequestException) as error:
            raise _failed(f"remove {tag}", error) from error

    def push(self, tag: str) -> str:
        """Send an image to its registry and give the digest under which it is kept there; raises InvalidInput where it is refused."""
        digest = ""
        try:
            for event in self.client.api.push(*repository_and_tag(tag), stream=True, decode=True):
                if "error" in event:
                    raise InvalidInput(f"The registry refused {tag}: {event['error']}.", "Log in with `docker login`, or check --tag.")
                digest = event.get("aux", {}).get("Digest", digest)
        except (DockerException, RequestException) as error:
            raise _failed(f"push {tag}", error) from error
        return digest


def connect() -> Engine:
    """The engine that DOCKER_HOST names, or this machine's; raises ServerUnavailable where none answers."""
    try:
        _knock(os.environ.get("DOCKER_HOST") or HOST)
        with ExitStack() as unless_it_answers:
            client = DockerClient.from_env(timeout=SECONDS)
            unless_it_answers.callback(client.close)
            client.ping()
            unless_it_answers.pop_all()
    except (DockerException, RequestException, OSError) as error:
        hint = "Start Docker (`dockerd`, or Docker Desktop), or point DOCKER_HOST at a running one."
        raise ServerUnavailable(f"No Docker Engine answers: {_reason(error)}.", hint) from error
    return Engine(client)


def _knock(host: str) -> None:
    """Connect to the engine's Unix socket and leave: where nobody listens, the SDK would forget to close its own."""
    scheme, _, path = host.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """What of a parent's configuration carries over: its environment, not what it runs or says of itself."""
    return {"Env": list(config.get("Env") or []), "Labels": dict(config.get("Labels") or {})}


def repository_and_tag(reference: str) -> tuple[str, str]:
    """Repository and tag of a name; a colon before a slash belongs to a registry's port."""
    head, colon, tag = reference.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (reference, "latest")


def _failed(what: str, error: Exception) -> ServerUnavailable:
    return ServerUnavailable(f"The Docker Engine could not {what}: {_reason(error)}.", "`docker info` tells more.")


def _reason(error: Exception) -> str:
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return str(text).strip().rstrip(".").splitlines()[0][:300] if str(text).strip() else type(error).__name__
