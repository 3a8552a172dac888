"""Auditing many worlds: every gate again, from the bundles alone, on every core."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from artifacts.errors import InvalidBundle
from artifacts.quality import Quality
from artifacts.store import Store, open_store
from artifacts.verdict import Reject, Verdict
from artifacts.world import World

FEW = 3
"""So few worlds are judged in this process: another one takes longer to start."""


class Judged(NamedTuple):
    """What an audit found about one world: gates passed of how many, and whether that is what its own report says.

    `quality` is what a deep audit measured, None where none was asked for or the gates failed already.
    """

    world_id: str
    gates: int
    passed: int
    agrees: bool
    problem: str = ""
    quality: Quality | None = None

    @property
    def holds(self) -> bool:
        """Whether every gate passed, the report says the same, and a deep audit found nothing wrong."""
        return self.agrees and self.passed == self.gates > 0 and (self.quality is None or self.quality.holds)


class Depth(NamedTuple):
    """How far an audit goes: into every near miss and way, and how often the scripted solver tries each task."""

    deep: bool = False
    solver_runs: int = 0


PLAIN = Depth()


def audit_worlds(store: Store, names: Sequence[str], depth: Depth = PLAIN) -> list[Judged]:
    """Judge each world again, in the order of the names; an edited bundle is a world that does not hold. Raises UnknownName."""
    if len(names) <= FEW and not depth.deep:
        return [audit_world(store.url, name) for name in names]
    if len(names) <= 1:
        return [audit_world(store.url, name, depth) for name in names]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(audit_world, [store.url] * len(names), names, [depth] * len(names)))


def audit_world(url: str, name: str, depth: Depth = PLAIN) -> Judged:
    """Judge one world of a store again; raises UnknownName."""
    from tasks.gates.audit import audit

    try:
        world = open_store(url, create=False).world(name)
    except InvalidBundle as error:
        return Judged(name, 0, 0, agrees=False, problem=str(error))
    began = time.process_time()
    found = audit(world)
    plain = judged(world.id, found.verdicts, found.agrees, found.differences)
    return deepened(plain, world, depth, time.process_time() - began) if depth.deep and plain.passed == plain.gates else plain


def deepened(plain: Judged, world: World, depth: Depth, seconds: float) -> Judged:
    """A plain audit that took so many seconds, with what a deep one measures beyond it."""
    from tasks.gates.deep import deep_audit

    quality = deep_audit(world, depth.solver_runs)
    first = next(iter((*quality.problems, *quality.differences)), "")
    return plain._replace(quality=quality._replace(seconds=seconds + quality.seconds), problem=plain.problem or first)


def judged(world_id: str, verdicts: Sequence[Verdict], agrees: bool, differences: Sequence[str] = ()) -> Judged:
    """The figures of one audit; the first way in which the report differs is told."""
    rejects = [verdict for verdict in verdicts if isinstance(verdict, Reject)]
    other = f"its report says otherwise: {differences[0]}" if differences else "its report says otherwise"
    problem = f"{rejects[0].gate}: {rejects[0].reason}" if rejects else "" if agrees else other
    return Judged(world_id, len(verdicts), len(verdicts) - len(rejects), agrees, problem)
