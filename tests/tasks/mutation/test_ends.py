"""When two ends are the same, and when their difference is one of wording."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.observation import RowChange
from containers.difference import Reference, Table
from tasks.mutation.ends import Difference, content_words, differing, left_to_agent, same_end

TABLES = {
    "orders": Table("orders", ("id", "note"), ("id",), "id", False, ()),
    "lines": Table("lines", ("id", "order_id", "pieces"), ("id",), "id", False, (Reference(("order_id",), "orders", ("id",)),)),
    "stock": Table("stock", ("code", "left"), ("code",), "", False, ()),
}
NOTHING: frozenset[tuple[str, str]] = frozenset()
Orders = list[tuple[str, list[int]]]
orders = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.lists(st.integers(1, 3), max_size=3)), min_size=1, max_size=4)


def new(table: str, key: int, **row: Any) -> RowChange:
    return RowChange(table=table, key=(key,), after={"id": key, **row})


def placed(found: Orders, first: int, line: int) -> tuple[RowChange, ...]:
    """New orders with their lines, numbered from here on."""
    changes: list[RowChange] = []
    for number, (note, pieces) in enumerate(found, first):
        changes.append(new("orders", number, note=note))
        for count in pieces:
            changes.append(new("lines", line, order_id=number, pieces=count))
            line += 1
    return tuple(changes)


def left(code: str, before: int, after: int) -> RowChange:
    return RowChange(table="stock", key=(code,), before={"code": code, "left": before}, after={"code": code, "left": after})


@given(orders, st.integers(1, 50), st.integers(1, 50), st.randoms(use_true_random=False))
def test_new_rows_are_known_by_what_they_hold_not_by_their_numbers(found: Orders, first: int, line: int, chance: Any) -> None:
    other = list(found)
    chance.shuffle(other)
    assert same_end(placed(found, 1, 1), placed(other, first, line), TABLES, NOTHING)


@given(orders, st.data())
def test_any_cell_that_differs_makes_another_end(found: Orders, data: st.DataObject) -> None:
    changes = list(placed(found, 1, 1))
    place = data.draw(st.integers(0, len(changes) - 1))
    row = dict(changes[place].after or {})
    column = "note" if changes[place].table == "orders" else "pieces"
    changes[place] = changes[place].model_copy(update={"after": {**row, column: "z" if column == "note" else 99}})
    assert not same_end(changes, placed(found, 1, 1), TABLES, NOTHING)
    assert same_end(changes, placed(found, 1, 1), TABLES, frozenset({(changes[place].table, column)}))


def test_a_line_of_another_order_makes_another_end() -> None:
    one = placed([("a", [1]), ("b", [])], 1, 1)
    other = placed([("a", []), ("b", [1])], 1, 1)
    assert not same_end(one, other, TABLES, NOTHING)


def test_a_row_with_its_own_key_is_known_by_its_key() -> None:
    assert not same_end([left("x", 3, 2)], [left("y", 3, 2)], TABLES, NOTHING)
    assert same_end([left("x", 3, 2)], [left("x", 3, 2)], TABLES, NOTHING)
    assert same_end([left("x", 3, 2)], [], TABLES, frozenset({("stock", "left")}))


def test_differences_of_known_rows_are_told_cell_by_cell() -> None:
    columns = [("stock", "left")]
    assert differing([left("y", 5, 2)], [left("x", 3, 2)], columns) == (
        Difference("stock.left", 2, 3, 3),
        Difference("stock.left", 5, 2, 5),
    )


def test_differences_of_new_rows_are_told_by_content() -> None:
    gold, given_ = placed([("a", []), ("b", [])], 1, 1), placed([("c", []), ("a", [])], 7, 1)
    assert differing(given_, gold, [("orders", "note")]) == (Difference("orders.note", "b", "c"),)
    assert differing(placed([("a", [])], 7, 1), gold, [("orders", "note")]) == (Difference("orders.note", "b", None),)


@pytest.mark.parametrize(
    ("gold", "given_", "before", "said", "left_open"),
    [
        ("Thank you for the quick help.", "Many thanks!", None, "Leave a few kind words.", True),
        ("Thank you for the quick help.", None, None, "Leave a few kind words.", False),
        ("Thank you for the quick help.", "  ", None, "Leave a few kind words.", False),
        ("The tap in the kitchen drips", "Something else", None, "Tell them that the kitchen tap drips.", False),
        ("Drips", "Something else", None, "Write 'drips' in the note.", False),
        ("Thank you", "Something else", "Something else", "Leave a few kind words.", False),
        ("Hello there", "Something else", "Hello there", "Leave a few kind words.", False),
        (3, 4, None, "Take some.", False),
        ("2026-03-05", "2026-03-06", None, "On some day.", False),
        ("Kind words", "2026-03-06", None, "Say something.", False),
    ],
)
def test_only_words_that_nobody_gave_are_left_to_the_agent(gold: Any, given_: Any, before: Any, said: str, left_open: bool) -> None:
    assert left_to_agent(Difference("t.c", gold, given_, before), said) is left_open


@given(st.text())
def test_content_words_do_not_mind_case_or_endings(text: str) -> None:
    assert content_words(text.upper().lower()) == content_words(text.lower())
    assert content_words("The taps drip, and the tap drips!") == {"tap", "drip"}
