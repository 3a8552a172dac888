"""The shop of the conformance suite in a container, played over standard input and output and over HTTP."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from artifacts.errors import ServerUnavailable
from artifacts.world import World
from containers.client import WorldloomClient
from containers.conformance.over_mcp import OverMcp, over_http, over_stdio
from containers.conformance.shop import SHOP
from containers.control import TOKEN_VARIABLE
from containers.packaging.engine import Engine, connect
from containers.packaging.package import PORT, Shipment, image_tags, make_base, package_world

SHOP_WORLD = World(**{name: getattr(SHOP, name) for name in World.model_fields if name in type(SHOP).model_fields})
"""The shop, sealed."""

PREFIX = "worldloom-test"
CONTROL_PORT = 8766
LOCKED_DOWN = ("--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
START_SECONDS = 30.0


def shop_image(engine: Engine) -> str:
    """The name of the shop's image, made if it is not there; raises ServerUnavailable where no base can be made."""
    shipment = Shipment(lambda: SHOP_WORLD, "no-run", False, SHOP_WORLD.id)
    package_world(engine, make_base(engine, None, PREFIX), shipment, PREFIX)
    return image_tags(SHOP_WORLD, PREFIX, False)[0]


@contextmanager
def shop_in_docker_over_stdio() -> Iterator[OverMcp]:
    """The shop in a container that has no network; its control plane is a socket in a folder of ours."""
    if os.geteuid():
        raise ServerUnavailable("The socket in the container belongs to its own user.", "Run this as root.")
    with connect() as engine:
        image, token = shop_image(engine), secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        shared = ["-v", f"{folder}:/control", "-e", f"{TOKEN_VARIABLE}={token}"]
        command = ["docker", "run", "-i", *LOCKED_DOWN, "--network", "none", *shared, image, "stdio", "--control", "/control/socket"]
        with over_stdio(command, Path(folder) / "socket", token) as backend:
            yield backend


@contextmanager
def shop_in_docker_over_http() -> Iterator[OverMcp]:
    """The shop in a container with both its ports published to this machine."""
    token = secrets.token_hex(16)
    arguments = ["http", "--control", str(CONTROL_PORT)]
    with connect() as engine:
        image = shop_image(engine)
        with served(engine, image, arguments, (PORT, CONTROL_PORT), {TOKEN_VARIABLE: token}) as (port, control_port):
            control = f"http://127.0.0.1:{control_port}"
            _wait_for(control, token)
            with over_http(f"http://127.0.0.1:{port}/mcp", control, token) as backend:
                yield backend


@contextmanager
def served(engine: Engine, image: str, arguments: Sequence[str], ports: Sequence[int], environment: dict[str, str]) -> Iterator[list[int]]:
    """A container that listens, locked down; gives the ports of this machine where its own are."""
    container = engine.client.containers.run(
        image,
        list(arguments),
        detach=True,
        environment=environment,
        ports={f"{port}/tcp": ("127.0.0.1", None) for port in ports},
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    try:
        container.reload()
        yield [int(container.ports[f"{port}/tcp"][0]["HostPort"]) for port in ports]
    finally:
        container.remove(force=True)


def _wait_for(control: str, token: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with WorldloomClient(control, token) as keeper:
        while True:
            try:
                keeper.ready()
            except ServerUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
