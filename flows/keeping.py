"""`worldloom regenerate` and `worldloom maintain`: worlds that stay up to date, in a store that stays in good order."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts.errors import InvalidInput
from artifacts.store import open_store
from flows import display
from flows.boundary import FAILED, INTERRUPTED, OK, REJECTED
from flows.options import JsonOption, StoreOption, print_json
from tasks.difficulty.spread import EXAMPLE, read_shares
from tasks.job.tally import Tally
from tasks.job.upkeep import MaintainOrder
from tasks.regeneration.order import REASONS, RegenerateOrder
from tasks.regeneration.survey import Survey


def regenerate(
    worlds: Annotated[list[str] | None, typer.Argument(metavar="[WORLD]...", help="Worlds to look at; all that stand if left out.")] = None,
    *,
    reasons: Annotated[
        list[str] | None, typer.Option("--reason", metavar="REASON", help=f"Only for this reason; repeat it. {', '.join(REASONS)}.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made again and why, and change nothing.")] = False,
    most_worlds: Annotated[int, typer.Option(min=1, help="At most so many are made again.")] = 100,
    solved_bar: Annotated[float, typer.Option(min=0.0, max=1.0, help="A policy that completes this share of episodes solved it.")] = 0.9,
    solved_episodes: Annotated[int, typer.Option(min=1, help="Fewer episodes of a policy say nothing.")] = 20,
    mutation_bar: Annotated[float, typer.Option(min=0.0, max=1.0, help="The least share of near misses that are rejected.")] = 1.0,
    fairness_bar: Annotated[float, typer.Option(min=0.0, max=1.0, help="The least share of other right ways that are accepted.")] = 1.0,
    difficulty: Annotated[
        str | None, typer.Option(metavar="SPREAD", help=f"Shares of the levels for the tasks of solved worlds, such as {EXAMPLE}.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Who writes the new parts; for each world the one that wrote it if left out.")] = None,
    api_base: Annotated[str | None, typer.Option(metavar="URL", help="Where an OpenAI-compatible server of yours answers.")] = None,
    fault_rate: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of answers that the embedded model spoils on purpose.")] = 0.0,
    max_concurrency: Annotated[int | None, typer.Option(min=1, help="Drafts in hand at once.")] = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Make worlds again that are out of date, from the first stale stage on; the old ones stay, superseded."""
    order = ordered(
        worlds=tuple(worlds or ()),
        reasons=tuple(reasons or REASONS),
        most_worlds=most_worlds,
        solved_bar=solved_bar,
        solved_episodes=solved_episodes,
        mutation_bar=mutation_bar,
        fairness_bar=fairness_bar,
        difficulty=None if difficulty is None else read_shares(difficulty),
        model=model,
        api_base=api_base,
        fault_rate=fault_rate,
        max_concurrency=max_concurrency,
    )
    return foretold(order, store, as_json) if dry_run else made_again(order, store, as_json)


def ordered(**arguments: Any) -> RegenerateOrder:
    """The arguments as an order; raises InvalidInput."""
    try:
        return RegenerateOrder(**arguments)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = str(problem["loc"][0])
        raise InvalidInput(f"{field.replace('_', '-')}: {problem['msg']}.", "Try `worldloom regenerate --help`.") from error


def foretold(order: RegenerateOrder, store: str, as_json: bool) -> int:
    """Say what would be made again, and why."""
    from flows.regenerate import look
    from tasks.regeneration.cards import reasons_row

    seen = look(order, store)
    if as_json:
        refused = [reasons_row(again) for again in seen.refused]
        print_json({**counts(seen), "stale": [reasons_row(again) for again in seen.renewals], "refused": refused})
        return OK
    table = Table()
    table.add_column("world", min_width=max((len(again.world_id) for again in seen.renewals), default=0), no_wrap=True)  # to be copied
    table.add_column("because", overflow="fold")
    table.add_column("stages that would run", overflow="fold")
    for again in seen.renewals:
        table.add_row(again.world_id, escape(reasons_row(again)["because"]), ", ".join(again.stages))
    console = Console(highlight=False)
    if seen.renewals:
        console.print(table)
    console.print(escape(said(seen)), soft_wrap=True)
    return OK


def counts(seen: Survey) -> dict[str, Any]:
    """The figures of a look over a store."""
    return {"looked_at": seen.looked_at, "judged": seen.judged, "problems": dict(seen.problems)}


def said(seen: Survey) -> str:
    """What was found, in a line or a few."""
    lines = [f"{seen.looked_at} worlds looked at, {seen.judged} judged again: {len(seen.renewals)} out of date."]
    lines += [f"{again.world_id}: its successor was rejected before; it stands." for again in seen.refused]
    return "\n".join([*lines, *(f"{world_id}: {problem}" for world_id, problem in seen.problems)])


def made_again(order: RegenerateOrder, store: str, as_json: bool) -> int:
    """Run the flow with the figures in view, and say how it ended."""
    from flows.regenerate import run

    console = Console(stderr=as_json, highlight=False)
    before = open_store(store, create=False).successors()
    with display.shown(console, as_json) as listener:
        tally = run(order, store, listener, lambda tally: leave(console, tally))
    after = open_store(store, create=False).successors()
    made = {old: new for old, new in after.items() if before.get(old) != new}
    if as_json:
        figures = {name: getattr(tally, name) for name in ("planned", "sealed", "rejected", "unfinished")}
        print_json({**figures, "successors": made, "store": store})
    else:
        lines = [f"{old} → {new}" for old, new in made.items()]
        console.print("\n".join([*map(escape, lines), told(tally)]), soft_wrap=True)
    return INTERRUPTED if tally.interrupted else FAILED if tally.unfinished else REJECTED if tally.rejected else OK


def told(tally: Tally) -> str:
    """How a run ended."""
    more = "" if not tally.unfinished else f" Run it again to resume: {escape('; '.join(tally.faults[-1:]))}"
    return f"{tally.sealed} made again, {tally.rejected} rejected (the old ones stand), {tally.unfinished} unfinished.{more}"


def leave(console: Console, tally: Tally) -> NoReturn:
    """End the process although drafts are in hand that will not end."""
    console.print(told(tally), soft_wrap=True)
    sys.stdout.flush()
    os._exit(INTERRUPTED)


def maintain(
    *,
    compact: Annotated[bool, typer.Option(help="Put many small parts together into few large ones.")] = True,
    expire: Annotated[bool, typer.Option(help="Take away old snapshots, and the parts that only they list.")] = True,
    keep_days: Annotated[int, typer.Option(min=0, max=36_500, help="Snapshots younger than this are kept.")] = 30,
    keep_least: Annotated[int, typer.Option(min=1, max=100_000, help="So many of the newest are kept, whatever their age.")] = 10,
    sweep: Annotated[bool, typer.Option(help="Take away what killed writers left.")] = True,
    check: Annotated[bool, typer.Option(help="Check every hash, key and reference afterwards.")] = True,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Keep a store in good order: fewer and larger parts, no snapshots that nobody needs, no leftovers; then check it."""
    from flows.maintain import run

    order = MaintainOrder(compact=compact, expire=expire, keep_days=keep_days, keep_least=keep_least, sweep=sweep, check=check)
    done = run(order, store)
    if as_json:
        print_json([one.canonical() for one in done])
    else:
        lines = [f"[bold]{one.chore}[/] {escape(one.line)}" for one in done] + [escape(f) for one in done for f in one.faults]
        Console(highlight=False).print("\n".join(lines), soft_wrap=True)
    return FAILED if any(one.faults for one in done) else OK
