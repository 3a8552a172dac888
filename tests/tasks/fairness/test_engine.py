"""Other right ways are found, gone, and told of where they are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.agent_task import AgentTask
from tasks.fairness.decoys import with_decoys
from tasks.fairness.engine import fairness_of, ways_of
from tasks.fairness.policies import with_policies
from tasks.trials.workbench import Workbench

MakeTask = Callable[..., AgentTask]


@pytest.mark.parametrize("thorough", [False, True])
def test_no_right_way_is_refused(names: tuple[str, ...], task_of: MakeTask, bench: Workbench, thorough: bool) -> None:
    for name in names:
        task = with_decoys(with_policies(task_of(name), bench), bench)
        found = fairness_of(task, bench, thorough)
        assert found.refused == ()
        assert found.figures.ways == found.figures.accepted == sum(part.ways for part in found.by_kind.values()) >= 2
        assert fairness_of(task, bench, thorough) == found


def test_every_kind_of_way_is_gone(names: tuple[str, ...], task_of: MakeTask, bench: Workbench) -> None:
    tasks = [with_decoys(with_policies(task_of(name), bench), bench) for name in names]
    kinds = {kind for task in tasks for kind in fairness_of(task, bench).by_kind}
    assert kinds == {"another order", "extra reads", "failed call first", "other words", "fuzzy text", "answer worded otherwise"}


def refused(task: AgentTask, bench: Workbench) -> set[str]:
    return {way.kind for way in fairness_of(task, bench).refused}


def test_what_refuses_a_right_way_is_told(task_of: MakeTask, bench: Workbench) -> None:
    pinned = "SELECT {} FROM final.orders WHERE id = 1"
    noted = {"name": "noted", "sql": pinned.format("Note = 'Ring twice'")}
    words = {"name": "thanked", "sql": "SELECT COUNT(*) = 1 FROM final.remarks WHERE body = 'Thank you so much'"}
    said = {"name": "said", "sql": 'SELECT :answer = \'["Cedar chest",150000,"2026-04-02"]\' FROM final.goods WHERE id = 1'}
    assert refused(task_of("lines"), bench) == {"another order"}
    assert refused(task_of("note", free_columns=[]), bench) == {"extra reads", "failed call first"}
    assert "fuzzy text" in refused(task_of("pinned", fuzzy_columns=["orders.Note"], checks=[noted]), bench)
    assert refused(task_of("open", free_columns=["remarks.body"], checks=[words]), bench) == {"other words"}
    assert refused(task_of("dearest", checks=[said]), bench) >= {"answer worded otherwise"}


def test_calls_are_not_turned_round_where_the_last_one_wins(task_of: MakeTask, bench: Workbench) -> None:
    task = with_policies(task_of("twice"), bench)
    orders = [way.detail for way in ways_of(task, bench, thorough=True) if way.kind == "another order"]
    assert orders == []


def test_a_way_that_cannot_be_gone_is_not_counted(task_of: MakeTask, bench: Workbench) -> None:
    """Orders keep to references: a call never comes before one whose result it takes."""
    task = with_policies(task_of("lines"), bench)
    for way in ways_of(task, bench, thorough=True):
        if way.kind == "another order" and way.steps is not None:
            order = [step.of for step in way.steps]
            assert order.index(0) < order.index(2)
            assert order.index(1) < order.index(3)


def test_decoys_are_the_other_values_of_the_same_fields(task_of: MakeTask, bench: Workbench) -> None:
    decoys = with_decoys(task_of("dearest"), bench).decoys
    assert set(decoys) == {"Ash table", "Birch bench", 120000, 90000, "2026-03-14", "2026-03-20"}
    told = with_decoys(task_of("dearest", instruction="Beside the Ash table, which good is the dearest?"), bench).decoys
    assert "Ash table" not in told
    offered = with_decoys(task_of("dearest", instruction="Is the Ash table or the Cedar chest dearer?"), bench).decoys
    assert "Ash table" in offered
    assert with_decoys(task_of("lines"), bench).decoys == ()
