"""The command `evaluate`: how well a policy does on tasks that it has not been trained on, alone or beside another."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from artifacts.errors import WorldloomError
from artifacts.store import open_store
from artifacts.trajectory import FormName
from flows.boundary import FAILED, INTERRUPTED, OK
from flows.collecting import ordered, shown
from flows.options import JsonOption, StoreOption, print_json
from tasks.agent.attempts import evaluated
from tasks.agent.collect_order import CollectOrder
from tasks.agent.evaluation import Comparison, Estimate, Evaluation, comparison, plain, summary
from tasks.agent.figures import Figures


def evaluate(
    policy: Annotated[str, typer.Argument(help="reference, idle, random, openai/NAME, a model's name with --api-base, or a checkpoint.")],
    *,
    against: Annotated[str | None, typer.Option(metavar="POLICY", help="Another policy, on the same tasks and seeds.")] = None,
    attempts: Annotated[int, typer.Option(min=1, max=1000, help="Attempts at each task; pass@k and pass^k are for so many.")] = 4,
    api_base: Annotated[str | None, typer.Option(metavar="URL", help="Where an OpenAI-compatible server of yours answers.")] = None,
    worlds: Annotated[
        list[str] | None, typer.Option("--worlds", metavar="WORLD", help="A world; may be given again. All by default.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    kind: Annotated[str | None, typer.Option(help="Only tasks of this kind: read, write or mixed.")] = None,
    difficulty: Annotated[list[int] | None, typer.Option(min=1, max=5, help="Only tasks of this level; may be given again.")] = None,
    form: Annotated[FormName, typer.Option(help="How tool calls are written: as text in tags, or natively.")] = "awm",
    turns: Annotated[int, typer.Option(min=1, max=1000, help="The agent speaks at most so often.")] = 30,
    history: Annotated[int | None, typer.Option(min=1, max=1000, help="Show the agent so many of its last turns; all if left out.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Episodes under way at once.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of each task's first attempt.")] = 0,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Sampling temperature.")] = 1.0,
    reply: Annotated[int | None, typer.Option(min=1, help="Tokens of a reply at most; the model's own limit if left out.")] = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Tell how often a policy solves held-out tasks. Run it again to resume: an attempt that is in the table is not made again."""
    orders = [
        ordered(
            policy=name,
            api_base=api_base,
            worlds=tuple(worlds or ()),
            split=split,
            kind=kind,
            difficulty=tuple(difficulty or ()),
            episodes_per_task=attempts,
            form=form,
            turns=turns,
            history=history,
            concurrency=concurrency,
            seed=seed,
            temperature=temperature,
            reply=reply,
        )
        for name in (policy, *([against] if against else []))
    ]
    console = Console(stderr=as_json, quiet=quiet, highlight=False)
    played = [_played(order, store, console, quiet or as_json) for order in orders]
    _tell(orders, store, console, as_json)
    for _, trouble in played:
        if trouble is not None:
            raise trouble
    if any(figures.interrupted for figures, _ in played):
        return INTERRUPTED
    return FAILED if any(figures.unfinished for figures, _ in played) else OK


def _played(order: CollectOrder, store: str, console: Console, quiet: bool) -> tuple[Figures, WorldloomError | None]:
    """Makes the attempts that are not in the table."""
    from flows.collect import run

    with shown(console, quiet) as listener:
        return run(order, store, listener)


def _tell(orders: list[CollectOrder], url: str, console: Console, as_json: bool) -> None:
    store = open_store(url, create=False)
    found = [evaluated(order, store) for order in orders]
    compared = comparison(found[0][1], found[1][1]) if len(found) == 2 else None
    if as_json:
        told = None if compared is None else {**compared._asdict(), "difference": plain(compared.difference)}
        print_json({"policies": [summary(one) for one, _ in found], "comparison": told, "store": url})
        return
    for one, _ in found:
        for table in tables(one):
            console.print(table)
        console.print(_counted(one), markup=False)
    if compared is not None:
        console.print(beside(compared, found[0][0].policy, found[1][0].policy), markup=False, soft_wrap=True)


def tables(found: Evaluation) -> list[Table]:
    """The rates of a policy, and how it failed."""
    rates = Table("tasks", "", "pass@1", f"pass@{found.k}", f"pass^{found.k}", title=f"{found.policy}, {found.k} attempts a task")
    for line in found.lines:
        rates.add_row(line.name, f"{line.tasks:,}", *map(said, (line.once, line.any, line.all)))
    failures = Table("outcome", "ended", "attempts", title="Attempts that solved nothing")
    for (outcome, ended), count in sorted(found.failures.items(), key=lambda item: -item[1]):
        failures.add_row(outcome, ended, f"{count:,}")
    return [rates, *([failures] if found.failures else [])]


def said(found: Estimate | None) -> str:
    """A rate in percent with its interval; a dash where there is none."""
    if found is None:
        return "-"
    doubt = "" if found.low is None or found.high is None else f" ({100 * found.low:.1f} to {100 * found.high:.1f})"
    return f"{100 * found.value:.1f} %{doubt}"


def _counted(found: Evaluation) -> str:
    masked = f"; in {found.masked:,} the environment failed, they count neither way" if found.masked else ""
    missing = f"; {found.missing:,} are missing, run the same command again" if found.missing else ""
    return f"{found.attempts:,} attempts{masked}{missing}. Intervals are 95 %, over worlds."


def beside(found: Comparison, one: str, other: str) -> str:
    """The comparison in two lines."""
    pairs = (
        f"both solved {found.both:,}, only the first {found.only_one:,}, only the second {found.only_other:,}, neither {found.neither:,}"
    )
    return f"{one} less {other}, pass@1 on the same tasks: {said(found.difference)}\nSame task and seed: {pairs}."
