"""The command `collect`: many episodes of one policy, played at once and kept in the table `trajectories`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from artifacts.errors import InvalidInput
from artifacts.trajectory import FormName
from flows.boundary import FAILED, INTERRUPTED, OK
from flows.options import JsonOption, StoreOption, print_json
from tasks.agent.collect_cards import outcomes, solve_rates
from tasks.agent.collect_order import CollectOrder
from tasks.agent.figures import Figures, Listener, summary


def collect(
    *,
    policy: Annotated[str, typer.Option(help="reference, idle, random, openai/NAME, a model's name with --api-base, or a checkpoint.")],
    api_base: Annotated[str | None, typer.Option(metavar="URL", help="Where an OpenAI-compatible server of yours answers.")] = None,
    worlds: Annotated[
        list[str] | None, typer.Option("--worlds", metavar="WORLD", help="A world; may be given again. All by default.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "train",
    kind: Annotated[str | None, typer.Option(help="Only tasks of this kind: read, write or mixed.")] = None,
    difficulty: Annotated[list[int] | None, typer.Option(min=1, max=5, help="Only tasks of this level; may be given again.")] = None,
    episodes_per_task: Annotated[int, typer.Option(min=1, help="Episodes of each task, with seeds that follow one another.")] = 1,
    form: Annotated[FormName, typer.Option(help="How tool calls are written: as text in tags, or natively.")] = "awm",
    turns: Annotated[int, typer.Option(min=1, max=1000, help="The agent speaks at most so often.")] = 30,
    history: Annotated[int | None, typer.Option(min=1, max=1000, help="Show the agent so many of its last turns; all if left out.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Episodes under way at once.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of each task's first episode.")] = 0,
    temperature: Annotated[float | None, typer.Option(min=0.0, max=2.0, help="Sampling temperature; the model's own if left out.")] = None,
    reply: Annotated[int | None, typer.Option(min=1, help="Tokens of a reply at most; the model's own limit if left out.")] = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Collect episodes of a policy. Run it again to resume: an episode that is in the table is not played again."""
    from flows.collect import run

    order = ordered(
        policy=policy,
        api_base=api_base,
        worlds=tuple(worlds or ()),
        split=split,
        kind=kind,
        difficulty=tuple(difficulty or ()),
        episodes_per_task=episodes_per_task,
        form=form,
        turns=turns,
        history=history,
        concurrency=concurrency,
        seed=seed,
        temperature=temperature,
        reply=reply,
    )
    console = Console(stderr=as_json, quiet=quiet, highlight=False)
    with shown(console, quiet or as_json) as listener:
        figures, trouble = run(order, store, listener)
    if as_json:
        print_json({**summary(figures), "store": store})
    else:
        console.print(closing(figures))
        console.print(farewell(figures, store), soft_wrap=True, markup=False)
    if trouble is not None:
        raise trouble
    return INTERRUPTED if figures.interrupted else FAILED if figures.unfinished else OK


def ordered(**arguments: Any) -> CollectOrder:
    """The arguments as an order; raises InvalidInput."""
    try:
        return CollectOrder(**arguments)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        option = "-".join(str(problem["loc"][0]).split("_"))
        raise InvalidInput(f"--{option}: {problem['msg'].removeprefix('Value error, ')}.", "Try `worldloom collect --help`.") from error


@contextmanager
def shown(console: Console, quiet: bool) -> Iterator[Listener]:
    """A listener that shows the figures as they change: in place on a terminal, a line a change elsewhere, not at all when quiet."""
    if quiet:
        yield lambda _figures: None
    elif not console.is_terminal:
        yield plain(console)
    else:
        moment = [Figures(doing="starting")]
        with Live(console=console, refresh_per_second=4, get_renderable=lambda: picture(moment[0])):
            yield lambda figures: moment.__setitem__(0, figures)


def plain(console: Console) -> Listener:
    """A listener that prints a line when something else is being done, and what the policy's service says."""
    before = [Figures()]

    def listen(figures: Figures) -> None:
        for line in (
            f"{figures.doing} …" if figures.doing != before[0].doing else "",
            figures.said if figures.said != before[0].said else "",
        ):
            if line:
                console.print(line, markup=False, soft_wrap=True)
        before[0] = figures

    return listen


def picture(figures: Figures) -> RenderableType:
    """The live view: a bar, what came of the episodes, the pace."""
    done = figures.known + figures.played + figures.unfinished
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=max(figures.planned, 1), completed=done, width=40), f"{done:,}/{figures.planned:,}", figures.doing)
    rate = figures.overall.rate
    pace = figures.turns / figures.seconds if figures.seconds else 0.0
    counts = Text.assemble(
        (f"{figures.overall.solved:,} solved" + ("" if rate is None else f" ({rate:.0%})"), "green"),
        *([(f"   {figures.known:,} done before", "cyan")] if figures.known else []),
        *([(f"   {figures.unfinished:,} unfinished", "red")] if figures.unfinished else []),
        (f"   {figures.turns:,} turns, {pace:,.0f} a second", "dim"),
    )
    return Group(bar, counts, Text(figures.said, style="yellow", overflow="ellipsis", no_wrap=True))


def closing(figures: Figures) -> RenderableType:
    """The closing tables: what was played, solve rates by level and kind, outcomes."""
    table = Table(title=f"Episodes of {figures.policy}", title_justify="left")
    names = ("planned", "known", "played", "kept", "unfinished", "turns", "calls")
    for name in names:
        table.add_column("done before" if name == "known" else name, justify="right")
    table.add_row(*(f"{getattr(figures, name):,}" for name in names))
    parts: list[RenderableType] = [table]
    for title, rows in (("Solved", solve_rates(figures)), ("Outcomes", outcomes(figures))):
        if rows:
            more = Table(*rows[0], title=title, title_justify="left")
            for row in rows:
                more.add_row(*map(str, row.values()))
            parts.append(more)
    return Group(*parts)


def farewell(figures: Figures, store: str) -> str:
    """Where the episodes are; or what to do about those that are not there."""
    lines = [f"Some episodes could not be played: {trouble}" for trouble in figures.troubles]
    if figures.interrupted:
        lines.append("Interrupted. What was finished is kept.")
    if figures.interrupted or figures.unfinished:
        lines.append("Run the same command again to resume: what is in the table is not played again.")
    at = "" if store == "./loom" else f" --store {shlex.quote(store)}"
    lines.append(f'worldloom query "SELECT policy, outcome, count(*) FROM trajectories GROUP BY ALL"{at}')
    return "\n".join(lines)
