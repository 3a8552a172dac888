"""What runs in a world's image: an MCP server of that one world, over standard input and output or over HTTP.

python3.11 -m containers.image_main [stdio | http | health | about] [--tools direct|meta] [--control SOCKET|PORT] [--allow-host NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from artifacts.errors import InvalidInput, WorldloomError

WORLD_FOLDER = Path("/world")
PORT = 8765
EVERYWHERE = "0.0.0.0"  # noqa: S104 (a container's own network; what of it is published, who runs it says)
MODES = ("stdio", "http", "health", "about")


def main(arguments: Sequence[str], folder: Path = WORLD_FOLDER) -> int:
    """Run until the client leaves or a signal comes; 0, or the exit code of what went wrong, told on standard error."""
    wanted = _parser().parse_args(arguments)
    try:
        if wanted.mode == "health":
            return health(_arguments_of_the_first_process())
        if wanted.mode == "about":
            sys.stdout.write(json.dumps(about()) + "\n")
        else:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process of a container dies of no signal by itself
            _serve(wanted, folder)
    except WorldloomError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="worldloom", description="An MCP server of one world.")
    parser.add_argument("mode", nargs="?", choices=MODES, default="stdio", help="stdio, or http at port 8765")
    parser.add_argument("--tools", choices=("direct", "meta"), default="direct", help="list the world's tools, or list_tools and call_tool")
    parser.add_argument("--control", metavar="SOCKET|PORT", help="where the control plane listens; it is off if left out")
    parser.add_argument(
        "--allow-host", action="append", metavar="NAME", help="a host name by which clients address this server; any if left out"
    )
    return parser


def _serve(wanted: argparse.Namespace, folder: Path) -> None:
    from artifacts.bundle import read_bundle
    from containers.mcp_stdio import serve_stdio
    from containers.sessions import SessionRegistry

    world = read_bundle(folder)
    registry = SessionRegistry(lambda _: world, (world.id,))
    registry.blueprint(world.id)
    control = _control(wanted.control)
    if wanted.mode == "http":
        asyncio.run(_over_http(registry, wanted, control))
    else:
        serve_stdio(registry, world.id, wanted.tools, beside=None if control is None else control(registry, ""))


Control = Callable[[Any, str], Callable[[], Coroutine[Any, Any, None]]]


def _control(where: str | None) -> Control | None:
    """The control plane at a socket, or at a port behind the token of the environment; raises InvalidInput."""
    if where is None:
        return None
    from containers.control import TOKEN_VARIABLE, control_token

    if where.isdecimal() and TOKEN_VARIABLE not in os.environ:
        raise InvalidInput(f"--control {where} needs a token.", f"Give one: `docker run -e {TOKEN_VARIABLE} …`.")
    folder = Path("/") if where.isdecimal() else Path(where).parent
    token = control_token(os.environ, folder).value
    return lambda registry, base: lambda: _run_control(registry, where, token, base)


async def _run_control(registry: Any, where: str, token: str, base: str) -> None:
    from containers.control import control_app
    from containers.listening import half_of, listening, listening_at
    from containers.metrics import Metrics

    metrics = Metrics()
    registry.when_called(metrics.watch)
    with listening(EVERYWHERE, int(where)) if where.isdecimal() else listening_at(Path(where)) as found:
        await half_of(control_app(registry, token, metrics, base)).serve([found])


async def _over_http(registry: Any, wanted: argparse.Namespace, control: Control | None) -> None:
    """Agents' half and, where it is asked for, the control plane, until a signal ends the process."""
    from containers.listening import half_of, listening
    from containers.mcp_http import McpApp

    app = McpApp(registry, wanted.tools, wanted.allow_host)
    beside = [] if control is None else [control(registry, f"http://127.0.0.1:{PORT}")()]
    with listening(EVERYWHERE, PORT) as found:
        await asyncio.gather(half_of(app).serve([found]), app.reap_forever(), *beside)


def health(running: Sequence[str]) -> int:
    """0 where the server answers; over standard input and output it has nobody to answer but its client, and being there is all."""
    if "http" not in running:
        return 0
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=4)
    try:
        connection.request("GET", "/mcp", headers={"Host": _addressed(running)})
        answered = connection.getresponse().status == http.client.METHOD_NOT_ALLOWED
    except OSError:
        return 1
    finally:
        connection.close()
    return 0 if answered else 1


def _addressed(running: Sequence[str]) -> str:
    return running[running.index("--allow-host") + 1] if "--allow-host" in running else "127.0.0.1"


def _arguments_of_the_first_process() -> list[str]:
    return Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")


def about() -> dict[str, str]:
    """Versions of what decides a world's behaviour; that it prints shows that all that the server needs is there."""
    from importlib.metadata import version

    import apsw

    for name in ("control", "mcp_http", "mcp_stdio"):
        import_module(f"containers.{name}")
    return {"python": sys.version.split()[0], "sqlite": apsw.sqlite_lib_version(), "mcp": version("mcp")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
