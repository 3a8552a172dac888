"""Conditions from the list out of which a row was taken: the reading tool's own query, with what the instruction says put in."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from sqlglot import exp

from artifacts.agent_task import Condition
from artifacts.errors import InvalidInput
from artifacts.toolset import RESERVED
from containers.reference import resolve
from tasks.instructions.choices import Choice
from tasks.instructions.extremes import about, directions_said, is_about, stems_of
from tasks.instructions.rows import Key, Rows, literal
from tasks.sql.programs import Site, parameter_schema, sites_of
from tasks.sql.statements import parse_statement

if TYPE_CHECKING:
    from tasks.instructions.inference import Reader

_NAMES = re.compile(r"'(?:[^']|'')*'|(?<!:):([A-Za-z_]\w*)")


def listed_condition(choice: Choice, reader: Reader, rows: Rows, whole: bool = False) -> Condition | Literal[False] | None:
    """The condition, False where the list decides but its query cannot be put into one, None where the list does not decide.

    With `whole`, every row of the list is meant.
    """
    if not choice.among or not _arguments_said(choice, reader):
        return None
    if whole:
        return _queried(choice, reader, rows, {}, wanted={(row.get(choice.field),) for row in choice.among})
    shown = _facts_shown(choice, reader)
    same = [place for place, row in enumerate(choice.among) if all(row.get(name) == value for name, value in shown.items())]
    if same == [choice.place]:
        return _queried(choice, reader, rows, shown)
    nouns = reader.nouns(choice)
    best = _best(choice, same, reader, nouns)
    if best:
        return _queried(choice, reader, rows, shown, order=best)
    if choice.place in (same[0], same[-1]) and about(reader.saying, nouns) and not _tied(choice, same, reader):
        return _queried(choice, reader, rows, shown, order="first" if choice.place == same[0] else "last")
    return None


def _arguments_said(choice: Choice, reader: Reader) -> bool:
    """Whether the numbers, dates and names with which the list was asked for are said, or come out of results."""
    call = reader.task.solution[choice.source]
    plain = [value for value in call.arguments.values() if not isinstance(value, bool | dict | list) and value is not None]
    return all(_is_said(value, reader) for value in plain)


def _is_said(value: Any, reader: Reader) -> bool:
    saying = reader.saying
    if isinstance(value, int | float):
        return saying.says_number(value)
    return value.replace("_", " ").islower() or saying.says_bound(value) or saying.says_choice(value) or saying.says_most(value)


def _facts_shown(choice: Choice, reader: Reader) -> dict[str, Any]:
    """What the picked element shows that the instruction says: texts, choices and moments, and large numbers."""
    found = {}
    for name, value in choice.among[choice.place].items():
        if name == choice.field or name.endswith("id") or isinstance(value, bool | dict | list) or value is None:
            continue
        saying = reader.saying
        said = (
            saying.says_number(value) and value not in reader.settings and abs(value) > 20
            if isinstance(value, int | float)
            else (
                saying.says_text(value)
                or saying.says_choice(value)
                or (len(value) > 10 and value[4:5] == "-" and saying.says_text(value[:10]))
            )
        )
        if said:
            found[name] = value
    return found


def _best(choice: Choice, same: list[int], reader: Reader, nouns: frozenset[str]) -> str:
    """The order by which the picked element comes first among those that fit, where the words name such an end and there is no tie."""
    site = _site(choice, reader)
    for name, value in choice.among[choice.place].items():
        if not measures(name, value):
            continue
        if not (
            isinstance(value, str) or name in _ordered_by(site.sql if site else "")[:1] or is_about(name.replace("_", " "), reader.saying)
        ):
            continue
        held = alike(value, [choice.among[place].get(name) for place in same])
        if held.count(value) != 1:
            continue
        for direction in directions_said("moment" if isinstance(value, str) else "number", about(reader.saying, nouns | stems_of(name))):
            if value == (min(held) if direction == "least" else max(held)):
                return f'"{name}"' + (" DESC" if direction == "greatest" else "")
    return ""


def alike(value: Any, others: Iterable[Any]) -> list[Any]:
    """Those of some values that can be compared with one: numbers with numbers, texts with texts."""
    kinds = str if isinstance(value, str) else (int, float)
    return [other for other in others if isinstance(other, kinds) and not isinstance(other, bool)]


def measures(name: str, value: Any) -> bool:
    """Whether rows can be ordered by what an element shows under a name: amounts and moments, no keys."""
    if name.endswith("id") or isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value) is not None)


def _tied(choice: Choice, same: list[int], reader: Reader) -> bool:
    """Whether the picked element and its neighbour are equal in what orders the list, or it is ordered by something else than they say.

    What orders it and is shown has been looked at already: the words would have named its end.
    """
    site = _site(choice, reader)
    beside = choice.among[same[1] if choice.place == same[0] else same[-2]]
    one = choice.among[choice.place]
    for name in _ordered_by(site.sql) if site is not None else ():
        held = {repr(row.get(name)) for row in choice.among}
        if name in one and len(held) > 1:
            return measures(name, one[name]) or bool(one[name] == beside.get(name))
    return False


def _ordered_by(sql: str) -> list[str]:
    """The columns of a query's order, the first one first; names of the result where they are plain."""
    tree = parse_statement(sql).tree
    order = tree.args.get("order") if tree is not None else None
    terms = [part.this for part in order.expressions] if order is not None else []
    return [term.name for term in terms if isinstance(term, exp.Column)]


