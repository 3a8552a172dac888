"""A spread of difficulty on its way: from the option to the recipe, and from the tasks to what people and machines are shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from artifacts.agent_task import AgentTask, Condition, ToolCall
from artifacts.measures import Difficulty, FairnessFigures, Measures, MutationFigures
from artifacts.recipe import Recipe
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import open_store
from artifacts.toolset import Return, Tool
from artifacts.world import Clock, World
from flows import display, pages
from flows.command import ordered
from tasks.job.levels import levels_by_world
from tasks.job.planning import recipe_of
from tasks.job.publishing import utc_now
from tasks.job.tally import Tally, Woven, counted

Command = Callable[..., subprocess.CompletedProcess[str]]

FIGURES = Difficulty(level=3, steps=4, tools=3, branching=12.5, distractors=7, irrelevant_tools=20, looked_up=2, given=1, hurdles=1)

TASK = AgentTask(
    id="t01",
    instruction="Take the kite that costs least home for me.",
    kind="write",
    solution=(ToolCall(tool="list_toys"),),
    free_columns=("loans.note",),
    fuzzy_columns=("loans.reason",),
    exact_columns=("loans.toy_id", "toys.status"),
    decoys=("Drum", 12),
    conditions=(Condition(name="the cheapest [blue] kite", table="toys", sql="SELECT id FROM toys ORDER BY price LIMIT 1"),),
    origin="walk",
    measures=Measures(
        difficulty=FIGURES, mutation=MutationFigures(mutants=30, rejected=28, equivalent=2), fairness=FairnessFigures(ways=9, accepted=9)
    ),
)

PLAIN = AgentTask(
    id="t02", instruction="Which toy comes first by name?", kind="read", solution=(ToolCall(tool="list_toys"),), answer=("Kite",)
)


def world(*tasks: AgentTask, shares: tuple[int, int, int, int, int] | None = None) -> World:
    listing = Tool(
        name="list_toys",
        description="All toys.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
        program=(Return(returns="SELECT id FROM toys ORDER BY id", shape="many"),),
    )
    return World(
        scenario=Scenario(name="Toy library"),
        recipe=Recipe(model="worldloom/procedural-1", difficulty=shares),
        clock=Clock(),
        me=1,
        intentions=(),
        schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, price INTEGER);",
        seed_sql="INSERT INTO toys VALUES (1, 5);",
        tools=(listing,),
        tasks=tasks,
    )


def shown(what: RenderableType, width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def test_an_option_becomes_a_recipe() -> None:
    order = ordered(names=("A",), difficulty=(20, 20, 30, 20, 10))
    assert recipe_of(order).difficulty == (20, 20, 30, 20, 10)
    assert "difficulty" not in recipe_of(ordered(names=("A",))).canonical(), "recipes without one keep their digests"


@pytest.mark.parametrize(
    ("spread", "words"),
    [("1:50,2:40", "add up to 90"), ("7:100", "level 7"), ("1:-1,2:101", "negative"), ("1:50,1:50", "twice"), ("hard", "'hard'")],
)
def test_nonsense_is_refused_before_anything_starts(worldloom: Command, spread: str, words: str) -> None:
    done = worldloom("synthesize", "A", "--difficulty", spread)
    assert done.returncode == 2
    error, hint = done.stderr.strip().splitlines()
    assert error.startswith("error: ")
    assert words in error
    assert "1:20,2:20,3:30,4:20,5:10" in hint


def test_a_task_shows_all_that_was_measured_of_it() -> None:
    told = shown(pages.task_page(world(TASK, PLAIN), TASK))
    for words in (
        "level 3 of 5",
        "from a walk",
        "Difficulty 3: 4 calls of 3 tools, 12.5 tools open at each, 7 distracting rows",
        "2 values to look up, 1 given, 1 hurdle",
        "Near misses: 28 of 30 rejected, 2 equivalent",
        "Other right ways: 9 of 9 accepted",
        "Means: the cheapest [blue] kite",
        "ORDER BY price",
        "compared exactly: loans.toy_id, toys.status",
        "compared without case, spacing and closing punctuation: loans.reason",
        "left to the agent: loans.note",
        "beside the right answer there were: Drum, 12",
    ):
        assert words in " ".join(told.split()), words


def test_what_was_not_measured_is_not_shown() -> None:
    told = shown(pages.task_page(world(PLAIN), PLAIN))
    assert not [word for word in ("level", "Difficulty", "Near misses", "Other right", "compared", "beside", "Means") if word in told]


def test_a_world_shows_its_spread_on_100_columns() -> None:
    told = shown(pages.tasks_table(world(TASK, PLAIN, shares=(0, 50, 50, 0, 0))))
    assert "0 of level 1, 0 of level 2, 1 of level 3, 0 of level 4, 0 of level 5" in " ".join(told.split())
    assert "asked for 1:0,2:50,3:50,4:0,5:0 %" in " ".join(told.split())
    assert "…" not in told
    assert "of level" not in shown(pages.tasks_table(world(PLAIN)))


def test_machines_are_told_the_levels(worldloom: Command, tmp_path: Path) -> None:
    store, woven = open_store(tmp_path / "loom"), world(TASK, PLAIN)
    store.publish(woven)
    store.commit(rows_of_draft("toy-library-1", (), (), woven, run_id="run", created_at=utc_now()))
    levels = {"1": 0, "2": 0, "3": 1, "4": 0, "5": 0}
    assert levels_by_world(store) == {woven.id: {3: 1}}
    (listed,) = json.loads(worldloom("ls", "--json").stdout)
    assert (listed["world_id"], listed["levels"]) == (woven.id, levels)
    page = json.loads(worldloom("show", woven.id, "--json").stdout)
    assert page["levels"] == levels
    assert page["tasks"][0]["measures"]["difficulty"]["distractors"] == 7
    assert json.loads(worldloom("show", woven.id, "--task", "t01", "--json").stdout)["measures"]["fairness"] == {"ways": 9, "accepted": 9}


def test_a_run_counts_the_levels_of_the_tasks_that_it_made() -> None:
    tally = counted(Tally(planned=2), Woven(draft_id="a", name="A", world=world(TASK, TASK, PLAIN)))
    tally = counted(tally, Woven(draft_id="b", name="B", fault="away"))
    assert tally.levels == {3: 2}
    assert display.summary(tally, 1.0)["levels"] == {"1": 0, "2": 0, "3": 2, "4": 0, "5": 0}
    assert "2 (100%)" in shown(display.closing(tally, 1.0))
    assert "Difficulty" not in shown(display.closing(Tally(planned=1), 1.0))
