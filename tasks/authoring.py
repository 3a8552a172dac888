"""One draft through all stages in this process, without the workflow server; `python -m tasks.authoring --help`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import dspy

from artifacts.attempt import Attempt
from artifacts.errors import ModelUnavailable
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.verdict import Reject
from artifacts.world import Draft, World
from tasks import agent_tasks, requirements, scenario, schema, seal, seed, tools
from tasks.models.language_model import EMBEDDED, ModelSettings
from tasks.recipes import program_digests
from tasks.stage import RETRY_WAITS, RunStage, StageResult, model_at

STAGES: tuple[RunStage, ...] = (scenario.run, requirements.run, schema.run, seed.run, tools.run, agent_tasks.run)
"""The stages that ask a model, in their order."""

Told = Callable[[StageResult], None]


class Authored(NamedTuple):
    """What came of a draft: a sealed world or a rejection, and every attempt on the way."""

    draft: Draft
    attempts: tuple[Attempt, ...]
    outcome: World | Reject


def author(draft: Draft, model: dspy.LM, told: Told = lambda result: None) -> Authored:
    """Takes a draft through the stages and the gates; raises ModelUnavailable, ModelRejected and TerminalError."""
    attempts: tuple[Attempt, ...] = ()
    for stage in STAGES:
        result = stage(draft, model)
        told(result)
        draft, attempts = result.draft, (*attempts, *result.attempts)
        if result.rejection is not None:
            return Authored(draft, attempts, result.rejection)
    return Authored(draft, attempts, seal.run(draft))


def new_draft(found: Scenario, model: str, size: Size | None = None, number: int = 0) -> Draft:
    """An empty draft of a scenario under the present prompts; `number` tells repeated draws apart."""
    return Draft(scenario=found, recipe=Recipe(model=model, programs=program_digests(), seed=number, size=size or Size()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one world's story to standard output: each attempt with its diagnostics, then the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the scenario's name")
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--api-base")
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--home", type=Path, default=Path("loom"), help="where the journal lies")
    parser.add_argument("--timeout", type=float, default=1_900.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    settings = ModelSettings(name=chosen.model, api_base=chosen.api_base, fault_rate=chosen.fault_rate, timeout=chosen.timeout)
    model = model_at(settings, chosen.home)
    draft = new_draft(Scenario(name=chosen.name), settings.name, number=chosen.seed)
    authored = _patiently(lambda: author(draft, model, _tell))
    sys.stdout.write(_closing(authored))
    return 0 if isinstance(authored.outcome, World) else 1


def _patiently(work: Callable[[], Authored]) -> Authored:
    for wait in RETRY_WAITS:
        try:
            return work()
        except ModelUnavailable as error:
            sys.stdout.write(f"  {error}\n")
            time.sleep(error.retry_after or wait)
    return work()


def _tell(result: StageResult) -> None:
    for attempt in result.attempts:
        tokens = f"{attempt.input_tokens} in, {attempt.output_tokens} out"
        verdict = "accepted" if attempt.accepted else f"{len(attempt.diagnostics)} problems"
        sys.stdout.write(f"{attempt.stage} {attempt.number}: {verdict} ({tokens}{', recalled' if attempt.recalled else ''})\n")
        sys.stdout.writelines(f"    {diagnostic.line()}\n" for diagnostic in attempt.diagnostics)
    sys.stdout.flush()


def _closing(authored: Authored) -> str:
    sent = sum(attempt.input_tokens or 0 for attempt in authored.attempts)
    received = sum(attempt.output_tokens or 0 for attempt in authored.attempts)
    outcome = authored.outcome
    if isinstance(outcome, World):
        parts = f"{len(outcome.tools)} tools, {len(outcome.tasks)} tasks"
        return f"sealed {outcome.id}: {parts}; {sent} tokens in, {received} out\n"
    evidence = "".join(f"    {diagnostic.line()}\n" for diagnostic in outcome.evidence)
    return f"rejected by {outcome.gate}: {outcome.reason} ({sent} tokens in, {received} out)\n{evidence}"


if __name__ == "__main__":
    sys.exit(main())
