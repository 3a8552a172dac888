"""The gate of near misses: its figures, what it tells of a survivor, and stored measures that are not what is measured."""

from __future__ import annotations

import pytest

from artifacts.agent_task import AgentTask
from artifacts.measures import Measures, MutationFigures
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from tasks.gates.near_misses import mutants_rejected
from tasks.gates.references import bench_for
from tasks.mutation import mutation_of


def with_task(draft: Draft, index: int, **changes: object) -> Draft:
    task = AgentTask.model_validate({**draft.tasks[index].model_dump(mode="json"), **changes})
    return draft.model_copy(update={"tasks": (*draft.tasks[:index], task, *draft.tasks[index + 1 :])})


def problems(draft: Draft) -> list[Diagnostic]:
    found = mutants_rejected(draft)
    assert isinstance(found, Reject)
    return list(found.evidence)


@pytest.mark.parametrize("name", ["shop", "library"])
def test_the_figures_of_all_kinds_add_up(name: str, request: pytest.FixtureRequest) -> None:
    found = mutants_rejected(request.getfixturevalue(name))
    assert isinstance(found, Pass)
    figures = found.figures
    assert figures["mutants"] == figures["rejected"] + figures["equivalent"] + figures["free"] > 40
    names = ("mutants", "rejected", "equivalent", "free")
    assert [figures[key] for key in names] == [sum(part[i] for part in figures["by_kind"].values()) for i in range(4)]


def test_a_freed_column_is_named_with_what_it_holds(shop: Draft) -> None:
    told = problems(with_task(shop, 3, free_columns=["reviews.created_at", "reviews.body"]))
    assert {d.code for d in told} == {"task.mutant_survives"}
    assert any("reviews.body holds" in d.message and "instead of 'Bright and steady'" in d.message for d in told)
    assert all(d.place == "task:t04" and d.hint for d in told)


def test_candidates_are_refused_only_where_the_task_has_its_decoys(shop: Draft) -> None:
    (told,) = {d.hint for d in problems(with_task(shop, 2, decoys=[]))}
    assert "decoys" in told


def test_measures_that_are_stored_must_be_what_is_measured(shop: Draft) -> None:
    figures = mutation_of(shop.tasks[0], bench_for(shop)).figures
    right = Measures(mutation=figures).model_dump(mode="json")
    assert isinstance(mutants_rejected(with_task(shop, 0, measures=right)), Pass)
    wrong = Measures(mutation=MutationFigures(mutants=figures.mutants + 1, rejected=figures.rejected + 1, equivalent=0))
    (told,) = problems(with_task(shop, 0, measures=wrong.model_dump(mode="json")))
    assert (told.code, told.place) == ("task.measures", "task:t01/measures/mutation")


def test_values_that_another_value_holds_are_counted(shop: Draft) -> None:
    found = mutants_rejected(with_task(shop, 4, answer=["Paper tray", "Paper", 1980]))
    assert found.figures["told_twice"] == 1
