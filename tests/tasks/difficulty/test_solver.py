"""The scripted solver: what it sees in words, how it fills calls, and what it can and cannot do in a small world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from artifacts.agent_task import AgentTask
from tasks.difficulty.chance import stream
from tasks.difficulty.filling import Memory, call_of
from tasks.difficulty.literals import Said, holds, said_in
from tasks.difficulty.sight import choices_of, handle_of, rows_in
from tasks.difficulty.solver import Limits, LookaheadSolver, success_rate
from tasks.trials.workbench import Workbench

Asked = Callable[..., AgentTask]


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ('Say "Hello there" to them.', [("text", ("Hello there",))]),
        ("Move it to 21 March 2026, please.", [("date", ("2026-03-21",))]),
        ("Be there at 13:00.", [("date", ("13:00",))]),
        ("I want 3 of them.", [("number", (3,))]),
        ("Pay 12.50 now.", [("number", (1250, 12.5))]),
        ("It came to 1,200 in all.", [("number", (1200,))]),
        ("Cancel my order OR-7911.", [("text", ("OR-7911",))]),
        ("Where is Ivo Castellan?", [("text", ("Ivo Castellan",))]),
        ("Write to ana@example.org or +44 1632 960933.", [("text", ("ana@example.org",)), ("text", ("+44 1632 960933",))]),
        ("Move 8 from Elm Avenue to Canal Side.", [("number", (8,)), ("text", ("Elm Avenue",)), ("text", ("Canal Side",))]),
        ("Show those that are in transit.", [("choice", ("in_transit",))]),
        ("Please help me with this.", []),
        ("It was in February 2026 on a Monday.", [("number", (2026,))]),
    ],
)
def test_literals_are_seen_without_language(instruction: str, said: list[tuple[str, tuple[Any, ...]]]) -> None:
    assert [tuple(one) for one in said_in(instruction, ["in_transit", "lost"])] == said


@pytest.mark.parametrize(
    ("value", "said", "held"),
    [
        ("Lantern Keeper II", Said("text", ("lantern keeper",)), True),
        ("Rug", Said("text", ("Drug",)), False),
        ("Rugby", Said("text", ("Rug",)), False),
        ("2026-03-21 10:00:00", Said("date", ("2026-03-21",)), True),
        (1250, Said("number", (1250, 12.5)), True),
        (True, Said("number", (1,)), False),
        ("1250", Said("number", (1250,)), False),
        ("pending", Said("choice", ("pend",)), False),
        (None, Said("text", ("None",)), False),
    ],
)
def test_values_hold_literals(value: Any, said: Said, held: bool) -> None:
    assert holds(value, said) is held


def test_a_tool_is_seen_with_its_keys(bench: Workbench) -> None:
    handles = {tool.name: handle_of(tool, bench.draft.schema_sql) for tool in bench.tools}
    assert [(slot.kind, slot.root) for slot in handles["note_box"].slots] == [("key", ("boxes", "id")), ("text", None)]
    assert [slot.kind for slot in handles["mark_thing"].slots] == ["key", "choice"]
    assert handles["list_boxes"].keys == {"id": ("boxes", "id")}
    assert handles["mark_thing"].keys["thing_id"] == ("things", "id")
    assert (handles["list_boxes"].writes, handles["unlock_box"].writes) == (False, True)
    assert set(choices_of(handles.values())) == {"red", "blue"}


def test_calls_are_filled_with_what_is_at_hand(bench: Workbench) -> None:
    said = (Said("text", ("Flat Box",)), Said("text", ("Fragile",)))
    boxes, note = (handle_of(next(t for t in bench.tools if t.name == name), bench.draft.schema_sql) for name in ("list_boxes", "note_box"))
    memory = Memory(said, {}, set())
    assert call_of(note, memory, stream(1)) is None, "no box is known yet"
    for row in rows_in(boxes, [{"id": 1, "label": "Tall Box"}, {"id": 2, "label": "Flat Box"}], said):
        assert memory.add(row)
        assert not memory.add(row)
    calls = [call for seed in range(20) if (call := call_of(note, memory, stream(seed)))]
    best = next(call for call in calls if call.arguments == {"box_id": 2, "note": "Fragile"})
    assert (best.placed, best.guesses) == (frozenset({0, 1}), 0.0)
    assert all(call.guesses == 1.0 for call in calls if call.arguments["box_id"] == 1), "the other box is a guess"


NOTE = ('Put the note "Fragile" on the box "Flat Box".', ("note_box", {"box_id": 2, "note": "Fragile"}))
TAKE = ('Take "Lamp" out of its box "Tall Box".', ("unlock_box", {"box_id": 1}), ("take_thing", {"thing_id": 1}))


def test_it_does_what_literals_and_schemas_tell(bench: Workbench, asked: Asked) -> None:
    assert success_rate(asked(*NOTE), bench, range(6)) == 1.0


def test_looking_ahead_gets_it_over_a_hurdle(bench: Workbench, asked: Asked) -> None:
    task = asked(*TAKE)
    # One step at a time it takes the first change that places something, and the box may stay locked.
    near, far = (success_rate(task, bench, range(12), Limits(tries=6, ahead=ahead)) for ahead in (1, 2))
    assert far > near


def test_it_answers_with_rows_that_hold_what_was_said(bench: Workbench, asked: Asked) -> None:
    told = asked('Is "Round Box" locked?', ("list_boxes", {}), kind="read", answer=["Round Box", 1])
    assert success_rate(told, bench, range(6)) > 0.5


def test_what_is_not_said_is_beyond_it(bench: Workbench, asked: Asked) -> None:
    unsaid = asked("Do the same as last time, please.", ("note_box", {"box_id": 2, "note": "Fragile"}))
    assert success_rate(unsaid, bench, range(4)) == 0.0


def test_the_same_seed_gives_the_same_run(bench: Workbench, asked: Asked) -> None:
    runs = [[LookaheadSolver(bench).attempt(asked(*TAKE), seed) for seed in range(8)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 1, "and another seed another one"


@pytest.mark.parametrize("calls", [1, 20, 60])
def test_it_keeps_within_its_calls(bench: Workbench, asked: Asked, calls: int) -> None:
    impossible = asked("Where is the other thing?", ("list_boxes", {}), kind="read", answer=["nowhere to be found"])
    limits = Limits(calls=calls, looking=min(calls, 10), tries=1_000)
    attempt = LookaheadSolver(bench, limits).attempt(impossible, 1)
    assert not attempt.solved
    assert attempt.calls <= calls + limits.beam * (2 * limits.beam + 1) + 2, "at most the step in hand goes beyond"
