"""The Parquet tables: their columns with meaning and unit, and the rows that nouns give. Pure: nothing here reads or writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, NamedTuple

from artifacts.errors import InvalidInput, UnknownName

ColumnType = Literal["text", "integer", "real", "boolean", "time", "bytes", "texts", "json"]
Row = Mapping[str, Any]


class Column(NamedTuple):
    """One column: its type, what it means, its unit, whether it may be unknown, and the version of its table that it came with.

    `time` is UTC to the microsecond, `texts` a list of text, `json` a text that holds JSON. A column that came later is null in older
    parts, and so has to be nullable.
    """

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""
    nullable: bool = False
    since: int = 1


class Table(NamedTuple):
    """One table: its columns, the key that no two rows share, and its schema's version.

    `row_group` is the number of rows in a row group, the unit that training shards and resumes by.
    """

    name: str
    version: int
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    row_group: int = 65_536


_CREATED = Column("created_at", "time", "when the row was made", "UTC")
_RUN = Column("run_id", "text", "the flow run that made the row")
_DRAFT = Column("draft_id", "text", "slug and 12 hex digits of scenario and recipe; known before the first model call")
_WORLD = Column("world_id", "text", "slug and first 12 hex digits of the world's digest")

RUNS = Table(
    "runs",
    1,
    "one row when a flow run starts, one when it ends",
    ("run_id", "state"),
    (
        Column("run_id", "text", "the flow run"),
        Column("flow", "text", "the flow's name"),
        Column("state", "text", "started, completed or failed"),
        Column("model", "text", "the model asked for"),
        Column("seed", "integer", "the seed asked for"),
        Column("arguments", "json", "the command's arguments, never a secret"),
        Column("versions", "json", "versions of what decides the outcome: worldloom, python, sqlite, …"),
        Column("started_at", "time", "when the run started", "UTC"),
        Column("ended_at", "time", "when the run ended; null in the row of its start", "UTC", True),
        Column("drafts", "integer", "drafts that this run worked on", "drafts", True),
        Column("sealed", "integer", "worlds that this run sealed", "worlds", True),
        Column("rejected", "integer", "drafts that this run rejected", "drafts", True),
        Column("input_tokens", "integer", "tokens sent and paid for in this run; null where unknown", "tokens", True),
        Column("output_tokens", "integer", "tokens received and paid for in this run; null where unknown", "tokens", True),
        Column("cost_usd", "real", "what the run cost; null where unknown", "US dollars", True),
        _CREATED,
    ),
)

ATTEMPTS = Table(
    "attempts",
    1,
    "one row per model call in a stage",
    ("attempt_id",),
    (
        Column("attempt_id", "text", "the attempt"),
        _RUN,
        _DRAFT,
        Column("stage", "text", "scenario, requirements, schema, seed, tools or agent_tasks"),
        Column("number", "integer", "which attempt at this part of the stage, from 1"),
        Column("model", "text", "the model that answered"),
        Column("request_digest", "text", "SHA-256 of the request: the key of its answer in the journal"),
        Column("accepted", "boolean", "whether the answer drew no diagnostic"),
        Column("recalled", "boolean", "whether the answer came from the journal and nothing was paid"),
        Column("input_tokens", "integer", "tokens in the request; null where unknown", "tokens", True),
        Column("output_tokens", "integer", "tokens in the answer; null where unknown", "tokens", True),
        Column("cost_usd", "real", "what the call cost; null where unknown", "US dollars", True),
        Column("latency_seconds", "real", "from request to answer; null where unknown", "seconds", True),
        Column("mistake", "text", "the kind of mistake that the embedded model made on purpose; null for none", "", True),
        Column("diagnostic_codes", "texts", "the distinct codes of what was wrong, in their order"),
        Column("diagnostics", "json", "every diagnostic: code, place, message, hint"),
        _CREATED,
    ),
)

VERDICTS = Table(
    "verdicts",
    1,
    "one row per gate that judged a draft; a draft with rows here is finished",
    ("draft_id", "world_id", "gate"),
    (
        _DRAFT,
        Column("world_id", "text", "the world that the draft became; null where it was rejected", "", True),
        Column("gate", "text", "the gate, or the stage that gave up"),
        Column("verdict", "text", "pass or reject"),
        Column("reason", "text", "why it was rejected; empty for a pass"),
        Column("evidence", "json", "the diagnostics that show it"),
        Column("figures", "json", "what the gate measured"),
        _RUN,
        _CREATED,
    ),
)

WORLDS = Table(
    "worlds",
    1,
    "one row per sealed world, its whole content included",
    ("world_id",),
    (
        _WORLD,
        Column("digest", "text", "SHA-256 of the world's canonical content, 64 hex digits"),
        Column("parent_world_id", "text", "the world that this one takes the place of; null for none", "", True),
        _DRAFT,
        _RUN,
        Column("format", "integer", "the bundle's format"),
        Column("name", "text", "the scenario's name"),
        Column("category", "text", "the scenario's category"),
        Column("scenario", "json", "name, description, category"),
        Column("scenario_digest", "text", "SHA-256 of the scenario"),
        Column("model", "text", "the model in the recipe"),
        Column("recipe", "json", "model, programs, seed, size"),
        Column("clock", "json", "the world's start and step"),
        Column("me", "integer", "the signed-in user's row"),
        Column("sqlite_min", "text", "the oldest SQLite that gives the same results"),
        Column("intentions", "texts", "what people want done here"),
        Column("schema_sql", "text", "schema.sql"),
        Column("seed_sql", "bytes", "seed.sql, UTF-8, as one zstd frame"),
        Column("seed_size", "integer", "length of seed.sql before compression", "bytes"),
        Column("tools", "json", "tools.json"),
        Column("report", "json", "report.json"),
        Column("tables_count", "integer", "tables in the schema", "tables"),
        Column("rows_count", "integer", "rows of the initial state", "rows"),
        Column("tools_count", "integer", "tools", "tools"),
        Column("tasks_count", "integer", "agent tasks", "tasks"),
        _CREATED,
    ),
    row_group=32,
)

AGENT_TASKS = Table(
    "agent_tasks",
    2,
    "one row per agent task of a sealed world",
    ("task_id",),
    (
        Column("task_id", "text", "the world's id, a hyphen, and the task's own id"),
        _WORLD,
        Column("position", "integer", "the task's place in tasks.json, from 0"),
        Column("split", "text", "train, validation or test; the same for every world whose scenario has nearly the same name"),
        Column("kind", "text", "read, write or mixed"),
        Column("instruction", "text", "what the agent is asked"),
        Column("steps", "integer", "calls in the reference solution", "calls"),
        Column("origin", "text", "intention or walk: what the task began with; null where unknown", "", True, 2),
        Column("difficulty", "integer", "1 to 5, derived from what was measured; null where it was not", "", True, 2),
        Column("hurdles", "integer", "preconditions that must first be put right; null where not measured", "", True, 2),
        Column("mutants", "integer", "near misses of the reference that were carried out; null where none were", "mutants", True, 2),
        Column("mutants_rejected", "integer", "near misses that scored below 1", "mutants", True, 2),
        Column("mutants_equivalent", "integer", "near misses with the very same end", "mutants", True, 2),
        Column("mutants_free", "integer", "near misses that differ only in what is left to the agent", "mutants", True, 2),
        Column("ways", "integer", "other right ways that were carried out; null where none were", "ways", True, 2),
        Column("ways_accepted", "integer", "other right ways that scored 1", "ways", True, 2),
        Column("task", "json", "the whole task, as in tasks.json"),
        _RUN,
        _CREATED,
    ),
    row_group=256,
)

TOOLS = Table(
    "tools",
    2,
    "one row per tool of a sealed world",
    ("world_id", "name"),
    (
        _WORLD,
        Column("name", "text", "the tool's name"),
        Column("position", "integer", "the tool's place in tools.json, from 0"),
        Column("description", "text", "what it does"),
        Column("parameters", "json", "JSON Schema of its arguments"),
        Column("program", "json", "its steps"),
        Column("example", "json", "arguments with which it succeeds on the initial state, after the calls of `prepare`"),
        Column("prepare", "json", "calls that must come before the example; null for none", "", True, 2),
        _RUN,
        _CREATED,
    ),
)

LINEAGE = Table(
    "lineage",
    1,
    "one row per edge from a thing to what it came from",
    ("child_id", "parent_id", "relation"),
    (
        Column("child_id", "text", "the thing that was made: a world, an agent task or a trajectory"),
        Column("parent_id", "text", "what it came from: a scenario, a run, an attempt, a world, an agent task or a checkpoint"),
        Column("relation", "text", "child and parent kinds, such as world<-scenario, agent_task<-world, trajectory<-agent_task"),
        _RUN,
        _CREATED,
    ),
)

IMAGES = Table(
    "images",
    1,
    "one row per container image of a sealed world, and one more when it is pushed",
    ("world_id", "image_digest", "pushed_digest"),
    (
        _WORLD,
        Column("image_digest", "text", "sha256: and the digest of the image's configuration, which covers its layers"),
        Column("layer_digest", "text", "sha256: and the digest of the world's own layer; the same wherever it is built"),
        Column("base_digest", "text", "the image_digest of the base below it"),
        Column("architecture", "text", "amd64 or arm64"),
        Column("tags", "texts", "the image's names when the row was made, the one with the digest first"),
        Column("layer_bytes", "integer", "size of the world's own layer", "bytes"),
        Column("size_bytes", "integer", "size of the image, the base included", "bytes"),
        Column("build_seconds", "real", "how long the image took to make; null where the engine had it already", "seconds", True),
        Column("pushed_digest", "text", "the digest under which a registry keeps it; null where it was not pushed", "", True),
        Column("run_id", "text", "the flow run that sealed the world"),
        _CREATED,
    ),
)

TRAJECTORIES = Table(
    "trajectories",
    2,
    "one row per episode that a policy played on an agent task",
    ("trajectory_id",),
    (
        Column("trajectory_id", "text", "world, task and first 12 hex digits of the record's digest"),
        Column("episode_id", "text", "24 hex digits of what was to be played: task, policy, form, seed and settings"),
        Column("task_id", "text", "the agent task: the world's id, a hyphen, and the task's own id"),
        _WORLD,
        Column("split", "text", "train, validation or test: that of the task"),
        Column("kind", "text", "read, write or mixed: that of the task"),
        Column("difficulty", "integer", "1 to 5: that of the task; null where it was not measured", "", True),
        Column("policy", "text", "who played: reference, idle, random, a model's name, or a checkpoint"),
        Column("checkpoint_id", "text", "the checkpoint that played; null for any other policy", "", True),
        Column("form", "text", "how calls are written: awm or native"),
        Column("seed", "integer", "the seed that the policy was given; null where it takes none", "", True),
        Column("temperature", "real", "the sampling temperature asked for; null for the policy's own", "", True),
        Column("max_turns", "integer", "so often the agent might speak", "turns"),
        Column("window", "integer", "so many of the last turns the agent was shown; null for all", "turns", True),
        Column("reply", "integer", "tokens that a reply might have; null for the policy's own limit", "tokens", True, since=2),
        Column("ended", "text", "answered, turn_limit, format_violation or environment_error"),
        Column("outcome", "text", "completed, partial, agent_error or environment_error"),
        Column("reward", "real", "what the episode earned: 1, 0.1, 0, or -1 for a broken form"),
        Column("masked", "boolean", "true where the environment failed, which is no fault of the agent's: not for training"),
        Column("turns", "integer", "how often the agent spoke", "turns"),
        Column("calls", "integer", "calls of tools of the world", "calls"),
        Column("input_tokens", "integer", "tokens that the policy read; null where unknown", "tokens", True),
        Column("output_tokens", "integer", "tokens that the policy wrote; null where unknown", "tokens", True),
        Column("latency_seconds", "real", "how long the policy took to speak, all turns together; null where unknown", "seconds", True),
        Column("messages", "json", "the conversation, as chat completions have it"),
        Column("seen", "json", "for each turn of the agent, the places in `messages` of what it was shown"),
        Column("tools", "json", "the list of tools given with each request; null in form awm, where it stands in the messages", "", True),
        Column("record", "json", "the whole trajectory, as `worldloom score` judges it again"),
        Column("snapshot", "integer", "number of the snapshot that the task was read from"),
        _RUN,
        _CREATED,
    ),
    row_group=64,
)

CHECKPOINTS = Table(
    "checkpoints",
    1,
    "one row per checkpoint of a training job",
    ("checkpoint_id",),
    (
        Column("checkpoint_id", "text", "the job's kind and 12 hex digits of step, weights and snapshot"),
        _RUN,
        Column("job", "text", "sft or grpo"),
        Column("step", "integer", "optimizer steps until then", "steps"),
        Column("snapshot", "integer", "number of the snapshot that the samples were read from"),
        Column("snapshot_id", "text", "SHA-256 of that snapshot's file"),
        Column("path", "text", "its folder, from which the job resumes; the policy as a Hugging Face folder is policy/ below it"),
        Column("base_model", "text", "the model that the job began with"),
        Column("world_size", "integer", "ranks that trained", "ranks"),
        Column("zero_stage", "integer", "ZeRO stage, 0 to 3"),
        Column("samples", "integer", "samples trained on until then, repeats counted", "samples"),
        Column("metrics", "json", "the figures of its last step"),
        Column("parent_checkpoint_id", "text", "the checkpoint before it in the same job; null for the first", "", True),
        _CREATED,
    ),
)

TABLES: dict[str, Table] = {
    t.name: t for t in (RUNS, ATTEMPTS, VERDICTS, WORLDS, AGENT_TASKS, TOOLS, LINEAGE, IMAGES, TRAJECTORIES, CHECKPOINTS)
}


def columns_of(table: Table, version: int) -> tuple[Column, ...]:
    """The columns that a table had at a version."""
    return tuple(column for column in table.columns if column.since <= version)


def table_named(name: str) -> Table:
    """The table of that name; raises UnknownName."""
    if name not in TABLES:
        raise UnknownName(f"There is no table '{name}'.", f"The tables are {', '.join(TABLES)}.")
    return TABLES[name]


def arrow() -> Any:
    """The pyarrow module, loaded where it is first used; it carries no types."""
    return import_module("pyarrow")


def arrow_schema(table: Table) -> Any:
    """The table's Arrow schema; meaning, unit and version stand in the metadata."""
    pa = arrow()
    types: dict[ColumnType, Any] = {
        "text": pa.string(),
        "json": pa.string(),
        "integer": pa.int64(),
        "real": pa.float64(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "bytes": pa.binary(),
        "texts": pa.list_(pa.string()),
    }
    fields = [pa.field(c.name, types[c.type], c.nullable, {"meaning": c.meaning, "unit": c.unit, "type": c.type}) for c in table.columns]
    return pa.schema(
        fields, {"table": table.name, "schema_version": str(table.version), "meaning": table.meaning, "key": ",".join(table.key)}
    )


def arrow_table(table: Table, rows: Sequence[Row]) -> Any:
    """Rows as an Arrow table; raises InvalidInput for a missing or unknown column, a null where none may be, a wrong type."""
    pa = arrow()
    expected = {column.name for column in table.columns}
    required = [column.name for column in table.columns if not column.nullable]
    for row in rows:
        if row.keys() != expected:
            raise InvalidInput(f"A row of '{table.name}' has other columns than its table: {', '.join(sorted(row.keys() ^ expected))}.")
        missing = next((name for name in required if row[name] is None), None)
        if missing:
            raise InvalidInput(f"A row of '{table.name}' has no {missing}.")
    try:
        return pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(table))
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as problem:
        raise InvalidInput(f"A row of '{table.name}' does not fit its table: {problem}.") from problem


def key_of(table: Table, row: Row) -> tuple[Any, ...]:
    """What makes the row one of its kind."""
    return tuple(row[name] for name in table.key)


def json_text(value: Any) -> str:
    """Compact JSON, keys in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def unique_rows(table: Table, rows: Iterable[Row], known: frozenset[tuple[Any, ...]] = frozenset()) -> list[Row]:
    """The rows whose key is neither known nor that of an earlier row, in their order."""
    fresh: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        fresh.setdefault(key_of(table, row), row)
    return [row for key, row in fresh.items() if key not in known]


def stamped(row: dict[str, Any], run_id: str, created_at: datetime) -> dict[str, Any]:
    """The row with the run that made it and the time it was made."""
    return {**row, "run_id": run_id, "created_at": created_at}
