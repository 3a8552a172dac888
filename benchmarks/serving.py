"""Serving, measured side by side: the product, the usual build of the same world, and empty servers of the same MCP SDK.

Every client is the SDK's own, and all of them are in this process; a server has a process of its own. `python -m benchmarks.serving`
prints this table alone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import count
from itertools import product as product_of
from pathlib import Path
from statistics import median
from subprocess import CalledProcessError
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from artifacts.rows import row_of_world, rows_of_agent_tasks
from artifacts.store import open_store
from artifacts.world import World
from benchmarks.peer.agents import Call, first_list, hold, list_once, pace, play, timed
from benchmarks.peer.app import TOOLS
from benchmarks.peer.processes import TOKEN, Launched, await_listening, empty, memory, packages, product, usual_build
from benchmarks.weaving import Row
from containers.client import WorldloomClient
from containers.conformance.shop import SHOP

READS: tuple[Call, ...] = (("list_orders", {}), ("get_order", {"order_id": 17}), ("find_product", {"title": "Mug"}))
WRITES: tuple[Call, ...] = (
    ("set_stock", {"product_id": 2, "stock": 50}),
    ("place_order", {"items": [{"product_id": 2, "quantity": 1}], "note": "gift"}),
)
NOTHING: tuple[Call, ...] = (("nothing", {}),)
KINDS = {"read": READS, "write": WRITES}
AIMS = {"read": "2.5×", "write": "5×"}
EMPTY = {"usual": "as the SDK's guide has it", "quick": "the SDK's lower level, JSON"}
CLIENTS = (1, 8)


class Counts(NamedTuple):
    """How much is measured."""

    runs: int = 5
    seconds: float = 1.0
    few: int = 16
    many: int = 1_024


class Contest(NamedTuple):
    """Who answers what kind of calls, of how many clients."""

    who: str
    kind: str
    clients: int


def world() -> World:
    """The shop with the tools that the usual build has too."""
    draft = SHOP.model_copy(update={"tools": tuple(tool for tool in SHOP.tools if tool.name in TOOLS)})
    names = ("scenario", "recipe", "clock", "me", "intentions", "schema_sql", "seed_sql", "tools", "tasks")
    return World(**{name: getattr(draft, name) for name in names})


def stored(folder: Path) -> str:
    """A store with that world alone; gives its id."""
    shop, noon = world(), datetime.now(UTC)
    shelf = open_store(folder)
    shelf.publish(shop)
    shelf.commit({"worlds": [row_of_world(shop, "shop", "benchmark", noon)], "agent_tasks": rows_of_agent_tasks(shop, "benchmark", noon)})
    return shop.id


class Shops:
    """Both ways to run the shop, in a folder that is thrown away. `python` has the packages of the usual build."""

    def __init__(self, folder: Path, python: Path) -> None:
        self._folder = folder
        self._python = python
        self._numbers = count()
        self.world_id = stored(folder / "store")

    def ours(self) -> AbstractContextManager[Launched]:
        """The product, with the one world."""
        return product(self._folder / "store", self.world_id)

    def theirs(self, database: Path | None = None) -> AbstractContextManager[Launched]:
        """An instance of the usual build; its database is made first unless one is given."""
        return usual_build(self._python, database or self._folder / f"shop-{next(self._numbers)}.db")

    def database(self) -> Path:
        """A database of the usual build in its initial state."""
        path = self._folder / "initial.db"
        if not path.exists():
            with self.theirs(path) as server:
                first_list(server)
        return path

    def copy(self) -> Path:
        """Another database in the initial state."""
        return Path(shutil.copy(self.database(), self._folder / f"shop-{next(self._numbers)}.db"))


def start_of(launch: Callable[[], AbstractContextManager[Launched]]) -> float:
    """Seconds from nothing to the first list of tools."""
    began = time.perf_counter()
    with launch() as server:
        first_list(server)
        return time.perf_counter() - began


def reset_of_theirs(shops: Shops) -> float:
    """Seconds to end an instance, put the initial database in its place, and have it list its tools again."""
    database = shops.copy()
    with shops.theirs(database) as server:
        first_list(server)
        asyncio.run(play(server.url, WRITES))
        began = time.perf_counter()
        server.process.kill()
        server.process.wait()
        shutil.copy(shops.database(), database)
        with shops.theirs(database) as again:
            first_list(again)
            return time.perf_counter() - began


def resets_of_ours(server: Launched, world_id: str, rounds: int) -> list[float]:
    """Seconds of resets over the control plane, each after an agent's writes over MCP."""
    times: list[float] = []
    with WorldloomClient(server.control_url, TOKEN) as keeper, keeper.session(world_id) as session:
        asyncio.run(play(session.mcp_url, WRITES, lambda: times.append(timed(partial(keeper.reset, session.id))), rounds))
    return times


