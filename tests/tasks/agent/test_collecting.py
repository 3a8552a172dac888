"""A collection plays what is missing, once, keeps what is finished whatever happens, and pays for no answer twice."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from artifacts.errors import InvalidInput, ModelRejected, ModelUnavailable, UnknownName, Unwritable
from artifacts.fsck import check
from artifacts.rows import row_of_run, rows_of_draft
from artifacts.run_record import RunRecord
from artifacts.store import Store, open_store
from artifacts.trajectory_rows import rows_of_episodes, trajectory_of_row
from artifacts.world import World
from containers.episodes.rescoring import rescore
from tasks.agent import checkpoint, collecting
from tasks.agent.collect_cards import collect_cards, percent_done
from tasks.agent.collect_order import CollectOrder
from tasks.agent.collecting import Batch, Collection
from tasks.agent.figures import Figures, summary
from tasks.agent.records import fetch
from tasks.job.publishing import utc_now

LISTS = '<tool_call>\n{"name": "list_tools", "arguments": {}}\n</tool_call>'
RUN = "run"

Collect = Callable[..., Collection]


@pytest.fixture
def store(tmp_path: Path, toys: World) -> Store:
    """A store with the toy library, its run on record."""
    store = open_store(tmp_path / "loom")
    store.publish(toys)
    now = utc_now()
    run = RunRecord(run_id=RUN, flow="collect", state="started", model="m", started_at=now)
    rows = rows_of_draft("toys-1", (), (), toys, run_id=RUN, created_at=now)
    store.commit({**rows, "runs": [row_of_run(run, now)]})
    return store


@pytest.fixture
def collect(store: Store) -> Collect:
    """Collects into the store, from all splits."""

    def run(stop: Callable[[], bool] = lambda: False, keep: Callable[[Batch], None] | None = None, **asked: Any) -> Collection:
        collection = Collection(CollectOrder(**{"split": "all", **asked}), store)
        collection.run(keep or (lambda batch: commit(store, batch)), stop)
        return collection

    return run


def commit(store: Store, batch: Batch) -> None:
    store.commit(rows_of_episodes(batch.episodes, batch.snapshot, RUN, utc_now()))


def rows(store: Store) -> list[dict[str, Any]]:
    return list(store.scan("trajectories").sort("task_id", "seed").collect().to_dicts())


def test_what_is_collected_is_whole_and_what_is_there_is_not_played_again(collect: Collect, store: Store, toys: World) -> None:
    first = collect(policy="reference").figures
    assert (first.planned, first.known, first.played, first.kept, first.commits) == (2, 0, 2, 2, 1)
    assert first.overall.rate == 1.0
    found = rows(store)
    assert [(row["task_id"], row["outcome"], row["policy"], row["seed"], row["kind"]) for row in found] == [
        (f"{toys.id}-t01", "completed", "reference", None, "read"),
        (f"{toys.id}-t02", "completed", "reference", None, "write"),
    ]
    assert all(rescore(trajectory_of_row(row), toys).holds for row in found)
    assert check(store) == ()
    again = collect(policy="reference").figures
    assert (again.planned, again.known, again.played, again.kept) == (2, 2, 0, 0)
    assert len(rows(store)) == 2


def test_equal_orders_give_equal_episodes_and_other_settings_other_ones(collect: Collect, store: Store, tmp_path: Path) -> None:
    collect(policy="random", episodes_per_task=3, seed=5)
    assert [row["seed"] for row in rows(store)] == [5, 6, 7] * 2
    there = {row["trajectory_id"] for row in rows(store)}
    for changed in ({"turns": 7}, {"history": 2}, {"form": "native"}, {"seed": 8}):
        assert collect(policy="random", **{"seed": 5, **changed}).figures.known == 0
    assert collect(policy="random", episodes_per_task=4, seed=5).figures.played == 0, "seeds 5 to 8 are all there"
    twin = open_store(tmp_path / "twin")
    twin.publish(store.world("toy"))
    twin.commit(rows_of_draft("toys-1", (), (), store.world("toy"), run_id=RUN, created_at=utc_now()))
    Collection(CollectOrder(policy="random", split="all", episodes_per_task=3, seed=5, concurrency=2), twin).run(lambda b: commit(twin, b))
    assert {row["trajectory_id"] for row in rows(twin)} == there


def test_tasks_are_chosen_by_world_split_kind_and_level(collect: Collect, store: Store, toys: World) -> None:
    assert collect(policy="idle", kind="write", worlds=("toy",)).figures.planned == 1
    (split,) = set(store.scan("agent_tasks").collect()["split"])
    assert collect(policy="idle", split=split).figures.planned == 2
    others = {"train", "validation", "test"} - {split}
    for asked in ({"split": others.pop()}, {"difficulty": (3,)}, {"kind": "mixed"}):
        with pytest.raises(InvalidInput, match="No agent task"):
            collect(policy="idle", **asked)
    with pytest.raises(UnknownName, match="no world 'shop'"):
        collect(policy="idle", worlds=("shop",))
    with pytest.raises(UnknownName, match="Did you mean reference"):
        collect(policy="referense")
    with pytest.raises(ModelRejected, match="needs a key"):
        collect(policy="openai/gpt")


def test_batches_are_committed_as_they_fill_and_what_is_finished_when_stopped_is_kept(
    collect: Collect, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "BATCH_EPISODES", 4)
    assert collect(policy="random", episodes_per_task=5, concurrency=1).figures.commits == 3
    kept: list[int] = []

    def keep(batch: Batch) -> None:
        kept.append(len(batch.episodes))
        commit(store, batch)

    early = collect(lambda: bool(kept), keep, policy="random", episodes_per_task=20, concurrency=1).figures
    assert (early.interrupted, kept, early.kept) == (True, [4], 4)
    assert collect(policy="random", episodes_per_task=20).figures.known == 14
    assert check(store) == ()


def test_a_store_that_refuses_is_told_once(collect: Collect) -> None:
    asked: list[int] = []

    def keep(batch: Batch) -> None:
        asked.append(len(batch.episodes))
        raise Unwritable("full", "")

    with pytest.raises(Unwritable, match="full"):
        collect(keep=keep, policy="reference")
    assert asked == [2]


def test_an_endpoint_plays_with_many_requests_and_each_seed_is_sent(collect: Collect, store: Store, script: Any, api_base: str) -> None:
    script.author = lambda body: "Kite" if len(body["messages"]) > 2 else LISTS
    done = collect(policy="toy-model", api_base=api_base, episodes_per_task=3, temperature=0.5, reply=40).figures
    assert (done.played, done.overall.solved, done.input_tokens, done.output_tokens) == (6, 3, 6 * 22, 6 * 14)
    asked = {(body["seed"], body["temperature"], body["max_completion_tokens"]) for body in script.bodies}
    assert asked == {(seed, 0.5, 40) for seed in range(3)}
    found = rows(store)
    assert {(row["temperature"], row["reply"]) for row in found} == {(0.5, 40)}
    assert all(row["latency_seconds"] > 0 for row in found)
    assert collect(policy="toy-model", api_base=api_base, episodes_per_task=3, temperature=0.5, reply=40).figures.known == 6
    collect(policy="toy-model", api_base=api_base)
    assert not {"temperature", "max_completion_tokens"} & script.bodies[-1].keys()


def test_an_answer_that_was_paid_for_is_never_asked_for_again(collect: Collect, store: Store, script: Any, api_base: str) -> None:
    """As after `kill -9`: nothing was committed, but every answer is in the journal."""
    script.author = lambda body: "Kite" if len(body["messages"]) > 2 else LISTS
    collect(keep=lambda batch: None, policy="toy-model", api_base=api_base)
    paid, once = len(script.bodies), rows(store)
    done = collect(policy="toy-model", api_base=api_base).figures
    assert (paid, len(script.bodies), once) == (4, 4, [])
    assert (done.recalled, done.kept, len(rows(store))) == (4, 2, 2)


def test_an_endpoint_that_dies_is_told_and_what_is_finished_is_kept(
    collect: Collect, script: Any, api_base: str, moves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.agent.endpoint.patience", wait_none())
    script.moves = [moves.says(LISTS), moves.says("Kite"), *[moves.fails(503)] * 50]
    broken = collect(policy="toy-model", api_base=api_base, concurrency=1, episodes_per_task=2)
    assert isinstance(broken.trouble, ModelUnavailable)
    assert "503" in broken.trouble.message
    assert (broken.figures.kept, broken.figures.unfinished, broken.figures.interrupted) == (1, 1, False)
    assert len(script.bodies) == 2 + 5, "five tries of one request, and no other"
    script.moves = []
    script.author = lambda body: "Kite"
    assert collect(policy="toy-model", api_base=api_base, concurrency=1, episodes_per_task=2).figures.kept == 3


def test_a_service_that_refuses_everything_ends_the_collection(collect: Collect, script: Any, api_base: str, moves: Any) -> None:
    script.moves = [moves.fails(401)] * 40
    refused = collect(policy="toy-model", api_base=api_base, concurrency=1, episodes_per_task=20)
    assert isinstance(refused.trouble, ModelRejected)
    assert (refused.figures.unfinished, len(script.bodies)) == (5, 5)


SPEAKER = """
import json, sys
print("loading weights ...")
WRITTEN = int(sys.argv[sys.argv.index("--most") + 1]) if "--most" in sys.argv else 1
if MODE == "starts not": sys.exit(3)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)["conversations"]
    if MODE == "dies" and asked[0]["turn"] == 1: sys.exit(3)
    if MODE == "fails": print(json.dumps({"error": "out of memory"}), flush=True); continue
    said = [{"role": "assistant", "content": "Kite" if one["turn"] or one["tools"] else LISTS} for one in asked]
    print(json.dumps({"replies": [{"message": one, "input_tokens": 3, "output_tokens": WRITTEN} for one in said]}), flush=True)
