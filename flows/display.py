"""What people see of a run: the live figures while it goes on, and the closing table."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.pages import plain_levels
from tasks.difficulty.levels import LEVELS
from tasks.job.tally import Listener, StageFigures, Tally, by_stage, cost, total, whole

REFRESH_A_SECOND = 4


@contextmanager
def shown(console: Console, quiet: bool) -> Iterator[Listener]:
    """A listener that shows the figures as they change: in place on a terminal, one line a draft elsewhere, not at all when quiet."""
    if quiet:
        yield lambda _tally: None
    elif console.is_terminal:
        with live(console) as listener:
            yield listener
    else:
        yield plain(console)


@contextmanager
def live(console: Console) -> Iterator[Listener]:
    """A listener that redraws a few lines in place."""
    began = time.monotonic()
    moment = [Tally(doing="starting")]
    view = Live(console=console, refresh_per_second=REFRESH_A_SECOND, get_renderable=lambda: picture(moment[0], time.monotonic() - began))

    def listen(tally: Tally) -> None:
        moment[0] = tally

    with view:
        yield listen


def plain(console: Console) -> Listener:
    """A listener that prints a line for each draft that ends and each change of what is being done."""
    before = [Tally()]

    def listen(tally: Tally) -> None:
        if tally.doing != before[0].doing:
            console.print(f"{tally.doing} …", highlight=False, markup=False)
        if tally.trouble and tally.trouble != before[0].trouble:
            console.print(f"waiting: {tally.trouble}", highlight=False, markup=False, soft_wrap=True)
        if tally.latest != before[0].latest:
            ended = tally.finished + tally.unfinished
            console.print(f"[{ended}/{tally.planned}] {tally.latest}", highlight=False, markup=False, soft_wrap=True)
        before[0] = tally

    return listen


def picture(tally: Tally, elapsed: float) -> RenderableType:
    """The live view: a bar, the counts, what it took so far, and the time left."""
    ended = tally.finished + tally.unfinished
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=max(tally.planned, 1), completed=ended, width=40), f"{ended}/{tally.planned}", time_left(tally, elapsed))
    counts = Text.assemble(
        (f"{tally.sealed} sealed", "green"),
        *([(f"   {tally.known} done before", "cyan")] if tally.known else []),
        (f"   {tally.rejected} rejected", "yellow" if tally.rejected else "dim"),
        *([(f"   {tally.unfinished} unfinished", "red")] if tally.unfinished else []),
    )
    return Group(
        bar,
        counts,
        *([Text(tally.trouble, style="yellow")] if tally.trouble else []),
        Text(spent_line(tally), style="dim"),
        Text(tally.latest or tally.doing, style="dim", overflow="ellipsis", no_wrap=True),
    )


def time_left(tally: Tally, elapsed: float) -> str:
    """About how long the rest will take, from the pace so far."""
    here = tally.sealed + tally.rejected + tally.unfinished
    rest = tally.planned - tally.known - here
    if not here or not rest:
        return tally.doing
    return f"about {duration(elapsed / here * rest)} left"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def spent_line(tally: Tally) -> str:
    """Model calls, tokens and cost; a figure that is unknown is left out."""
    tokens = [whole(total(getattr(a, side) for a in tally.attempts)) for side in ("input_tokens", "output_tokens")]
    recalled = len(tally.attempts) - len(tally.paid)
    parts = [f"{len(tally.paid)} model calls" + (f" (and {recalled} recalled)" if recalled else "")]
    parts += [f"{tokens[0]:,} tokens in, {tokens[1]:,} out"] if tokens[0] is not None and tokens[1] is not None else []
    dollars = cost(tally.paid)
    return ", ".join(parts + ([f"${dollars:,.2f}"] if dollars else []))


def closing(tally: Tally, elapsed: float) -> RenderableType:
    """The closing tables: the funnel, where drafts were rejected, and what each stage took."""
    parts: list[RenderableType] = [funnel(tally, elapsed)]
    if tally.rejections:
        parts.append(rejections(tally.rejections))
    if tally.levels:
        parts.append(levels(tally.levels))
    if tally.attempts:
        parts.append(stages(by_stage(tally.attempts)))
    return Group(*parts)


def funnel(tally: Tally, elapsed: float) -> Table:
    """How many drafts there were and what became of them."""
    table = Table(title="Woven", title_justify="left")
    for heading in ("drafts", "done before", "sealed", "rejected", "unfinished", "model calls"):
        table.add_column(heading, min_width=max(map(len, heading.split())))
    table.add_column("took", no_wrap=True, min_width=len(duration(elapsed)))
    figures = (tally.planned, tally.known, tally.sealed, tally.rejected, tally.unfinished, len(tally.paid))
    table.add_row(*(f"{figure:,}" for figure in figures), duration(elapsed))
    return table


def rejections(counts: Mapping[str, int]) -> Table:
    """The drafts rejected, by the gate or stage that rejected them."""
    table = Table("gate", "drafts", title="Rejected", title_justify="left")
    for gate, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(gate, str(count))
    return table


def levels(counts: Mapping[int, int]) -> Table:
    """The agent tasks made, by their level of difficulty, and each level's share."""
    table = Table("agent tasks", title="Difficulty", title_justify="left")
    made = sum(counts.values())
    for level in LEVELS:
        table.add_column(f"level {level}", justify="right")
    table.add_row(f"{made:,}", *(f"{counts.get(level, 0):,} ({counts.get(level, 0) / made:.0%})" for level in LEVELS))
    return table


