"""The bundle's page: true, readable, and safe from what models write."""

from __future__ import annotations

import re

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.measures import Difficulty, FairnessFigures, Measures, MutationFigures
from artifacts.page import counted, diagram, parameters, readme
from artifacts.scenario import Scenario
from artifacts.shape import shape_of
from artifacts.toolset import Tool
from artifacts.verdict import Pass
from artifacts.world import World


def test_the_diagram_shows_tables_columns_and_keys(world: World) -> None:
    assert diagram(shape_of(world.schema_sql)).splitlines() == [
        "erDiagram",
        "    users {",
        "        INTEGER id PK",
        "        TEXT name",
        "    }",
        "    orders {",
        "        INTEGER id PK",
        "        INTEGER user_id FK",
        "        INTEGER gift_for FK",
        "        TEXT status",
        "    }",
        "    users ||--o{ orders : user_id",
        "    users |o--o{ orders : gift_for",
    ]


def test_the_diagram_takes_odd_names_types_and_keys() -> None:
    keys = 'PRIMARY KEY("a b", c), FOREIGN KEY("a b", c) REFERENCES "2 odd-names"'
    schema = f'CREATE TABLE "2 odd-names"("a b" VARCHAR(20), c, {keys}) WITHOUT ROWID'
    assert diagram(shape_of(schema)).splitlines() == [
        "erDiagram",
        "    _2_odd_names {",
        "        VARCHAR_20 a_b PK, FK",
        "        ANY c PK, FK",
        "    }",
        "    _2_odd_names ||--o{ _2_odd_names : a_b",
        "    _2_odd_names ||--o{ _2_odd_names : c",
    ]


def test_the_page_tells_everything(world: World) -> None:
    page = readme(world)
    for said in (
        world.id,
        world.digest,
        "2 tables and 5 rows, 1 tool",
        "cancel_order",
        "Cancel my first order.",
        "erDiagram",
        "`test/none`",
    ):
        assert said in page
    assert "| `users` | 2 |" in page
    assert "| `orders` | 3 |" in page
    assert "| t02 | read | 1 |  | Which? |" in page
    assert "advances 1 second a call" in page
    assert "order\\_id: integer, note?: string or null" in page


def test_the_page_tells_what_was_measured(world: World) -> None:
    assert "How good it is" not in readme(world), "nothing was measured"
    mutation, fairness = MutationFigures(mutants=20, rejected=17, equivalent=2, free=1), FairnessFigures(ways=9, accepted=9)
    level = Difficulty(level=3, steps=1, tools=1, branching=1, distractors=0, irrelevant_tools=0, looked_up=0, given=0)
    measures = Measures(difficulty=level, mutation=mutation, fairness=fairness)
    tasks = tuple(task.model_copy(update={"measures": measures}) for task in world.tasks)
    report = (Pass(gate="tools_work", figures={"tools": 7}), Pass(gate="idle_scores_zero", figures={"tasks": 2}))
    page = readme(world.model_copy(update={"tasks": tasks, "report": report}))
    assert "| tools that were called with success | all 7 |" in page
    assert "| near misses of the reference solutions | 40 were carried out, 34 rejected; 6 differ in nothing that counts |" in page
    assert "| other right ways | 18 were carried out, 18 accepted |" in page
    assert "| doing nothing | earns 0 on 2 tasks, whatever is said |" in page
    assert "| tasks by level, 1 easy to 5 hard | level 3: 2 |" in page
    assert "| t02 | read | 1 | 3 | Which? |" in page


def test_what_models_write_cannot_become_markup(world: World) -> None:
    evil = "<script>x</script> | [a](http://b) `c` # *d* \n\n## heading"
    task = AgentTask(id="t01", instruction=evil, kind="write", solution=(ToolCall(tool="x"),))
    page = readme(world.model_copy(update={"tasks": (task,), "scenario": Scenario(name="Tea shop", description=evil)}))
    assert "<script>" not in page.replace("\\<", "")
    assert not re.search(r"^## heading", page, re.MULTILINE)
    row = next(line for line in page.splitlines() if line.startswith("| t01 |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 6


def test_parameters_read_like_a_signature() -> None:
    properties = {"a": {"enum": ["x", "y"]}, "b": {"type": "array", "items": {"type": "integer"}}, "c": True, "d": {}}
    tool = Tool.model_validate(
        {"name": "do_it", "description": "x", "parameters": {"required": ["a"], "properties": properties}, "program": [{"let": "SELECT 1"}]}
    )
    assert parameters(tool) == "a: x or y, b?: list of integer, c?: any, d?: any"


def test_counted() -> None:
    assert [counted(number, "row") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
