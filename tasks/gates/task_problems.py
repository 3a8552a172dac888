"""What is wrong with an agent task before anything is scored: its calls, its checks, its kind, and the answer it claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlglot import exp

from artifacts.agent_task import AgentTask, Scalar
from artifacts.observation import RowChange
from artifacts.toolset import RESERVED
from artifacts.verdict import Diagnostic
from tasks.sql.catalog import Catalog
from tasks.sql.lineage import Usage
from tasks.sql.scratch import catalog_of, describe
from tasks.sql.sqlite_messages import sqlite_diagnostic
from tasks.sql.statements import nearest, parameters_of, parse_statement, statement_problems

_BINDABLE = (*RESERVED, "answer")
MAX_LEAVES = 400


def static_problems(task: AgentTask, usages: dict[str, Usage], schema_sql: str) -> Iterator[Diagnostic]:
    """Unknown tools and columns, checks that cannot be evaluated, an answer that is missing."""
    catalog = catalog_of(schema_sql)
    for index, call in enumerate(task.solution):
        if call.tool not in usages:
            place = f"task:{task.id}/solution/{index}"
            yield Diagnostic(
                code="task.unknown_tool", place=place, message=f"There is no tool {call.tool}.", hint=nearest(call.tool, usages)
            )
    for index, check in enumerate(task.checks):
        yield from check_problems(check.sql, f"task:{task.id}/checks/{index}", schema_sql)
    yield from _column_problems(task, catalog)
    if task.kind != "write" and not task.answer:
        message = f"A {task.kind} task needs an answer: the values that a right answer must hold."
        yield Diagnostic(
            code="task.no_answer", place=f"task:{task.id}/answer", message=message, hint='Give "answer": [values or {"$ref": …}].'
        )
    elif task.answer == ():
        yield Diagnostic(
            code="task.no_answer", place=f"task:{task.id}/answer", message="The answer is an empty list.", hint="Use null if none is asked."
        )


def check_problems(sql: str, place: str, schema_sql: str) -> tuple[Diagnostic, ...]:
    """What keeps a check from being evaluated: the whitelist, names, parameters, more than one column, a state left open."""
    unsafe = statement_problems(sql, "check", place)
    tree = parse_statement(sql).tree
    if unsafe or tree is None:
        return unsafe
    described = describe(schema_sql, sql, check=True)
    if described.error:
        return (sqlite_diagnostic(described.error, sql, place, catalog_of(schema_sql)),)
    return tuple(_check_lints(tree, len(described.columns), place, catalog_of(schema_sql)))


def _check_lints(tree: exp.Expr, columns: int, place: str, catalog: Catalog) -> Iterator[Diagnostic]:
    if columns != 1:
        yield Diagnostic(
            code="task.check_value",
            place=place,
            message=f"A check gives one value; this one gives {columns}.",
            hint="SELECT one condition.",
        )
    for name in parameters_of(tree):
        if name not in _BINDABLE:
            hint = "A check may use :answer; write other values out."
            yield Diagnostic(code="task.check_parameter", place=place, message=f":{name} is not bound in a check.", hint=hint)
    yield from _blind(tree, place)
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not table.db and not isinstance(table.this, exp.Func) and table.name.lower() not in ctes and catalog.find(table.name):
            message = f"{table.name} does not say which state it means."
            yield Diagnostic(
                code="task.check_state", place=place, message=message, hint=f"Write final.{table.name} or initial.{table.name}."
            )


def _blind(tree: exp.Expr, place: str) -> Iterator[Diagnostic]:
    """Checks that nothing an agent does to the data can change."""
    read = [table.db.lower() for table in tree.find_all(exp.Table) if not isinstance(table.this, exp.Func)]
    if "final" in read or "" in read:
        return
    if "answer" in parameters_of(tree):
        message = "The check reads only the answer; saying the right words would satisfy it, whatever was done."
        hint = "Put the values into `answer`, and let a check look at final. rows."
        yield Diagnostic(code="task.check_reads_answer", place=place, message=message, hint=hint)
    else:
        seen = "only the initial state" if read else "no rows at all"
        message = f"The check reads {seen}, so it gives the same whatever happens."
        hint = "Look at the final. rows that the task changes, or delete the check."
        yield Diagnostic(code="task.check_constant", place=place, message=message, hint=hint)


def _column_problems(task: AgentTask, catalog: Catalog) -> Iterator[Diagnostic]:
    for kind, names in (("free_columns", task.free_columns), ("fuzzy_columns", task.fuzzy_columns)):
        for name in names:
            table, _, column = name.partition(".")
            known = catalog.tables.get(table.lower())
            if known is None or column.lower() not in known.columns:
                hint = (
                    nearest(column, [c.name for c in known.columns.values()])
                    if known
                    else nearest(table, [t.name for t in catalog.tables.values()])
                )
                message = f"{kind} names {name}, which does not exist."
                yield Diagnostic(code="task.free_column", place=f"task:{task.id}", message=message, hint=hint)


def kind_problems(task: AgentTask, changes: Sequence[RowChange]) -> Iterator[Diagnostic]:
    """A read task must change nothing, any other something."""
    place = f"task:{task.id}"
    if task.kind == "read" and changes:
        tables = ", ".join(sorted({c.table for c in changes}))
        yield Diagnostic(
            code="task.kind", place=place, message=f"A read task, but its solution changes {tables}.", hint='Call it "mixed" or "write".'
        )
    elif task.kind != "read" and not changes:
        yield Diagnostic(
            code="task.kind",
            place=place,
            message=f"A {task.kind} task, but its solution changes nothing.",
            hint='Call it "read", or change it.',
        )


def answer_problems(task: AgentTask, results: Sequence[Any]) -> Iterator[Diagnostic]:
    """Values of the answer that do not follow from what the solution's calls return."""
    evidence = Evidence(results)
    for value in task.answer or ():
        if not evidence.supports(value):
            message = f"The answer {value!r} does not follow from what the solution's calls return."
            hint = 'Take it from a result with {"$ref": …}, add the call that shows it, or correct it.'
            yield Diagnostic(code="task.unsupported_answer", place=f"task:{task.id}/answer", message=message, hint=hint)


