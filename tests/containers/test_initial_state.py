from __future__ import annotations

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.errors import StatementFailed
from artifacts.world import Clock
from containers.conformance.shop import SCHEMA, SEED
from containers.initial_state import failed_statements, load_initial_state, split_statements


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", ()),
        (" ;; -- nothing\n ; /* at all */", ()),
        ("SELECT 1", ("SELECT 1",)),
        ("SELECT 1; SELECT 2;", ("SELECT 1", "SELECT 2")),
        ("SELECT ';'; SELECT \";\"; SELECT `;`; SELECT [;]", ("SELECT ';'", 'SELECT ";"', "SELECT `;`", "SELECT [;]")),
        ("SELECT 'it''s; so'; SELECT 2", ("SELECT 'it''s; so'", "SELECT 2")),
        ("SELECT 1 -- a;b\n; SELECT /* ; */ 2", ("SELECT 1 -- a;b", "SELECT /* ; */ 2")),
        ("-- head\nSELECT 1; -- tail", ("-- head\nSELECT 1",)),
        ("SELECT 4 / 2 - 1; SELECT 1", ("SELECT 4 / 2 - 1", "SELECT 1")),
        (
            "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END; SELECT 4",
            ("CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END", "SELECT 4"),
        ),
        (
            "-- why\nCREATE /* x */ TEMP TRIGGER t AFTER INSERT ON x BEGIN SELECT 3; END",
            ("-- why\nCREATE /* x */ TEMP TRIGGER t AFTER INSERT ON x BEGIN SELECT 3; END",),
        ),
        ("INSERT INTO x VALUES ('open", ("INSERT INTO x VALUES ('open",)),
        ("SELECT 'O'Hara'; SELECT 1", ("SELECT 'O'Hara'", "SELECT 1")),
    ],
)
def test_statements_are_split(sql: str, statements: tuple[str, ...]) -> None:
    assert split_statements(sql) == statements


@given(st.lists(st.text(alphabet="a';\"-/* \n[]`", max_size=12), max_size=6))
def test_texts_in_quotes_never_split(texts: list[str]) -> None:
    statements = tuple(f"SELECT '{text.replace(chr(39), chr(39) * 2)}'" for text in texts)
    assert split_statements(";\n".join(statements)) == statements


def test_the_state_loads_and_is_the_same_every_time() -> None:
    first, second = (load_initial_state(SCHEMA, SEED, Clock()) for _ in range(2))
    assert first == second
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", first)
    assert connection.execute("SELECT COUNT(*), MIN(created_at) FROM orders").get == (3, "2026-02-01 10:00:00")


def test_defaults_of_a_seed_read_the_worlds_clock() -> None:
    state = load_initial_state(
        "CREATE TABLE x (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP, d TEXT DEFAULT (date('now')))",
        "INSERT INTO x (id) VALUES (1)",
        Clock(start="2031-05-06 07:08:09"),
    )
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", state)
    assert connection.execute("SELECT at, d FROM x").get == ("2031-05-06 07:08:09", "2031-05-06")


def test_the_first_failure_is_raised_with_its_place() -> None:
    with pytest.raises(StatementFailed, match=r"Statement 2 failed: near") as caught:
        load_initial_state("CREATE TABLE x (y); CREATE TABEL z (y); CREATE TABLE x (y)", "", Clock())
    assert caught.value.index == 1
    assert caught.value.statement == "CREATE TABEL z (y)"


def test_every_failure_is_found() -> None:
    failures = failed_statements(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT NOT NULL); CREATE TABLE a (id); CREATE TABLE b (a_id INTEGER REFERENCES a(id));"
        "CREATE VIEW v AS SELECT missing FROM a",
        "INSERT INTO a VALUES (1, 'x'); INSERT INTO a VALUES (1, 'y'); INSERT INTO a VALUES (2, NULL); INSERT INTO b VALUES (9);"
        "INSERT INTO c VALUES (1); INSERT INTO a VALUES (3, 'it's'); INSERT INTO a VALUES (4, 'fine')",
        Clock(),
    )
    assert [(failure.index, failure.message.split(": ", 1)[1]) for failure in failures] == [
        (1, "table a already exists."),
        (3, "in view v: no such column: missing."),
        (1, "UNIQUE constraint failed: a.id."),
        (2, "NOT NULL constraint failed: a.n."),
        (3, "FOREIGN KEY constraint failed."),
        (4, "no such table: c."),
        (5, 'near "s": syntax error.'),
    ]


def test_problems_of_the_whole_have_no_statement() -> None:
    failures = failed_statements(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a_id INTEGER REFERENCES a(id) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO b VALUES (9)",
        Clock(),
    )
    assert failures
    assert {failure.index for failure in failures} == {-1}
    assert "refers to a row of a that does not exist" in failures[0].message


def test_a_reference_to_no_table_fails() -> None:
    assert failed_statements(
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a(id))", "INSERT INTO b VALUES (1, 1)", Clock()
    )


def test_a_large_seed_loads() -> None:
    rows = ", ".join(f"({i}, 'name {i}')" for i in range(20_000))
    state = load_initial_state("CREATE TABLE x (id INTEGER PRIMARY KEY, n TEXT)", f"INSERT INTO x VALUES {rows}", Clock())
    assert len(state) > 300_000


def test_a_nul_character_fails_its_own_statement() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT '\0'; END;"
    failures = failed_statements(f"CREATE TABLE a(id INTEGER PRIMARY KEY);{trigger}", "", Clock())
    assert [(failure.index, "NUL" in failure.message) for failure in failures] == [(1, True)]
