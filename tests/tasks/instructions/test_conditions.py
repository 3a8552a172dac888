"""The ambiguity gate: what the words fit on the data, conditions that authors give, and those that are read out of the words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.agent_task import AgentTask, Condition
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import Draft
from tasks.gates.instructions import conditions_select
from tasks.instructions.conditions import condition_problems, reader_of, with_conditions
from tasks.trials.workbench import Workbench, workbench_of

TaskOf = Callable[..., AgentTask]
LAMPS = "SELECT id FROM orders WHERE user_id = :me AND status = 'pending' AND total_cents = 9000"


def problems(task: AgentTask, bench: Workbench) -> list[Diagnostic]:
    return list(condition_problems(task, bench))


def given(task: AgentTask, sql: str, table: str = "orders", **fields: object) -> AgentTask:
    return task.model_copy(update={"conditions": (Condition(name="the order", table=table, sql=sql),), **fields})


@pytest.mark.parametrize("name", ["shop", "library"])
def test_the_hand_made_worlds_are_decided_by_their_words(name: str, request: pytest.FixtureRequest) -> None:
    draft: Draft = request.getfixturevalue(name)
    found = conditions_select(draft)
    assert not isinstance(found, Reject), [problem.line() for problem in found.evidence]


@pytest.mark.parametrize("name", ["shop", "library"])
def test_conditions_read_out_of_the_words_give_the_rows_that_are_touched(name: str, request: pytest.FixtureRequest) -> None:
    draft: Draft = request.getfixturevalue(name)
    bench = workbench_of(draft)
    for task in draft.tasks:
        found = with_conditions(task, bench)
        reader = reader_of(task, bench)
        assert reader is not None
        assert {(c.table, key) for c in found.conditions for key in reader.keys_of(c)} <= {
            (table, key) for table, keys in reader.touched.items() for key in keys
        }
        assert problems(found, bench) == []
        assert with_conditions(found, bench) is found


def test_the_condition_holds_the_facts_that_are_said(bench: Workbench, task_of: TaskOf) -> None:
    (condition,) = with_conditions(task_of("t04"), bench).conditions
    assert condition.table == "products"
    assert "\"name\" = 'Desk lamp'" in condition.sql


@pytest.mark.parametrize(
    "instruction",
    [
        "Please cancel my order of 27 February.",
        "Please cancel the pending order of mine that comes to 90.00.",
        "Please cancel the most expensive of my pending orders.",
        "Please cancel the oldest of my pending orders.",
        "Please cancel my order of the desk lamps.",
    ],
)
def test_many_ways_to_name_one_order(instruction: str, bench: Workbench, task_of: TaskOf) -> None:
    assert problems(task_of("t02", instruction=instruction), bench) == []


@pytest.mark.parametrize(
    "instruction",
    [
        "Please cancel my order.",
        "Please cancel my pending order, please do.",
        "Please cancel the cheapest of my pending orders.",
        "Please cancel my latest pending order.",
        "Please cancel my order of the paper trays.",
    ],
)
def test_words_that_fit_another_order_too(instruction: str, bench: Workbench, task_of: TaskOf) -> None:
    (problem,) = problems(task_of("t02", instruction=instruction), bench)
    assert (problem.code, problem.place) == ("task.ambiguous", "task:t02/instruction")
    assert "27 February 2026 at 16:10" in problem.message
    assert "28 February 2026 at 09:00" in problem.message
    assert "total 9000" in problem.hint


def test_two_rows_of_the_same_kind_are_told_apart_or_told(seeded: Callable[[str, str], Workbench], task_of: TaskOf) -> None:
    twins = seeded("VALUES (4, 1, 5, 2)", "VALUES (4, 1, 4, 2)")
    (problem,) = problems(task_of("t02"), twins)
    assert problem.code == "task.ambiguous"
    dated = task_of("t02", instruction="Please cancel my pending order of the two desk lamps, the one of 27 February.")
    assert problems(dated, twins) == []


def test_a_tie_for_a_superlative_is_told(seeded: Callable[[str, str], Workbench], task_of: TaskOf) -> None:
    tied = seeded("'pending', 1980,", "'pending', 9000,")
    (problem,) = problems(task_of("t02", instruction="Please cancel the most expensive of my pending orders."), tied)
    assert problem.code == "task.tie"
    assert "tie by total" in problem.message


def test_a_tie_behind_an_answer_is_told(seeded: Callable[[str, str], Workbench], task_of: TaskOf) -> None:
    asked = task_of(
        "t05",
        instruction="What is my most expensive pending order in cents, and what is in it?",
        solution=[{"tool": "list_products", "arguments": {"category": "kitchen"}}],
        answer=["Bread knife"],
    )
    asked = asked.model_copy(update={"instruction": "Which kitchen product has the lowest price?"})
    assert problems(asked, seeded("'kitchen', 3900", "'kitchen', 3950")) == []
    (problem,) = problems(asked, seeded("'kitchen', 3900", "'kitchen', 1850"))
    assert problem.code == "task.tie"


class TestGiven:
    """Conditions of an author."""

    def test_a_right_one_passes(self, bench: Workbench, task_of: TaskOf) -> None:
        task = task_of("t02", instruction="Please cancel my pending order that comes to 90.00.")
        assert problems(given(task, LAMPS), bench) == []

    def test_a_fact_that_the_words_leave_out_is_told(self, bench: Workbench, task_of: TaskOf) -> None:
        task = task_of("t02", instruction="Please cancel my pending order.")
        found = problems(given(task, LAMPS), bench)
        assert [problem.code for problem in found] == ["task.ambiguous"]
        assert "does not say '9000'" in found[0].message

    def test_a_superlative_that_the_words_leave_out_is_told(self, bench: Workbench, task_of: TaskOf) -> None:
        best = "SELECT id FROM orders WHERE user_id = :me AND status = 'pending' AND total_cents = (SELECT MAX(total_cents) FROM orders)"
        assert problems(given(task_of("t02", instruction="Please cancel the dearest of my pending orders."), best), bench) == []
        (problem,) = problems(given(task_of("t02", instruction="Please cancel one pending order of mine."), best), bench)
        assert "which of them comes first" in problem.message

    @pytest.mark.parametrize(
        ("sql", "code"),
        [
            ("SELECT id FROM orders WHERE user_id = :me AND status = 'pending'", "task.condition_fits"),
            ("SELECT id FROM orders WHERE user_id = :me AND status = 'shipped'", "task.condition_fits"),
            ("SELECT id FROM orders WHERE total_cents = 1", "task.condition_empty"),
            ("SELECT status FROM orders WHERE id = 3", "task.condition"),
            ("SELECT id FROM order_lines", "task.condition"),
            ("DELETE FROM orders", "sql.kind"),
            ("SELECT load_extension('x')", "sql.function"),
            ("SELECT id FROM orders WHERE id = :order_id", "task.condition"),
        ],
    )
    def test_a_wrong_one_is_told(self, sql: str, code: str, bench: Workbench, task_of: TaskOf) -> None:
        found = problems(given(task_of("t02"), sql), bench)
        assert code in {problem.code for problem in found if problem.place == "task:t02/conditions/0"}

    def test_a_table_that_does_not_exist_is_told(self, bench: Workbench, task_of: TaskOf) -> None:
        (problem,) = problems(given(task_of("t02"), "SELECT id FROM orders", table="parcels"), bench)
        assert problem.message == "There is no table parcels."

    def test_a_pick_that_no_condition_selects_is_still_read_from_the_words(self, bench: Workbench, task_of: TaskOf) -> None:
        other = given(task_of("t02", instruction="Please cancel my order."), "SELECT id FROM users WHERE id = :me", table="users")
        assert [problem.code for problem in problems(other, bench)] == ["task.ambiguous"]


def test_a_solution_that_cannot_be_carried_out_is_left_to_its_own_gate(bench: Workbench, task_of: TaskOf) -> None:
    broken = task_of("t02", solution=[{"tool": "cancel_order", "arguments": {"order_id": 99}}])
    assert problems(broken, bench) == []
    assert with_conditions(broken, bench) is broken
    assert problems(task_of("t02", solution=[{"tool": "forget_order", "arguments": {}}]), bench) == []
