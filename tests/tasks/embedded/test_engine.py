"""The embedded model answers every program as a model would, and the stages accept what it says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.lm15 import InvalidRequestError, Message, Request

from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.world import Draft
from tasks import agent_tasks, requirements, scenario, schema, seed, tools
from tasks.correction import asking
from tasks.embedded.answers import program_of
from tasks.embedded.composer import compose
from tasks.embedded.engine import MODEL, ProceduralEngine
from tasks.embedded.prompt import read_prompt
from tasks.models.adapter import LeanAdapter
from tasks.models.journal import Journal
from tasks.models.language_model import ModelSettings, language_model
from tasks.models.reading import read_sections, read_value
from tasks.scenario import scenario_text
from tasks.stage import StageResult

STAGES = (scenario, requirements, schema, seed, tools, agent_tasks)


def model(folder: Path, **settings: Any) -> dspy.LM:
    """The embedded model with a journal of its own."""
    return language_model(ModelSettings(**settings), Journal(folder / "journal.sqlite"))


def bare(name: str, tasks: int = 10, number: int = 0) -> Draft:
    """A draft of which only the name is known."""
    return Draft(scenario=Scenario(name=name), recipe=Recipe(model=MODEL, size=Size(tasks=tasks), seed=number))


def woven(draft: Draft, lm: dspy.LM) -> list[StageResult]:
    """Every stage's result, as far as drafts are accepted."""
    results: list[StageResult] = []
    for stage in STAGES:
        results.append(stage.run(results[-1].draft if results else draft, lm))
        if results[-1].rejection:
            break
    return results


@pytest.mark.parametrize(
    "name", ["Veterinary clinic", "Beekeeping cooperative", "Blood bank", "City library", "Pension helpline", "Village bakery"]
)
def test_every_stage_is_accepted_at_the_first_attempt(tmp_path: Path, name: str) -> None:
    results = woven(bare(name), model(tmp_path))
    assert [(r.rejection, [a.accepted for a in r.attempts if not a.accepted]) for r in results] == [(None, [])] * 6
    made = results[-1].draft
    assert len(made.tasks) == 10
    assert [task.origin for task in made.tasks] == 4 * ["intention"] + 6 * ["walk"]
    assert {task.kind for task in made.tasks} == {"read", "write", "mixed"}
    assert all(1 <= len(task.solution) <= 12 for task in made.tasks)
    assert max(len(task.solution) for task in made.tasks) >= 4


def test_sixty_tasks_of_one_world_are_sixty(tmp_path: Path) -> None:
    made = woven(bare("Tool lending library", tasks=60), model(tmp_path))[-1].draft
    assert len({task.instruction for task in made.tasks}) == 60


def test_mistakes_are_mended_and_told(tmp_path: Path) -> None:
    drafts = [bare(name) for name in ("Kite repair shop", "Harp tuition", "Ferry port", "Seed bank", "Chess club")]
    results = [woven(draft, model(tmp_path, fault_rate=0.3)) for draft in drafts]
    assert all(r.rejection is None for result in results for r in result)
    told = {a.mistake for result in results for r in result for a in r.attempts}
    assert None in told
    assert len(told) >= 6


def test_a_draw_of_the_same_scenario_with_another_seed_is_another_world(tmp_path: Path) -> None:
    lm = model(tmp_path)
    one, other = (schema.run(requirements.run(bare("Ferry port", number=n), lm).draft, lm).draft for n in (0, 1))
    assert one.schema_sql != other.schema_sql


def test_tokens_are_counted_and_nothing_is_charged(tmp_path: Path) -> None:
    (attempt,) = requirements.run(bare("Ferry port"), model(tmp_path)).attempts
    assert attempt.input_tokens is not None
    assert attempt.output_tokens is not None
    assert 100 < attempt.input_tokens < 1_000
    assert 50 < attempt.output_tokens < 600
    assert attempt.cost_usd == 0


def _request(program: Any, rollout: int = 0, **inputs: Any) -> Request:
    messages = LeanAdapter().format(program, [], inputs)
    return Request(
        model=MODEL,
        system=messages[0]["content"],
        messages=(Message.user(messages[-1]["content"]),),
        config=dspy.lm15.Config(seed=rollout),
    )


TEXT = scenario_text(Scenario(name="Toy library", category="clubs", description="Families borrow toys."))

