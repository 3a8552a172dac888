"""`worldloom serve`: worlds of a store over MCP, with the control plane beside it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from pydantic import ValidationError
from rich.console import Console

from artifacts.errors import InvalidInput, UnknownName
from artifacts.store import Store, open_store
from containers.limits import SessionLimits, ToolsForm
from containers.sessions import SessionRegistry
from flows.options import StoreOption

if TYPE_CHECKING:
    pass

DEFAULT_PORT = 8765
LOOPBACK = ("127.0.0.1", "localhost", "::1")

_LIMITS = SessionLimits()


BACKLOG = 4_096
GRACE_SECONDS = 3


class Place(NamedTuple):
    """Where the two halves of a server listen: a port of 0 is any free one; `hosts` are the names to be addressed by, None for any."""

    host: str
    port: int
    control_host: str
    control_port: int
    control_socket: Path | None
    hosts: tuple[str, ...] | None


def serve(
    worlds: Annotated[list[str] | None, typer.Argument(metavar="[WORLD]...", help="Worlds to serve; all if left out.")] = None,
    *,
    store: StoreOption = "./loom",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where agents reach MCP; 0 takes a free port.")] = DEFAULT_PORT,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    stdio: Annotated[bool, typer.Option("--stdio", help="Serve one world over standard input and output, and nothing else.")] = False,
    tools: Annotated[ToolsForm, typer.Option(help="List the world's tools, or only list_tools and call_tool.")] = "direct",
    control_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Where the control plane listens; one above --port if left out.")
    ] = None,
    control_host: Annotated[str, typer.Option(help="Address at which the control plane listens.")] = "127.0.0.1",
    control_socket: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A Unix socket for the control plane, in place of its port.")
    ] = None,
    allow_host: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A host name by which clients address this server.")] = None,
    max_sessions: Annotated[int, typer.Option(help="Sessions open at once.")] = _LIMITS.most_sessions,
    max_sessions_per_client: Annotated[
        int, typer.Option(help="Of those, sessions that one address opens for itself.")
    ] = _LIMITS.most_sessions_per_client,
    idle_seconds: Annotated[float, typer.Option(help="Seconds without use after which a session is dropped.")] = _LIMITS.idle_seconds,
    max_calls: Annotated[int, typer.Option(help="Tool calls of one session between two resets.")] = _LIMITS.most_calls_per_session,
    max_request_bytes: Annotated[int, typer.Option(help="Bytes of one message.")] = _LIMITS.most_request_bytes,
    max_waiting: Annotated[int, typer.Option(help="Requests of one session in hand at once.")] = _LIMITS.most_waiting_per_session,
    request_seconds: Annotated[float, typer.Option(help="Seconds in which a whole request must come.")] = _LIMITS.request_seconds,
) -> None:
    """Serve worlds over MCP: every client gets a fork of its own. The control plane has its own port, and a token."""
    limits = limited(
        most_sessions=max_sessions,
        most_sessions_per_client=max_sessions_per_client,
        idle_seconds=idle_seconds,
        most_calls_per_session=max_calls,
        most_request_bytes=max_request_bytes,
        most_waiting_per_session=max_waiting,
        request_seconds=request_seconds,
    )
    shelf = open_store(store, create=False)
    registry = shelf_registry(shelf, worlds or [], limits)
    if stdio:
        over_stdio(registry, tools, control_socket)
    else:
        own_names = ("127.0.0.1", "localhost", "[::1]", *(allow_host or ()))
        beside = control_port if control_port is not None else port and port + 1
        place = Place(host, port, control_host, beside, control_socket, own_names if host in LOOPBACK or allow_host else None)
        asyncio.run(run_servers(registry, tools, place, shelf.home))


def limited(**limits: Any) -> SessionLimits:
    """The limits as given; raises InvalidInput naming the one that cannot be."""
    try:
        return SessionLimits(**limits)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise InvalidInput(f"{problem['loc'][0]}: {problem['msg']}.", "See `worldloom serve --help`.") from error


def shelf_registry(shelf: Store, names: Sequence[str], limits: SessionLimits) -> SessionRegistry:
    """A registry of the named worlds, or of all. Named ones are read at once: an edited bundle is refused before anything is served."""
    known = [summary.world_id for summary in shelf.worlds()]
    chosen = {shelf.world(name).id: None for name in names}
    if not known:
        raise UnknownName(f"There is no world in {shelf.url}.", "Weave one with `worldloom synthesize`.")
    registry = SessionRegistry(shelf.world, tuple(chosen or known), limits)
    if names or len(known) == 1:
        for world_id in registry.worlds:
            registry.blueprint(world_id)
    return registry


def over_stdio(registry: SessionRegistry, form: ToolsForm, socket: Path | None) -> None:
    """Serve the one world, with a control plane if it is given a socket; raises InvalidInput where there are several worlds."""
    from containers.mcp_stdio import serve_stdio

    if len(registry.worlds) != 1:
        raise InvalidInput(f"--stdio serves one world, and here are {len(registry.worlds)}.", "Name it: worldloom serve WORLD --stdio.")
    if socket is None:
        serve_stdio(registry, registry.worlds[0], form)
        return
    from containers.control import control_token
    from containers.listening import control_half, listening_at

    with listening_at(socket) as found:
        token = control_token(os.environ, socket.parent).value
        serve_stdio(registry, registry.worlds[0], form, beside=control_half(registry, found, token))


async def run_servers(registry: SessionRegistry, form: ToolsForm, place: Place, home: Path) -> None:
    """Agents' half and control plane in one process and one event loop, until a signal ends both."""
    from containers.control import control_app, control_token
    from containers.listening import address, allow_many_files, half_of, listening, listening_at, stop
    from containers.mcp_http import McpApp
    from containers.metrics import Metrics

    allow_many_files()
    control = listening_at(place.control_socket) if place.control_socket else listening(place.control_host, place.control_port)
    with listening(place.host, place.port) as mcp_socket, control as control_socket:
        base = f"http://{address(mcp_socket)}"
        token = control_token(os.environ, home / "serve" / str(mcp_socket.getsockname()[1]))
        metrics = Metrics()
        registry.when_called(metrics.watch)
        app = McpApp(registry, form, place.hosts)
        halves = [half_of(app), half_of(control_app(registry, token.value, metrics, base))]
        announce(registry, base, place.control_socket or f"http://{address(control_socket)}", token.path)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, halves)
        reaper = asyncio.create_task(app.reap_forever())
        await asyncio.gather(*(half.serve([where]) for half, where in zip(halves, (mcp_socket, control_socket), strict=True)))
        reaper.cancel()
    registry.close_all()


def announce(registry: SessionRegistry, base: str, control: object, token_path: Path | None) -> None:
    """Say on standard error where everything is."""
    shown = Console(stderr=True, highlight=False, soft_wrap=True)
    for world_id in registry.worlds[:5]:
        shown.print(f"[bold]{world_id}[/]  {base}/{world_id}/mcp")
    if len(registry.worlds) > 5:
        shown.print(f"and {len(registry.worlds) - 5} more at {base}/<world>/mcp")
    shown.print(f"control plane  {control}")
    shown.print(f"its token is in {token_path}" if token_path else "its token is WORLDLOOM_TOKEN")
