"""The gates: an ordered tuple that is the definition of quality."""

from __future__ import annotations

from functools import partial

from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from tasks.gates.gate import Gate
from tasks.gates.schema import schema_runs
from tasks.gates.seed import seed_loads
from tasks.gates.size import size_met
from tasks.gates.statements import schema_statements_safe, seed_statements_safe
from tasks.gates.toolset import tool_statements_safe, tools_deterministic, tools_resolve, tools_work

__all__ = ["GATES", "STAGE_GATES", "Gate", "diagnose", "judge"]

GATES: tuple[Gate, ...] = ()

STAGE_GATES: dict[str, tuple[Gate, ...]] = {
    "schema": (
        Gate("statements_safe", schema_statements_safe),
        Gate("schema_runs", schema_runs),
        Gate("size_met", partial(size_met, parts=("schema",))),
    ),
    "seed": (
        Gate("statements_safe", seed_statements_safe),
        Gate("seed_loads", seed_loads),
        Gate("size_met", partial(size_met, parts=("seed",))),
    ),
    "tools": (
        Gate("statements_safe", tool_statements_safe),
        Gate("tools_resolve", tools_resolve),
        Gate("tools_work", tools_work),
        Gate("tools_deterministic", tools_deterministic),
        Gate("size_met", partial(size_met, parts=("tools",))),
    ),
}
"""The gates that a stage's output must already pass."""


def judge(draft: Draft, gates: tuple[Gate, ...] | None = None) -> tuple[Pass | Reject, ...]:
    """The verdicts in order, up to and including the first rejection."""
    verdicts: list[Pass | Reject] = []
    for gate in GATES if gates is None else gates:
        verdicts.append(gate.judge(draft))
        if isinstance(verdicts[-1], Reject):
            break
    return tuple(verdicts)


def diagnose(draft: Draft, stage: str) -> tuple[Diagnostic, ...]:
    """All that is wrong with a stage's output; empty when it is accepted. Raises KeyError for an unknown stage."""
    verdicts = [gate.judge(draft) for gate in STAGE_GATES[stage]]
    return tuple(problem for found in verdicts if isinstance(found, Reject) for problem in found.evidence)
