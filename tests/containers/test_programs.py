"""Each kind of step, and what the compiler says of programs that cannot run."""

from __future__ import annotations

from typing import Any

import pytest

from artifacts.toolset import Tool
from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment

Step = dict[str, Any]
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}}


def blueprint_of(program: list[Step], parameters: dict[str, Any] | None = None) -> Blueprint:
    tool = Tool.model_validate({"name": "tried", "description": "tried", "parameters": parameters or NUMBER, "program": program})
    return Blueprint.of(SHOP.model_copy(update={"tools": (tool,), "tasks": ()}))


def call(program: list[Step], **arguments: object) -> Any:
    blueprint = blueprint_of(program)
    assert blueprint.compile_problems() == ()
    with Environment.fork(blueprint) as environment:
        observation = environment.call_tool("tried", arguments)
        assert observation.error != "environment_error", environment.faults
        return observation.result if observation.ok else (observation.error, observation.message)


REQUIRE_USER: Step = {"require": "SELECT name FROM users WHERE id = :n", "error": "not_found", "message": "No user {n}."}


def test_require_binds_its_row() -> None:
    assert call([REQUIRE_USER, {"return": "SELECT upper(:name)", "shape": "value"}], n=2) == "BO"


def test_require_fails_without_a_row() -> None:
    assert call([REQUIRE_USER, {"return": "SELECT 1", "shape": "value"}], n=9) == ("not_found", "No user 9.")


def test_require_binds_no_nameless_columns_so_that_two_may_follow_each_other() -> None:
    one: Step = {"require": "SELECT 1 WHERE :n > 0", "error": "invalid", "message": "Too small."}
    assert call([one, one, {"return": "SELECT :n", "shape": "value"}], n=3) == 3


def test_refuse_lets_through_where_there_is_no_row() -> None:
    refuse: Step = {"refuse": "SELECT id AS bad FROM users WHERE id > :n", "error": "limit", "message": "User {bad} is above {n}."}
    assert call([refuse, {"return": "SELECT 1", "shape": "value"}], n=2) == 1
    assert call([refuse, {"return": "SELECT 1", "shape": "value"}], n=1) == ("limit", "User 2 is above 1.")


def test_let_binds_null_without_a_row() -> None:
    let: Step = {"let": "SELECT name AS found, email FROM users WHERE id = :n"}
    assert call([let, {"return": "SELECT :found AS f, :email AS e"}], n=9) == {"f": None, "e": None}


def test_an_absent_argument_binds_null() -> None:
    assert call([{"return": "SELECT :n IS NULL", "shape": "value"}]) == 1


def test_reserved_names_are_bound() -> None:
    assert call([{"return": "SELECT :me AS me, :now AS now, :today AS today"}]) == {
        "me": 1,
        "now": "2026-03-02 09:00:00",
        "today": "2026-03-02",
    }


def test_each_reads_before_it_writes_and_forgets_its_row() -> None:
    program: list[Step] = [
        {
            "each": "SELECT entry AS line FROM journal",
            "do": [{"let": "SELECT :line || '!' AS louder"}, {"run": "INSERT INTO journal VALUES (:louder)", "expect": 1}],
        },
        {"let": "SELECT 'free again' AS line"},
        {
            "return": {
                "line": {"query": "SELECT :line", "shape": "value"},
                "rows": {"query": "SELECT COUNT(*) FROM journal", "shape": "value"},
            }
        },
    ]
    assert call(program) == {"line": "free again", "rows": 2}


def test_each_nests() -> None:
    inner: Step = {
        "each": "SELECT id AS product FROM products ORDER BY id",
        "do": [{"run": "INSERT INTO journal VALUES (:user || '-' || :product)"}],
    }
    program: list[Step] = [
        {"each": "SELECT id AS user FROM users ORDER BY id", "do": [inner]},
        {"return": "SELECT group_concat(entry, ' ' ORDER BY rowid) FROM journal WHERE entry LIKE '%-%'", "shape": "value"},
    ]
    assert call(program) == "1-1 1-2 1-3 2-1 2-2 2-3"


def test_the_statements_of_a_call_are_counted() -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80) SELECT i AS {name} FROM n"
    inner: Step = {"each": numbers.format(name="b"), "do": [{"run": "INSERT INTO journal VALUES (:a || :b)"}]}
    program: list[Step] = [{"each": numbers.format(name="a"), "do": [inner]}, {"return": "SELECT 1", "shape": "value"}]
    assert call(program) == ("too_large", "This call takes too many steps; ask for less.")