def crowd_of_theirs(shops: Shops, size: int) -> tuple[float, list[Mapping[str, float]]]:
    """Seconds until so many instances, all started at once, have listed their tools; and the memory of each."""
    databases = [shops.copy() for _ in range(size)]
    taken: list[float] = []
    found: list[Mapping[str, float]] = []
    with ExitStack() as stack:
        began = time.perf_counter()
        servers = [stack.enter_context(shops.theirs(database)) for database in databases]
        for server in servers:
            await_listening(server)

        def look() -> None:
            taken.append(time.perf_counter() - began)
            found.extend(memory(server.process.pid) for server in servers)

        asyncio.run(hold([server.url for server in servers], look))
    return taken[0], found


def crowd_of_ours(shops: Shops, size: int) -> tuple[float, Mapping[str, float], Mapping[str, float]]:
    """Seconds from the start of the process until so many sessions have listed their tools; its memory before the first, and with all."""
    taken: list[float] = []
    held: list[Mapping[str, float]] = []
    began = time.perf_counter()
    with shops.ours() as server:
        first_list(server)
        held.append(memory(server.process.pid))

        def look() -> None:
            taken.append(time.perf_counter() - began)
            held.append(memory(server.process.pid))

        asyncio.run(hold([server.url] * size, look))
    return taken[0], held[0], held[1]


def paces(shops: Shops, counts: Counts) -> dict[Contest, float]:
    """Calls a second: all servers stand side by side, and take turns in every round."""
    found: dict[Contest, list[float]] = {}
    with ExitStack() as stack:
        ours, theirs = stack.enter_context(shops.ours()), stack.enter_context(shops.theirs(shops.copy()))
        usual, quick = stack.enter_context(empty("usual")), stack.enter_context(empty("quick"))
        turns = [("ours", kind, ours, calls) for kind, calls in KINDS.items()]
        turns += [("usual build", kind, theirs, calls) for kind, calls in KINDS.items()]
        turns += [("empty", "usual", usual, NOTHING), ("empty", "quick", quick, NOTHING)]
        for _, _, server, _ in turns:
            await_listening(server)
        for _ in range(counts.runs):
            for (who, kind, server, calls), clients in product_of(turns, CLIENTS):
                found.setdefault(Contest(who, kind, clients), []).append(pace(server.url, clients, calls, counts.seconds))
    return {contest: median(each) for contest, each in found.items()}


def times(ours: float, theirs: float) -> str:
    """How many times the one goes into the other."""
    return f"{theirs / ours:,.1f}×" if theirs < 20 * ours else f"{theirs / ours:,.0f}×"


def span(seconds: float) -> str:
    """Seconds as they are read."""
    return f"{1_000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s" if seconds < 100 else f"{seconds:,.0f} s"


