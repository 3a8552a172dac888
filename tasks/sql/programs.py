"""Walking a tool's program: each statement with its place, its role, and the names that are bound where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from sqlglot import exp

from artifacts.toolset import RESERVED, Each, Let, Query, Refuse, Require, Return, Run, Step, Tool
from tasks.sql.memory import remembered
from tasks.sql.scratch import Described, describe
from tasks.sql.statements import nodes_of, statement_problems
from tasks.sql.whitelist import Context

Role = Literal["require", "refuse", "let", "run", "each", "return"]
NAME = re.compile(r"[A-Za-z_]\w*")

UNREAD = Described(error="not on the whitelist")


class Binding(NamedTuple):
    """Where a bound name comes from: a parameter, a reserved name, or a column of an earlier step's row."""

    kind: Literal["parameter", "reserved", "column"]
    site: Site | None = None


class Site(NamedTuple):
    """One statement of a tool. `scope` holds the names bound before it; `shape` is set on returns, `key` on named queries."""

    tool: Tool
    place: str
    role: Role
    sql: str
    scope: Mapping[str, Binding]
    described: Described
    step: Step | Query
    shape: str | None = None
    key: str | None = None

    @property
    def context(self) -> Context:
        """The whitelist that the statement must meet."""
        return "write" if self.role == "run" else "read"

    @property
    def binds(self) -> tuple[str, ...]:
        """The names that the statement's row binds for later steps."""
        if self.role not in ("require", "let", "each"):
            return ()
        return tuple(column.name for column in self.described.columns if NAME.fullmatch(column.name))


@remembered()
def sites_of(tool: Tool, schema_sql: str) -> tuple[Site, ...]:
    """All statements of a tool in the order in which they run; nested steps follow their `each`."""
    scope: dict[str, Binding] = {name: Binding("reserved") for name in RESERVED}
    scope |= {name: Binding("parameter") for name in tool.parameter_names}
    return tuple(_walk(tool, tool.program, f"tool:{tool.name}/program", scope, schema_sql))


def _walk(tool: Tool, steps: tuple[Step, ...], place: str, scope: dict[str, Binding], schema_sql: str) -> Iterator[Site]:
    for index, step in enumerate(steps):
        here = f"{place}/{index}"
        if isinstance(step, Return) and not isinstance(step.returns, str):
            for key, query in step.returns.items():
                yield _described(Site(tool, f"{here}/{key}", "return", query.query, scope, UNREAD, query, query.shape, key), schema_sql)
            continue
        shape = step.shape if isinstance(step, Return) else None
        site = _described(Site(tool, here, *_role(step), dict(scope), UNREAD, step, shape), schema_sql)
        yield site
        bound = {name: Binding("column", site) for name in site.binds}
        if isinstance(step, Each):
            yield from _walk(tool, step.do, f"{here}/do", scope | bound, schema_sql)
        else:
            scope.update(bound)


def _role(step: Step) -> tuple[Role, str]:
    match step:
        case Require():
            return "require", step.require
        case Refuse():
            return "refuse", step.refuse
        case Let():
            return "let", step.let
        case Run():
            return "run", step.run
        case Each():
            return "each", step.each
        case Return():
            return "return", str(step.returns)


def _described(site: Site, schema_sql: str) -> Site:
    if statement_problems(site.sql, site.context, site.place):
        return site
    return site._replace(described=describe(schema_sql, site.sql))


@lru_cache(maxsize=1_000)
def names_used(sql: str) -> tuple[str, ...]:
    """The names that a statement binds, without repeats; none when it cannot be read."""
    return tuple(dict.fromkeys(str(node.this) for node in nodes_of(sql, exp.Placeholder) if node.this))


def parameter_schema(tool: Tool, name: str) -> dict[str, Any]:
    """The JSON Schema of one parameter, empty when it is not declared."""
    properties = tool.parameters.get("properties")
    found = properties.get(name) if isinstance(properties, dict) else None
    return found if isinstance(found, dict) else {}