def test_a_failure_deep_in_each_ends_the_call() -> None:
    stop: Step = {"refuse": "SELECT :user AS who WHERE :user = 2", "error": "forbidden", "message": "Not for {who}."}
    program: list[Step] = [
        {"each": "SELECT id AS user FROM users ORDER BY id", "do": [{"run": "INSERT INTO journal VALUES (:user)"}, stop]},
        {"return": "SELECT 1", "shape": "value"},
    ]
    assert call(program) == ("forbidden", "Not for 2.")


@pytest.mark.parametrize(
    ("sql", "kind", "result"),
    [
        ("SELECT 1", "boolean", True),
        ("SELECT 0.0", "boolean", False),
        ("SELECT NULL", "boolean", None),
        ("SELECT 3.0", "integer", 3),
        ("SELECT 3.5", "integer", 3.5),
        ("SELECT 3", "real", 3.0),
        ("SELECT 42", "text", "42"),
        ("SELECT '[1, {\"a\": null}]'", "json", [1, {"a": None}]),
        ("SELECT NULL", "json", None),
        ("SELECT 7", "json", 7),
        ("SELECT '\"text\"'", "json", "text"),
    ],
)
def test_types_are_applied(sql: str, kind: str, result: object) -> None:
    given = call([{"return": sql, "shape": "value", "types": {"value": kind}}])
    assert given == result
    assert type(given) is type(result)


def test_types_are_applied_to_every_row() -> None:
    program: list[Step] = [{"return": "SELECT id, is_staff FROM users ORDER BY id", "shape": "many", "types": {"is_staff": "boolean"}}]
    assert call(program) == [{"id": 1, "is_staff": False}, {"id": 2, "is_staff": True}]


@pytest.mark.parametrize(
    "sql",
    ["SELECT x'00'", "SELECT CAST(x'ff' AS TEXT)", "SELECT jsonb('[]')"],
)
def test_what_json_cannot_hold_is_the_environments_fault(sql: str) -> None:
    with Environment.fork(blueprint_of([{"return": sql, "shape": "value"}])) as environment:
        assert environment.call_tool("tried", {}).error == "environment_error"
        assert len(environment.faults) == 1


@pytest.mark.parametrize("text", ["not json", '"\\ud800"', "[" * 100_000, "1" * 5_000, "[1e999]", "NaN"])
def test_bad_documents_never_escape(text: str) -> None:
    parameters = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 200_000}}}
    blueprint = blueprint_of([{"return": "SELECT :text", "shape": "value", "types": {"value": "json"}}], parameters)
    with Environment.fork(blueprint) as environment:
        assert not environment.call_tool("tried", {"text": text}).ok


def test_deep_documents_are_refused() -> None:
    blueprint = blueprint_of([{"return": "SELECT :text", "shape": "value", "types": {"value": "json"}}], TEXT)
    with Environment.fork(blueprint) as environment:
        assert environment.call_tool("tried", {"text": "[" * 60 + "]" * 60}).ok
        assert environment.call_tool("tried", {"text": "[" * 500 + "]" * 500}).error == "too_large"
        assert environment.call_tool("tried", {"text": "[" + ",".join(["[]"] * 500) + "]"}).ok


TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}


def test_messages_are_filled_once_and_cut() -> None:
    program: list[Step] = [
        {"require": "SELECT 1 WHERE 0", "error": "invalid", "message": "{text} and {today}"},
        {"return": "SELECT 1", "shape": "value"},
    ]
    with Environment.fork(blueprint_of(program, TEXT)) as environment:
        assert environment.call_tool("tried", {"text": "{me}{today.year}%s"}).message == "{me}{today.year}%s and 2026-03-02"
        assert environment.call_tool("tried", {"text": "x" * 5_000}).message == f"{'x' * 200}... and 2026-03-02"
        assert environment.call_tool("tried", {}).message == "none and 2026-03-02"


ONE: Step = {"return": "SELECT 1", "shape": "value"}


