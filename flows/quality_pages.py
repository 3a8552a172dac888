"""What `worldloom audit --deep` prints: the figures of all worlds together, by kind and by level, and all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from artifacts.measures import FairnessFigures, MutationFigures
from artifacts.quality import Quality, TaskQuality, Totals, by_kind, survivors, totals_of
from tasks.job.auditing import Judged

MOST_LINES = 40
MOST_WORLDS = 30
"""More worlds than this are shown only where they do not hold: the totals say the rest."""


def deep_page(found: Sequence[Judged]) -> RenderableType:
    """A line a world (of many, those that do not hold), then the totals, the kinds, the tasks of a single world, and the problems."""
    measured = [judged.quality for judged in found if judged.quality is not None]
    mutants, ways = by_kind(measured)
    tasks = [tasks_table(quality.tasks) for quality in measured] if len(found) == 1 else []
    told = [f"{judged.world_id}: {line}" for judged in found for line in lines_of(judged)]
    more = [f"… and {len(told) - MOST_LINES} more"] if len(told) > MOST_LINES else []
    good = sum(judged.holds for judged in found)
    return Group(
        worlds_table(found if len(found) <= MOST_WORLDS else [judged for judged in found if not judged.holds]),
        totals_table(totals_of(measured)),
        mutants_table(mutants),
        ways_table(ways),
        *tasks,
        *(escape(line) for line in told[:MOST_LINES]),
        *more,
        f"[bold]{good} of {len(found)} {'world' if len(found) == 1 else 'worlds'} {'holds' if len(found) == 1 else 'hold'}.[/]",
    )


def lines_of(judged: Judged) -> tuple[str, ...]:
    """All that is wrong with a world, a line each."""
    if judged.quality is None:
        return (judged.problem,) if judged.problem else ()
    report = () if judged.agrees else (judged.problem,)
    return (*report, *judged.quality.problems, *judged.quality.differences)


def worlds_table(found: Sequence[Judged]) -> Table:
    """Each world with its gates, tools called, near misses, ways, what idleness earns, and the time of one core."""
    table = Table(title="Deep audit", title_justify="left")
    table.add_column("world", overflow="fold")
    headings = {
        "gates": 5,
        "agrees": 6,
        "tools called": 7,
        "near misses rejected": 9,
        "right ways accepted": 8,
        "idle": 4,
        "seconds": 7,
        "holds": 5,
    }
    for heading, width in headings.items():
        table.add_column(heading, justify="right", min_width=width)
    for judged in found:
        agrees, holds = _yes(judged.agrees), _yes(judged.holds)
        gates = f"{judged.passed}/{judged.gates}"
        table.add_row(escape(judged.world_id), gates, agrees, *_cells(judged.quality), holds)
    return table


def _cells(quality: Quality | None) -> tuple[str, ...]:
    if quality is None:
        return ("",) * 5
    totals = totals_of([quality])
    wrong = totals.mutation.mutants - totals.mutation.equivalent - totals.mutation.free
    return (
        f"{quality.called}/{quality.tools}",
        f"{totals.mutation.rejected}/{wrong}",
        f"{totals.fairness.accepted}/{totals.fairness.ways}",
        _number(totals.idle_reward),
        f"{quality.seconds:.2f}",
    )


def totals_table(totals: Totals) -> Table:
    """The figures of all worlds together."""
    table = Table("all together", "", title="Figures", title_justify="left")
    for name, figure in totals_rows(totals):
        table.add_row(name, figure)
    return table


def totals_rows(totals: Totals) -> list[tuple[str, str]]:
    """Each figure with its name; what nothing was measured of is unknown."""
    mutation, fairness = totals.mutation, totals.fairness
    levels = ", ".join(f"{level}: {count}" for level, count in totals.levels.items()) or "unknown"
    solved = ", ".join(f"{level}: {done / runs:.0%}" for level, (done, runs) in totals.solved.items() if runs)
    return [
        ("worlds; agent tasks", f"{totals.worlds}; {totals.tasks}"),
        ("tools called with success", f"{totals.called} of {totals.tools}"),
        ("near misses: carried out, equivalent, free", f"{mutation.mutants:,}, {mutation.equivalent:,}, {mutation.free:,}"),
        ("false acceptances", str(totals.false_acceptances)),
        ("mutation score", _share(totals.mutation_score)),
        ("other right ways", f"{fairness.ways:,}"),
        ("false rejections", f"{fairness.ways - fairness.accepted} ({_share(totals.false_rejections)})"),
        ("reward of doing nothing", _number(totals.idle_reward)),
        ("tasks by level", levels),
        *([("solver success by level", solved)] if solved else []),
        ("seconds of one core: mean, slowest", f"{_mean(totals)}, {totals.slowest:.2f}"),
    ]


def mutants_table(mutants: Mapping[str, MutationFigures]) -> Table:
    """Near misses by kind."""
    table = Table("near miss", title="Near misses", title_justify="left")
    for heading in ("carried out", "rejected", "equivalent", "free", "accepted"):
        table.add_column(heading, justify="right")
    for kind, one in mutants.items():
        table.add_row(escape(kind), *(f"{n:,}" for n in (one.mutants, one.rejected, one.equivalent, one.free, survivors(one))))
    return table


def ways_table(ways: Mapping[str, FairnessFigures]) -> Table:
    """Other right ways by kind."""
    table = Table("right way", title="Other right ways", title_justify="left")
    for heading in ("carried out", "accepted", "refused"):
        table.add_column(heading, justify="right")
    for kind, one in ways.items():
        table.add_row(escape(kind), f"{one.ways:,}", f"{one.accepted:,}", f"{one.ways - one.accepted:,}")
    return table


def tasks_table(tasks: Sequence[TaskQuality]) -> Table:
    """Each task of a world with its level and figures."""
    table = Table("task", "kind", "from", title="Tasks", title_justify="left")
    for heading in ("level", "steps", "near misses", "rejected", "right ways", "accepted", "idle", "solved"):
        table.add_column(heading, justify="right")
    for task in tasks:
        mutation, fairness = task.mutation, task.fairness
        figures = (task.difficulty.level, task.difficulty.steps, mutation.mutants, mutation.rejected, fairness.ways, fairness.accepted)
        solved = f"{task.solved}/{task.runs}" if task.runs else ""
        table.add_row(task.task_id, task.kind, task.origin, *map(str, figures), f"{task.idle_reward:g}", solved)
    return table


def plain_audit(judged: Judged) -> dict[str, Any]:
    """An audit for machines: a plain one as it was, a deep one with its figures too."""
    plain: dict[str, Any] = {**judged._asdict(), "quality": None}
    quality = judged.quality
    if quality is None:
        del plain["quality"]
        return plain
    return {**plain, "holds": judged.holds, "quality": plain_quality(quality)}


def plain_quality(quality: Quality) -> dict[str, Any]:
    """A world's figures for machines."""
    tasks = [
        {**task._asdict(), **{name: getattr(task, name).canonical() for name in ("difficulty", "mutation", "fairness")}}
        for task in quality.tasks
    ]
    return {
        "figures": totals_of([quality]).figures(),
        "near_misses": {kind: one.canonical() for kind, one in quality.mutants.items()},
        "right_ways": {kind: one.canonical() for kind, one in quality.ways.items()},
        "tasks": tasks,
        "problems": list(quality.problems),
        "differences": list(quality.differences),
    }


def _yes(value: bool) -> str:
    return "[green]yes[/]" if value else "[red]no[/]"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _mean(totals: Totals) -> str:
    return f"{totals.seconds / totals.worlds:.2f}" if totals.worlds else "unknown"
