"""`worldloom up`, `down` and `status`: the factory as a service that people use from the Prefect UI."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts.store import open_store
from flows.boundary import FAILED, OK
from flows.options import JsonOption, StoreOption, print_json
from tasks.operations.declared import Applied
from tasks.operations.service import PORT, Service, Wanted
from tasks.operations.service import down as bring_down
from tasks.operations.service import status as look
from tasks.operations.service import up as bring_up


def up(
    *,
    host: Annotated[str, typer.Option(help="The address that the server listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the server and its UI.")] = PORT,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Workers that pick up runs.")] = 1,
    database_url: Annotated[
        str | None,
        typer.Option(envvar="WORLDLOOM_DATABASE_URL", help="PostgreSQL for the server: postgresql+asyncpg://…; SQLite if left out."),
    ] = None,
    api_url: Annotated[str | None, typer.Option(metavar="URL", help="Use this Prefect server, and start none.")] = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Bring the factory up: server, work pool, deployments, schedules, automations, workers. Run again, it mends what died."""
    shelf = open_store(store)
    console = Console(stderr=True, quiet=as_json, highlight=False)
    wanted = Wanted(shelf.url, shelf.home, host, port, workers, database_url, api_url)
    service, applied = bring_up(wanted, lambda line: console.print(f"[dim]{escape(line)} …[/]"))
    if as_json:
        print_json({**service.canonical(), "ui_url": service.ui_url, **applied._asdict()})
    else:
        Console(highlight=False).print(arrived(service, applied), soft_wrap=True)
    return OK


def arrived(service: Service, applied: Applied) -> str:
    """What stands now, and where to look."""
    told = [f"  no longer there: {escape(name)}" for name in applied.removed]
    told += [f"  still paused, as you left it: {escape(name)}" for name in applied.paused]
    told += [
        f"  left out, since no Docker Engine answers here: {escape(name)}; `worldloom up` again when one does" for name in applied.left_out
    ]
    workers = sum(one.role != "server" for one in service.processes)
    return "\n".join(
        [
            f"The factory is up at [bold]{service.ui_url}[/]",
            f"  deployments: {escape(', '.join(applied.deployments))}",
            *told,
            f"  automations: {len(applied.automations)}; workers: {workers}; store: {escape(service.store)}",
            "  `worldloom status` tells how it fares, `worldloom down` stops it.",
        ]
    )


def down(store: StoreOption = "./loom", as_json: JsonOption = False) -> int:
    """Bring the factory down: stop exactly what `worldloom up` started for this store."""
    stopped = bring_down(open_store(store, create=False).home)
    if as_json:
        print_json([one.canonical() for one in stopped])
    else:
        words = ", ".join(one.role for one in stopped)
        Console(highlight=False).print(f"Stopped: {words}." if stopped else "Nothing of this store's was running.")
    return OK


def status(store: StoreOption = "./loom", as_json: JsonOption = False) -> int:
    """Tell whether the factory is up, and how its server and workers fare."""
    found = look(open_store(store, create=False).home)
    if found is None:
        if as_json:
            print_json(None)
        else:
            Console(highlight=False).print("The factory is not up for this store. `worldloom up` starts it.")
        return FAILED
    processes = [{**one.canonical(), "running": one in found.running} for one in found.service.processes]
    well = found.healthy and len(found.running) == len(found.service.processes)
    if as_json:
        print_json({"api_url": found.service.api_url, "ui_url": found.service.ui_url, "healthy": found.healthy, "processes": processes})
    else:
        table = Table(
            "process", "pid", "state", "log", title=f"{found.service.ui_url}: {'answers' if found.healthy else 'does not answer'}"
        )
        for one in processes:
            table.add_row(one["role"], str(one["pid"]), "running" if one["running"] else "[red]gone[/]", escape(one["log"]))
        Console().print(table)
        if not well:
            Console().print("`worldloom up` starts again what is gone.")
    return OK if well else FAILED
