"""GRPO for real: DeepSpeed on two CPU ranks, environments of a store's worlds, a policy that is right now and then."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import polars as pl
import psutil
import pytest
import torch

from artifacts.agent_task import AgentTask
from artifacts.errors import ModelUnavailable, TerminalError, Unwritable
from artifacts.history import places
from artifacts.store import Store
from artifacts.world import World
from containers.episodes.episode import FORMS
from containers.episodes.turns import Answer, Asked, Calls, in_order
from tasks.teaching.launching import Figures, Taught, launch
from tasks.teaching.order import TrainOrder, settings_of
from training.decoder import Shape, inputs_of, loss_of, new_decoder
from training.examples import Example, counted, examples_of, row_of
from training.tokens import new_tokenizer, texts_of

pytestmark = [pytest.mark.xdist_group("training"), pytest.mark.timeout(240)]

SMALL: dict[str, Any] = {
    "job": "grpo",
    "device": "cpu",
    "ranks": 2,
    "zero": 1,
    "environments": 16,
    "group": 4,
    "form": "native",
    "max_turns": 3,
    "reply": 16,
    "length": 512,
    "micro": 4,
    "learning_rate": 5e-4,
    "save_every": 2,
    "steps": 3,
    "split": ("train", "validation", "test"),
}


FORM = FORMS["native"]
SHAPE = Shape(vocabulary=400, hidden=48, layers=2, heads=2, context=512)
LESSONS, BATCH, PACE = 130, 4, 5e-3


class Practice(NamedTuple):
    """A store, a policy to begin with, and the folder of an undisturbed job."""

    store: Store
    base: Path
    out: Path


def train(store: Store, out: Path, heard: Callable[[Figures], None] = lambda _figures: None, **more: Any) -> Taught:
    order = TrainOrder(**{**SMALL, **more})
    return launch(order, settings_of(order, store.url, str(out), f"run-{out.name}"), heard)


def figures(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def expect_alike(out: Path, other: Path) -> None:
    """The same episodes and gradients, step for step. The loss alone says little: on fresh episodes advantages cancel."""
    exact = ("step", "epoch", "samples", "groups", "dropped", "turns", "tokens", "reward")
    rows, others = figures(out), figures(other)
    assert [[row[name] for name in exact] for row in rows] == [[row[name] for name in exact] for row in others]
    for name, allowed in (("loss", 1e-6), ("gradient", 1e-4), ("distance", 1e-6)):
        assert [row[name] for row in rows] == pytest.approx([row[name] for row in others], abs=allowed), name


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory, a_practice_store: Callable[[Path], tuple[Store, list[World]]]) -> Practice:
    """An undisturbed job."""
    folder = tmp_path_factory.mktemp("practice")
    store, worlds = a_practice_store(folder / "loom")
    undecided_policy(worlds, folder / "base")
    train(store, folder / "out", base=str(folder / "base"))
    return Practice(store, folder / "base", folder / "out")


def test_a_job_practises_and_is_on_record(practice: Practice) -> None:
    rows = figures(practice.out)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert all(row["weight"] == pytest.approx(1.0, abs=1e-4) and row["clipped"] == 0 for row in rows), "what was drawn is what is learned"
    assert rows[0]["distance"] == pytest.approx(0.0, abs=1e-6)
    assert rows[-1]["distance"] > 0
    assert all(row["turns"] and not row["masked"] and not row["too_long"] for row in rows)
    assert pl.read_parquet(practice.out / "metrics.parquet")["reward"].to_list() == [row["reward"] for row in rows]
    made = practice.store.scan("checkpoints").sort("step").collect().to_dicts()
    assert [(row["job"], row["step"], row["base_model"]) for row in made] == [("grpo", step, str(practice.base)) for step in (2, 3)]
    edges = practice.store.scan("lineage").filter(pl.col("relation") == "checkpoint<-world").collect()
    assert set(edges["parent_id"]) == set(practice.store.scan("worlds").collect()["world_id"])


def test_a_killed_job_resumes_with_the_same_losses(practice: Practice, tmp_path: Path) -> None:
    """The checkpoint of step 2 stands; what was drawn ahead of it is drawn again."""

    def kill(step: Figures) -> None:
        if step["step"] >= 3:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # one that has ended since, or is a zombie
                    if "training.grpo" in " ".join(process.cmdline()):
                        process.send_signal(signal.SIGKILL)

    with pytest.raises(TerminalError, match="The training job ended with"):
        train(practice.store, tmp_path / "out", kill, base=str(practice.base), steps=500, save_every=2)
    kept = sorted((tmp_path / "out/checkpoints").glob("step-*/whole.json"))
    for later in kept[1:]:
        shutil.rmtree(later.parent)
    train(practice.store, tmp_path / "out", base=str(practice.base), resume=True)
    expect_alike(tmp_path / "out", practice.out)


@pytest.mark.parametrize("zero", [2, 3])
def test_stages_agree(practice: Practice, tmp_path: Path, zero: int) -> None:
    train(practice.store, tmp_path / "out", base=str(practice.base), zero=zero, save_every=9)
    expect_alike(tmp_path / "out", practice.out)


def test_a_full_disk_stops_the_job(practice: Practice, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".tmp-metrics.parquet").symlink_to("/dev/full")
    with pytest.raises(Unwritable, match=r"cannot be written: .*No space left on device"):
        train(practice.store, out, base=str(practice.base), ranks=1, steps=1)


def test_an_endpoint_that_is_dead_stops_the_job(practice: Practice, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"http://127.0.0.1:9 does not answer"):
        train(practice.store, tmp_path / "out", base=str(practice.base), ranks=1, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize("nonsense", [{"base": None}, {"environments": 10, "group": 4}, {"clip_low": 1.0}, {"window": 0}])
def test_nonsense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"grpo goes on|cannot be dealt|less than 1|greater than or equal to 1"):
        TrainOrder(**{**SMALL, "base": "policy", **nonsense})


def conversation(world: World, task: AgentTask, answer: str) -> list[dict[str, Any]]:
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
    played = [(world, conversation(world, task, answer)) for world, task, answer in pairs]
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
