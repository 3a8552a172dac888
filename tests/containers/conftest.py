from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment

Serving = Callable[..., str]


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    return Blueprint.of(SHOP)


@pytest.fixture
def environment(blueprint: Blueprint) -> Iterator[Environment]:
    with Environment.fork(blueprint) as fresh:
        yield fresh


@contextmanager
def running(app: Any, uds: Path | None = None) -> Iterator[str]:
    """A real server for an ASGI application, on a free port of this machine or on a socket; gives its URL."""
    inet = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # the protocol named, or small answers take 40 ms
    listener = socket.socket(*inet) if uds is None else socket.socket(socket.AF_UNIX)
    listener.bind(("127.0.0.1", 0) if uds is None else str(uds))
    config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:  # the socket listens before the server is up: who connects waits
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}" if uds is None else f"unix://{uds}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    """Serve an application until the module's tests end."""
    with ExitStack() as stack:
        yield lambda app, uds=None: stack.enter_context(running(app, uds))
