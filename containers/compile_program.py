"""Compiling a toolset: every statement prepared, every name accounted for, every trouble told with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.toolset import RESERVED, Each, Let, Query, Refuse, Require, Return, Run, Step, Tool
from artifacts.verdict import Diagnostic
from containers.arguments import UnsupportedSchema, compile_arguments
from containers.prepare import Prepared
from containers.program import (
    EachRow,
    LetRow,
    Operation,
    RefuseRow,
    RequireRow,
    ReturnMany,
    ReturnNamed,
    ReturnOne,
    ReturnValue,
    RunChange,
    cut_message,
    names_of,
)
from containers.results import Typed

Prepare = Callable[[str], Prepared]


class CompiledTool(NamedTuple):
    """A tool ready to be called; with problems it never runs.

    `writes` tells whether any statement can change rows: only then does a call need a savepoint.
    """

    name: str
    check: Callable[[object], dict[str, Any]]
    operations: tuple[Operation, ...]
    writes: bool
    problems: tuple[Diagnostic, ...]


@dataclass
class _Compiler:
    """What is known on the way through one program."""

    prepare: Prepare
    problems: list[Diagnostic] = field(default_factory=list)
    writes: bool = False

    def report(self, code: str, place: str, message: str, hint: str = "") -> None:
        self.problems.append(Diagnostic(code=code, place=place, message=message, hint=hint))

    def statement(self, sql: str, place: str, bound: set[str], writes: bool) -> Prepared:
        """The prepared statement, its troubles reported."""
        prepared = self.prepare(sql)
        if prepared.problem:
            self.report(prepared.code, place, f"{prepared.problem}.", f"The statement is: {sql[:300]}")
            return prepared
        for name in prepared.parameters:
            if name not in bound:
                self.report("program.unbound_name", place, f":{name} is not bound here.", f"Bound are: {', '.join(sorted(bound))}.")
        if prepared.writes and not writes:
            self.report("program.not_a_query", place, "This step must read, but its statement changes rows.", "Use a run step.")
        if writes and not prepared.writes:
            self.report(
                "program.not_a_change", place, "A run step holds one INSERT, UPDATE or DELETE.", "Use let, require or return to read."
            )
        self.writes = self.writes or prepared.writes
        return prepared

    def names(self, prepared: Prepared, place: str, bound: set[str]) -> tuple[str | None, ...]:
        """The names that a step binds, those bound already reported; adds them to `bound`."""
        names = tuple(names_of(prepared.columns))
        seen = set(bound)
        for name in names:
            if name is not None and name in seen:
                self.report("program.rebound_name", place, f"The name {name} is already bound.", "Give the column another alias.")
            seen.add(name or "")
        bound.update(name for name in names if name is not None)
        return names

    def message(self, text: str, place: str, bound: set[str]) -> tuple[str, ...]:
        """The message's parts, unknown names reported."""
        parts = cut_message(text)
        for name in parts[1::2]:
            if name not in bound:
                self.report("program.message_name", place, f"The message names {{{name}}}, which is not bound.")
        return parts


def compile_tool(tool: Tool, prepare: Prepare) -> CompiledTool:
    """A tool with its program ready to run, and all that is wrong with it."""
    place = f"tool:{tool.name}"
    compiler = _Compiler(prepare)
    try:
        check = compile_arguments(tool.parameters)
    except (UnsupportedSchema, TypeError, AttributeError, ValueError) as trouble:
        compiler.report("parameters.schema", place, f"The parameters cannot be used: {trouble}.")
        check = compile_arguments({"type": "object"})
    for name in (name for name in tool.parameter_names if not (name.isidentifier() and name.isascii())):
        compiler.report("parameters.name", place, f"'{name[:80]}' cannot be bound as a name.", "Use letters, digits and underscores.")
    for name in sorted(set(tool.parameter_names) & set(RESERVED)):
        compiler.report("parameters.reserved", place, f"A parameter may not be called {name}.", "me, now and today are bound by the world.")
    bound = {*tool.parameter_names, *RESERVED}
    operations = tuple(_steps(compiler, tool.program, place + "/program", bound))
    if not tool.program or not isinstance(tool.program[-1], Return):
        compiler.report("program.no_return", place, "The program does not end with a return.", "End it with a return step.")
    return CompiledTool(tool.name, check, operations, compiler.writes, tuple(compiler.problems))


