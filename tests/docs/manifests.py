"""A small store whose rows are the same on any machine: six worlds, woven with mistakes, and episodes. For the guides that tests run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from artifacts.agent_task import AgentTask
from artifacts.recipe import Recipe, Size
from artifacts.rows import row_of_run, rows_of_draft, split_of
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from artifacts.trajectory_rows import Played, rows_of_episodes
from artifacts.world import Draft, World
from tasks import agent_tasks, requirements, schema, seed, tools
from tasks.agent.playing import play_task, policy_named, tools_in_process
from tasks.gates.sealing import seal
from tasks.models.journal import Journal
from tasks.models.language_model import EMBEDDED, ModelSettings, language_model
from tasks.recipes import program_digests
from tasks.scenarios.pool import shipped_scenarios

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STAGES: tuple[ModuleType, ...] = (requirements, schema, seed, tools, agent_tasks)
WORLDS = 6
POLICIES = ("reference", "random", "idle")


def make(folder: Path) -> Store:
    """The store, in a new folder."""
    store = open_store(folder / "loom")
    model = language_model(ModelSettings(fault_rate=0.3), Journal(store.home / "journal.sqlite"))
    for run_id, flow, by in (("run-1", "synthesize", EMBEDDED), ("run-2", "collect", "none")):
        run = RunRecord(run_id=run_id, flow=flow, state="started", model=by, started_at=NOON)
        store.commit({"runs": [row_of_run(run, NOON)]}, NOON)
    for scenario in shipped_scenarios()[:WORLDS]:
        draft = Draft(scenario=scenario, recipe=Recipe(model=EMBEDDED, programs=program_digests(), size=Size(tasks=4)))
        draft_id, attempts, rejection = draft.draft_id, [], None
        for stage in STAGES:
            result = stage.run(draft, model)
            attempts += [attempt.model_copy(update={"draft_id": draft_id, "latency_seconds": None}) for attempt in result.attempts]
            draft, rejection = result.draft, result.rejection
            if rejection is not None:
                break
        world = None if rejection is not None else seal(draft)
        verdicts = (rejection,) if rejection is not None else world.report if isinstance(world, World) else (world,)
        sealed = world if isinstance(world, World) else None
        if sealed is not None:
            store.publish(sealed)
        rows = rows_of_draft(draft_id, [v for v in verdicts if v is not None], attempts, sealed, run_id="run-1", created_at=NOON)
        store.commit(rows, NOON)
        if sealed is not None:
            played = [asyncio.run(episode(sealed, task, policy)) for policy in POLICIES for task in sealed.tasks]
            store.commit(rows_of_episodes(played, store.snapshot().number, "run-2", NOON), NOON)
    return store


async def episode(world: World, task: AgentTask, policy: str) -> Played:
    """One episode of a policy that needs no model."""
    async with policy_named(policy, "awm", task, seed=1) as player, tools_in_process(world) as tools:
        trajectory = await play_task(world, task, player, tools, max_turns=8)
    level = task.measures.difficulty.level if task.measures.difficulty else None
    return Played(trajectory, split_of(world.scenario), task.kind, level)
