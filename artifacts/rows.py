"""What nouns look like as rows, and a world back from its rows. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from artifacts.agent_task import AgentTask
from artifacts.attempt import Attempt
from artifacts.bundle import MAX_FILE_BYTES, counts_of, report_bytes, tools_bytes
from artifacts.checkpoint import Checkpoint
from artifacts.errors import InvalidBundle
from artifacts.identity import seed_of, short, unique
from artifacts.measures import Measures
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.tables import Row, arrow, json_text, stamped
from artifacts.verdict import Reject, Verdict
from artifacts.world import World

Split = Literal["train", "validation", "test"]
TRAIN_PERCENT, VALIDATION_PERCENT = 80, 10


def row_of_run(run: RunRecord, created_at: datetime) -> dict[str, Any]:
    """A row of `runs`."""
    plain = run.model_dump(exclude={"arguments", "versions"})
    return {**plain, "arguments": json_text(run.arguments), "versions": json_text(run.versions), "created_at": created_at}


def row_of_attempt(attempt: Attempt, run_id: str, created_at: datetime) -> dict[str, Any]:
    """A row of `attempts`."""
    plain = attempt.model_dump(exclude={"diagnostics"})
    codes = list(unique(d.code for d in attempt.diagnostics))
    diagnostics = json_text([d.canonical() for d in attempt.diagnostics])
    return stamped({**plain, "diagnostic_codes": codes, "diagnostics": diagnostics}, run_id, created_at)


def rows_of_verdicts(
    draft_id: str, world_id: str | None, verdicts: Iterable[Verdict], run_id: str, created_at: datetime
) -> list[dict[str, Any]]:
    """Rows of `verdicts`: they make the draft a finished one."""
    return [stamped({"draft_id": draft_id, "world_id": world_id, **_verdict(v)}, run_id, created_at) for v in verdicts]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    reason, evidence = (verdict.reason, verdict.evidence) if isinstance(verdict, Reject) else ("", ())
    return {
        "gate": verdict.gate,
        "verdict": verdict.verdict,
        "reason": reason,
        "evidence": json_text([diagnostic.canonical() for diagnostic in evidence]),
        "figures": json_text(verdict.figures),
    }


def row_of_world(world: World, draft_id: str, run_id: str, created_at: datetime) -> dict[str, Any]:
    """A row of `worlds`: the whole content but the tasks, which are rows of their own."""
    counts = counts_of(world)
    seed = world.seed_sql.encode()
    row = {
        "world_id": world.id,
        "digest": world.digest,
        "parent_world_id": world.recipe.parent,
        "draft_id": draft_id,
        "format": world.format,
        "name": world.scenario.name,
        "category": world.scenario.category,
        "scenario": json_text(world.scenario.canonical()),
        "scenario_digest": world.scenario.digest,
        "model": world.recipe.model,
        "recipe": json_text(world.recipe.canonical()),
        "clock": json_text(world.clock.canonical()),
        "me": world.me,
        "sqlite_min": world.sqlite_min,
        "intentions": list(world.intentions),
        "schema_sql": world.schema_sql,
        "seed_sql": packed(seed),
        "seed_size": len(seed),
        "tools": tools_bytes(world.tools).decode(),
        "report": report_bytes(world.report).decode(),
        **{f"{what}_count": number for what, number in counts.items()},
    }
    return stamped(row, run_id, created_at)


def rows_of_agent_tasks(world: World, run_id: str, created_at: datetime) -> list[dict[str, Any]]:
    """Rows of `agent_tasks`, in the order of the tasks."""
    split = split_of(world.scenario)
    return [stamped(_task(world.id, number, split, task), run_id, created_at) for number, task in enumerate(world.tasks)]


def _task(world_id: str, number: int, split: Split, task: AgentTask) -> dict[str, Any]:
    return {
        "task_id": task_id(world_id, task),
        "world_id": world_id,
        "position": number,
        "split": split,
        "kind": task.kind,
        "instruction": task.instruction,
        "steps": len(task.solution),
        "origin": task.origin,
        **_measures(task.measures),
        "task": json_text(task.canonical()),
    }


def _measures(measures: Measures) -> dict[str, int | None]:
    difficulty, mutation, fairness = measures.difficulty, measures.mutation, measures.fairness
    return {
        "difficulty": difficulty.level if difficulty else None,
        "hurdles": difficulty.hurdles if difficulty else None,
        "mutants": mutation.mutants if mutation else None,
        "mutants_rejected": mutation.rejected if mutation else None,
        "mutants_equivalent": mutation.equivalent if mutation else None,
        "mutants_free": mutation.free if mutation else None,
        "ways": fairness.ways if fairness else None,
        "ways_accepted": fairness.accepted if fairness else None,
    }


def rows_of_tools(world: World, run_id: str, created_at: datetime) -> list[dict[str, Any]]:
    """Rows of `tools`, in the order of the toolset."""
    plain = [tool.canonical() for tool in world.tools]
    return [stamped({**_tool(tool), "world_id": world.id, "position": number}, run_id, created_at) for number, tool in enumerate(plain)]


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"prepare": None} | {key: value if isinstance(value, str) else json_text(value) for key, value in tool.items()}


def rows_of_lineage(world: World, attempt_ids: Sequence[str], run_id: str, created_at: datetime) -> list[dict[str, Any]]:
    """Rows of `lineage`: where a world and its tasks came from."""
    parents = [("scenario", scenario_id(world.scenario)), ("run", run_id), *(("attempt", attempt) for attempt in attempt_ids)]
    parents += [("world", world.recipe.parent)] if world.recipe.parent is not None else []
    edges = [(world.id, parent, f"world<-{kind}") for kind, parent in parents]
    edges += [(task_id(world.id, task), world.id, "agent_task<-world") for task in world.tasks]
    return [stamped({"child_id": c, "parent_id": p, "relation": r}, run_id, created_at) for c, p, r in edges]


def row_of_image(image: Mapping[str, Any], run_id: str, pushed_digest: str | None, created_at: datetime) -> dict[str, Any]:
    """A row of `images`; `image` has the fields of a packaged world, and `run_id` is the run that sealed it."""
    plain = {**image, "tags": list(image["tags"]), "build_seconds": image["seconds"], "pushed_digest": pushed_digest}
    del plain["seconds"]
    return stamped(plain, run_id, created_at)


def rows_of_checkpoint(checkpoint: Checkpoint, run_id: str, created_at: datetime) -> dict[str, list[dict[str, Any]]]:
    """The row of `checkpoints` with its lineage: the run, the checkpoint before it, and every world that it saw."""
    plain = checkpoint.model_dump(exclude={"worlds", "metrics"})
    before = [("checkpoint", checkpoint.parent_checkpoint_id)] if checkpoint.parent_checkpoint_id else []
    parents = [("run", run_id), *before, *(("world", world) for world in checkpoint.worlds)]
    edges = [{"child_id": checkpoint.checkpoint_id, "parent_id": parent, "relation": f"checkpoint<-{kind}"} for kind, parent in parents]
    return {
        "checkpoints": [stamped({**plain, "metrics": json_text(checkpoint.metrics)}, run_id, created_at)],
        "lineage": [stamped(edge, run_id, created_at) for edge in edges],
    }


def rows_of_draft(
    draft_id: str, verdicts: Iterable[Verdict], attempts: Sequence[Attempt], world: World | None, *, run_id: str, created_at: datetime
) -> dict[str, list[dict[str, Any]]]:
    """Every row that a finished draft gives, by table: sealed (`world`) or rejected (None). They belong in one commit."""
    rows = {
        "attempts": [row_of_attempt(attempt, run_id, created_at) for attempt in attempts],
        "verdicts": rows_of_verdicts(draft_id, world.id if world else None, verdicts, run_id, created_at),
    }
    if world is None:
        return rows
    return {
        **rows,
        "worlds": [row_of_world(world, draft_id, run_id, created_at)],
        "agent_tasks": rows_of_agent_tasks(world, run_id, created_at),
        "tools": rows_of_tools(world, run_id, created_at),
        "lineage": rows_of_lineage(world, [a.attempt_id for a in attempts], run_id, created_at),
    }


def merged(batches: Iterable[Mapping[str, Sequence[Row]]]) -> dict[str, list[Row]]:
    """The rows of several drafts as one commit's."""
    together: dict[str, list[Row]] = {}
    for batch in batches:
        for table, rows in batch.items():
            together.setdefault(table, []).extend(rows)
    return together