def _steps(compiler: _Compiler, steps: tuple[Step, ...], place: str, bound: set[str]) -> Iterator[Operation]:
    for index, step in enumerate(steps):
        if isinstance(step, Return) and (index != len(steps) - 1 or "/do" in place):
            compiler.report("program.return_not_last", f"{place}/{index}", "A return must be the last step of the program.")
        yield _step(compiler, step, f"{place}/{index}", bound)


def _step(compiler: _Compiler, step: Step, place: str, bound: set[str]) -> Operation:
    if isinstance(step, Require):
        prepared = compiler.statement(step.require, place, bound, writes=False)
        message = compiler.message(step.message, place, bound)
        return RequireRow(step.require, compiler.names(prepared, place, bound), step.error, message)
    if isinstance(step, Refuse):
        prepared = compiler.statement(step.refuse, place, bound, writes=False)
        names = tuple(names_of(prepared.columns))
        return RefuseRow(step.refuse, names, step.error, compiler.message(step.message, place, bound | {n for n in names if n}))
    if isinstance(step, Let):
        prepared = compiler.statement(step.let, place, bound, writes=False)
        return LetRow(step.let, compiler.names(prepared, place, bound))
    if isinstance(step, Run):
        compiler.statement(step.run, place, bound, writes=True)
        return RunChange(step.run, step.expect)
    if isinstance(step, Each):
        return _each(compiler, step, place, bound)
    return _return(compiler, step, place, bound)


def _each(compiler: _Compiler, step: Each, place: str, bound: set[str]) -> Operation:
    prepared = compiler.statement(step.each, place, bound, writes=False)
    inner = set(bound)
    names = compiler.names(prepared, place, inner)
    return EachRow(step.each, names, tuple(_steps(compiler, step.do, f"{place}/do", inner)))


def _return(compiler: _Compiler, step: Return, place: str, bound: set[str]) -> Operation:
    if isinstance(step.returns, str):
        return _query(compiler, Query(query=step.returns, shape=step.shape, types=step.types), place, bound)
    if not step.returns:
        compiler.report("program.empty_return", place, "A nested return names at least one query.")
    return ReturnNamed(tuple((name, _query(compiler, q, f"{place}/{name}", bound)) for name, q in step.returns.items()))


def _query(compiler: _Compiler, query: Query, place: str, bound: set[str]) -> Operation:
    prepared = compiler.statement(query.query, place, bound, writes=False)
    known = {"value"} if query.shape == "value" else set(prepared.columns)
    for name in sorted(set(query.types) - known):
        compiler.report("program.unknown_type", place, f"The types name {name}, which the query does not give.")
    if len(set(prepared.columns)) != len(prepared.columns) and query.shape != "value":
        compiler.report("program.double_column", place, "Two columns of the result have the same name.", "Give one another alias.")
    if query.shape == "value":
        return ReturnValue(query.query, query.types.get("value"))
    typed = Typed.of(prepared.columns, query.types)
    return ReturnOne(query.query, typed) if query.shape == "one" else ReturnMany(query.query, typed)


def check_problems(task: AgentTask, prepare: Prepare) -> Iterator[Diagnostic]:
    """What is wrong with the checks of a task, statement by statement."""
    for index, check in enumerate(task.checks):
        place = f"task:{task.id}/checks/{index}"
        compiler = _Compiler(prepare)
        prepared = compiler.statement(check.sql, place, {*RESERVED, "answer"}, writes=False)
        if not prepared.problem and len(prepared.columns) != 1:
            compiler.report("check.one_value", place, "A check gives one value, true or false.")
        yield from compiler.problems
