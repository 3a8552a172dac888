"""Workbenches end with their drafts: whatever was found with one is held by it alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from artifacts.world import Draft
from tasks.gates import judge
from tasks.instructions.conditions import reader_of
from tasks.trials.workbench import Workbench, workbench_of


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def judged(draft: Draft) -> Workbench:
    bench = workbench_of(draft)
    assert all(reader_of(task, bench) is not None for task in draft.tasks)
    judge(draft)
    return bench


def elsewhere(draft: Draft, number: int) -> Draft:
    return draft.model_copy(update={"seed_sql": f"{draft.seed_sql}\n-- {number}\n"})


@pytest.mark.usefixtures("without_collector")
def test_a_workbench_is_gone_when_a_few_other_drafts_were_looked_at(shop: Draft) -> None:
    gone = ref(judged(elsewhere(shop, 0)))
    for number in range(1, 4):
        workbench_of(elsewhere(shop, number))

    assert gone() is None
