"""Where things came from, what came of them, what rejections share, what a program reaches."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from artifacts.ancestry import ancestry, causes, reach, require_one
from artifacts.attempt import Attempt
from artifacts.checkpoint import Checkpoint
from artifacts.errors import InvalidInput, UnknownName
from artifacts.picture import mermaid, picture_of_causes, picture_of_reach, picture_of_walk
from artifacts.rows import row_of_image, row_of_run, rows_of_checkpoint, rows_of_draft, scenario_id
from artifacts.run_record import RunRecord
from artifacts.store import Store
from artifacts.tables import stamped
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import World

MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def told(store: Store, make_world: Callable[..., World], make_attempt: MakeAttempt, noon: datetime) -> tuple[Store, list[World]]:
    """Two worlds of one scenario, nine attempts for the first, an image of it, and three rejected drafts of two causes."""
    run = RunRecord(run_id="run-1", flow="synthesize", state="started", model="test/none", started_at=noon)
    store.commit({"runs": [row_of_run(run, noon)]}, noon)
    made = [make_world(seed=1), make_world(seed=2)]
    for world, count in zip(made, (9, 1), strict=True):
        attempts = [make_attempt(number, f"d{world.recipe.seed}") for number in range(1, count + 1)]
        store.commit(rows_of_draft(f"d{world.recipe.seed}", world.report, attempts, world, run_id="run-1", created_at=noon), noon)
    image = {
        "world_id": made[0].id,
        "image_digest": "sha256:abc",
        "layer_digest": "sha256:l",
        "base_digest": "sha256:b",
        "architecture": "amd64",
        "tags": ["w:1"],
        "layer_bytes": 1,
        "size_bytes": 2,
        "seconds": None,
    }
    store.commit({"images": [row_of_image(image, "run-1", None, noon)]}, noon)
    for draft, code in (("r1", "sql.syntax"), ("r2", "sql.syntax"), ("r3", "task.ambiguous")):
        verdict = Reject(gate="tools", reason="bad", evidence=(Diagnostic(code=code, place="tool:a", message="bad"),))
        store.commit(rows_of_draft(draft, (verdict,), [], None, run_id="run-1", created_at=noon), noon)
    return store, made


def test_a_thing_leads_back_to_its_scenario_and_its_answers(told: tuple[Store, list[World]]) -> None:
    store, (first, _) = told
    met = ancestry(store, "sha256:abc").met
    assert met["world"] == [first.id]
    assert met["scenario"] == [scenario_id(first.scenario)]
    assert (met["run"], len(met["attempt"])) == (["run-1"], 9)
    assert ancestry(store, f"{first.id}-t01").met["world"] == [first.id]
    assert ancestry(store, "sha256:abc", depth=1).met == {"world": [first.id]}


def test_a_scenario_leads_on_to_all_that_came_of_it(told: tuple[Store, list[World]]) -> None:
    store, made = told
    met = ancestry(store, scenario_id(made[0].scenario), "down").met
    assert set(met["world"]) == {world.id for world in made}
    assert (met["image"], len(met["agent_task"])) == (["sha256:abc"], 4)
    assert ancestry(store, made[0].scenario.name, "down").met == met  # its name is enough


def test_a_beginning_is_enough_and_a_wrong_name_is_told(told: tuple[Store, list[World]]) -> None:
    store, (first, second) = told
    assert ancestry(store, "sha256:a").start == "sha256:abc"
    with pytest.raises(UnknownName, match="begins"):
        ancestry(store, first.id[:4])
    with pytest.raises(UnknownName, match="Nothing here is called") as nothing:
        ancestry(store, second.id.replace("tea", "tee"))
    assert second.id in nothing.value.hint


def test_what_rejections_share(told: tuple[Store, list[World]]) -> None:
    store, _ = told
    assert [(cause.code, cause.drafts) for cause in causes(store)] == [("sql.syntax", ("r1", "r2")), ("task.ambiguous", ("r3",))]
    assert [cause.drafts for cause in causes(store, "r2")] == [("r1", "r2")]
    assert [cause.code for cause in causes(store, "task.ambiguous")] == ["task.ambiguous"]
    with pytest.raises(UnknownName, match=r"No draft was rejected for 'sql\.sintax'") as nothing:
        causes(store, "sql.sintax")
    assert "sql.syntax" in nothing.value.hint


def test_what_a_program_reaches(told: tuple[Store, list[World]]) -> None:
    store, made = told
    found = reach(store, "schema")
    assert found.programs == {"ab" * 32: tuple(sorted(world.id for world in made))}
    assert found.after == {"agent_task": 4, "image": 1}
    with pytest.raises(UnknownName, match="They name schema"):
        reach(store, "schemas")


def test_a_picture_holds_every_kind_and_many_siblings_are_one_box(told: tuple[Store, list[World]]) -> None:
    store, (first, _) = told
    picture = mermaid(picture_of_walk(ancestry(store, "sha256:abc")))
    assert picture.startswith("flowchart LR\n")
    assert '["9 attempts"]' in picture
    assert f'["world<br/>{first.id}"]' in picture
    boxes = {line.split("[")[0].strip() for line in picture.splitlines() if "[" in line}
    ends = {end for line in picture.splitlines() if "-->" in line for end in line.split("-->")}
    assert {end.strip() for end in ends} == boxes
    assert json.dumps(picture)


def test_a_thing_of_which_nothing_came_is_a_picture_of_itself(told: tuple[Store, list[World]]) -> None:
    store, _ = told
    found = ancestry(store, "sha256:abc", "down")
    assert (found.edges, found.met) == ((), {})
    assert mermaid(picture_of_walk(found)).count("[") == 1


@pytest.fixture
def trained(told: tuple[Store, list[World]], noon: datetime) -> tuple[Store, list[World]]:
    """The same, and two checkpoints: the second went on from the first, on both worlds, and played an episode."""
    store, made = told
    for number, worlds in ((1, made[:1]), (2, made)):
        checkpoint = Checkpoint(
            checkpoint_id=f"sft-{number}", job="sft",
            step=number, snapshot=5, snapshot_id="0" * 64, path=f"runs/{number}", base_model="tiny",
            world_size=1, zero_stage=0, samples=number, parent_checkpoint_id="sft-1" if number == 2 else None,
            worlds=tuple(world.id for world in worlds),
        )  # fmt: skip
        store.commit(rows_of_checkpoint(checkpoint, "run-t", noon), noon)
    task = f"{made[1].id}-t01"
    edges = [(f"{task}-abc", task, "trajectory<-agent_task"), (f"{task}-abc", "sft-2", "trajectory<-checkpoint")]
    rows = [stamped({"child_id": child, "parent_id": parent, "relation": relation}, "run-e", noon) for child, parent, relation in edges]
    store.commit({"lineage": rows}, noon)
    return store, made


def test_a_checkpoint_leads_back_to_every_world_answer_and_scenario(trained: tuple[Store, list[World]]) -> None:
    store, made = trained
    met = ancestry(store, "sft-2").met
    assert set(met["world"]) == {world.id for world in made}
    assert met["checkpoint"] == ["sft-1"]
    assert (len(met["attempt"]), met["scenario"]) == (10, [scenario_id(made[0].scenario)])
    assert set(met["run"]) == {"run-1", "run-t"}


def test_a_scenario_leads_on_to_every_image_checkpoint_and_episode(trained: tuple[Store, list[World]]) -> None:
    store, made = trained
    met = ancestry(store, scenario_id(made[0].scenario), "down").met
    assert (met["image"], set(met["checkpoint"]), len(met["trajectory"])) == (["sha256:abc"], {"sft-1", "sft-2"}, 1)
    assert reach(store, "schema").after == {"agent_task": 4, "checkpoint": 2, "image": 1, "trajectory": 1}


def test_a_lost_draft_leads_to_what_it_shares(told: tuple[Store, list[World]], make_attempt: MakeAttempt, noon: datetime) -> None:
    store, _ = told
    verdict = Reject(gate="tools", reason="bad", evidence=())
    attempt = make_attempt(1, "r4")
    store.commit(rows_of_draft("r4", (verdict,), [attempt], None, run_id="run-1", created_at=noon), noon)
    for name in ("r4", attempt.attempt_id):
        with pytest.raises(UnknownName, match="was rejected") as lost:
            ancestry(store, name)
        assert "--cause r4" in lost.value.hint


def test_reach_and_causes_are_pictures_too(told: tuple[Store, list[World]]) -> None:
    store, made = told
    reached, caused = mermaid(picture_of_reach(reach(store, "schema"))), mermaid(picture_of_causes(causes(store)))
    assert all(world.id in reached for world in made)
    assert ('["stage<br/>schema"]' in reached, '["4 agent_tasks"]' in reached, reached.count("-->")) == (True, True, 7)
    assert ('["diagnostic<br/>sql.syntax"]' in caused, caused.count("-->")) == (True, 5)


def test_one_question_at_a_time() -> None:
    require_one(a=None, b="x")
    with pytest.raises(InvalidInput, match="there are 2"):
        require_one(a="y", b="x")
