"""Whether a tool's names all resolve, before it is ever called: columns, parameters, placeholders, enumerations, shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from artifacts.toolset import RESERVED, Each, Refuse, Require, Return, Step, Tool
from artifacts.verdict import Diagnostic
from tasks.gates.parameter_problems import parameter_problems
from tasks.sql.lineage import links_of
from tasks.sql.lints import lint_site
from tasks.sql.memory import remembered
from tasks.sql.programs import NAME, Site, names_used, parameter_schema, sites_of
from tasks.sql.row_lints import first_of_several, used_later
from tasks.sql.scratch import catalog_of
from tasks.sql.sqlite_messages import sqlite_diagnostic
from tasks.sql.statements import nearest, statement_problems

_LAST = "Put one return at the end of the program; what must stop the call earlier is a require or a refuse."
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)\}")


@remembered()
def unsafe_statements(tool: Tool, schema_sql: str) -> tuple[Diagnostic, ...]:
    """What keeps a tool's statements off the whitelist."""
    return tuple(d for site in sites_of(tool, schema_sql) for d in statement_problems(site.sql, site.context, site.place))


@remembered()
def tool_problems(tool: Tool, schema_sql: str) -> tuple[Diagnostic, ...]:
    """All that is wrong with a tool whose statements are on the whitelist."""
    sites = sites_of(tool, schema_sql)
    by_site = (d for site in sites for d in (*_site_problems(site, schema_sql), *_bound_twice(site), *_message_problems(site)))
    broken = any(site.described.error for site in sites)
    lints = (d for site in sites if not site.described.error for d in lint_site(site, schema_sql))
    firsts = (d for i, site in enumerate(sites) for d in first_of_several(site, used_later(sites, i), schema_sql))
    unused = () if broken else _unused_parameters(tool, sites)
    return (*parameter_problems(tool), *_shape_problems(tool), *by_site, *lints, *firsts, *unused)


def _shape_problems(tool: Tool) -> Iterator[Diagnostic]:
    """One return, at the end, and nowhere else."""
    place = f"tool:{tool.name}"
    if not isinstance(tool.program[-1], Return):
        yield Diagnostic(
            code="tool.no_return",
            place=place,
            message="The program does not end with a return.",
            hint="Return what changed, or what was found.",
        )
    for index, step in enumerate(tool.program[:-1]):
        if isinstance(step, Return):
            where = f"{place}/program/{index}"
            yield Diagnostic(code="tool.early_return", place=where, message="A return must be the last step.", hint=_LAST)
    yield from _inner_returns(tool.program, f"{place}/program")


def _inner_returns(steps: tuple[Step, ...], place: str) -> Iterator[Diagnostic]:
    for index, step in enumerate(steps):
        if isinstance(step, Each):
            for inner, nested in enumerate(step.do):
                if isinstance(nested, Return):
                    where = f"{place}/{index}/do/{inner}"
                    yield Diagnostic(code="tool.early_return", place=where, message="A return cannot stand inside an each.", hint=_LAST)
            yield from _inner_returns(step.do, f"{place}/{index}/do")


def _site_problems(site: Site, schema_sql: str) -> Iterator[Diagnostic]:
    """Names that SQLite or the scope does not know, and result columns that cannot be keys."""
    catalog = catalog_of(schema_sql)
    if site.described.error:
        yield sqlite_diagnostic(site.described.error, site.sql, site.place, catalog)
        return
    for name in names_used(site.sql):
        if name not in site.scope:
            yield _unbound(name, site)
    if site.role == "return" and site.shape != "value":
        yield from _result_problems(site)
    if site.shape == "value" and len(site.described.columns) != 1:
        yield Diagnostic(code="tool.result", place=site.place, message=f"A value is one column; there are {len(site.described.columns)}.")
    yield from _enumeration_problems(site, schema_sql)


def _unbound(name: str, site: Site) -> Diagnostic:
    hint = nearest(name, [n for n in site.scope if n not in RESERVED])
    declare = f"Declare {name} among the parameters, or bind it in an earlier require or let."
    return Diagnostic(
        code="tool.unbound_parameter", place=site.place, message=f":{name} is not bound here.", hint=hint if "mean" in hint else declare
    )


def _result_problems(site: Site) -> Iterator[Diagnostic]:
    names = [column.name for column in site.described.columns]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield Diagnostic(code="tool.result", place=site.place, message=f"Two result columns are called {name}.", hint="Rename one with AS.")
    for name in names:
        if not NAME.fullmatch(name):
            yield Diagnostic(
                code="tool.result",
                place=site.place,
                message=f"The result column '{name[:60]}' has no name of its own.",
                hint="Name it with AS.",
            )


def _bound_twice(site: Site) -> Iterator[Diagnostic]:
    for name in dict.fromkeys(site.binds):
        held = site.scope.get(name)
        if held is None and site.binds.count(name) == 1:
            continue
        owner = {"parameter": "a parameter", "reserved": "a reserved name"}.get(held.kind if held else "", "bound by an earlier step")
        code = "tool.reserved" if held and held.kind == "reserved" else "tool.rebound"
        hint = f"Rename it with AS, or write SELECT 1 if only the row's existence matters (it is {owner})."
        yield Diagnostic(code=code, place=site.place, message=f"The column {name} would bind :{name} a second time.", hint=hint)


def _message_problems(site: Site) -> Iterator[Diagnostic]:
    if not isinstance(site.step, (Require, Refuse)) or site.described.error:
        return
    own = {column.name for column in site.described.columns} if isinstance(site.step, Refuse) else set()
    known = own | set(site.scope)
    for name in dict.fromkeys(_PLACEHOLDER.findall(site.step.message)):
        if name not in known:
            late = name in site.binds
            hint = "A require that fails has no row, so its own columns cannot be shown." if late else nearest(name, known - set(RESERVED))
            yield Diagnostic(
                code="tool.placeholder", place=site.place, message=f"The message shows {{{name}}}, which is not bound here.", hint=hint
            )


def _unused_parameters(tool: Tool, sites: tuple[Site, ...]) -> Iterator[Diagnostic]:
    used = {name for site in sites for name in names_used(site.sql)}
    for name in tool.parameter_names:
        if name not in used:
            message = f"The parameter {name} is never used by a statement."
            yield Diagnostic(code="tool.unused_parameter", place=f"tool:{tool.name}", message=message, hint=f"Use :{name}, or take it out.")


def _enumeration_problems(site: Site, schema_sql: str) -> Iterator[Diagnostic]:
    """Choices of a parameter that the column it is written to or compared with can never hold."""
    catalog = catalog_of(schema_sql)
    for link in links_of(site.sql, schema_sql):
        choices = parameter_schema(site.tool, link.name).get("enum") if not link.path else None
        column = catalog.column(link.table, link.column)
        binding = site.scope.get(link.name)
        if not choices or column is None or not column.choices or binding is None or binding.kind != "parameter":
            continue
        wrong = [c for c in choices if c not in column.choices and c is not None]
        if link.relation in ("equals", "insert", "set") and wrong:
            message = f"{link.name} allows {wrong[0]!r}, which {link.table}.{column.name} can never hold."
            hint = f"Its CHECK allows {', '.join(map(str, column.choices))}."
            yield Diagnostic(code="tool.choices", place=site.place, message=message, hint=hint)
