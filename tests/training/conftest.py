"""Small stores to train from: worlds with tasks, in parts and row groups as small as a test wants them; and a policy to practise with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import torch

from artifacts import commits
from artifacts.agent_task import AgentTask, ToolCall
from artifacts.history import places
from artifacts.observation import Outcome, Score
from artifacts.recipe import Recipe
from artifacts.rows import merged, row_of_run, row_of_world, rows_of_agent_tasks, split_of
from artifacts.run_record import RunRecord
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.tables import TABLES
from artifacts.toolset import Return, Tool
from artifacts.trajectory import Call, Trajectory
from artifacts.trajectory_rows import Played, rows_of_episodes
from artifacts.world import Clock, World
from containers.episodes.episode import FORMS
from containers.episodes.turns import Answer, Asked, Calls, in_order
from training.decoder import Shape, inputs_of, loss_of, new_decoder
from training.examples import Example, counted, examples_of, row_of
from training.tokens import new_tokenizer, texts_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

FORM = FORMS["native"]
SHAPE = Shape(vocabulary=400, hidden=48, layers=2, heads=2, context=512)
LESSONS, BATCH, PACE = 200, 4, 5e-3

Shelve = Callable[[list[int], int], Store]
"""A new store with one commit for each number of worlds, and row groups of so many rows."""


def a_world(number: int, tasks: int = 3) -> World:
    """A world of one table and one tool; every third one is of another category, and the tasks take turns in kind."""
    tool = Tool(
        name="read_note",
        description="Read a note.",
        parameters={"type": "object", "additionalProperties": False, "properties": {}},
        program=(Return.model_validate({"return": "SELECT text FROM notes ORDER BY id", "shape": "many", "types": {"text": "text"}}),),
        example={},
    )
    return World(
        scenario=Scenario(name=f"Notes {number}", description="Keeps notes.", category="office" if number % 3 else "home"),
        recipe=Recipe(model="test/none", programs={}, seed=number),
        clock=Clock(),
        me=1,
        intentions=("Read my notes.",),
        schema_sql="CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT NOT NULL);\n",
        seed_sql=f"INSERT INTO notes VALUES (1, 'note {number}');\n",
        tools=(tool,),
        tasks=tuple(
            AgentTask(
                id=f"t{place + 1:02}",
                instruction=f"Read note {place} of {number}.",
                kind=("read", "write", "mixed")[place % 3],
                solution=(ToolCall(tool="read_note"),),
                answer=(f"note {number}",),
            )
            for place in range(tasks)
        ),
    )


def commit_worlds(store: Store, numbers: range) -> None:
    """Puts the rows of some worlds into a store, in one commit."""
    worlds = [a_world(number) for number in numbers]
    batches = [{"worlds": [row_of_world(w, w.id, "run", NOON)], "agent_tasks": rows_of_agent_tasks(w, "run", NOON)} for w in worlds]
    commits.commit(store.files, merged(batches), NOON)


def an_episode(world: World, task: AgentTask, seed: int, outcome: Outcome = "completed") -> Played:
    """An episode of four turns: the tools are listed, the note is read twice, the answer given; shown within a window of one turn."""
    observation = {"result": [{"text": f"note {world.recipe.seed}"}]}
    back = {"role": "user", "content": f"<tool_response>\n{observation}\n</tool_response>"}
    call = {"role": "assistant", "content": '<tool_call>\n{"name":"call_tool","arguments":{"tool_name":"read_note"}}\n</tool_call>'}
    messages = (
        {"role": "system", "content": "Use the tools."},
        {"role": "user", "content": f"{task.instruction} ({seed})"},
        {"role": "assistant", "content": '<tool_call>\n{"name":"list_tools","arguments":{}}\n</tool_call>'},
        {"role": "user", "content": "<tool_response>\nread_note\n</tool_response>"},
        *(call, back, call, back),
        {"role": "assistant", "content": f"It says note {world.recipe.seed}."},
    )
    trajectory = Trajectory(
        world_id=world.id,
        world_digest=world.digest,
        task_id=task.id,
        policy="reference",
        form="awm",
        seed=seed,
        max_turns=9,
        window=1,
        messages=messages,
        calls=(Call(tool="read_note", arguments={}, observation=observation),) * 2,
        ended="answered",
        answer=f"It says note {world.recipe.seed}.",
        score=Score(outcome=outcome, reward=1.0 if outcome == "completed" else 0.0),
    )
    return Played(trajectory, split_of(world.scenario), task.kind)


def commit_episodes(store: Store, numbers: range, repeats: int = 1) -> None:
    """Puts episodes on the tasks of some worlds into a store; the last of each world is one in which the environment failed."""
    run = RunRecord(run_id="run", flow="collect", state="completed", model="reference", started_at=NOON, ended_at=NOON)
    played = [
        an_episode(world, task, seed, "environment_error" if task is world.tasks[-1] else "completed")
        for world in map(a_world, numbers)
        for task in world.tasks
        for seed in range(repeats)
    ]
    commits.commit(store.files, rows_of_episodes(played, 1, "run", NOON) | {"runs": [row_of_run(run, NOON)]}, NOON)


@pytest.fixture
def shelve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelve:
    """Makes stores."""
    made: list[Store] = []

    def make(sizes: list[int], row_group: int) -> Store:
        for name in ("agent_tasks", "worlds"):
            monkeypatch.setitem(TABLES, name, TABLES[name]._replace(row_group=row_group))
        store = open_store(tmp_path / f"loom{len(made)}")
        made.append(store)
        start = 0
        for size in sizes:
            commit_worlds(store, range(start, start + size))
            start += size
        return store

    return make


@pytest.fixture
def more_worlds() -> Callable[[Store, range], None]:
    """Adds worlds to a store."""
    return commit_worlds


def a_played_store(folder: Path) -> Store:
    """A store with 8 worlds and 32 episodes that a policy can learn from, in the splits of their scenarios."""
    store = open_store(folder)
    commit_worlds(store, range(8))
    commit_episodes(store, range(8), repeats=2)
    return store


@pytest.fixture(scope="session")
def make_played_store() -> Callable[[Path], Store]:
    """Makes stores with episodes."""
    return a_played_store


@pytest.fixture
def played_store(tmp_path: Path) -> Store:
    """A store with episodes."""
    return a_played_store(tmp_path / "played")


class Practice(NamedTuple):
    """A store of four worlds, and a policy that is right now and then on their tasks."""

    store: Store
    base: Path


@pytest.fixture(scope="session")
def a_practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    """What GRPO begins with; jobs put themselves on record in the store, and change nothing else."""
    folder = tmp_path_factory.mktemp("practice")
    store = open_store(folder / "loom")
    commit_worlds(store, range(4))
    undecided_policy([a_world(number) for number in range(4)], folder / "base")
    return Practice(store, folder / "base")


@pytest.fixture(scope="session")
def a_note_world() -> Callable[[int], World]:
    """Makes the worlds of these stores by their number."""
    return a_world


def told(world: World, task: AgentTask, answer: str) -> list[dict[str, Any]]:
    """An episode: the note is read, and an answer given."""
    asked = Asked("read_note", {}, "call_0_0")
    back = {"result": [{"text": f"note {world.recipe.seed}"}]}
    return [
        *FORM.opening(task.instruction),
        FORM.encode(Calls((asked,)), 0),
        *FORM.results([(asked, back)]),
        FORM.encode(Answer(answer), 1),
    ]


def undecided_policy(worlds: Sequence[World], folder: Path) -> None:
    """Saves a policy that reads the note, and then tells it or says nothing of it."""
    torch.manual_seed(0)
    pairs = [(world, task, answer) for world in worlds for task in world.tasks for answer in (f"note {world.recipe.seed}", "nothing")]
    played = [(world, told(world, task, answer)) for world, task, answer in pairs]
    tokenizer = new_tokenizer((text for _, messages in played for text in texts_of(messages)), SHAPE.vocabulary)
    examples = [example for world, messages in played for example in shown(tokenizer, world, messages)]
    model = new_decoder(SHAPE, tokenizer, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PACE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model is faster so, by far where others compute too
    draws = Random(0)  # noqa: S311  # variety, not secrecy
    for _ in range(LESSONS):
        rows = [row_of([one]) for one in draws.sample(examples, BATCH)]
        optimizer.zero_grad()
        torch.autograd.backward(loss_of(model, inputs_of(rows, tokenizer.pad_token_id)) / counted(rows))
        optimizer.step()
    torch.set_num_threads(threads)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def shown(tokenizer: Any, world: World, messages: list[dict[str, Any]]) -> tuple[Example, ...]:
    """The examples of an episode, with the tools as they stand in its requests."""
    listing = in_order(tuple({"name": t.name, "description": t.description, "inputSchema": t.parameters} for t in world.tools))
    return examples_of(tokenizer, messages, places(messages), most=10_000, tools=FORM.options(listing)["tools"]).examples
