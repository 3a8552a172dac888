"""The gates: an ordered tuple that is the definition of quality.

`judge` gives the verdicts of a whole draft, up to the first rejection. `diagnose` gives everything that is wrong with the
output of one stage, so that one repair can mend it all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from artifacts.identity import digest_of, short
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft, World
from tasks.gates.gate import Gate, verdict
from tasks.gates.instructions import conditions_select, instructions_clear
from tasks.gates.near_misses import mutants_rejected
from tasks.gates.reach import tools_reachable
from tasks.gates.references import check_statements_safe, idle_scores_zero, reference_scores_one, references_replay
from tasks.gates.right_ways import right_ways_pass
from tasks.gates.sameness import novel
from tasks.gates.schema import schema_runs
from tasks.gates.seed import seed_loads
from tasks.gates.size import size_met
from tasks.gates.spread import spread_met
from tasks.gates.statements import schema_statements_safe, seed_statements_safe
from tasks.gates.toolset import tool_statements_safe, tools_deterministic, tools_resolve, tools_work
from tasks.sql.memory import remembered

__all__ = ["GATES", "STAGE_GATES", "Gate", "definition", "definition_of", "diagnose", "failing_stage", "gates_among", "judge"]

VERSION = "version"
"""The figure of a verdict that says which version of its gate gave it, where that is not the first."""

_SAFE: tuple[Callable[[Draft], Pass | Reject], ...] = (
    schema_statements_safe,
    seed_statements_safe,
    tool_statements_safe,
    check_statements_safe,
)


def statements_safe(draft: Draft) -> Pass | Reject:
    """Every statement of schema, seed, tools and checks stands on the whitelist."""
    verdicts = [judge_part(draft) for judge_part in _SAFE]
    problems = [problem for found in verdicts if isinstance(found, Reject) for problem in found.evidence]
    figures: dict[str, int] = {}
    for found in verdicts:
        for key, count in found.figures.items():
            figures[key] = figures.get(key, 0) + count
    return verdict("statements_safe", problems, figures)


_OF_TASKS: dict[str, Callable[[Draft], Pass | Reject]] = {
    "references_replay": references_replay,
    "instructions_clear": instructions_clear,
    "conditions_select": conditions_select,
    "idle_scores_zero": idle_scores_zero,
    "reference_scores_one": reference_scores_one,
    "mutants_rejected": mutants_rejected,
    "right_ways_pass": right_ways_pass,
}


@remembered(size=8)
def _judged_tasks(draft: Draft, gate: str) -> Pass | Reject:
    """Sealing asks what the last stage asked of the very same draft; verdicts depend on nothing else."""
    return _OF_TASKS[gate](draft)


def _task_gates() -> tuple[Gate, ...]:
    def of(name: str) -> Gate:
        return Gate(name, lambda draft: _judged_tasks(draft, name))

    return tuple(map(of, _OF_TASKS))


def gates_among(neighbours: Sequence[Draft | World] = ()) -> tuple[Gate, ...]:
    """All gates in order, novelty measured against these worlds too."""
    return (
        Gate("statements_safe", statements_safe),
        Gate("schema_runs", schema_runs),
        Gate("seed_loads", seed_loads),
        Gate("tools_resolve", tools_resolve),
        Gate("tools_work", tools_work),
        Gate("tools_deterministic", tools_deterministic),
        *_task_gates(),
        Gate("tools_reachable", tools_reachable),
        Gate("size_met", size_met),
        Gate("spread_met", spread_met),
        Gate("novel", partial(novel, neighbours=neighbours)),
    )


GATES: tuple[Gate, ...] = gates_among()

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
        Gate("tools_reachable", tools_reachable),
        Gate("size_met", partial(size_met, parts=("tools",))),
        Gate("novel", novel),
    ),
    "agent_tasks": (
        Gate("statements_safe", check_statements_safe),
        *_task_gates(),
        Gate("size_met", partial(size_met, parts=("tasks",))),
        Gate("novel", novel),
    ),
}
"""The gates that a stage's output must already pass."""


def judge(draft: Draft, gates: tuple[Gate, ...] = GATES) -> tuple[Pass | Reject, ...]:
    """The verdicts in order, up to and including the first rejection."""
    verdicts: list[Pass | Reject] = []
    for gate in gates:
        verdicts.append(versioned(gate, gate.judge(draft)))
        if isinstance(verdicts[-1], Reject):
            break
    return tuple(verdicts)


def versioned(gate: Gate, found: Pass | Reject) -> Pass | Reject:
    """The verdict with the gate's version among its figures; the first version goes without saying."""
    return found if gate.version == 1 else found.model_copy(update={"figures": {**found.figures, VERSION: gate.version}})


def definition(gates: tuple[Gate, ...] = GATES) -> str:
    """Twelve hex digits that name a definition of quality: the gates with their versions, in order."""
    return _named([(gate.name, gate.version) for gate in gates])


def definition_of(report: Sequence[Mapping[str, Any]]) -> str:
    """The definition of quality that judged a world, by its report as plain JSON."""
    return _named([(verdict["gate"], verdict.get("figures", {}).get(VERSION, 1)) for verdict in report])


def _named(gates: Sequence[tuple[str, int]]) -> str:
    return short(digest_of([[name, version] for name, version in gates]))


def failing_stage(draft: Draft) -> tuple[str, Reject] | None:
    """The first stage whose output today's gates reject, with the verdict; None where they all pass."""
    last = judge(draft)[-1]
    if isinstance(last, Pass):
        return None
    return next((stage for stage in STAGE_GATES if diagnose(draft, stage)), "agent_tasks"), last


def diagnose(draft: Draft, stage: str) -> tuple[Diagnostic, ...]:
    """All that is wrong with a stage's output; empty when it is accepted.

    Raises KeyError for an unknown stage, and StatementFailed for tools or tasks over a schema and seed that do not load.

    Parts that one gate rejects are left out by the gates after it, so that one fault is told once.
    """
    verdicts = [gate.judge(draft) for gate in STAGE_GATES[stage]]
    problems = (problem for found in verdicts if isinstance(found, Reject) for problem in found.evidence)
    return tuple(dict.fromkeys(problems))
