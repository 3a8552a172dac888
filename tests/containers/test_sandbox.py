"""What generated SQL may not do, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifacts.errors import InvalidInput, StatementFailed
from artifacts.toolset import Tool
from artifacts.world import Clock, Draft
from containers.conformance.shop import SCHEMA, SEED, SHOP
from containers.environment import Blueprint, Environment
from containers.initial_state import load_initial_state
from containers.sandbox import FUNCTIONS, Guard, Mode, open_connection, refused_words

REFUSED_IN_TOOLS = (
    "ATTACH ':memory:' AS x",
    "ATTACH 'file:/tmp/x.db' AS x",
    "DETACH initial",
    "PRAGMA writable_schema = 1",
    "PRAGMA table_info(users)",
    "PRAGMA final.table_xinfo(users)",
    "VACUUM",
    "VACUUM INTO '/tmp/x.db'",
    "ANALYZE",
    "REINDEX",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "RELEASE call",
    "CREATE TABLE x (y)",
    "CREATE TEMP TABLE x (y)",
    "CREATE VIEW x AS SELECT 1",
    "CREATE VIRTUAL TABLE x USING fts5(y)",
    "DROP TABLE users",
    "ALTER TABLE users ADD COLUMN x",
    "SELECT load_extension('/tmp/x.so')",
    "SELECT random()",
    "SELECT hex(randomblob(4))",
    "SELECT 1 ORDER BY random()",
    "SELECT sqlite_version()",
    "SELECT sqlite_source_id()",
    "SELECT changes()",
    "SELECT total_changes()",
    "SELECT sql FROM sqlite_schema",
    "SELECT sql FROM sqlite_master",
    "SELECT COUNT(*) FROM sqlite_master",
    "SELECT seq FROM sqlite_sequence",
    "SELECT name FROM pragma_table_info('users')",
    "SELECT COUNT(*) FROM pragma_table_list",
    "SELECT file FROM pragma_database_list",
    "SELECT COUNT(*) FROM dbstat",
    "SELECT COUNT(*) FROM PRAGMA_TABLE_LIST",
    "SELECT name FROM initial.users",
    "SELECT COUNT(*) FROM initial.users",
    "SELECT (SELECT name FROM initial.users WHERE id = 1)",
    "EXPLAIN SELECT 1",
    "EXPLAIN QUERY PLAN SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE users",
    'SELECT "pending"',
    "SELECT datetime('now', 'localtime')",
    "SELECT datetime(:now, 'utc')",
    "SELECT ?",
    "SELECT missing FROM users",
    "SELECT name FROM nowhere",
    "SELECT 'a\0b'",
    "SELECT name FROM users WHERE",
    "",
    "-- only a comment",
    "SELECT :undeclared",
)


def with_tool(*program: dict[str, object]) -> Draft:
    tool = Tool.model_validate(
        {"name": "tried", "description": "tried", "parameters": {"type": "object", "properties": {}}, "program": list(program)}
    )
    return SHOP.model_copy(update={"tools": (tool,), "tasks": ()})


@pytest.mark.parametrize("sql", REFUSED_IN_TOOLS)
def test_tools_may_not(sql: str) -> None:
    blueprint = Blueprint.of(with_tool({"return": sql, "shape": "value"}))
    problems = blueprint.compile_problems()
    assert problems
    assert all(problem.place == "tool:tried/program/0" for problem in problems)
    with Environment.fork(blueprint) as environment:
        before = environment.state_digest()
        assert environment.call_tool("tried", {}).error == "environment_error"
        assert environment.state_digest() == before
        assert environment.faults


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO sqlite_sequence VALUES ('orders', 900)",
        "UPDATE sqlite_master SET sql = ''",
        "DELETE FROM initial.users",
        "UPDATE initial.users SET name = 'x'",
        "INSERT OR ROLLBACK INTO tags VALUES ('a', 'b')",
        "INSERT INTO tags SELECT 'x', random()",
        "INSERT INTO nowhere VALUES (1)",
        "INSERT INTO users (id, missing) VALUES (1, 2)",
        "SELECT 1",
        "CREATE TABLE x (y)",
        "PRAGMA foreign_keys = 0",
    ],
)
def test_changes_may_not(sql: str) -> None:
    problems = Blueprint.of(with_tool({"run": sql}, {"return": "SELECT 1", "shape": "value"})).compile_problems()
    assert [problem.place for problem in problems] == ["tool:tried/program/0"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM users",
        "SELECT 1 FROM users LIMIT 1",
        "SELECT EXISTS (SELECT 1 FROM orders)",
        "SELECT group_concat(name, ', ') FROM (SELECT name FROM users ORDER BY id)",
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT SUM(i) FROM n",
        "SELECT key FROM json_each('[1]')",
        "SELECT COUNT(*) FROM json_tree('{}')",
        "SELECT doc FROM order_docs",
        "SELECT rank() OVER (ORDER BY id) FROM users",
        "SELECT strftime('%Y', 'now')",
        "SELECT name FROM final.users",
        "SELECT 'a ; b' /* c ; d */ -- e ; f",
        "SELECT 'the ROLLBACK'",
        "SELECT 1 WHERE 'UTC' IN ('UTC', 'CET')",
        "SELECT 1;",
    ],
)
def test_tools_may(sql: str) -> None:
    blueprint = Blueprint.of(with_tool({"return": sql, "shape": "value"}))
    assert blueprint.compile_problems() == ()
    with Environment.fork(blueprint) as environment:
        assert environment.call_tool("tried", {}).ok


def test_a_check_cannot_run_what_the_environment_itself_runs() -> None:
    """`ROLLBACK` stands prepared in the statement cache after a reset; a check of the same words is still refused."""
    with Environment.fork(Blueprint.of(SHOP)) as environment:
        environment.call_tool("cancel_order", {"order_id": 17})
        environment.reset()
        environment.call_tool("cancel_order", {"order_id": 17})
        before = environment.state_digest()
        for sql in ("ROLLBACK", "SAVEPOINT call", "BEGIN", "DELETE FROM tags", "PRAGMA user_version"):
            with pytest.raises(InvalidInput):
                environment.read_check(sql, {})
            with pytest.raises(InvalidInput):
                environment.query(sql)
        assert environment.state_digest() == before


def test_a_check_does_not_see_what_a_query_may() -> None:
    with Environment.fork(Blueprint.of(SHOP)) as environment:
        sql = "SELECT COUNT(*) AS tables FROM final.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        assert environment.query(sql) == [{"tables": 6}]
        with pytest.raises(InvalidInput):
            environment.read_check(sql, {})


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH ':memory:' AS x",
        "PRAGMA foreign_keys = 0",
        "CREATE TEMP TABLE x (y)",
        "CREATE VIRTUAL TABLE x USING fts5(y)",
        "CREATE TABLE x AS SELECT random() AS y",
        "DROP TABLE users",
        "ALTER TABLE users ADD COLUMN x",
        "DELETE FROM users",
        "INSERT INTO tags VALUES ('a', 'b')",
        "BEGIN",
        "COMMIT",
        "VACUUM",
        "CREATE TRIGGER t AFTER INSERT ON tags BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        "CREATE TABLE x (y TEXT UNIQUE ON CONFLICT ROLLBACK)",
        "CREATE VIEW v AS SELECT datetime('now', 'localtime') AS t",
        "CREATE VIEW v AS SELECT missing FROM users",
        "CREATE VIEW v AS SELECT random() AS r",
        "CREATE TRIGGER t AFTER INSERT ON tags BEGIN UPDATE users SET missing = 1; END",
    ],
)
def test_schemas_may_not(sql: str) -> None:
    with pytest.raises(StatementFailed) as caught:
        load_initial_state(f"{SCHEMA}; {sql};", SEED, Clock())
    assert sql.split(maxsplit=1)[0] in caught.value.statement or caught.value.index == -1


def test_a_random_default_fails_when_it_is_used() -> None:
    with pytest.raises(StatementFailed, match="random"):
        load_initial_state("CREATE TABLE x (id INTEGER PRIMARY KEY, y DEFAULT (random()))", "INSERT INTO x (id) VALUES (1)", Clock())


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO x WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'y' FROM n",
        "INSERT INTO x WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, hex(zeroblob(400000)) FROM n",
        "INSERT INTO x WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
        " SELECT 1, json_group_array(printf('%900000s', i)) FROM n",
    ],
)
def test_a_seed_can_neither_run_for_ever_nor_fill_the_memory(sql: str) -> None:
    with pytest.raises(StatementFailed):
        load_initial_state("CREATE TABLE x (id INTEGER PRIMARY KEY, y)", sql, Clock())


def test_no_connection_can_reach_a_file_even_where_attaching_is_allowed(tmp_path: Path) -> None:
    connection = open_connection(Guard(Mode.HOST))
    connection.execute(f"ATTACH '{tmp_path}/leak.db' AS leak; CREATE TABLE leak.x (y); INSERT INTO leak.x VALUES (1)")
    connection.close()
    assert list(tmp_path.iterdir()) == []


def test_a_state_has_a_largest_size() -> None:
    large = "INSERT INTO x WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 80) SELECT i, zeroblob(900000) FROM n"
    with pytest.raises(StatementFailed, match="full"):
        load_initial_state("CREATE TABLE x (id INTEGER PRIMARY KEY, y)", large, Clock())


def test_no_listed_function_is_random_or_of_the_machine() -> None:
    assert not FUNCTIONS & {"random", "randomblob", "load_extension", "sqlite_version", "changes", "total_changes", "readfile"}


def test_words_inside_quotes_are_no_words() -> None:
    assert refused_words("SELECT 'ROLLBACK', \"rollback\" -- rollback") == ""
    assert refused_words("INSERT OR rollback INTO x VALUES (1)")