def time_rows(shops: Shops, counts: Counts) -> list[Row]:
    """Start and reset."""
    theirs = median(start_of(lambda: shops.theirs(shops.copy())) for _ in range(counts.runs))
    alone = median(start_of(shops.ours) for _ in range(counts.runs))
    their_reset = median(reset_of_theirs(shops) for _ in range(counts.runs))
    with shops.ours() as server:
        first_list(server)
        rounds = 20 * counts.runs
        begun = median(timed(lambda: asyncio.run(list_once(server.url))) for _ in range(rounds))
        reset = median(resets_of_ours(server, shops.world_id, rounds))
    return [
        Row("a new instance, to the first list of tools (ours: in the running server)", contrast(begun, theirs), "100×"),
        Row("  from nothing: process start to the first list of tools", contrast(alone, theirs)),
        Row("reset after writes (theirs: end, copy the database, start)", contrast(reset, their_reset), "1,000×"),
    ]


def contrast(ours: float, theirs: float) -> str:
    """Two times and how many times the one is the other."""
    return f"{span(ours)} · usual build {span(theirs)} · {times(ours, theirs)}"


def crowd_rows(shops: Shops, counts: Counts) -> list[Row]:
    """Many instances: seconds until they are ready, and memory."""
    theirs, found = crowd_of_theirs(shops, counts.few)
    few = crowd_of_ours(shops, counts.few)[0]
    many, before, after = crowd_of_ours(shops, counts.many)
    guess = theirs * counts.many / counts.few
    lines = [
        Row(f"{counts.few} instances ready, from nothing", contrast(few, theirs)),
        Row(f"{counts.many:,} instances ready, from nothing (theirs extrapolated)", contrast(many, guess)),
    ]
    for name in ("Pss", "Rss"):
        each = (after[name] - before[name]) / counts.many
        shared = after[name] / counts.many
        other = median(one[name] for one in found)
        what = f"memory of an instance, {name.upper()}"
        lines += [
            Row(f"{what}: a session more", f"{each:.2f} MB · usual build {other:,.0f} MB · {times(each, other)}", "100×"),
            Row(f"  the whole server over {counts.many:,}", f"{shared:.2f} MB · {times(shared, other)}"),
        ]
    return lines


def pace_rows(shops: Shops, counts: Counts) -> list[Row]:
    """Calls a second over MCP, beside the usual build's and an empty server's."""
    found = paces(shops, counts)
    lines = []
    for kind, clients in product_of(KINDS, CLIENTS):
        ours, theirs = (found[Contest(who, kind, clients)] for who in ("ours", "usual build"))
        beside = f"{ours:,.0f} · usual build {theirs:,.0f} · {times(theirs, ours)}"
        lines.append(Row(f"calls a second that {kind}, {told(clients)}", beside, AIMS[kind]))
        for form, says in EMPTY.items():
            ceiling = found[Contest("empty", form, clients)]
            lines.append(Row(f"  beside an empty server, {says}", f"{ours / ceiling:.0%} of {ceiling:,.0f}", "80%"))
    return lines


def told(clients: int) -> str:
    """So many clients."""
    return "1 SDK client" if clients == 1 else f"{clients} SDK clients"


def load() -> Row:
    """What else the machine had to do."""
    return Row("load of the machine over the last minute, at the end", f"{os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")


def serving_rows(folder: Path, counts: Counts | None = None) -> list[Row]:
    """Every figure; one line that says why where the usual build's packages cannot be had."""
    counts = counts or Counts()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        shops = Shops(folder, packages(folder / "packages"))
    except CalledProcessError as problem:
        why = (problem.stderr or b"").decode().strip().splitlines()[-1:] or [str(problem)]
        return [Row("serving, beside the usual build", f"not measured: its packages cannot be installed ({why[0][:120]})")]
    return [*time_rows(shops, counts), *crowd_rows(shops, counts), *pace_rows(shops, counts), load()]


def main() -> None:
    """Measure and print this alone."""
    table = Table("measured", "figure", "aim", title="Serving the shop: Worldloom · the usual build · an empty server, medians")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for row in serving_rows(Path(folder)):
            table.add_row(*row)
    table.add_row("whole measurement, packages installed", span(time.perf_counter() - began), "300 s")
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
