"""The gate of fairness on hand-made worlds."""

from __future__ import annotations

from artifacts.measures import FairnessFigures, Measures
from artifacts.verdict import Pass, Reject
from artifacts.world import Draft
from tasks.fairness.engine import fairness_of
from tasks.fairness.policies import with_policies
from tasks.gates.references import bench_for
from tasks.gates.right_ways import right_ways_pass


def codes(draft: Draft) -> list[str]:
    found = right_ways_pass(draft)
    return [problem.code for problem in found.evidence] if isinstance(found, Reject) else []


def with_task(draft: Draft, index: int, **changes: object) -> Draft:
    tasks = list(draft.tasks)
    tasks[index] = tasks[index].model_copy(update=changes)
    return draft.model_copy(update={"tasks": tuple(tasks)})


def test_right_ways_of_hand_made_worlds_pass(shop: Draft, library: Draft) -> None:
    for draft in (shop, library):
        found = right_ways_pass(draft)
        assert isinstance(found, Pass), found
        assert found.figures["ways"] == found.figures["accepted"] > 5 * len(draft.tasks) - 5


def test_a_refused_way_is_told_with_what_to_do(shop: Draft) -> None:
    found = right_ways_pass(with_task(shop, 1, free_columns=()))
    assert isinstance(found, Reject)
    assert {(problem.code, problem.place) for problem in found.evidence} == {("task.right_way_refused", "task:t02")}
    assert all(problem.hint for problem in found.evidence)
    assert found.figures["accepted"] < found.figures["ways"]


def test_stored_figures_must_be_those_measured(shop: Draft) -> None:
    measured = fairness_of(shop.tasks[1], bench_for(shop)).figures
    assert codes(with_task(shop, 1, measures=Measures(fairness=measured))) == []
    assert codes(with_task(shop, 1, measures=Measures(fairness=FairnessFigures(ways=99, accepted=99)))) == ["task.measures"]


def test_a_column_has_one_policy_and_none_is_forgotten(shop: Draft) -> None:
    task = with_policies(shop.tasks[1], bench_for(shop))
    given = {"exact_columns": task.exact_columns, "free_columns": task.free_columns}
    assert codes(with_task(shop, 1, **given)) == []
    assert codes(with_task(shop, 1, **{**given, "exact_columns": task.exact_columns[1:]})) == ["task.policy"]
    assert codes(with_task(shop, 1, **given, fuzzy_columns=task.exact_columns[:1])) == ["task.policy"]
