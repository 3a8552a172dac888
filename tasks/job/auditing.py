"""Auditing many worlds: every gate again, from the bundles alone, on every core."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from artifacts.errors import InvalidBundle
from artifacts.store import Store, open_store
from artifacts.verdict import Reject, Verdict

FEW = 3
"""So few worlds are judged in this process: another one takes longer to start."""


class Judged(NamedTuple):
    """What an audit found about one world: gates passed of how many, and whether that is what its own report says."""

    world_id: str
    gates: int
    passed: int
    agrees: bool
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether every gate passed and the report says the same."""
        return self.agrees and self.passed == self.gates > 0


def audit_worlds(store: Store, names: Sequence[str]) -> list[Judged]:
    """Judge each world again, in the order of the names; an edited bundle is a world that does not hold. Raises UnknownName."""
    if len(names) <= FEW:
        return [audit_world(store.url, name) for name in names]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(audit_world, [store.url] * len(names), names))


def audit_world(url: str, name: str) -> Judged:
    """Judge one world of a store again; raises UnknownName."""
    from tasks.gates.audit import audit

    try:
        world = open_store(url, create=False).world(name)
    except InvalidBundle as error:
        return Judged(name, 0, 0, agrees=False, problem=str(error))
    found = audit(world)
    return judged(world.id, found.verdicts, found.agrees)


def judged(world_id: str, verdicts: Sequence[Verdict], agrees: bool) -> Judged:
    """The figures of one audit."""
    rejects = [verdict for verdict in verdicts if isinstance(verdict, Reject)]
    problem = f"{rejects[0].gate}: {rejects[0].reason}" if rejects else "" if agrees else "its report says otherwise"
    return Judged(world_id, len(verdicts), len(verdicts) - len(rejects), agrees, problem)
