"""Judging a sealed world again from its bundle alone, and comparing with what its report says."""

from __future__ import annotations

from typing import NamedTuple

from artifacts.verdict import Pass, Reject
from artifacts.world import World
from tasks.gates import GATES, judge


class Audit(NamedTuple):
    """The verdicts of today, and whether the world's own report says the same.

    `differences` are lines for people: a gate that is missing, another verdict, another figure.
    """

    verdicts: tuple[Pass | Reject, ...]
    agrees: bool
    differences: tuple[str, ...] = ()


def audit(world: World) -> Audit:
    """Every gate again; nothing but the bundle is needed."""
    verdicts = judge(world.draft())
    differences = compare_reports(world.report, verdicts)
    return Audit(verdicts, not differences, differences)


def compare_reports(stored: tuple[Pass | Reject, ...], found: tuple[Pass | Reject, ...]) -> tuple[str, ...]:
    """Where two reports differ, gate by gate; empty when they say the same. `novel` may have had neighbours then and none now."""
    said = {verdict.gate: verdict for verdict in stored}
    seen = {verdict.gate: verdict for verdict in found}
    names = [gate.name for gate in GATES]
    return tuple(line for name in names for line in [_difference(name, said.get(name), seen.get(name))] if line)


def _difference(name: str, said: Pass | Reject | None, seen: Pass | Reject | None) -> str:
    if said is None or seen is None:
        return f"{name}: {'not in the report' if said is None else 'not judged again'}"
    if said.verdict != seen.verdict:
        return f"{name}: the report says {said.verdict}, the audit {seen.verdict}"
    keys = [key for key in {**said.figures, **seen.figures} if said.figures.get(key) != seen.figures.get(key) and key != "neighbours"]
    return f"{name}: {keys[0]} was {said.figures.get(keys[0])}, is {seen.figures.get(keys[0])}" if keys else ""
