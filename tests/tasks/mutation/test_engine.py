"""Near misses of every kind are carried out, refused where they are wrong, and recognised where they are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import get_args

import pytest

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.observation import Score
from containers.environment import Environment
from tasks.mutation import OPERATORS, Kind, Mutant, mutation_of
from tasks.mutation.answering import wrong_answer
from tasks.mutation.judging import Judge
from tasks.mutation.mutant import Deed, subject_of
from tasks.trials.workbench import Workbench

KINDS = get_args(Kind)
Make = Callable[..., AgentTask]


def test_every_kind_is_carried_out_and_nothing_wrong_is_paid(bench: Workbench, task_of: Make, names: tuple[str, ...]) -> None:
    carried: Counter[str] = Counter()
    for name in names:
        found = mutation_of(task_of(name), bench, thorough=True)
        assert found.survivors == (), (name, found.survivors)
        assert found.figures.mutants == found.figures.rejected + found.figures.equivalent + found.figures.free
        carried.update({kind: figures.rejected for kind, figures in found.by_kind.items()})
    assert {kind for kind, count in carried.items() if count} == set(KINDS)
    assert len(OPERATORS) == len(KINDS)


def test_every_kind_would_see_a_scoring_that_pays_for_everything(
    bench: Workbench, task_of: Make, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environment, "score", lambda *_: Score(outcome="completed", reward=1.0))
    fresh = Workbench(bench.draft, bench.tools)  # the other remembers what it has seen
    seen = {name: {one.mutant.kind for one in mutation_of(task_of(name), fresh, thorough=True).survivors} for name in names}
    assert set().union(*seen.values()) == set(KINDS)
    assert "misread" in seen["price"]  # no row differs there, only what is told


def test_figures_are_the_same_each_time_and_a_quick_pass_carries_out_fewer(bench: Workbench, task_of: Make, names: tuple[str, ...]) -> None:
    for name in names:
        quick, again = (mutation_of(task_of(name), Workbench(bench.draft, bench.tools)) for _ in range(2))
        assert quick == again
        assert mutation_of(task_of(name), bench) is mutation_of(task_of(name, measures={"mutation": quick.figures}), bench)
        thorough = mutation_of(task_of(name), bench, thorough=True)
        assert 10 < quick.figures.mutants <= thorough.figures.mutants
        for kind, figures in quick.by_kind.items():
            assert figures.mutants <= thorough.by_kind[kind].mutants


@pytest.mark.parametrize("thorough", [False, True])
def test_a_quick_pass_comes_to_the_scorings_own_verdicts(bench: Workbench, task_of: Make, thorough: bool) -> None:
    loose = task_of("wish", checks=[], free_columns=["wishes.made_at", "wishes.book_id"], exact_columns=[])
    assert {one.mutant.kind for one in mutation_of(loose, bench, thorough).survivors} >= {"neighbour's value", "another entity", "misread"}


def test_a_freed_column_that_the_instruction_decides_is_told_with_both_values(bench: Workbench, task_of: Make) -> None:
    loose = task_of("wish", free_columns=["wishes.made_at", "wishes.note"], exact_columns=[])
    survivor = next(one for one in mutation_of(loose, bench).survivors if one.mutant.kind == "another value")
    (difference,) = survivor.differences
    assert (difference.column, difference.gold) == ("wishes.note", "for the summer")
    assert difference.given != difference.gold


def test_wording_that_the_instruction_leaves_open_is_free(bench: Workbench, task_of: Make) -> None:
    words = "Put Bees on my list of wishes, with a line that says why."
    free = {"instruction": words, "free_columns": ["wishes.made_at", "wishes.note"], "exact_columns": []}
    unseen = {one.differences[0].given for one in mutation_of(task_of("wish", **free), bench).survivors}
    assert unseen == {None, ""}  # a line was asked for, and leaving it out would be paid
    check = {"name": "a line says why", "sql": "SELECT length(note) > 0 FROM final.wishes WHERE book_id = 2"}
    found = mutation_of(task_of("wish", checks=[check], **free), bench)
    assert found.survivors == ()
    assert found.figures.free > 0


def test_a_freed_number_is_never_a_matter_of_wording(bench: Workbench, task_of: Make) -> None:
    loose = task_of("stars", instruction="Give Cider some stars.", free_columns=["books.stars"], checks=[])
    found = mutation_of(loose, bench)
    assert found.figures.free == 0
    assert {one.mutant.kind for one in found.survivors} >= {"another value", "neighbour's value", "boundary value"}


def test_a_write_that_changes_nothing_in_the_end_is_equivalent(bench: Workbench, task_of: Make) -> None:
    dropped = mutation_of(task_of("stars"), bench).by_kind["write dropped"]
    assert (dropped.mutants, dropped.rejected, dropped.equivalent) == (2, 1, 1)


def test_clock_columns_do_not_make_another_end(bench: Workbench, task_of: Make) -> None:
    solution = [*task_of("wish").canonical()["solution"], {"tool": "set_stars", "arguments": {"book_id": 4, "stars": 1}}]
    found = mutation_of(task_of("wish", solution=solution), bench, thorough=True)
    assert found.by_kind["write dropped"].equivalent == 1  # Dunes has one star already
    assert found.survivors == ()


def test_decoys_that_are_missing_let_every_candidate_pass(bench: Workbench, task_of: Make) -> None:
    found = mutation_of(task_of("price", decoys=[]), bench)
    assert {one.mutant.kind for one in found.survivors} == {"every candidate"}


def test_what_a_tool_refuses_is_not_counted(bench: Workbench, task_of: Make) -> None:
    bounded = mutation_of(task_of("stars"), bench, thorough=True).by_kind["boundary value"]
    assert bounded.mutants == 3  # 1 and 5 for the first call, 1 for the second: its 5 is the boundary


def test_a_reference_that_fails_has_no_near_misses(bench: Workbench, task_of: Make) -> None:
    broken = task_of("stars", solution=[{"tool": "set_stars", "arguments": {"book_id": 99, "stars": 1}}])
    found = mutation_of(broken, bench)
    assert (found.figures.mutants, found.by_kind, found.survivors) == (0, {}, ())


def test_a_course_that_undoes_nothing_is_not_counted_as_one_that_does(bench: Workbench, task_of: Make) -> None:
    subject = subject_of(task_of("stars"), bench)
    assert subject is not None
    verdicts = []
    for call in (ToolCall(tool="move", arguments={"city": "Dunmere"}), ToolCall(tool="set_stars", arguments={"book_id": 3, "stars": 4})):
        mutant = Mutant("done and undone", "", (*subject.deeds, Deed(None, call, altered=True)), None)
        verdicts.append(Judge(subject).verdict(mutant).fate)
    assert verdicts == ["moot", "rejected"]


def test_another_field_that_holds_the_right_value_is_no_wrong_answer(bench: Workbench, task_of: Make) -> None:
    subject = subject_of(task_of("price", answer=["Ann Lee"]), bench)
    assert subject is not None
    rows = [{"name": "Ann Lee", "mail": "ann lee, by post"}, {"name": "Ann Lee-Park", "mail": "none"}]
    made = subject._replace(results=(rows,), every_place=(("0[0].name",),))
    assert [mutant.answer for mutant in wrong_answer(made)] == [["Ann Lee-Park"], ["not-7-what-was-asked"]]
