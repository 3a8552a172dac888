"""The deep audit finds what is wrong with a world: what is paid as right, refused, earned by idling, uncallable, or stored wrongly."""

from __future__ import annotations

import json

from artifacts.agent_task import AgentTask, Check
from artifacts.measures import FairnessFigures, Measures, MutationFigures
from artifacts.quality import by_kind, totals_of
from artifacts.toolset import Require
from artifacts.world import Draft
from tasks.difficulty.measures import difficulty_of
from tasks.gates.deep import deep_audit
from tasks.gates.references import bench_for


def with_first(draft: Draft, **changes: object) -> Draft:
    """The draft with its first task changed."""
    first, *others = draft.tasks
    return draft.model_copy(update={"tasks": (first.model_copy(update=changes), *others)})


def test_every_figure_of_a_sound_world_is_there(shop: Draft) -> None:
    found = deep_audit(shop, solver_runs=1)
    assert (found.called, found.tools) == (len(shop.tools), len(shop.tools))
    assert [task.task_id for task in found.tasks] == [task.id for task in shop.tasks]
    assert all(task.idle_reward == 0 for task in found.tasks)
    assert all(task.mutation.mutants > 0 and task.fairness.ways > 0 and task.runs == 1 for task in found.tasks)
    totals = totals_of([found, found])
    assert totals.tasks == 2 * len(shop.tasks)
    assert totals.mutation.mutants == 2 * sum(figures.mutants for figures in found.mutants.values())
    assert totals.fairness.ways == 2 * sum(figures.ways for figures in found.ways.values())
    assert sum(totals.levels.values()) == totals.tasks
    mutants, ways = by_kind([found, found])
    assert sum(figures.mutants for figures in mutants.values()) == totals.mutation.mutants
    assert sum(figures.accepted for figures in ways.values()) == totals.fairness.accepted


def test_the_same_draft_gives_the_same_figures(library: Draft) -> None:
    assert deep_audit(library)._replace(seconds=0) == deep_audit(library)._replace(seconds=0)


def test_a_wrong_course_that_is_paid_is_told(shop: Draft) -> None:
    task = next(task for task in shop.tasks if task.kind == "write")
    columns = tuple(f"{table}.{column}" for table, column in _text_and_numbers(shop))
    loose = task.model_copy(update={"checks": (), "free_columns": columns})
    found = deep_audit(shop.model_copy(update={"tasks": (loose,)}))
    totals = totals_of([found])
    assert totals.false_acceptances + totals.mutation.free > 0
    assert bool(totals.false_acceptances) == any("paid as right" in line for line in found.problems)


def _text_and_numbers(draft: Draft) -> list[tuple[str, str]]:
    catalog = bench_for(draft).catalog
    return [(name, column) for name, table in catalog.tables.items() for column in table.columns]


def test_idleness_that_pays_is_told(shop: Draft) -> None:
    given_away = AgentTask(id="t01", instruction="Say done.", kind="read", solution=shop.tasks[0].solution[:1], answer=("done",))
    found = deep_audit(shop.model_copy(update={"tasks": (given_away,)}))
    assert totals_of([found]).idle_reward == 1.0
    assert "task t01: doing nothing earns 1" in found.problems


def test_a_tool_that_never_succeeds_is_named(shop: Draft) -> None:
    tool = shop.tools[0]
    guard = Require(require="SELECT 1 WHERE 1 = 2", error="conflict", message="Never.")
    barred = tool.model_copy(update={"name": "never", "program": (guard, *tool.program)})
    found = deep_audit(shop.model_copy(update={"tools": (*shop.tools, barred)}))
    assert (found.called, found.tools) == (len(shop.tools), len(shop.tools) + 1)
    assert "tool never: no call succeeds" in found.problems


def test_a_stored_measure_that_is_not_what_is_measured_is_named(shop: Draft) -> None:
    true = difficulty_of(shop.tasks[0], bench_for(shop))
    honest = deep_audit(with_first(shop, measures=Measures(difficulty=true)))
    assert honest.differences == ()
    wrong = Measures(
        difficulty=true.model_copy(update={"level": true.level + 1}),
        mutation=MutationFigures(mutants=100_000, rejected=100_000, equivalent=0),
        fairness=FairnessFigures(ways=100_000, accepted=100_000),
    )
    told = deep_audit(with_first(shop, measures=wrong)).differences
    assert [line.split(":")[1].split()[1] for line in told] == ["difficulty", "mutation", "fairness"]
    assert f"level was {true.level + 1}, is {true.level}" in told[0]


def test_a_task_that_cannot_be_done_is_left_to_the_gates(shop: Draft) -> None:
    broken = with_first(shop, solution=(shop.tasks[0].solution[0].model_copy(update={"tool": "no_such_tool"}),))
    assert len(deep_audit(broken).tasks) == len(shop.tasks) - 1


def test_nothing_measured_is_unknown() -> None:
    totals = totals_of([])
    assert (totals.mutation_score, totals.false_rejections, totals.idle_reward) == (None, None, None)
    assert totals.figures()["seconds_a_world"] is None


def test_a_right_way_that_is_refused_is_told(shop: Draft) -> None:
    task = next(task for task in shop.tasks if task.answer)
    picky = Check(name="in these very words", sql=f"SELECT :answer = '{json.dumps(list(task.answer or ()))}'")
    found = deep_audit(shop.model_copy(update={"tasks": (task.model_copy(update={"checks": (*task.checks, picky)}),)}))
    totals = totals_of([found])
    assert totals.fairness.accepted < totals.fairness.ways
    assert any("a right way is refused (answer worded otherwise" in line for line in found.problems)
