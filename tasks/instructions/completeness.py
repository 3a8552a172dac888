"""Whether an instruction says all that a solution puts in: numbers, dates, choices, and the exact words of texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from tasks.instructions.saying import Saying, saying_of
from tasks.sql.lineage import Link
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench

_PAGING = frozenset({"limit", "offset", "page", "page_size", "count", "max_results", "top"})

_LEFT_OVER = re.compile(
    r"\b(?:is|are|still|that was|which was) (?:missing|left|open|lacking)\b|\bthe (?:other|missing|remaining|same|opposite|next)\b"
)
"""Words by which the data decides a choice: "the kind that is missing", "the same status"."""


class Literal(NamedTuple):
    """A value that a solution writes out: which call's parameter, with the keys inside it, and the schema of the parameter."""

    call: int
    tool: Tool
    parameter: str
    path: str
    value: Any
    schema: dict[str, Any]

    @property
    def words(self) -> str:
        """The parameter in everyday words."""
        return (self.path.split(".")[-1] or self.parameter).strip("[]").removesuffix("_cents").replace("_", " ")


def literals_of(task: AgentTask, bench: Workbench) -> Iterator[Literal]:
    """The values of a solution's arguments that are no references, scalars of lists and objects one by one."""
    tools = {tool.name: tool for tool in bench.tools}
    for index, call in enumerate(task.solution):
        if call.tool not in tools:
            continue
        tool = tools[call.tool]
        for name, value in call.arguments.items():
            schema = parameter_schema(tool, name)
            yield from (Literal(index, tool, name, path, leaf, inner) for path, leaf, inner in _leaves(value, "", schema))


def _leaves(value: Any, path: str, schema: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    if isinstance(value, dict):
        if "$ref" not in value:
            properties = schema.get("properties", {})
            for key, part in value.items():
                yield from _leaves(part, f"{path}.{key}", properties.get(key, {}))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, f"{path}[]", schema.get("items", {}) if isinstance(schema.get("items"), dict) else {})
    else:
        yield path, value, schema


def unsaid_problems(task: AgentTask, bench: Workbench) -> Iterator[Diagnostic]:
    """The literals of a solution that its instruction does not say, though neither a result nor a default gives them."""
    saying = saying_of(task.instruction, bench.draft.clock.start)
    shown: Sequence[Any] = ()
    for literal in literals_of(task, bench):
        if _needless(literal) or _said(literal, saying, task, bench):
            continue
        shown = shown or [observation.result for observation in bench.reference(task)[0].observations]
        if not _shown_before(literal, shown):
            yield _unsaid(literal, task, bench)


def _needless(literal: Literal) -> bool:
    value = literal.value
    if value is None or isinstance(value, bool) or literal.parameter in _PAGING:
        return True
    return "default" in literal.schema and literal.schema["default"] == value


def _said(literal: Literal, saying: Saying, task: AgentTask, bench: Workbench) -> bool:
    """What must be said, by kind: stored text word for word, choices by their word, dates and numbers in any spelling.

    What a reading tool searches for is the assistant's own way, unless it is a number or a date.
    """
    reads = bench.usages[literal.tool.name].only_reads
    value = literal.value
    if literal.schema.get("enum"):
        return reads or saying.says_choice(value) or _LEFT_OVER.search(saying.plain) is not None
    if isinstance(value, int | float):
        return saying.says_number(value)
    if saying.says_text(value) or (reads and saying.says_bound(value)):
        return True
    if value[:4].isdigit() and value[4:5] == "-" and len(value) in (10, 16, 19):
        return saying.says_bound(value) if reads else _day_and_time(value, saying)
    if reads:
        return task.answer is None or saying.says_most(value)
    if not _stored_exactly(literal, task, bench):
        return True
    return saying.says_choice(value) if _by_word(literal, bench) else False


def _day_and_time(value: str, saying: Saying) -> bool:
    """A moment whose day and time are said apart; or one that a span of time from now gives ("in two weeks")."""
    return saying.says_text(value) or (bool(saying.spans) and saying.says_bound(value[:10]))


def _links(literal: Literal, bench: Workbench) -> list[Link]:
    """Where the very value goes: the links of its parameter with its own path, lists' elements included."""
    links = [link for link in bench.usages[literal.tool.name].links if link.name == literal.parameter]
    return [link for link in links if link.path == literal.path] or links


def _stored_exactly(literal: Literal, task: AgentTask, bench: Workbench) -> bool:
    """Whether a text becomes content that is compared with gold: stored, and in no free or fuzzy column."""
    left_open = {name.lower() for name in (*task.free_columns, *task.fuzzy_columns)}
    stored = [link for link in _links(literal, bench) if link.relation in ("insert", "set")]
    return bool(stored) and not all(f"{link.table}.{link.column}" in left_open for link in stored)


def _by_word(literal: Literal, bench: Workbench) -> bool:
    """Whether a text is a choice that the schema limits."""
    columns = [bench.catalog.column(link.table, link.column) for link in _links(literal, bench)]
    return any(column is not None and column.choices for column in columns)


def _shown_before(literal: Literal, results: Sequence[Any]) -> bool:
    """Whether an earlier result shows the value; small numbers stand everywhere and excuse nothing."""
    value = literal.value
    if isinstance(value, int | float) and abs(value) < 100:
        return False
    if isinstance(value, str) and not value[:1].isdigit():
        return sum(_holds(result, value) for result in results[: literal.call]) > 0 and not _among_others(literal, results)
    return any(_holds(result, value) for result in results[: literal.call])


def _among_others(literal: Literal, results: Sequence[Any]) -> bool:
    """Whether the value stood in a list of several, so that the words had to pick it."""
    return any(isinstance(result, list) and len(result) > 1 and _holds(result, literal.value) for result in results[: literal.call])


def _holds(result: Any, value: Any) -> bool:
    if isinstance(result, dict):
        return any(_holds(part, value) for part in result.values())
    if isinstance(result, list):
        return any(_holds(part, value) for part in result)
    return type(result) is type(value) and (
        result == value or (isinstance(value, str) and len(value) == 10 and str(result).startswith(value))
    )


def _unsaid(literal: Literal, task: AgentTask, bench: Workbench) -> Diagnostic:
    place = f"task:{task.id}/instruction"
    value, words = literal.value, literal.words
    if isinstance(value, str) and _stored_exactly(literal, task, bench) and not literal.schema.get("enum"):
        message = f"The solution stores the {words} '{value[:120]}', whose exact words the instruction does not give."
        hint = "Put the very words into the instruction, in quotation marks, or free the column if any wording is right."
        return Diagnostic(code="task.instruction_text", place=place, message=message, hint=hint)
    message = f"The solution needs the {words} {value!r} (call {literal.call}), which the instruction does not say."
    hint = "Say it in everyday words (a date as '4 March 2026', an amount as '12.50', a choice by its word)."
    return Diagnostic(code="task.instruction_incomplete", place=place, message=message, hint=hint)