"""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A checkpoint's folder, and a program that answers for it."""

    def made(mode: str) -> Path:
        folder = tmp_path / "weights"
        folder.mkdir(exist_ok=True)
        (folder / "model.bin").write_text("w")
        program = tmp_path / "speaker.py"
        program.write_text(f"MODE = {mode!r}\nLISTS = {LISTS!r}\n{SPEAKER}")
        monkeypatch.setattr(checkpoint, "SPEAKER", (sys.executable, str(program)))
        return folder

    return made


def test_a_checkpoint_plays_in_a_process_of_its_own(collect: Collect, store: Store, weights: Callable[[str], Path]) -> None:
    done = collect(policy=str(weights("well")), episodes_per_task=2).figures
    assert (done.played, done.overall.solved, done.input_tokens) == (4, 2, 4 * 6)
    (name,) = {row["policy"] for row in rows(store)}
    assert name.startswith("checkpoint/weights-")
    (weights("well") / "model.bin").write_text("other weights")
    assert collect(policy=str(weights("well"))).figures.known == 2, "`made` writes the same weights again"
    (weights("well") / "policy").mkdir()
    (weights("well") / "policy" / "model.bin").write_text("other weights")
    assert collect(policy=str(weights("well"))).figures.known == 0
    assert collect(policy=str(weights("well")), form="native").figures.turns == 2, "with the tools in its requests it need not list them"