class Evidence:
    """The values that an agent can know from results: those shown, and simple sums, counts and differences of them."""

    def __init__(self, results: Sequence[Any]) -> None:
        self.leaves = list(islice(_leaves(list(results)), MAX_LEAVES))
        self.numbers = [v for v in self.leaves if isinstance(v, (int, float)) and not isinstance(v, bool)]
        self.texts = [plain_words(v) for v in self.leaves if isinstance(v, str)]
        self.sums = set(_totals(list(results), _sums))
        self.totals = self.sums | set(_totals(list(results), _counts))

    def supports(self, value: Scalar) -> bool:
        """Whether a value is shown or follows by one step of arithmetic; decisions (yes, no, none) always may."""
        if value is None or isinstance(value, bool):
            return True
        if isinstance(value, (int, float)):
            return self._number(value)
        if _as_number(value) is not None and self._number(float(_as_number(value) or 0)):
            return True
        wanted = plain_words(value)
        return wanted in ("yes", "no", "none") or any(
            wanted and (wanted in text or (len(text) > 2 and text in wanted)) for text in self.texts
        )

    def _number(self, value: float) -> bool:
        close = {round(float(n), 6) for n in self.numbers} | self.totals
        wanted = round(float(value), 6)
        if (
            wanted in close
            or round(wanted * 100, 4) in close
            or any(str(int(value)) in text for text in self.texts if float(value).is_integer())
        ):
            return True
        pool = sorted({round(float(n), 6) for n in self.numbers} | self.sums)[:MAX_LEAVES]
        pool_set = set(pool)
        return any(round(wanted - one, 6) in pool_set or round(wanted + one, 6) in pool_set for one in pool) or any(
            one and other and (round(one * other, 4) == wanted or round(one / other, 2) == round(wanted, 2))
            for one in pool[:80]
            for other in pool[:80]
        )


def plain_words(text: str) -> str:
    """Lower-case words only, single spaces."""
    return " ".join(re.findall(r"[\w.@-]+", text.lower()))


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _totals(value: Any, of_column: Callable[[list[Any]], Iterator[float]]) -> Iterator[float]:
    """Figures of every list in a result, key by key."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _totals(part, of_column)
    elif isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        for key in dict.fromkeys(k for row in rows for k in row):
            yield from of_column([row.get(key) for row in rows])
        yield from of_column(value)
        for part in value:
            yield from _totals(part, of_column)


def _sums(values: list[Any]) -> Iterator[float]:
    """The sum and the mean of the numbers."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if numbers:
        yield from (round(float(sum(numbers)), 6), round(sum(numbers) / len(numbers), 6))


def _counts(values: list[Any]) -> Iterator[float]:
    """How many there are, how many different ones, and how many of each."""
    scalars = [repr(v) for v in values if not isinstance(v, (dict, list))]
    yield from {float(scalars.count(v)) for v in scalars} | {float(len(set(scalars))), float(len(values))}
