"""The whitelist, positions in diagnostics, and the fast reader of seeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sql.inserts import read_insert
from tasks.sql.statements import created_object, nearest, parameters_of, parse_statement, schema_place, statement_problems
from tasks.sql.whitelist import Context

GOOD: list[tuple[Context, str]] = [
    ("schema", "CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT CHECK (b IN ('x', 'y')), c INT GENERATED ALWAYS AS (id * 2) STORED) STRICT"),
    ("schema", "CREATE TABLE a (k TEXT PRIMARY KEY) WITHOUT ROWID"),
    ("schema", "CREATE UNIQUE INDEX i ON a(b) WHERE b IS NOT NULL"),
    ("schema", "CREATE VIEW v AS SELECT json_group_array(json_object('a', b) ORDER BY b) AS doc FROM a"),
    (
        "schema",
        "CREATE TRIGGER t AFTER UPDATE OF b ON a WHEN new.b > 1 BEGIN INSERT INTO c (x) VALUES ('a;b'); SELECT RAISE(ABORT, 'no'); END;",
    ),
    ("seed", "INSERT INTO a (id, b) VALUES (1, 'it''s'), (2, NULL)"),
    ("read", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n"),
    (
        "read",
        "SELECT value ->> '$.id', row_number() OVER (PARTITION BY a ORDER BY b) FROM json_each(:items), t WHERE x LIKE :q ESCAPE '\\'",
    ),
    (
        "read",
        "SELECT max(a, b), ifnull(c, 0), iif(d, 1, 2), printf('%d', e), strftime('%Y', f), total(g), datetime('now', '-1 day') FROM t",
    ),
    ("write", "INSERT INTO a (b) SELECT value FROM json_each(:x) WHERE true ON CONFLICT (b) DO UPDATE SET c = excluded.c RETURNING id"),
    ("write", "UPDATE a SET (b, c) = (SELECT 1, 2) WHERE id = :id"),
    ("write", "DELETE FROM a WHERE (b, c) IN (SELECT 1, 2)"),
    ("check", "SELECT EXISTS (SELECT 1 FROM final.a WHERE id = 1) AND NOT EXISTS (SELECT 1 FROM initial.a WHERE id = 1)"),
]

BAD: list[tuple[Context, str, str]] = [
    ("schema", "CREATE TABLE a AS SELECT 1", "sql.kind"),
    ("schema", "CREATE TEMP TABLE a (id INTEGER PRIMARY KEY)", "sql.kind"),
    ("schema", "CREATE VIRTUAL TABLE f USING fts5(a)", "sql.kind"),
    ("schema", "CREATE TRIGGER t AFTER INSERT ON a BEGIN DROP TABLE a; END", "sql.kind"),
    ("schema", "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = random(); END", "sql.function"),
    ("schema", "PRAGMA foreign_keys = off", "sql.kind"),
    ("schema", "VACUUM", "sql.syntax"),
    ("seed", "DELETE FROM a", "sql.kind"),
    ("read", "SELECT load_extension('x')", "sql.function"),
    ("read", "SELECT readfile('/etc/passwd')", "sql.function"),
    ("read", "SELECT random()", "sql.function"),
    ("read", "SELECT 1; SELECT 2", "sql.syntax"),
    ("read", "VALUES (1)", "sql.kind"),
    ("read", "SELECT ?", "sql.positional"),
    ("read", "SELECT $x", "sql.positional"),
    ("read", "SELECT @x", "sql.positional"),
    ("read", "", "sql.syntax"),
    ("read", "-- nothing", "sql.syntax"),
    ("read", "SELECT 'open", "sql.syntax"),
    ("read", "SELECT 1 " + "-- " + "x" * 30_000, "sql.too_long"),
    ("write", "SELECT 1", "sql.kind"),
    ("write", "REPLACE INTO a VALUES (1)", "sql.syntax"),
    ("check", "UPDATE a SET b = 1", "sql.kind"),
]


@pytest.mark.parametrize(("context", "sql"), GOOD)
def test_good_statements_are_admitted(context: Context, sql: str) -> None:
    assert statement_problems(sql, context, "x") == ()


@pytest.mark.parametrize(("context", "sql", "code"), BAD)
def test_bad_statements_are_refused(context: Context, sql: str, code: str) -> None:
    problems = statement_problems(sql, context, "tool:x/program/0")
    assert code in {p.code for p in problems}
    assert {p.place for p in problems} == {"tool:x/program/0"}


def test_syntax_errors_say_where() -> None:
    (problem,) = statement_problems("SELECT a\nFROM b\nWHERE AND c", "read", "x")
    assert "line 3" in problem.message


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    parsed = parse_statement(text)
    assert (parsed.tree is None) == bool(parsed.problem)
    for context in ("schema", "read", "write"):
        statement_problems(text, context, "x")


def test_parameters_in_order_without_repeats() -> None:
    tree = parse_statement("SELECT :b, :a FROM t WHERE x = :b").tree
    assert tree is not None
    assert parameters_of(tree) == ("b", "a")


def test_nearest_names() -> None:
    assert nearest("custmer_id", ["customer_id", "id", "name"]) == "Did you mean customer_id?"
    assert nearest("zzz", ["a", "b"]) == "There are a, b."
    assert nearest("zzz", [f"column_{i}" for i in range(40)]) == ""


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ('CREATE TABLE IF NOT EXISTS "orders" (id INTEGER)', "table:orders"),
        ("-- the orders\nCREATE TABLE orders (id)", "table:orders"),
        ("CREATE VIEW v AS SELECT 1", "view:v"),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "trigger:t"),
        ("SELECT 1", "schema"),
    ],
)
def test_places_of_schema_statements(sql: str, place: str) -> None:
    assert schema_place(sql) == place
    assert (created_object(sql) is None) == (place == "schema")


LITERALS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
)


def shown(value: object) -> str:
    return "NULL" if value is None else str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


@given(st.lists(st.lists(LITERALS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_rows_are_read_back_from_their_insert(rows: list[list[object]]) -> None:
    values = ", ".join(f"({', '.join(map(shown, row))})" for row in rows)
    found = read_insert(f'INSERT INTO "t" (a, "b") VALUES {values};')
    assert found is not None
    assert (found.table, found.columns, found.rows) == ("t", ("a", "b"), tuple(map(tuple, rows)))


@pytest.mark.parametrize(
    "sql", ["INSERT INTO a VALUES (random())", "INSERT INTO a SELECT 1", "INSERT INTO a VALUES (1); DROP TABLE a", "SELECT 1"]
)
def test_the_fast_reader_takes_nothing_but_literals(sql: str) -> None:
    assert read_insert(sql) is None
