"""The `worldloom` command: weave worlds, list them, look at one, audit them; let an agent play them."""

from __future__ import annotations

import os
import sys
import time
from importlib.metadata import version as installed_version
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from artifacts.errors import InvalidInput
from artifacts.store import Store, open_store
from flows import (
    collecting,
    display,
    evaluating,
    exporting,
    images,
    judging,
    keeping,
    lineage,
    operating,
    pages,
    playing,
    quality_pages,
    querying,
    reporting,
    serving,
    training_command,
)
from flows.boundary import FAILED, INTERRUPTED, OK, REJECTED, SPENT, guarded
from flows.options import JsonOption, StoreOption, print_json
from tasks.difficulty.spread import EXAMPLE, read_shares
from tasks.job.levels import levels_by_world
from tasks.job.order import EMBEDDED_MODEL, Order, require_scenarios, scenario_named
from tasks.job.tally import Tally

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Weave executable, database-backed worlds with verified tasks for tool-using agents."""


@app.command()
def synthesize(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAMES]...", help="Scenario names, such as 'Veterinary clinic'.")] = None,
    *,
    scenarios: Annotated[str | None, typer.Option(metavar="FILE", help="JSONL of scenarios: name, description, category.")] = None,
    worlds: Annotated[int | None, typer.Option(min=1, help="Fill up to this many from the shipped scenarios, then invented ones.")] = None,
    tasks_per_world: Annotated[int, typer.Option(min=1, max=1000, help="Agent tasks in each world.")] = 10,
    difficulty: Annotated[
        str | None, typer.Option(metavar="SPREAD", help=f"Shares of the levels 1 to 5 among the tasks, in percent, such as {EXAMPLE}.")
    ] = None,
    model: Annotated[str, typer.Option(help="provider/name, or the embedded one.")] = EMBEDDED_MODEL,
    api_base: Annotated[str | None, typer.Option(metavar="URL", help="Where an OpenAI-compatible server of yours answers.")] = None,
    fault_rate: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of answers that the embedded model spoils on purpose.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Tells repeated draws of one scenario apart.")] = 0,
    temperature: Annotated[float | None, typer.Option(min=0.0, max=2.0, help="Sampling temperature; the model's own if left out.")] = None,
    max_concurrency: Annotated[int | None, typer.Option(min=1, help="Drafts in hand at once.")] = None,
    runner: Annotated[
        str, typer.Option(metavar="RUNNER", help="Where drafts are woven: auto, process, thread, dask[=ADDRESS] or ray[=ADDRESS].")
    ] = "auto",
    shards: Annotated[
        int | None, typer.Option(min=2, max=64, help="Split the drafts among so many runs of the deployment synthesize/shard.")
    ] = None,
    budget_usd: Annotated[float | None, typer.Option(metavar="DOLLARS", help="Stop, cleanly, when this run has spent so much.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=1, help="Stop, cleanly, when this run has paid for so many tokens.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="The most calls of the model in a minute, over all runs.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(min=1, help="The most tokens in a minute, over all runs.")] = None,
    rejection_bar: Annotated[float, typer.Option(min=0.0, max=1.0, help="Tell by an event when a larger share is rejected.")] = 0.2,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Weave worlds from scenarios. Run it again to resume: what is done is skipped, and no answer is paid for twice."""
    order = ordered(
        names=tuple(names or ()),
        scenarios=scenarios,
        worlds=worlds,
        tasks_per_world=tasks_per_world,
        difficulty=None if difficulty is None else read_shares(difficulty),
        model=model,
        api_base=api_base,
        fault_rate=fault_rate,
        seed=seed,
        temperature=temperature,
        max_concurrency=max_concurrency,
        runner=runner,
        shards=shards,
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        rejection_bar=rejection_bar,
    )
    for name in order.names:
        scenario_named(name)
    require_scenarios(order)
    return weave(order, store, as_json, quiet)


def ordered(**arguments: Any) -> Order:
    """The arguments as an order; raises InvalidInput."""
    try:
        return Order(**arguments)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise InvalidInput(
            f"--{'-'.join(str(problem['loc'][0]).split('_'))}: {problem['msg']}.", "Try `worldloom synthesize --help`."
        ) from error


