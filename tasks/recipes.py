"""What a recipe says of the prompts: one digest a stage, so that a changed prompt makes another recipe."""

from __future__ import annotations

from functools import cache
from typing import Any

from artifacts.identity import digest_of, short
from tasks import agent_tasks, phrasing, requirements, scenario, schema, seed, tools

PROGRAMS: dict[str, tuple[Any, ...]] = {
    "scenario": (scenario.DescribeScenario, scenario.InventScenarios),
    "requirements": (requirements.WriteRequirements,),
    "schema": (schema.WriteSchema, schema.RepairSchema),
    "seed": (seed.WriteSeed, seed.RepairSeed),
    "tools": (tools.WriteTools, tools.RepairTools),
    "agent_tasks": (agent_tasks.WriteTasks, agent_tasks.RepairTasks, phrasing.PhraseWalks, phrasing.RepairPhrases),
}
"""The signatures of each stage that asks a model, in the stages' order."""


@cache
def program_digests() -> dict[str, str]:
    """Twelve hex digits for each stage, over its signatures' instructions and fields."""
    return {stage: short(digest_of([_content(signature) for signature in found])) for stage, found in PROGRAMS.items()}


def _content(signature: Any) -> list[Any]:
    return [signature.instructions, *([list(fields), [str(f.annotation) for f in fields.values()]] for fields in _fields(signature))]


def _fields(signature: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return signature.input_fields, signature.output_fields
