"""Short names for the steps of tool programs, as features write them."""

from __future__ import annotations

from typing import Any

from tasks.embedded.domain import Term

Step = dict[str, Any]


def require(sql: str, message: str, error: str = "not_found") -> Step:
    """A row must be there; its columns are bound for the steps that follow."""
    return {"require": sql, "error": error, "message": message}


def refuse(sql: str, message: str, error: str = "conflict") -> Step:
    """No row may be there; the offender's columns fill the message."""
    return {"refuse": sql, "error": error, "message": message}


def run(sql: str, expect: int | None = 1) -> Step:
    """One change; None where any number of rows may be touched."""
    return {"run": sql} if expect is None else {"run": sql, "expect": expect}


def let(sql: str) -> Step:
    """Binds the columns of the first row."""
    return {"let": sql}


def each(sql: str, *do: Step) -> Step:
    """The steps once for every row."""
    return {"each": sql, "do": list(do)}


def one(sql: str) -> Step:
    """The result: one object or null."""
    return {"return": sql, "shape": "one"}


def many(sql: str) -> Step:
    """The result: a list; the query's ORDER BY must be total."""
    return {"return": sql, "shape": "many"}


def nested(**queries: Step) -> Step:
    """The result: an object of named parts, each made by `one` or `many`."""
    return {"return": {name: {"query": part["return"], "shape": part["shape"]} for name, part in queries.items()}}


def known(term: Term) -> Step:
    """The parameter `term.key` must be the id of a row of the term's table."""
    return require(f"SELECT 1 AS known_{term.one} FROM {term.table} WHERE id = :{term.key}", f"There is no {term.singular} {{{term.key}}}.")


def fresh(table: str, name: str) -> Step:
    """Binds the id of the row that a later step inserts."""
    return let(f"SELECT COALESCE(MAX(id), 0) + 1 AS {name} FROM {table}")


def tool(name: str, description: str, parameters: dict[str, str], *program: Step) -> dict[str, Any]:
    """One tool draft in the prompts' form."""
    return {"name": name, "description": description, "parameters": parameters, "program": list(program)}