@pytest.mark.parametrize(
    ("code", "place", "program"),
    [
        ("program.unbound_name", "program/0", [{"return": "SELECT :nobody", "shape": "value"}]),
        ("program.rebound_name", "program/0", [{"let": "SELECT 5 AS n"}, ONE]),
        ("program.rebound_name", "program/1", [{"let": "SELECT 5 AS a"}, {"let": "SELECT 6 AS a"}, ONE]),
        ("program.rebound_name", "program/0", [{"let": "SELECT 5 AS now"}, ONE]),
        ("program.rebound_name", "program/0", [{"let": "SELECT 5 AS a, 6 AS a"}, ONE]),
        ("program.rebound_name", "program/0", [{"each": "SELECT 5 AS n", "do": [{"run": "DELETE FROM tags"}]}, ONE]),
        (
            "program.unbound_name",
            "program/1",
            [{"each": "SELECT 5 AS a", "do": [{"run": "DELETE FROM tags"}]}, {"return": "SELECT :a", "shape": "value"}],
        ),
        ("program.unbound_name", "program/0/do/0", [{"each": "SELECT 5 AS a", "do": [{"run": "DELETE FROM tags WHERE code = :b"}]}, ONE]),
        ("program.not_a_query", "program/0", [{"let": "DELETE FROM tags RETURNING code"}, ONE]),
        ("program.not_a_query", "program/0", [{"return": "DELETE FROM tags RETURNING code"}]),
        ("program.not_a_change", "program/0", [{"run": "SELECT 1"}, ONE]),
        ("program.message_name", "program/0", [{"require": "SELECT 1", "error": "invalid", "message": "{who}"}, ONE]),
        ("program.message_name", "program/0", [{"require": "SELECT 1 AS who", "error": "invalid", "message": "{who}"}, ONE]),
        ("program.no_return", "", [{"let": "SELECT 5 AS a"}]),
        ("program.return_not_last", "program/0", [ONE, ONE]),
        ("program.return_not_last", "program/0/do/0", [{"each": "SELECT 5 AS a", "do": [ONE]}, ONE]),
        ("program.empty_return", "program/0", [{"return": {}}]),
        ("program.double_column", "program/0", [{"return": "SELECT 1 AS a, 2 AS a"}]),
        ("program.unknown_type", "program/0", [{"return": "SELECT 1 AS a", "types": {"b": "json"}}]),
        ("sql.unknown_column", "program/0/part", [{"return": {"part": {"query": "SELECT missing FROM users"}}}]),
        ("sql.unknown_table", "program/0", [{"run": "DELETE FROM nowhere"}, ONE]),
        ("sql.unknown_function", "program/0", [{"return": "SELECT soundslike('a')", "shape": "value"}]),
        ("sql.syntax", "program/0", [{"return": "SELEC 1", "shape": "value"}]),
        ("sql.forbidden", "program/0", [{"return": "SELECT random()", "shape": "value"}]),
        ("sql.many_statements", "program/0", [{"return": "SELECT 1; SELECT 2", "shape": "value"}]),
        ("sql.unnamed_parameter", "program/0", [{"return": "SELECT ?", "shape": "value"}]),
        ("sql.ambiguous_column", "program/0", [{"return": "SELECT id FROM users, orders"}]),
    ],
)
def test_the_compiler_says_what_is_wrong(code: str, place: str, program: list[Step]) -> None:
    problems = blueprint_of(program).compile_problems()
    assert [(problem.code, problem.place) for problem in problems] == [(code, f"tool:tried/{place}".rstrip("/"))]


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "array"},
        {"type": "object", "properties": {"n": {"type": "integre"}}},
        {"type": "object", "properties": {"n": {}}},
        {"type": "object", "properties": {"n": {"type": "array"}}},
        {"type": "object", "properties": {"n": {"type": "object"}}},
        {"type": "object", "properties": {"n": {"type": "string", "pattern": "(a+)+$"}}},
        {"type": "object", "properties": {"n": {"type": "string", "format": "email"}}},
        {"type": "object", "properties": {"n": {"type": "integer", "default": "x"}}},
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["m"]},
        {"type": "object", "properties": {"n": {"type": ["integer", "date"]}}},
        {"type": "object", "properties": {"n": "integer"}},
        {"type": "object", "properties": ["n"]},
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": "low"}}},
        {"type": "object", "properties": {"me": {"type": "integer"}}},
        {"type": "object", "properties": {"two words": {"type": "integer"}}},
        {"type": "object", "anyOf": []},
    ],
)
def test_parameters_that_cannot_be_used_are_told(parameters: dict[str, Any]) -> None:
    problems = blueprint_of([ONE], parameters).compile_problems()
    assert [problem.place for problem in problems] == ["tool:tried"]
    assert problems[0].code.startswith("parameters.")


def test_checks_are_prepared_too() -> None:
    task = SHOP.tasks[0]
    checks = [{"name": "a", "sql": sql} for sql in ("SELECT missing FROM final.orders", "SELECT 1, 2", "SELECT :who", "DELETE FROM tags")]
    broken = type(task).model_validate({**task.canonical(), "checks": checks})
    problems = Blueprint.of(SHOP.model_copy(update={"tasks": (broken,)})).compile_problems()
    assert [(problem.place, problem.code) for problem in problems] == [
        ("task:t01/checks/0", "sql.unknown_column"),
        ("task:t01/checks/1", "check.one_value"),
        ("task:t01/checks/2", "program.unbound_name"),
        ("task:t01/checks/3", "sql.forbidden"),
    ]


def test_the_shop_has_no_problems() -> None:
    assert Blueprint.of(SHOP).compile_problems() == ()
