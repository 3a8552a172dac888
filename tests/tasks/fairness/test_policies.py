"""Every written column has one policy, inferred from schema and solution."""

from __future__ import annotations

from collections.abc import Callable

from artifacts.agent_task import AgentTask
from tasks.fairness.policies import with_policies, written_columns
from tasks.trials.workbench import Workbench

MakeTask = Callable[..., AgentTask]


def test_every_written_column_has_exactly_one_policy(names: tuple[str, ...], task_of: MakeTask, bench: Workbench) -> None:
    for name in names:
        task = with_policies(task_of(name), bench)
        given = (*task.exact_columns, *task.fuzzy_columns, *task.free_columns)
        assert sorted(given) == sorted(written_columns(bench.reference(task)[1]))


def test_columns_that_the_clock_fills_are_free_and_unwritten_ones_have_no_policy(task_of: MakeTask, bench: Workbench) -> None:
    assert with_policies(task_of("note"), bench).free_columns == ("orders.changed_at",)
    assert with_policies(task_of("pinned"), bench).free_columns == ("orders.changed_at",)


def test_numbers_given_in_turn_are_free_unless_the_order_is_asked_for(task_of: MakeTask, bench: Workbench) -> None:
    loose, strict = task_of("lines"), task_of("lines", instruction="Put these on my order, in this order: Ash table, Birch bench.")
    assert with_policies(loose, bench).free_columns == ("lines.line",)
    assert with_policies(strict, bench).free_columns == ()


def test_a_text_given_word_for_word_is_fuzzy_unless_a_check_pins_it(task_of: MakeTask, bench: Workbench) -> None:
    assert with_policies(task_of("note"), bench).fuzzy_columns == ("orders.Note",)
    assert with_policies(task_of("pinned"), bench).fuzzy_columns == ()
    assert "orders.Note" in with_policies(task_of("pinned"), bench).exact_columns


def test_a_text_that_the_instruction_leaves_open_is_free(task_of: MakeTask, bench: Workbench) -> None:
    assert with_policies(task_of("open"), bench).free_columns == ("remarks.body",)


def test_policies_are_the_same_when_they_are_inferred_again(names: tuple[str, ...], task_of: MakeTask, bench: Workbench) -> None:
    for name in names:
        once = with_policies(task_of(name), bench)
        assert with_policies(once, bench) == once
