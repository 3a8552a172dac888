"""Sockets that listen, and ASGI applications behind them, several in one process and one event loop."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from artifacts.errors import InvalidInput
from containers.sessions import SessionRegistry

BACKLOG = 4_096
GRACE_SECONDS = 3


class Half(uvicorn.Server):
    """A server among others in one process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: who runs all of them hears the signals."""
        yield


def half_of(app: Any) -> uvicorn.Server:
    """One ASGI application as a server that leaves signals to us."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE_SECONDS, server_header=False
    )
    return Half(config)


def stop(halves: Sequence[uvicorn.Server]) -> None:
    """Have both end after the requests in hand."""
    for half in halves:
        half.should_exit = True


def allow_many_files() -> None:
    """Every client holds a connection; take as many as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def running(app: Any, where: socket.socket) -> Iterator[None]:
    """The application behind a socket that listens, in a thread of its own."""
    half = half_of(app)
    thread = threading.Thread(target=half.run, args=([where],))
    thread.start()
    try:
        yield
    finally:
        half.should_exit = True
        thread.join()


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; raises InvalidInput where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol has to be named: asyncio sends small answers without delay only where it is.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
        except OSError as problem:
            raise InvalidInput(f"Nothing can listen at {host}:{port}: {problem.strerror}.", "Choose another --port or --host.") from problem
        found.listen(BACKLOG)
        yield found


def address(found: socket.socket) -> str:
    """Host and port as a URL has them."""
    host, port = found.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    """A Unix socket that only this user may connect to; raises InvalidInput where it cannot be."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        before = os.umask(0o177)
        try:
            found.bind(str(path))
        except OSError as problem:
            raise InvalidInput(f"Nothing can listen at {path}: {problem.strerror or problem}.", "Choose another path.") from problem
        finally:
            os.umask(before)
        found.listen(BACKLOG)
        try:
            yield found
        finally:
            path.unlink(missing_ok=True)


def control_half(registry: SessionRegistry, where: socket.socket, token: str) -> Callable[[], Coroutine[Any, Any, None]]:
    """The control plane at a socket, to be run beside a server over standard input and output until it is cancelled."""
    from containers.control import control_app
    from containers.metrics import Metrics

    metrics = Metrics()
    registry.when_called(metrics.watch)
    half = half_of(control_app(registry, token, metrics, ""))
    return partial(half.serve, [where])