def test_a_checkpoint_is_told_how_long_a_reply_may_be(collect: Collect, store: Store, weights: Callable[[str], Path]) -> None:
    assert collect(policy=str(weights("well")), reply=7).figures.output_tokens == 4 * 7
    assert {row["reply"] for row in rows(store)} == {7}
    assert collect(policy=str(weights("well"))).figures.output_tokens == 4


def test_a_row_holds_the_tools_that_stood_in_each_request(collect: Collect, store: Store, script: Any, api_base: str) -> None:
    script.author = lambda body: "Kite"
    collect(policy="toy-model", api_base=api_base, form="native")
    assert [json.loads(row["tools"]) for row in rows(store)] == [body["tools"] for body in script.bodies]
    collect(policy="toy-model", api_base=api_base, form="awm")
    assert {row["tools"] for row in rows(store) if row["form"] == "awm"} == {None}


@pytest.mark.parametrize(("mode", "why"), [("dies", "its process ended"), ("fails", "out of memory"), ("starts not", "its process ended")])
def test_a_checkpoint_that_fails_is_told(collect: Collect, weights: Callable[[str], Path], mode: str, why: str) -> None:
    broken = collect(policy=str(weights(mode)))
    assert isinstance(broken.trouble, ModelUnavailable)
    assert why in broken.trouble.message
    assert (broken.figures.planned, broken.figures.kept) == (2, 0)


def test_a_collected_trajectory_is_found_by_its_id(collect: Collect, store: Store) -> None:
    collect(policy="reference")
    row = rows(store)[0]
    found, home = fetch(row["trajectory_id"], store.url)
    assert (found.trajectory_id, home.url) == (row["trajectory_id"], store.url)
    with pytest.raises(UnknownName, match=f"Did you mean {row['trajectory_id']}"):
        fetch(row["trajectory_id"][:-1] + "x", store.url)


def test_cards_and_summaries_tell_rates_and_leave_unknown_ones_empty(collect: Collect) -> None:
    figures = collect(policy="reference").figures
    cards = {card.key: card.content for card in collect_cards(figures, "./loom")}
    assert cards["worldloom-solve-rates"] == [
        {"level": "unknown", "read": "100% of 1", "write": "100% of 1", "mixed": "", "all": "100% of 2"},
        {"level": "all", "read": "100% of 1", "write": "100% of 1", "mixed": "", "all": "100% of 2"},
    ]
    assert "2 episodes of reference" in str(cards["worldloom-collect-summary"])
    assert percent_done(figures) == 100.0
    plain = json.loads(json.dumps(summary(figures)))
    assert (plain["solve_rate"], plain["mean_reward"], plain["outcomes"]) == (1.0, 1.0, {"completed": 2})
    assert {card.key for card in collect_cards(Figures(policy="x"), "./loom")} == {"worldloom-collect-summary"}
    assert summary(Figures())["solve_rate"] is None
