"""The nouns: immutable, strict, and written as they were read."""

from __future__ import annotations

import inspect
import re

import pytest
from pydantic import ValidationError

from artifacts import errors
from artifacts.observation import REWARDS, Observation
from artifacts.recipe import Recipe, Size
from artifacts.scenario import MAX_NAME, Scenario
from artifacts.toolset import Each, Return, Tool
from artifacts.verdict import Diagnostic
from artifacts.world import Draft, World


def test_nouns_are_frozen_and_refuse_unknown_fields() -> None:
    size = Size()
    with pytest.raises(ValidationError, match="frozen"):
        size.rows = 3  # type: ignore[misc]  # the very mistake that is tested
    with pytest.raises(ValidationError, match="Extra inputs"):
        Size.model_validate({"row": 3})


def test_a_changed_copy_has_its_own_digest(world: World) -> None:
    before = world.digest
    changed = world.model_copy(update={"me": 2})
    assert changed.digest != before
    assert changed.id != world.id
    assert changed.model_copy(update={"me": 1}).digest == before
    draft = Draft(scenario=world.scenario, recipe=world.recipe)
    first = draft.draft_id
    assert draft.model_copy(update={"recipe": Recipe(model="other")}).draft_id != first


def test_a_draft_is_named_by_scenario_and_recipe_alone(world: World) -> None:
    bare = Draft(scenario=world.scenario, recipe=world.recipe)
    assert bare.draft_id == world.draft().draft_id
    assert bare.draft_id.startswith("tea-shop-")
    assert Draft(scenario=world.scenario, recipe=world.recipe.model_copy(update={"seed": 1})).draft_id != bare.draft_id


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "at least 1 character"),
        ("x" * (MAX_NAME + 1), "at most 120"),
        ("x" * 10_000, "at most 120"),
        ("...", "no letter or digit"),
        ("bell\x07", "control character U\\+0007"),
        ("nul\x00", "control character U\\+0000"),
        ("../../etc/passwd", "looks like a path"),
        ("C:\\shop", "looks like a path"),
        ("~root", "looks like a path"),
        (".hidden", "looks like a path"),
    ],
)
def test_names_that_cannot_be_used_are_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Scenario(name=name)


def test_names_are_one_line_of_text() -> None:
    assert Scenario(name="  Tea\n shop ").name == "Tea shop"
    assert Scenario(name="Tea shop", description="a\tb").text == "Tea shop. a b"


def test_a_program_is_written_as_it_was_read(world: World) -> None:
    (tool,) = world.tools
    plain = tool.canonical()
    assert isinstance(tool.program[1], Each)
    assert isinstance(tool.program[2], Return)
    assert plain["program"][1] == {
        "each": "SELECT 1 AS one",
        "do": [{"run": "UPDATE orders SET status = 'cancelled' WHERE id = :order_id", "expect": 1}],
    }
    assert plain["program"][2]["return"]["order"]["types"] == {"id": "integer"}
    assert Tool.model_validate(plain) == tool
    assert tool.parameter_names == ("order_id", "note")


def test_a_step_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="program"):
        Tool.model_validate({"name": "do_it", "description": "x", "parameters": {}, "program": [{"eval": "import os"}]})


def test_an_observation_shows_a_result_or_an_error_never_both() -> None:
    assert Observation(result=[1]).payload() == {"result": [1]}
    failed = Observation(error="conflict", message="Too late.")
    assert not failed.ok
    assert failed.payload() == {"error": "conflict", "message": "Too late."}


def test_rewards_are_those_of_the_design() -> None:
    assert REWARDS == {"completed": 1.0, "partial": 0.1, "agent_error": 0.0, "environment_error": 0.0}


def test_a_diagnostic_reads_as_one_line() -> None:
    told = Diagnostic(code="sql.unknown_column", place="tool:a/program/0", message="no such column: nmae", hint="Did you mean name?")
    assert told.line() == "[sql.unknown_column] tool:a/program/0: no such column: nmae Hint: Did you mean name?"


def test_the_error_tree_is_the_one_drawn_at_its_top() -> None:
    drawn = set(re.findall(r"^    [ │├└─]*([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE))
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert drawn == {kind.__name__ for kind in kinds}
    for kind in kinds:
        assert issubclass(kind, errors.WorldloomError)
        assert kind.exit_code == (2 if issubclass(kind, errors.UserError) else 4 if kind is errors.BudgetSpent else 1)


def test_an_error_says_what_and_what_next() -> None:
    assert str(errors.InvalidInput("Line 3 is not JSON.", "Mend it.")) == "Line 3 is not JSON. Mend it."
    assert str(errors.InvalidInput("Line 3 is not JSON.")) == "Line 3 is not JSON."