def weave(order: Order, url: str, as_json: bool, quiet: bool) -> int:
    """Run the flow with the figures in view, and say how it ended."""
    from flows.synthesize import run

    console = Console(stderr=as_json, quiet=quiet)
    began = time.monotonic()
    with display.shown(console, quiet or as_json) as listener:
        tally = run(order, url, listener, lambda tally: leave(console, tally, url))
    elapsed = time.monotonic() - began
    if as_json:
        print_json({**display.summary(tally, elapsed), "store": url})
    else:
        console.print(display.closing(tally, elapsed))
        console.print(display.farewell(tally, url), highlight=False, soft_wrap=True)
    if tally.budget_spent:
        return SPENT
    return INTERRUPTED if tally.interrupted else FAILED if tally.unfinished else REJECTED if tally.rejected + tally.known_rejected else OK


def leave(console: Console, tally: Tally, url: str) -> NoReturn:
    """End the process although drafts are in hand that will not end: what is sealed is published, what is paid is journaled."""
    console.print(display.farewell(tally, url), highlight=False, soft_wrap=True)
    sys.stdout.flush()
    os._exit(INTERRUPTED)


@app.command("ls")
def list_worlds(
    everything: Annotated[bool, typer.Option("--all", help="Also the worlds that another took the place of.")] = False,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> None:
    """List the worlds of a store."""
    shelf = opened(store)
    found, successors = shelf.worlds(superseded=everything), shelf.successors() if everything else {}
    if as_json:
        print_json(pages.plain_listing(found, levels_by_world(shelf), successors))
    else:
        Console().print(pages.listing(found, store, successors))


@app.command()
def show(
    world: Annotated[str, typer.Argument(metavar="WORLD", help="A world's id, or enough of its beginning.")],
    task: Annotated[str | None, typer.Option(help="Show this task's solution and checks, such as t03.")] = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> None:
    """Show a world: its scenario, tables, tools, tasks and verdicts."""
    found = opened(store).world(world)
    if as_json:
        print_json(pages.plain_world(found) if task is None else pages.task_named(found, task).canonical())
    else:
        Console().print(pages.world_page(found) if task is None else pages.task_page(found, pages.task_named(found, task)))


@app.command()
def audit(
    worlds: Annotated[list[str] | None, typer.Argument(metavar="[WORLD]...", help="Worlds to judge again; all if left out.")] = None,
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Carry out every near miss and every other right way, and measure again.")] = False,
    solver_runs: Annotated[int, typer.Option(min=0, max=100, help="With --deep: how often the scripted solver tries each task.")] = 0,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Judge worlds again by every gate, from their bundles alone, and compare with what is on record."""
    from tasks.job.auditing import Depth, audit_worlds

    shelf = opened(store)
    names = list(worlds or [summary.world_id for summary in shelf.worlds()])
    shelf.check_parts()
    found = audit_worlds(shelf, names, Depth(deep, solver_runs))
    if as_json:
        print_json([quality_pages.plain_audit(judged) for judged in found])
    else:
        Console().print(quality_pages.deep_page(found) if deep else pages.audit_page(found))
    return OK if all(judged.holds for judged in found) else FAILED


app.command()(operating.up)
app.command()(operating.down)
app.command()(operating.status)
app.command()(querying.query)
app.command()(lineage.lineage)
app.command()(reporting.report)
app.command()(exporting.export)
app.command()(keeping.regenerate)
app.command()(keeping.maintain)
app.command("snapshots")(querying.list_snapshots)
app.command()(querying.fsck)

app.command()(serving.serve)
app.command()(images.package)
app.command()(playing.play)
app.command()(playing.score)
app.add_typer(training_command.app, name="train")
app.command()(collecting.collect)
app.command()(evaluating.evaluate)
app.command()(judging.calibrate)


@app.command()
def version(as_json: JsonOption = False) -> None:
    """Print the versions of Worldloom and of what decides its outcomes."""
    import apsw

    found = {"worldloom": installed_version("worldloom"), "python": sys.version.split()[0], "sqlite": apsw.sqlite_lib_version()}
    found |= {name: installed_version(name) for name in ("prefect", "dspy", "sqlglot")}
    if as_json:
        print_json(found)
    else:
        Console(highlight=False).print("\n".join(f"{name} {number}" for name, number in found.items()))


def opened(url: str) -> Store:
    """The store, which has to be there."""
    return open_store(url, create=False)


def main() -> None:
    """The entry point of the command."""
    sys.exit(guarded(lambda: app(standalone_mode=False)))


if __name__ == "__main__":
    main()