PROGRAMS: list[tuple[Any, dict[str, Any]]] = [
    (scenario.DescribeScenario, {"name": "Toy library", "categories": ["clubs", "retail"]}),
    (scenario.InventScenarios, {"category": "clubs", "examples": ["Toy library"], "avoid": [], "count": 3}),
    (requirements.WriteRequirements, {"scenario": TEXT, "count": 10}),
    (schema.WriteSchema, {"scenario": TEXT, "intentions": ["a"], "tables": "12 to 20"}),
    (schema.RepairSchema, {"scenario": TEXT, "current": "CREATE TABLE x (id INTEGER PRIMARY KEY);", "problems": ["bad"]}),
    (seed.WriteSeed, {"scenario": TEXT, "ddl": "", "rows": "100 to 300"}),
    (seed.RepairSeed, {"scenario": TEXT, "ddl": "", "rows": [], "problems": ["[seed.empty_table] table:members: none."]}),
    (tools.WriteTools, {"scenario": TEXT, "intentions": [], "ddl": "", "existing": [], "focus": "reading", "count": "12 to 20"}),
    (tools.RepairTools, {"scenario": TEXT, "ddl": "", "existing": [], "failing": [], "problems": ["bad"]}),
    (agent_tasks.WriteTasks, {"scenario": TEXT, "intentions": [], "tools": [], "data": "", "existing": [], "count": 2}),
    (agent_tasks.RepairTasks, {"scenario": TEXT, "tools": [], "data": "", "failing": [], "problems": ["bad"]}),
]


@pytest.mark.parametrize(("program", "inputs"), PROGRAMS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_prompt_tells_its_program_and_every_output_field_is_answered(program: Any, inputs: dict[str, Any]) -> None:
    request = _request(program, **inputs)
    assert program_of(read_prompt(request)) == program.__name__
    said = ProceduralEngine().complete(request)
    sections, problems = read_sections(said.message.text or "", tuple(program.output_fields))
    for name, field in program.output_fields.items():
        problems += read_value(name, sections[name], field.annotation)[1]
    assert problems == []
    assert said.provider_data == {"mistake": None}


def test_answers_do_not_depend_on_threads_or_order() -> None:
    requests = [_request(program, rollout=n % 2, **inputs) for n, (program, inputs) in enumerate(PROGRAMS * 3)]
    alone = [ProceduralEngine(3, 0.5).complete(r).message.text for r in requests]
    compose.cache_clear()
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda r: ProceduralEngine(3, 0.5).complete(r).message.text, reversed(requests)))
    assert together[::-1] == alone


def test_other_peoples_prompts_are_refused() -> None:
    with pytest.raises(InvalidRequestError):
        ProceduralEngine().complete(Request(model=MODEL, messages=(Message.user("What is the capital of France?"),)))


def test_tasks_use_only_tools_that_the_prompt_has(tmp_path: Path) -> None:
    made = woven(bare("Toy museum"), model(tmp_path))[-1].draft
    there = [tool.name for tool in made.tools]
    absent = next(step.tool for step in made.tasks[0].solution)
    ask = asking(model(tmp_path), 1)
    reply = ask(
        agent_tasks.WriteTasks,
        {
            "scenario": scenario_text(made.scenario),
            "intentions": [],
            "tools": [f"{name}(): …" for name in there if name != absent],
            "data": "",
            "existing": [],
            "count": 5,
        },
    )
    used = {step.tool for task in reply.values["tasks"] for step in task.solution}
    assert absent not in used
    assert len(reply.values["tasks"]) == 5


def test_a_sound_task_that_fails_all_the_same_is_replaced(tmp_path: Path) -> None:
    made = woven(bare("Toy museum"), model(tmp_path))[-1].draft
    inputs = {"scenario": scenario_text(made.scenario), "tools": [f"{t.name}(" for t in made.tools], "data": ""}
    ask = asking(model(tmp_path), 1)
    (task,) = ask(agent_tasks.WriteTasks, {**inputs, "intentions": [], "existing": [], "count": 1}).values["tasks"]
    failing = task.model_copy(update={"id": "t04"})
    (other,) = ask(agent_tasks.RepairTasks, {**inputs, "failing": [failing], "problems": ["x"]}).values["tasks"]
    assert other.id == "t04"
    assert other.instruction != failing.instruction
    broken = failing.model_copy(update={"checks": []})
    (mended,) = ask(agent_tasks.RepairTasks, {**inputs, "failing": [broken], "problems": ["x"]}).values["tasks"]
    assert json.loads(mended.model_dump_json()) == json.loads(failing.model_dump_json())
