"""Rows as SQL: canonical literals, the order of foreign keys, numbers that stay, fixes that touch what they name."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.verdict import Diagnostic
from artifacts.world import TableRows
from tasks.seed import RowFix, concerned_ddl, failing_rows, fixed, literal, numbered, render_seed, tables_of
from tasks.sql.arrange import parents_first
from tasks.sql.scratch import catalog_of
from tasks.tools import readable_ddl

SCHEMA = """CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent(id));
CREATE TABLE parent (id INTEGER PRIMARY KEY, boss_id INTEGER REFERENCES parent(id), name TEXT);
CREATE TABLE other (id INTEGER PRIMARY KEY);
CREATE INDEX by_name ON parent(name);
"""


def block(table: str, columns: str, *rows: tuple[Any, ...]) -> TableRows:
    return TableRows(table=table, columns=tuple(columns.split()), rows=rows)


json_values = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9).map(lambda number: round(number, 4)) | st.text()
)


@given(json_values)
def test_a_literal_is_read_by_sqlite_as_the_value_it_was(value: Any) -> None:
    expected = value if not isinstance(value, str) else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, str) and "\x00" in value:
        expected = expected.replace("\x00", "?")
    with sqlite3.connect(":memory:") as connection:
        (found,) = connection.execute(f"SELECT {literal(value)}").fetchone()
    connection.close()
    assert found == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "1"),
        ("O'Hara", "'O''Hara'"),
        (1.5, "1.5"),
        ({"b": 1, "a": [2]}, """'{"a":[2],"b":1}'"""),
        (float("inf"), "NULL"),
    ],
)
def test_literals_have_one_form(value: Any, text: str) -> None:
    assert literal(value) == text


def test_rows_come_after_the_rows_that_they_refer_to() -> None:
    parts = (
        block("child", "id parent_id", (1, 2), (2, 1)),
        block("parent", "id boss_id name", (1, 2, "a"), (2, 3, "b"), (3, None, "c")),
    )
    sql = render_seed(parts, catalog_of(SCHEMA))
    assert [line.split(" VALUES ")[1] for line in sql.splitlines()] == [
        "(3, NULL, 'c');",
        "(2, 3, 'b');",
        "(1, 2, 'a');",
        "(1, 2);",
        "(2, 1);",
    ]
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(SCHEMA + sql)
    connection.close()


def test_nothing_is_lost_where_keys_repeat_or_run_in_a_circle() -> None:
    parts = (block("parent", "id boss_id", (1, 2), (2, 1), (2, 2), (None, 1)),)
    assert len(render_seed(parts, catalog_of(SCHEMA)).splitlines()) == 4


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_an_order_keeps_every_item_and_puts_parents_first(pairs: list[tuple[int, int]]) -> None:
    items = list(enumerate(pairs))
    ordered = parents_first(items, lambda item: item[1][0], lambda item: (item[1][1],))
    assert sorted(ordered) == items
    falling = [(index, (key, min(key - 1, parent))) for index, (key, parent) in items]
    place: dict[int, int] = {}
    for position, (_, (key, parent)) in enumerate(parents_first(falling, lambda item: item[1][0], lambda item: (item[1][1],))):
        place.setdefault(key, position)
        known = [key for _, (key, _) in falling]
        assert parent not in known or parent in place


def test_rows_are_numbered_by_table_across_blocks() -> None:
    parts = (block("a", "id", (1,), (2,)), block("b", "id", (9,)), block("A", "id", (3,)))
    assert [(name, number) for name, number, _, _ in numbered(parts)] == [("a", 1), ("a", 2), ("b", 1), ("A", 3)]


def test_a_fix_changes_its_columns_only_and_a_null_deletes() -> None:
    parts = (block("parent", "id name", (1, "a"), (2, "b"), (3, "c")), block("other", "id", (1,)))
    fixes = [
        RowFix(table="parent", row=2, values={"NAME": "z"}),
        RowFix(table="parent", row=3, values=None),
        RowFix(table="Parent", row=1, values={"boss_id": 2}),
        RowFix(table="parent", row=99, values=None),
    ]
    assert fixed(parts, fixes) == (
        block("parent", "id name boss_id", (1, "a", 2)),
        block("parent", "id name", (2, "z")),
        block("other", "id", (1,)),
    )


def problem(place: str) -> Diagnostic:
    return Diagnostic(code="seed.x", place=place, message="m")


def test_a_repair_is_shown_the_rows_and_tables_concerned() -> None:
    parts = (block("child", "id parent_id", (1, 9), (2, 1)),)
    problems = (problem("row:child:1"),)
    assert failing_rows(parts, problems) == ['child #1: {"id":1,"parent_id":9}']
    shown = concerned_ddl(SCHEMA, problems)
    assert "TABLE child" in shown
    assert "TABLE parent" in shown
    assert "TABLE other" not in shown
    assert "INDEX" not in shown


def test_a_row_that_collides_is_shown_with_the_one_it_collides_with() -> None:
    parts = (block("other", "id", (2,), (2,), (3,)),)
    collision = Diagnostic(code="seed.duplicate_key", place="row:other:2", message="other already has a row with id = 2, as in row 1.")
    assert failing_rows(parts, (collision,)) == ['other #1: {"id":2}', 'other #2: {"id":2}']


def test_unique_indexes_are_shown_with_their_tables_and_others_are_not() -> None:
    live = "CREATE UNIQUE INDEX one_live ON child (parent_id) WHERE id > 3;\n"
    assert live in tables_of(SCHEMA + live)
    assert live in concerned_ddl(SCHEMA + live, (problem("row:child:1"),))
    assert live not in concerned_ddl(SCHEMA + live, (problem("row:parent:1"),))
    assert live.strip() in readable_ddl(SCHEMA + live)
    assert "by_name" not in readable_ddl(SCHEMA + live) + tables_of(SCHEMA + live)


def test_a_problem_without_a_table_shows_all_tables() -> None:
    assert "TABLE other" in concerned_ddl(SCHEMA, (problem("answer/tables"), problem("row:child:1")))
