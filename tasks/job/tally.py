"""The running figures of a job: what was planned, sealed, rejected and spent, as one immutable value a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.attempt import Attempt
from artifacts.identity import unique
from artifacts.noun import Noun
from artifacts.verdict import Reject
from artifacts.world import World

MOST_REMEMBERED = 300
"""The most rejected drafts and sealed worlds that are remembered one by one: memory stays flat over a long run."""

STAGES = ("scenario", "requirements", "schema", "seed", "tools", "agent_tasks")
"""The stages that call a model, in their order."""


class Woven(Noun):
    """What came of one draft in this run.

    Exactly one of `world`, `rejection` and `fault` is set: a fault is trouble with the model's service or with us, after
    which the draft is neither sealed nor rejected and the next run takes it up again; `cause` is its error's class.
    """

    draft_id: str
    name: str
    category: str = ""
    attempts: tuple[Attempt, ...] = ()
    world: World | None = None
    rejection: Reject | None = None
    fault: str = ""
    cause: str = ""
    hopeless: bool = False
    task_runs: int = 0


class StageFigures(NamedTuple):
    """One stage over all drafts: how many came to it, how many passed at the first attempt, calls and tokens (None if unknown)."""

    drafts: int
    first_pass: int
    calls: int
    input_tokens: int | None
    output_tokens: int | None


class Rejected(NamedTuple):
    """A draft that was rejected, and why."""

    draft_id: str
    name: str
    gate: str
    reason: str


class MadeWorld(NamedTuple):
    """A sealed world in figures; `levels` counts its tasks of each level of difficulty."""

    world: str
    category: str
    tables: int
    tools: int
    tasks: int
    levels: str


class Tally(NamedTuple):
    """The figures so far. `known` drafts were sealed or rejected by an earlier run; tokens and cost are None when unknown.

    `levels` counts the agent tasks that this run made, by their difficulty; those that were not measured are not among them.
    `causes` are the classes of the errors behind `faults`; `trouble` is what is wrong at the moment and may pass by itself.
    """

    planned: int = 0
    known: int = 0
    known_rejected: int = 0
    sealed: int = 0
    rejected: int = 0
    unfinished: int = 0
    attempts: tuple[Attempt, ...] = ()
    rejections: Mapping[str, int] = {}
    faults: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    trouble: str = ""
    doing: str = ""
    latest: str = ""
    interrupted: bool = False
    task_runs: int = 0
    left_out: tuple[str, ...] = ()
    levels: Mapping[int, int] = {}
    weaving_seconds: float | None = None
    rejects: tuple[Rejected, ...] = ()
    made: tuple[MadeWorld, ...] = ()

    @property
    def finished(self) -> int:
        """Drafts that this run need not touch again."""
        return self.known + self.sealed + self.rejected

    @property
    def budget_spent(self) -> bool:
        """Whether the run ended because it had spent what it may."""
        return "BudgetSpent" in self.causes

    @property
    def paid(self) -> tuple[Attempt, ...]:
        """The attempts that called a model; the others came from the journal."""
        return tuple(attempt for attempt in self.attempts if not attempt.recalled)


Listener = Callable[[Tally], None]
"""Told the figures whenever they change."""


def counted(tally: Tally, woven: Woven) -> Tally:
    """The figures with one more draft in them."""
    gate = woven.rejection.gate if woven.rejection is not None else ""
    return tally._replace(
        sealed=tally.sealed + (woven.world is not None),
        rejected=tally.rejected + (woven.rejection is not None),
        unfinished=tally.unfinished + bool(woven.fault),
        attempts=(*tally.attempts, *woven.attempts),
        rejections=Counter(tally.rejections) + Counter([gate] if gate else []),
        faults=unique((*tally.faults, *([woven.fault] if woven.fault and woven.cause else []))),
        causes=unique((*tally.causes, *([woven.cause] if woven.cause else []))),
        latest=outcome_line(woven),
        task_runs=tally.task_runs + woven.task_runs,
        rejects=(*tally.rejects, *rejected_of(woven))[:MOST_REMEMBERED],
        made=(*tally.made, *made_of(woven))[:MOST_REMEMBERED],
        levels=Counter(tally.levels) + (levels_of(woven.world.tasks) if woven.world is not None else Counter()),
    )


def rejected_of(woven: Woven) -> tuple[Rejected, ...]:
    """The draft as a rejected one, if it is."""
    verdict = woven.rejection
    return () if verdict is None else (Rejected(woven.draft_id, woven.name, verdict.gate, verdict.reason),)


def made_of(woven: Woven) -> tuple[MadeWorld, ...]:
    """The draft as a world in figures, if it became one."""
    world = woven.world
    if world is None:
        return ()
    tables = sum(line.lstrip().upper().startswith("CREATE TABLE") for line in world.schema_sql.splitlines())
    levels = ", ".join(f"{level}: {count}" for level, count in sorted(levels_of(world.tasks).items()))
    return (MadeWorld(world.id, world.scenario.category, tables, len(world.tools), len(world.tasks), levels),)


def levels_of(tasks: Iterable[AgentTask]) -> Counter[int]:
    """How many tasks each level of difficulty has; a task that was not measured has none."""
    return Counter(task.measures.difficulty.level for task in tasks if task.measures.difficulty is not None)


def outcome_line(woven: Woven) -> str:
    """One line on what came of a draft."""
    if woven.world is not None:
        return f"sealed {woven.world.id} ({len(woven.world.tools)} tools, {len(woven.world.tasks)} tasks)"
    if woven.rejection is not None:
        return f"rejected {woven.name} at {woven.rejection.gate}: {woven.rejection.reason}"
    return f"unfinished {woven.name}: {woven.fault}"


def total(values: Iterable[float | int | None]) -> float | None:
    """The sum, or None when any part is unknown: an unknown figure is never guessed."""
    known = list(values)
    return None if any(value is None for value in known) else sum(value for value in known if value is not None)


def whole(value: float | None) -> int | None:
    """A figure as a whole number, None staying None."""
    return None if value is None else round(value)


def cost(attempts: Iterable[Attempt]) -> float | None:
    """What the attempts cost in dollars, or None when any of them did not say."""
    return total(attempt.cost_usd for attempt in attempts)


def by_stage(attempts: Iterable[Attempt]) -> dict[str, StageFigures]:
    """The figures of each stage, in the stages' order; an attempt recalled from the journal counts as it did when it was made."""
    grouped: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        grouped.setdefault(attempt.stage, []).append(attempt)
    ranked = sorted(grouped, key=lambda stage: (STAGES.index(stage) if stage in STAGES else len(STAGES), stage))
    return {stage: _stage_figures(grouped[stage]) for stage in ranked}


def _stage_figures(attempts: list[Attempt]) -> StageFigures:
    drafts = {attempt.draft_id for attempt in attempts}
    failed = {attempt.draft_id for attempt in attempts if not attempt.accepted}
    return StageFigures(
        drafts=len(drafts),
        first_pass=len(drafts - failed),
        calls=len(attempts),
        input_tokens=whole(total(attempt.input_tokens for attempt in attempts)),
        output_tokens=whole(total(attempt.output_tokens for attempt in attempts)),
    )