def _queried(
    choice: Choice, reader: Reader, rows: Rows, shown: Mapping[str, Any], *, order: str = "", wanted: Collection[Key] = ()
) -> Condition | Literal[False]:
    """The reading tool's query as a condition, where it stands alone and gives just this row on the initial state."""
    site = _site(choice, reader)
    if site is None or "." in choice.field or len(rows.table.primary_key) != 1:
        return False
    query = _filled(site, choice, reader)
    if query is None:
        return False
    facts = " AND ".join(f'"{name}" IS {literal(value)}' for name, value in shown.items())
    where = f" WHERE {facts}" if facts and len(choice.among) > 1 else ""
    limit = "" if not order else " LIMIT 1" if order == "first" else f" ORDER BY {order} LIMIT 1"
    sql = f'SELECT "{choice.field}" AS "{rows.table.primary_key[0]}" FROM ({query}){where}{limit}'
    try:
        found = reader.bench.environment.query(sql)
    except InvalidInput:
        return False
    if {tuple(row.values()) for row in found} != set(wanted or {choice.key}):
        return False
    noun = rows.table.name.replace("_", " ").removesuffix("s")
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())
    words = (
        f"{noun}: {f'the first by {order}' if order else 'the only one'} of {reader.task.solution[choice.source].tool.replace('_', ' ')}"
    )
    return Condition(name=f"{words}{f' with {told}' if told else ''}"[:300], table=rows.table.name, sql=sql)


def _site(choice: Choice, reader: Reader) -> Site | None:
    """The query whose rows the list shows."""
    call = reader.task.solution[choice.source]
    tool = next(tool for tool in reader.bench.tools if tool.name == call.tool)
    wanted = choice.path.lstrip(".") or None
    found = [s for s in sites_of(tool, reader.bench.draft.schema_sql) if s.role == "return" and s.shape == "many" and s.key == wanted]
    return found[0] if found else None


def _filled(site: Site, choice: Choice, reader: Reader) -> str | None:
    """A query with its parameters written out; None where it binds what other steps found."""
    arguments = resolve(reader.task.solution[choice.source].arguments, reader.results[: choice.source])
    missing: list[str] = []

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name is None or name in RESERVED:
            return match[0]
        if name not in site.tool.parameter_names:
            missing.append(name)
            return match[0]
        value = arguments.get(name, parameter_schema(site.tool, name).get("default"))
        return literal(json.dumps(value) if isinstance(value, dict | list) else value)

    filled = _NAMES.sub(put, site.sql)
    return None if missing else filled