def scenario_id(scenario: Scenario) -> str:
    """Slug and 12 hex digits of the scenario's digest."""
    return f"{scenario.slug}-{short(scenario.digest)}"


def task_id(world_id: str, task: AgentTask) -> str:
    """A task's id among all worlds: `<world id>-t07`."""
    return f"{world_id}-{task.id}"


def split_of(scenario: Scenario) -> Split:
    """80 % train, 10 % validation, 10 % test, by a hash of the scenario's family: worlds of one family never stand on both sides.

    The description and the category do not count: another model, or another seed, writes others for the same name.
    """
    number = seed_of("split/family", scenario.family) % 100
    if number < TRAIN_PERCENT:
        return "train"
    return "validation" if number < TRAIN_PERCENT + VALIDATION_PERCENT else "test"


def packed(data: bytes) -> bytes:
    """One zstd frame, level 3."""
    return bytes(arrow().Codec("zstd", 3).compress(data, asbytes=True))


def unpacked(data: bytes, size: int) -> bytes:
    """The bytes in a zstd frame of a known length; raises ValueError for too large a one, OSError for a broken one."""
    if not 0 <= size <= MAX_FILE_BYTES:
        raise ValueError(f"a length of {size} bytes")
    return bytes(arrow().Codec("zstd").decompress(data, decompressed_size=size, asbytes=True))


def world_of_rows(world_row: Row, task_rows: Iterable[Row]) -> World:
    """A world from its row and its tasks' rows alone, the digest verified; raises InvalidBundle."""
    tasks = sorted(task_rows, key=lambda row: int(row["position"]))
    try:
        world = World.model_validate(_content(world_row, tasks))
    except (ValueError, OSError) as problem:  # not JSON, not a zstd frame, not a world
        raise _edited(world_row) from problem
    if world.digest != world_row["digest"]:
        raise _edited(world_row)
    return world


def _content(world_row: Row, tasks: Sequence[Row]) -> dict[str, Any]:
    return {
        **{name: world_row[name] for name in ("format", "me", "sqlite_min", "intentions", "schema_sql")},
        **{name: json.loads(world_row[name]) for name in ("scenario", "recipe", "clock", "tools", "report")},
        "seed_sql": unpacked(world_row["seed_sql"], world_row["seed_size"]).decode(),
        "tasks": [json.loads(row["task"]) for row in tasks],
    }


def _edited(world_row: Row) -> InvalidBundle:
    return InvalidBundle(f"The rows of {world_row['world_id']} do not give its digest.", "The store was edited; build the world again.")
