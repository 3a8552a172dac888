"""Statements of a schema: found in prose, merged by name, put in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.schema import merged, open_quote, ordered, read_ddl, text_of

A = "CREATE TABLE a (id INTEGER PRIMARY KEY)"
B = "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a(id))"
VIEW = "CREATE VIEW v AS SELECT id FROM a"
INDEX = "CREATE INDEX b_a ON b(a_id)"


@pytest.mark.parametrize("text", [f"{A};\n{B};", f"Here is the schema:\n{A};\n{B};\nIt has two tables.", f"{A}; {B};  \n"])
def test_statements_are_found_in_prose(text: str) -> None:
    assert read_ddl(text) == ((A, B), ())


@given(st.integers(1, len(B)))
def test_a_schema_that_breaks_off_keeps_its_whole_statements(cut: int) -> None:
    statements, problems = read_ddl(f"{A};\n{B[:cut]}")
    assert statements == (A,)
    assert [problem.code for problem in problems] == (["schema.truncated"] if cut >= len("CREATE") else [])


def test_an_answer_without_statements_says_so() -> None:
    assert [problem.code for problem in read_ddl("I would use three tables.")[1]] == ["schema.no_statement"]


def test_a_change_replaces_its_namesake_and_nothing_else() -> None:
    new = "CREATE TABLE IF NOT EXISTS A (id INTEGER PRIMARY KEY, name TEXT)"
    assert merged((A, B, VIEW), (new,)) == (new, B, VIEW)


def test_a_drop_removes_and_a_new_statement_is_added() -> None:
    assert merged((A, B, VIEW), ("DROP VIEW v", INDEX)) == (A, B, INDEX)


def test_tables_come_after_those_they_refer_to_and_the_rest_after_tables() -> None:
    assert ordered((INDEX, VIEW, B, A)) == (A, B, VIEW, INDEX)


def test_tables_that_refer_to_each_other_stay() -> None:
    one = "CREATE TABLE one (id INTEGER PRIMARY KEY, two_id INTEGER REFERENCES two(id))"
    two = "CREATE TABLE two (id INTEGER PRIMARY KEY, one_id INTEGER REFERENCES one(id))"
    assert set(ordered((one, two))) == {one, two}


def test_text_and_statements_are_each_others_inverse() -> None:
    assert read_ddl(text_of((A, B)))[0] == (A, B)


def test_an_open_quote_swallows_no_other_statement() -> None:
    broken = "CREATE TABLE c (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'it's')"
    statements, _ = read_ddl(f"{A};\n{broken};\n{B};\n")
    assert [statement.rstrip(";") for statement in statements] == [A, broken, B]
    assert [open_quote(statement) for statement in statements] == [False, True, False]


@pytest.mark.parametrize("sql", ["SELECT 'it''s', \"a'b\"", "SELECT 1 -- it's", "SELECT 1 /* it's */"])
def test_a_quote_that_is_closed_is_not_open(sql: str) -> None:
    assert not open_quote(sql)