def stages(figures: Mapping[str, StageFigures]) -> Table:
    """Per stage: drafts, how many passed at the first attempt, calls, and tokens a draft."""
    table = Table("stage", title="Stages", title_justify="left")
    for heading in ("drafts", "first pass", "calls", "tokens in / draft", "tokens out / draft"):
        table.add_column(heading, justify="right")
    for stage, row in figures.items():
        shares = (each(row.input_tokens, row.drafts), each(row.output_tokens, row.drafts))
        table.add_row(stage, str(row.drafts), f"{row.first_pass / row.drafts:.0%}", str(row.calls), *shares)
    return table


def each(amount: int | None, drafts: int) -> str:
    """An amount a draft, or `unknown`."""
    return "unknown" if amount is None else f"{amount / drafts:,.0f}"


def summary(tally: Tally, elapsed: float) -> dict[str, Any]:
    """The closing table for machines."""
    figures = {stage: row._asdict() for stage, row in by_stage(tally.attempts).items()}
    counts = {name: getattr(tally, name) for name in ("planned", "known", "sealed", "rejected", "unfinished")}
    return {
        **counts,
        "model_calls": len(tally.paid),
        "recalled": len(tally.attempts) - len(tally.paid),
        "cost_usd": cost(tally.paid),
        "seconds": round(elapsed, 3),
        "weaving_seconds": None if tally.weaving_seconds is None else round(tally.weaving_seconds, 3),
        "rejections": dict(tally.rejections),
        "levels": plain_levels(tally.levels),
        "faults": list(tally.faults),
        "budget_spent": tally.budget_spent,
        "stages": figures,
    }


def farewell(tally: Tally, store: str) -> str:
    """Where the worlds are and how to look at them; or what to do about those that are not there."""
    lines = [f"Left out: {line}" for line in tally.left_out]
    stopped = "Stopped by the budget" if tally.budget_spent else "Some drafts could not be finished"
    lines += [f"{stopped}: {fault}" for fault in tally.faults]
    if tally.interrupted:
        lines.append("Interrupted. What was sealed is published.")
    if tally.interrupted or tally.unfinished:
        lines.append("Run the same command again to resume: what is done is skipped, and no answer is paid for twice.")
    at = "" if store == "./loom" else f" --store {shlex.quote(store)}"
    if tally.sealed + tally.known - tally.known_rejected == 0:
        return "\n".join(lines)
    lines.append(f"The worlds are in {store}. To look at them:")
    lines += [f"  {command()} {what}{at}" for what in ("ls", "show WORLD", "show WORLD --task t01", "audit")]
    return "\n".join(lines)


def command() -> str:
    """How to call the command from here: by name where it is on the path, else as it was called."""
    return "worldloom" if shutil.which("worldloom") else sys.argv[0]
