"""Walks without end: goals are drawn, their rows found and named, everything carried out; what does not come off is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from artifacts.identity import seed_of
from artifacts.world import Draft
from containers.reference import UnresolvedReference
from tasks.trials.workbench import Workbench
from tasks.walks.acting import Ground
from tasks.walks.finishing import MAX_STEPS, finished
from tasks.walks.goals import Doing, Goal, goals_drawn, tell_result
from tasks.walks.trail import LostWay, Trail
from tasks.walks.walk import Walk

MIN_TOOLS, MIN_TABLES = 3, 2
"""What most walks reach; one in SHORT that does not is given all the same."""

SHORT = 5
MISSES = 400
"""So many tries in a row that give no new walk end the stream: the world has no more."""

TOLD = 0.4
"""How often a walk that only changes things also asks for what the last change says."""


def walks_of(draft: Draft, bench: Workbench, seed: int, taken: Iterable[Walk] = ()) -> Iterator[Walk]:
    """Walks, each carried out and different from those taken, without end where the world has so many; deterministic.

    The workbench holds the draft's tools; its environment may be used between two walks, and is reset before the next.
    """
    ground = Ground(bench)
    seen = {walk.signature for walk in taken}
    number = misses = 0
    with ground.walking:
        while misses < MISSES:
            number += 1
            chance = Random(seed_of("walk", draft.schema_sql, seed, number))  # noqa: S311  # variety, not secrecy
            walk = walk_on(ground, chance, f"w{number:04d}")
            misses += 1
            if walk is not None and walk.signature not in seen:
                misses = 0
                seen.add(walk.signature)
                yield walk


def walk_on(ground: Ground, rng: Random, walk_id: str) -> Walk | None:
    """One walk, where the goals drawn come off; rows are found before anything changes."""
    ground.bench.environment.reset()  # whoever took the last walk may have tried it there
    trail = Trail(ground, rng)
    try:
        for do in [do for goal in goals_drawn(rng) for do in [_set_out(trail, ground, goal)] if do]:
            do()
            if len(trail.steps) > MAX_STEPS:
                return None
        if trail.has_written and not trail.asked and rng.random() < TOLD:
            tell_result(trail, ground)
    except (LostWay, UnresolvedReference):
        return None
    narrow_too = rng.randrange(SHORT) == 0
    if len({step.tool for step in trail.steps}) < MIN_TOOLS and not narrow_too:
        return None
    walk = finished(trail, walk_id)
    return walk if walk is not None and (narrow_too or is_wide(walk)) else None


def _set_out(trail: Trail, ground: Ground, goal: Goal) -> Doing | None:
    """What is to be done for a goal, its rows found; None where they cannot be."""
    before = trail.mark()
    try:
        return goal(trail, ground)
    except LostWay:
        trail.back_to(before)
        return None


def is_wide(walk: Walk) -> bool:
    """Whether a walk spans as many tools and tables as most should."""
    return len(walk.tools) >= MIN_TOOLS and len(walk.tables) >= MIN_TABLES
