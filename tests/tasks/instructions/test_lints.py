"""Instructions that no person would write, or that leave something out: what is told of each, and what is let through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artifacts.agent_task import AgentTask
from artifacts.verdict import Reject
from artifacts.world import Draft
from tasks.gates.instructions import instructions_clear
from tasks.instructions.completeness import unsaid_problems
from tasks.instructions.lints import instruction_problems
from tasks.trials.workbench import Workbench

TaskOf = Callable[..., AgentTask]


def codes(task: AgentTask, bench: Workbench) -> set[str]:
    found = (*instruction_problems(task, bench.usages, bench.catalog), *unsaid_problems(task, bench))
    return {problem.code.removeprefix("task.instruction_") for problem in found}


def test_the_hand_made_worlds_say_all_that_is_needed(shop: Draft, library: Draft) -> None:
    for draft in (shop, library):
        found = instructions_clear(draft)
        assert not isinstance(found, Reject), [problem.line() for problem in found.evidence]
        assert found.figures == {"instructions": 5}


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        ("Please cancel order #3.", "key"),
        ("Use cancel_order on my two desk lamps.", "names"),
        ("Set the total_cents of my order of lamps.", "names"),
        ("Please cancel some orders of the two desk lamps.", "vague"),
        ("Please cancel the order of the two desk lamps, or do something appropriate when necessary.", "vague"),
        ("Please cancel my order of the two desk lamps soon.", "vague"),
        ("1. List my orders\n2. Cancel the one with the desk lamps", "steps"),
        ("Call the cancel tool for the desk lamps.", "steps"),
        ("Query the database for my lamps and cancel them.", "steps"),
        ("The user wants to cancel the order of two desk lamps.", "voice"),
        ("Your task is to cancel the order of two desk lamps.", "voice"),
        ("Please cancel my order of {product}.", "hole"),
        ("Please cancel my order of [product name].", "hole"),
        ("Cancel lamps.", "length"),
        ("Cancel my order of the two desk lamps and tell me the total.", "unanswered"),
    ],
)
def test_words_that_are_none_of_a_persons(instruction: str, code: str, bench: Workbench, task_of: TaskOf) -> None:
    solution = [{"tool": "cancel_order", "arguments": {"order_id": 3}}]
    assert code in codes(task_of("t02", instruction=instruction, solution=solution), bench)


@pytest.mark.parametrize(
    "instruction",
    [
        "Please cancel my pending order of the two desk lamps as soon as possible.",
        "I ordered two desk lamps some time ago and no longer want them; call that order off.",
        "Something came up: my order of the two desk lamps has to be cancelled, please.",
        'My order with the note "as appropriate, soon" and the two desk lamps is no longer needed, so please drop it.',
        "Could you cancel the order of the two desk lamps for me?",
    ],
)
def test_words_of_a_person_are_let_through(instruction: str, bench: Workbench, task_of: TaskOf) -> None:
    assert codes(task_of("t02", instruction=instruction), bench) == set()


def test_an_answer_that_stands_in_the_instruction_is_told(bench: Workbench, task_of: TaskOf) -> None:
    given = task_of("t05", instruction="My newest pending order holds a Paper tray and costs 1980 cents, does it not?")
    assert "reveals" in codes(given, bench)
    choice = task_of("t05", instruction="Is it the Paper tray or the Desk lamp that my newest order holds?", answer=["Paper tray"])
    assert "reveals" not in codes(choice, bench)


def test_an_answer_that_nobody_asks_for_is_told(bench: Workbench, task_of: TaskOf) -> None:
    assert "unasked" in codes(task_of("t05", instruction="My newest pending order is on its way."), bench)


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        ('Review the desk lamp for me: five stars, and write "Bright and steady".', None),
        ("Review the desk lamp for me: 5 stars, and write BRIGHT and steady!", None),
        ('Review the desk lamp for me, and write "Bright and steady".', "incomplete"),
        ('Review the desk lamp for me: four stars, and write "Bright and steady".', "incomplete"),
        ("Review the desk lamp for me: five stars, and say that it is bright.", "text"),
    ],
)
def test_every_value_that_is_stored_is_said(instruction: str, code: str | None, bench: Workbench, task_of: TaskOf) -> None:
    assert codes(task_of("t04", instruction=instruction), bench) == ({code} if code else set())


def test_a_text_left_to_the_agent_needs_no_exact_words(bench: Workbench, task_of: TaskOf) -> None:
    instruction = "Review the desk lamp for me: five stars, and say in your own words that it is bright."
    assert codes(task_of("t04", instruction=instruction, free_columns=["reviews.body"]), bench) == set()


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        ("What have I spent on orders since 15 February? Tell me the sum in cents.", None),
        ("What have I spent on orders since the 15th of February 2026, in cents?", None),
        ("What have I spent on orders lately? Tell me the sum in cents.", "incomplete"),
    ],
)
def test_a_day_that_a_reading_call_is_given_is_said(instruction: str, code: str | None, bench: Workbench, task_of: TaskOf) -> None:
    assert codes(task_of("t01", instruction=instruction), bench) == ({code} if code else set())


def test_the_same_words_for_two_tasks_are_told_once(shop: Draft) -> None:
    twin = shop.tasks[1].model_copy(update={"id": "t06", "instruction": shop.tasks[1].instruction.upper()})
    found = instructions_clear(shop.model_copy(update={"tasks": (*shop.tasks, twin)}))
    assert isinstance(found, Reject)
    assert [problem.place for problem in found.evidence if problem.code == "task.instruction_twice"] == ["task:t06/instruction"]


def test_a_problem_says_what_to_do(bench: Workbench, task_of: TaskOf) -> None:
    task = task_of("t04", instruction="Review the desk lamp for me: five stars, and say that it is bright.")
    (problem,) = unsaid_problems(task, bench)
    assert problem.place == "task:t04/instruction"
    assert "'Bright and steady'" in problem.message
    assert "quotation marks" in problem.hint
