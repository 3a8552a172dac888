"""Any world comes back whole: from its bundle, and from its rows alone."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifacts.agent_task import AgentTask, Check, ToolCall
from artifacts.bundle import bundle_files, read_bundle, write_bundle
from artifacts.commits import parquet_bytes
from artifacts.recipe import Recipe, Size
from artifacts.rows import packed, row_of_world, rows_of_agent_tasks, task_id, unpacked, world_of_rows
from artifacts.scenario import Scenario
from artifacts.tables import AGENT_TASKS, WORLDS, arrow_table
from artifacts.toolset import Each, Let, Query, Refuse, Require, Return, Run, Tool
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Clock, World

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = st.text(st.sampled_from("abc é日|`<\"'"), min_size=1, max_size=20).filter(lambda text: any(c.isalnum() for c in text))
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
TYPES = st.dictionaries(TEXT, st.sampled_from(["json", "boolean", "integer", "real", "text"]), max_size=2)
SHAPES = st.sampled_from(["one", "many", "value"])
ERRORS = st.sampled_from(["not_found", "conflict", "invalid", "forbidden", "limit"])
QUERIES = st.builds(Query, query=TEXT, shape=SHAPES, types=TYPES)

FLAT = st.one_of(
    st.builds(Require, require=TEXT, error=ERRORS, message=TEXT),
    st.builds(Refuse, refuse=TEXT, error=ERRORS, message=TEXT),
    st.builds(Let, let=TEXT),
    st.builds(Run, run=TEXT, expect=st.none() | st.integers(0, 3)),
    st.builds(Return, returns=TEXT | st.dictionaries(TEXT, QUERIES, min_size=1, max_size=2), shape=SHAPES, types=TYPES),
)
STEPS = FLAT | st.builds(Each, each=TEXT, do=st.lists(FLAT, max_size=2).map(tuple))
NAMES = st.from_regex(r"[a-z][a-z0-9_]{1,8}", fullmatch=True)
TOOLS = st.builds(
    Tool,
    name=NAMES,
    description=WORDS,
    parameters=OBJECTS | st.just({"type": "object", "properties": {"x": {"type": "array", "items": {"type": "integer"}}, "y": {}}}),
    program=st.lists(STEPS, min_size=1, max_size=3).map(tuple),
    example=OBJECTS,
)
TASKS = st.builds(
    AgentTask,
    id=st.from_regex(r"t[0-9]{2,4}", fullmatch=True),
    instruction=WORDS,
    kind=st.sampled_from(["read", "write", "mixed"]),
    solution=st.lists(st.builds(ToolCall, tool=NAMES, arguments=OBJECTS), min_size=1, max_size=2).map(tuple),
    answer=st.none() | st.lists(SCALARS, max_size=3).map(tuple),
    checks=st.lists(st.builds(Check, name=WORDS, sql=TEXT), max_size=2).map(tuple),
    free_columns=st.lists(TEXT, max_size=2).map(tuple),
    fuzzy_columns=st.lists(TEXT, max_size=2).map(tuple),
)
DIAGNOSTICS = st.builds(Diagnostic, code=st.just("sql.x"), place=TEXT, message=TEXT, hint=TEXT)
VERDICTS = st.builds(Pass, gate=WORDS, figures=OBJECTS) | st.builds(
    Reject, gate=WORDS, reason=TEXT, evidence=st.lists(DIAGNOSTICS, max_size=2).map(tuple), figures=OBJECTS
)


def sql_text(value: str) -> str:
    """A text as an SQL literal; SQLite text ends at NUL, so that is left out."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


@st.composite
def databases(draw: st.DrawFn) -> tuple[str, str]:
    """A schema and a seed that load, with odd names and values."""
    columns = draw(st.lists(NAMES, unique=True, max_size=3))
    odd = draw(WORDS.map(lambda text: text.replace('"', "")))
    schema = f'CREATE TABLE "t {odd}"(key_ INTEGER PRIMARY KEY{"".join(f", {c}_ VARCHAR(20) REFERENCES u(id)" for c in columns)});\r\n'
    rows = draw(st.lists(st.tuples(*(TEXT for _ in columns)), max_size=3))
    values = [f'INSERT INTO "t {odd}" VALUES ({", ".join([str(n), *map(sql_text, row)])});' for n, row in enumerate(rows)]
    return schema + "CREATE TABLE u(id PRIMARY KEY) -- no newline at the end", "\n".join(values)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world whose database loads."""
    schema, seed = draw(databases())
    return World(
        scenario=draw(st.builds(Scenario, name=WORDS, description=WORDS, category=WORDS)),
        recipe=draw(
            st.builds(Recipe, model=TEXT, programs=st.dictionaries(TEXT, TEXT, max_size=2), seed=st.integers(), size=st.just(Size()))
        ),
        clock=draw(st.builds(Clock, step_seconds=st.integers(0, 60))),
        me=draw(st.integers(1, 9)),
        intentions=tuple(draw(st.lists(TEXT, max_size=3))),
        schema_sql=schema,
        seed_sql=seed,
        tools=tuple(draw(st.lists(TOOLS, max_size=2))),
        tasks=tuple(draw(st.lists(TASKS, max_size=2, unique_by=lambda task: task.id))),
        report=tuple(draw(st.lists(VERDICTS, max_size=2))),
    )


SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def typed(value: Any) -> str:
    """A form in which 1, 1.0 and True differ, unlike under ==."""
    return repr(value)


@SLOW
@given(worlds())
def test_a_bundle_gives_its_world_back(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = read_bundle(write_bundle(world, folder))
    assert again == world
    assert typed(again.content()) == typed(world.content())
    assert (again.digest, again.id) == (world.digest, world.id)
    assert bundle_files(again) == bundle_files(world)


@SLOW
@given(worlds())
def test_rows_alone_give_the_world_back(world: World) -> None:
    worlds_table = arrow_table(WORLDS, [row_of_world(world, "draft", "run", NOON)])
    tasks_table = arrow_table(AGENT_TASKS, rows_of_agent_tasks(world, "run", NOON))
    (row,) = worlds_table.to_pylist()
    again = world_of_rows(row, reversed(tasks_table.to_pylist()))
    assert again == world
    assert typed(again.content()) == typed(world.content())
    assert parquet_bytes(WORLDS, worlds_table) == parquet_bytes(WORLDS, arrow_table(WORLDS, [row_of_world(again, "draft", "run", NOON)]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), worlds(), st.sampled_from(sorted(World.model_fields)))
def test_every_field_but_the_report_decides_the_digest(world: World, other: World, field: str) -> None:
    before = world.digest
    changed = world.model_copy(update={field: getattr(other, field)})
    same_content = json.dumps(changed.content(), sort_keys=True) == json.dumps(world.content(), sort_keys=True)
    assert (changed.digest == before) is same_content
    assert field != "report" or same_content


@given(st.binary(max_size=2_000))
def test_packed_bytes_come_back(data: bytes) -> None:
    assert unpacked(packed(data), len(data)) == data


def test_task_ids_are_told_apart_by_world() -> None:
    task = AgentTask(id="t07", instruction="Do it.", kind="write", solution=(ToolCall(tool="do"),))
    assert task_id("tea-shop-0123456789ab", task) == "tea-shop-0123456789ab-t07"
